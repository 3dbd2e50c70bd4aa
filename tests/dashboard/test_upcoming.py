"""The number in Alerts is the number of rows in "Renewals to act on", whatever happens."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.store import renewals as store
from services.dashboard.store.partners import count_alerts
from services.renewals.domain.dates import is_upcoming
from services.renewals.domain.kinds import Status
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients, ids, renewals
from shared.contracts.event import Event
from tests.dashboard.conftest import seen_by
from tests.dashboard.looking import Sight, looking, rows
from tests.dashboard.people import ADMIN, NOW
from tests.deliver import deliver

HUB = 5_040_118
PARTNER = ids.partner_id(HUB)
STATES = 200
KINDS = ("renewal", "contact_tier_upgrade", "email_overage")
STATUSES = (*["pending"] * 6, "confirmed", "renewed", "cancellation_requested", "ended")
ZONES = ("America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC")


@dataclass
class Change:
    """A contract change, as renewals said it last."""

    kind: str
    status: str
    starts: date
    deadline: date


@dataclass
class Client:
    """A client, as the services said it last."""

    id: UUID
    version: int = 0
    active: bool = True
    period: int = 1
    renewals_version: int = 0
    changes: dict[UUID, Change] = field(default_factory=dict)


@dataclass
class Story:
    """Says random things in the order in which the owning services would, topic by topic.

    What one topic says may arrive long before the other does: ``held`` is still on its way.
    """

    random: Random
    clock: ManualClock
    zone: str = "UTC"
    partner_version: int = 0
    held: list[Event] = field(default_factory=list)
    known: list[Client] = field(
        default_factory=lambda: [Client(ids.client_id(HUB, number)) for number in range(12)]
    )

    def events(self) -> Iterator[Event]:
        """Some that happen now, and some that were on their way."""
        for _ in range(self.random.randint(1, 9)):
            event = self._event()
            if self.random.random() < 0.2:
                self.held.append(event)
            else:
                yield event
        self.random.shuffle(self.held)
        while self.held and self.random.random() < 0.5:
            yield self.held.pop()

    def rest(self) -> list[Event]:
        """All that was on its way."""
        held, self.held = self.held, []
        return held

    def _event(self) -> Event:
        one = self.random.choice(self.known)
        return self.random.choice(
            (self._snapshot, self._snapshot, self._services, self._renewals, self._renewals,
             self._partner)
        )(one)  # fmt: skip

    def _partner(self, _: Client) -> Event:
        self.partner_version += 1
        self.zone = self.random.choice(ZONES)
        return clients.PartnerSnapshot(
            version=self.partner_version, occurred_at=NOW, partner_id=PARTNER, hub_id=HUB,
            name="Agency", time_zone=self.zone,
        )  # fmt: skip

    def _services(self, one: Client) -> Event:
        if not one.version:
            return self._snapshot(one)
        one.version += 1
        who = {"client_id": one.id, "partner_id": PARTNER, "version": one.version}
        if one.active:
            one.active = False
            return clients.ServicesEnded(
                **who, occurred_at=NOW, period=one.period, ended_at=NOW, ended_by=ADMIN, reason="x"
            )
        one.active, one.period = True, one.period + 1
        return clients.ServicesResumed(
            **who, occurred_at=NOW, period=one.period, resumed_at=NOW, resumed_by=ADMIN
        )

    def _snapshot(self, one: Client) -> Event:
        one.version += 1
        return clients.ClientSnapshot(
            version=one.version, occurred_at=NOW, client_id=one.id, partner_id=PARTNER, record_id=1,
            account_id=2, company=clients.Company(name="A client", domain="client.example"),
            relationship=clients.Relationship(sold=True, managed=True),
            services=clients.Services(
                active=one.active, period=one.period, ended_at=None if one.active else NOW
            ),
        )  # fmt: skip

    def _renewals(self, one: Client) -> Event:
        one.renewals_version += 1
        for _ in range(self.random.randint(0, 2)):
            starts = NOW.date() + timedelta(days=self.random.randint(-20, 190))
            notice = self.random.choice((45, 14))
            change = Change(
                self.random.choice(KINDS), self.random.choice(STATUSES), starts,
                starts - timedelta(days=notice),
            )  # fmt: skip
            one.changes[ids.renewal_id(one.id, change.kind, starts.isoformat())] = change
        for key in list(one.changes):
            if self.random.random() < 0.2:
                del one.changes[key]
            elif self.random.random() < 0.2:
                one.changes[key] = replace(one.changes[key], status=self.random.choice(STATUSES))
        return renewals.ClientRenewalsSnapshot(
            version=one.renewals_version, occurred_at=NOW, client_id=one.id, partner_id=PARTNER,
            owner=renewals.OwnerChoice(owner="default"),
            renewals=tuple(
                renewals.Renewal(
                    renewal_id=key, kind=change.kind, status=change.status,
                    renewal_start=change.starts, deadline=change.deadline, currency="USD",
                    current_mrr=Decimal(self.random.randint(0, 3)), renewal_mrr=Decimal(2),
                    version=1,
                )
                for key, change in one.changes.items()
            ),
        )  # fmt: skip

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(ZoneInfo(self.zone)).date()

    def upcoming(self) -> set[UUID]:
        """What is to be acted on, by the rule of the renewals service."""
        return {
            key
            for one in self.known
            for key, change in one.changes.items()
            if is_upcoming(
                serviced=one.active and one.version > 0, status=Status(change.status),
                start=change.starts, last_day=change.deadline, today=self.today,
            )
        }  # fmt: skip


async def hear(pool: Pool, events: list[Event]) -> None:
    """Hand events to the inboxes of their topics."""
    for inbox in handlers.INBOXES:
        batch = [event for event in events if inbox.topic == event.TOPIC]
        if batch:
            await deliver(inbox, pool, *batch)
            assert inbox.counts.dead == 0


@pytest.fixture
async def sight(pool: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(pool, address, clock) as made:
        yield await made.by(ADMIN, PARTNER)


async def every_page(sight: Sight, today: date) -> tuple[int, list[UUID]]:
    """The number in Alerts, and the rows of all pages, read as of one moment."""
    async with seen_by(sight.pool, PARTNER) as tx:
        number = (await count_alerts(tx, today)).decisions
        wanted = store.Wanted(today=today, default_owner="hubspot", upcoming=True)
        assert await store.count_renewals(tx, wanted) == number
        page = await store.list_renewals(tx, wanted, sort="change", limit=4)
        found = list(page.rows)
        while page.after is not None:
            page = await store.list_renewals(tx, wanted, sort="change", at=page.after, limit=4)
            found += page.rows
    assert all(row.upcoming for row in found)
    return number, [row.renewal_id for row in found]


@pytest.mark.parametrize("seed", range(4))
async def test_the_number_is_the_rows_in_two_hundred_random_states(
    sight: Sight, clock: ManualClock, seed: int
) -> None:
    story = Story(Random(seed), clock)  # noqa: S311 - a test repeats itself
    seen: set[int] = set()
    for state in range(STATES // 4):
        await hear(sight.pool, list(story.events()))
        clock.advance(timedelta(hours=story.random.choice((0, 0, 5, 19))))
        async with seen_by(sight.pool, PARTNER) as tx:
            zone = await tx.fetchval("SELECT time_zone FROM partners") or "UTC"

        number, found = await every_page(sight, clock.today(zone))

        assert number == len(found) == len(set(found))
        seen.add(number)
        if state % 10 == 0:
            await hear(sight.pool, story.rest())
            _, settled = await every_page(sight, story.today)
            assert set(settled) == story.upcoming()
            await as_the_page_says(sight, len(settled))
    assert len(seen) > 4, "the states were all alike"


async def as_the_page_says(sight: Sight, number: int) -> None:
    """The same on the pages themselves: Alerts, the list, its count."""
    listed = await sight.read("/renewals/to-act-on")
    alerts = await sight.read("/dashboard")
    assert len(rows(listed)) == number
    [told] = re.findall(r'<p class="count" role="status">(\d+)', listed)
    assert int(told) == number
    [region] = re.findall(r'<section[^>]*aria-labelledby="alerts".*?</section>', alerts, re.DOTALL)
    [stat] = re.findall(
        r'href="/renewals/to-act-on".*?class="stat-number"[^>]*>\s*(\d+)', region, re.DOTALL
    )
    assert int(stat) == number
