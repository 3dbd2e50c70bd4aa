"""Random stories of two partners, as their owners would tell them: topic by topic, in order."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, TypeAlias
from uuid import UUID

from shared.contracts import clients, ids, notifications, renewals, tiers
from shared.contracts.event import Event, Tombstone
from tests.dashboard import portfolio
from tests.dashboard.people import HUB, MEMBER, NOW, OTHER_HUB, Due, Known

Said: TypeAlias = Event | Tombstone
STEPS: Final = (
    "change", "change", "end or resume", "renewals", "renewals", "owner", "stage", "decide",
    "message", "message", "policy", "tier", "usage", "erase",
)  # fmt: skip


@dataclass
class Story:
    """What may happen to a few clients, step by step; each word is newer than the last."""

    random: Random
    said: list[Said] = field(default_factory=list)
    now: datetime = NOW
    _versions: dict[object, int] = field(default_factory=lambda: defaultdict(int))
    _active: dict[UUID, bool] = field(default_factory=lambda: defaultdict(lambda: True))
    _periods: dict[UUID, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    _erased: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        due = Due(name="x", starts=date(2026, 3, 5))
        self.known = [
            Known(short=f"{number}", record=number, hub=HUB if number % 3 else OTHER_HUB,
                  name=f"Client {number}", domain=f"{number}.example",
                  products={"Marketing Hub Professional": ("10.00", "USD")},
                  due=(due, replace(due, starts=date(2026, 4, number + 1))))
            for number in range(4)
        ]  # fmt: skip

    def next(self, what: object) -> int:
        self._versions[what] += 1
        return self._versions[what]

    def step(self, what: str) -> None:
        self.now += timedelta(minutes=1)
        each = self.random.choice(self.known)
        if each.id not in self._erased:
            self.said += self._happened(what, each)

    def _happened(self, what: str, each: Known) -> list[Said]:
        match what:
            case "end or resume":
                return [*self._services(each)]
            case "tier":
                return [*self._tier(each.partner_id)]
            case "erase":
                return [*self._erase(each)]
        one: dict[str, Callable[[Known], Said]] = {
            "change": self._whole,
            "renewals": self._changes,
            "owner": self._owner,
            "stage": self._stage,
            "decide": self._decided,
            "message": self._message,
            "policy": self._policy,
            "usage": self._usage,
        }
        return [one[what](each)]

    def _stage(self, each: Known) -> renewals.RenewalDeadlineApproaching:
        stage = self.random.choice(["entered", "d-45", "d-7"])
        overtaken = ("d-15",) if stage == "d-7" else ()
        return portfolio.approaching(
            each, self.random.choice(each.due), stage, self.now, overtaken=overtaken
        )

    def _whole(self, each: Known) -> clients.ClientSnapshot:
        products = {
            f"Product {self.random.randint(1, 3)}": (
                f"{self.random.randint(0, 900)}.00",
                self.random.choice(["USD", "EUR"]),
            )
            for _ in range(self.random.randint(0, 3))
        }
        now = replace(each, products=products, name=f"Client {self.random.randint(1, 99)}")
        told = portfolio.client_snapshot(now, version=self.next(each.id))
        return told.model_copy(update={"services": self._of(each.id)})

    def _of(self, client: UUID) -> clients.Services:
        return clients.Services(
            active=self._active[client],
            period=self._periods[client],
            ended_at=None if self._active[client] else NOW,
        )

    def _services(self, each: Known) -> Iterator[Event]:
        who = {"client_id": each.id, "partner_id": each.partner_id}
        version = self.next(each.id)
        if self._active[each.id]:
            self._active[each.id] = False
            yield clients.ServicesEnded(
                version=version, occurred_at=self.now, period=self._periods[each.id],
                ended_at=NOW, ended_by=MEMBER, reason="", **who,
            )  # fmt: skip
        else:
            self._active[each.id] = True
            self._periods[each.id] += 1
            yield clients.ServicesResumed(
                version=version, occurred_at=self.now, period=self._periods[each.id],
                resumed_at=self.now, resumed_by=MEMBER, **who,
            )  # fmt: skip
        told = portfolio.client_snapshot(each, version=version)
        yield told.model_copy(update={"services": self._of(each.id)})

    def _changes(self, each: Known) -> renewals.ClientRenewalsSnapshot:
        status = self.random.choice(["pending", "renewed", "ended"])
        due = tuple(replace(d, status=status) for d in each.due if self.random.random() > 0.3)
        version = self.next((each.id, "renewals"))
        return portfolio.renewals_snapshot(replace(each, due=due), version=version)

    def _owner(self, each: Known) -> renewals.RenewalOwnerChanged:
        return renewals.RenewalOwnerChanged(
            version=self.next((each.id, "renewals")), occurred_at=self.now, client_id=each.id,
            partner_id=each.partner_id, owner=renewals.OwnerChoice(owner="hubspot"),
            previous=renewals.OwnerChoice(owner="default"),
        )  # fmt: skip

    def _decided(self, each: Known) -> renewals.RenewalDecided:
        renewal = ids.renewal_id(each.id, "renewal", each.due[0].starts.isoformat())
        return renewals.RenewalDecided(
            version=self.next(renewal), occurred_at=self.now, client_id=each.id,
            partner_id=each.partner_id, renewal_id=renewal, status="renewed",
            renewal_start=each.due[0].starts, decided_by=MEMBER,
        )  # fmt: skip

    def _message(self, each: Known) -> notifications.MessageEvent:
        message = ids.contact_id(each.record, self.random.randint(1, 2))
        common = {
            "version": self.next(message), "occurred_at": self.now, "message_id": message,
            "client_id": each.id, "partner_id": each.partner_id, "kind": "renewal",
            "stage": "d-7", "audience": "client",
        }  # fmt: skip
        if self.random.random() > 0.5:
            return notifications.ReminderBlocked.model_validate(common | {"reason": "nobody"})
        return notifications.ReminderSent.model_validate(common | {"accepted_at": self.now})

    def _policy(self, each: Known) -> renewals.PartnerPolicySnapshot:
        partner = each.partner_id
        return renewals.PartnerPolicySnapshot(
            version=self.next((partner, "policy")), occurred_at=self.now, partner_id=partner,
            default_owner=renewals.OwnerChoice(owner=self.random.choice(["hubspot", "partner"])),
        )  # fmt: skip

    def _tier(self, partner: UUID) -> Iterator[Event]:
        performance = tiers.Performance(
            tier=self.random.choice([None, "Gold"]), sold_mrr=Decimal(1), managed_mrr=Decimal(2),
            currency="USD", certified=True, rule_set="2018-01",
        )  # fmt: skip
        version = self.next((partner, "tier"))
        yield tiers.TierPerformanceChanged(
            version=version, occurred_at=self.now, partner_id=partner, performance=performance
        )
        yield tiers.PartnerTierSnapshot(
            version=version, occurred_at=self.now, partner_id=partner, performance=performance
        )

    def _usage(self, each: Known) -> clients.AppUsageRecorded:
        usage = clients.AppUsage(apps_used=self.random.randint(0, 17), period_end=date(2026, 1, 1))
        return clients.AppUsageRecorded(
            version=self.next(each.id), occurred_at=self.now, client_id=each.id,
            partner_id=each.partner_id, app_usage=usage,
        )  # fmt: skip

    def _erase(self, each: Known) -> Iterator[Tombstone]:
        if self.random.random() > 0.5:
            self._erased.add(each.id)
            yield Tombstone(
                topic=clients.STATE, key=str(each.id), owner="clients", occurred_at=self.now,
                version=self.next(each.id),
            )  # fmt: skip


def told(random: Random, steps: int) -> list[Said]:
    """A story of so many steps, that begins with the partners."""
    story = Story(random)
    partners = [e for e in portfolio.said()[clients.STATE] if e.KEY == "partner_id"]
    for _ in range(steps):
        story.step(random.choice(STEPS))
    return [*partners, *story.said]


def topic_of(said: Said) -> str:
    return said.topic if isinstance(said, Tombstone) else said.TOPIC


def in_other_order(random: Random, said: list[Said]) -> list[list[Said]]:
    """Batches in which each topic keeps the order of each key, and nothing else is kept."""
    waiting: dict[str, dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    for each in said:
        waiting[topic_of(each)][each.key].append(each)
    batches = []
    while waiting:
        topic = random.choice(sorted(waiting))
        keys = waiting[topic]
        batch: list[Said] = []
        for _ in range(random.randint(1, 6)):
            if not keys:
                break
            key = random.choice(sorted(keys))
            batch.append(keys[key].pop(0))
            if not keys[key]:
                del keys[key]
        if not keys:
            del waiting[topic]
        batches.append(batch)
    return batches
