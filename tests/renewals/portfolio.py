"""Partners and clients as the clients service tells of them, short to write; what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.renewals import handlers, jobs
from services.renewals.domain import Renewal
from services.renewals.store import renewals as store
from shared.chassis.clock import Clock, ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients, ids
from shared.contracts.event import Event
from shared.contracts.renewals import ClientRenewalsSnapshot, RenewalDeadlineApproaching
from tests.deliver import deliver, published

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
START = date(2026, 6, 1)  # enters the horizon on 1 February 2026, deadline 17 April
PARTNER = ids.partner_id(1)
CLIENT = ids.client_id(1, 1)
ANN, BOB, CY = (ids.user_id(1, number) for number in (1, 2, 3))


@dataclass
class APartner:
    """A partner that remembers its version: each word about it is newer than the last."""

    hub: int = 1
    zone: str = "UTC"
    active: Sequence[int] = (1, 2)
    deactivated: Sequence[int] = (3,)
    at: datetime = NOON
    version: int = 0

    @property
    def id(self) -> UUID:
        return ids.partner_id(self.hub)

    def now(self, **changes: Any) -> clients.PartnerSnapshot:
        """The partner's snapshot, after these changes."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        return clients.PartnerSnapshot(
            version=self.version,
            occurred_at=self.at,
            partner_id=self.id,
            hub_id=self.hub,
            name=f"Partner {self.hub}",
            time_zone=self.zone,
            users=tuple(
                clients.PartnerUser(
                    user_id=ids.user_id(self.hub, number),
                    name=f"User {number}",
                    email=f"user{number}@example.com",
                    admin=number == 1,
                    active=number in self.active,
                )
                for number in (*self.active, *self.deactivated)
            ),
        )


@dataclass
class AClient:
    """A client that remembers its version. Its terms are given by the renewals they lead to."""

    record: int = 1
    hub: int = 1
    terms: dict[int, dict[str, Any]] = field(default_factory=dict)
    active: bool = True
    period: int = 1
    contacts: clients.Allowance | None = None
    sends: clients.Allowance | None = None
    at: datetime = NOON
    version: int = 0

    @property
    def id(self) -> UUID:
        return ids.client_id(self.hub, self.record)

    def term(
        self,
        number: int = 1,
        renews: date = START,
        *,
        mrr: str = "100.00",
        product: str | None = None,
        currency: str = "USD",
        begins: date | None = None,
    ) -> "AClient":
        """Give it a subscription whose next term starts on a day."""
        self.terms[number] = {
            "subscription_id": ids.subscription_id(self.hub, self.record * 1000 + number),
            "product": product or f"Product {number}",
            "mrr": Decimal(mrr),
            "currency": currency,
            "term_start": begins or renews - timedelta(days=365),
            "term_end": renews - timedelta(days=1),
        }
        return self

    def without(self, number: int) -> "AClient":
        """Take a subscription away."""
        del self.terms[number]
        return self

    def now(self, **changes: Any) -> clients.ClientSnapshot:
        """The client's snapshot, after these changes."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        return clients.ClientSnapshot(
            version=self.version,
            occurred_at=self.at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            record_id=self.record,
            account_id=self.record,
            company=clients.Company(name=f"Client {self.record}", domain="client.example"),
            relationship=clients.Relationship(sold=True, managed=True),
            services=clients.Services(active=self.active, period=self.period),
            subscriptions=tuple(clients.Subscription(**term) for term in self.terms.values()),
            contact_tier=self.contacts,
            email_tier=self.sends,
        )

    def ended(self, period: int = 1, at: datetime = NOON) -> clients.ServicesEnded:
        """The end of a period of services."""
        self.version += 1
        return clients.ServicesEnded(
            version=self.version,
            occurred_at=at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            period=period,
            ended_at=at,
            ended_by=ids.user_id(self.hub, 1),
            reason="moved on",
        )

    def resumed(self, period: int = 2, at: datetime = NOON) -> clients.ServicesResumed:
        """The beginning of another period."""
        self.version += 1
        return clients.ServicesResumed(
            version=self.version,
            occurred_at=at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            period=period,
            resumed_at=at,
            resumed_by=ids.user_id(self.hub, 1),
        )


async def hear(pool: Pool, *events: Event) -> None:
    """Let the service hear events, each topic's in their order."""
    for inbox in (handlers.from_clients_state, handlers.from_clients):
        if mine := [event for event in events if inbox.topic == event.TOPIC]:
            await deliver(inbox, pool, *mine)


async def all_of(pool: Pool, client_id: UUID = CLIENT) -> list[Renewal]:
    """The client's contract changes that were not withdrawn, by start and kind."""
    async with pool.acquire() as tx:
        found = await store.list_renewals(tx, [client_id])
    standing = [renewal for renewal in found if renewal.status != "withdrawn"]
    return sorted(standing, key=lambda r: (r.starts, r.kind, r.currency))


async def the_renewal(pool: Pool, client_id: UUID = CLIENT) -> Renewal:
    """The one contract change of the client."""
    [found] = await all_of(pool, client_id)
    return found


async def watch(pool: Pool, clock: Clock) -> None:
    """Do all that time asks for now."""
    for _ in range(1000):
        if not await jobs.watch(pool, clock):
            return
    raise AssertionError("the jobs never come to an end")


async def watch_until(pool: Pool, clock: ManualClock, end: datetime) -> None:
    """Do what time asks for, every three hours."""
    while clock.now() < end:
        clock.set(min(clock.now() + timedelta(hours=3), end))
        await watch(pool, clock)


async def told(pool: Pool) -> list[RenewalDeadlineApproaching]:
    """Every stage that was told, in order."""
    return await published(pool, RenewalDeadlineApproaching)


async def stages_told(pool: Pool) -> list[str]:
    """The names of the stages that were told, in order."""
    return [event.stage for event in await told(pool)]


async def last_snapshot(pool: Pool, client_id: UUID = CLIENT) -> ClientRenewalsSnapshot:
    """What others know of the client's contract changes."""
    found = await published(pool, ClientRenewalsSnapshot)
    return [each for each in found if each.client_id == client_id][-1]
