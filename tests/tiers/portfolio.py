"""Partners and clients as the clients service tells of them, short to write."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from shared.chassis.database import Pool
from shared.contracts import clients, ids, tiers
from tests.deliver import published

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def partner(
    hub: int = 1, *, zone: str = "UTC", version: int = 1, at: datetime = NOON
) -> clients.PartnerSnapshot:
    return clients.PartnerSnapshot(
        version=version,
        occurred_at=at,
        partner_id=ids.partner_id(hub),
        hub_id=hub,
        name=f"Partner {hub}",
        time_zone=zone,
    )


@dataclass
class AClient:
    """A client that remembers its version: each word about it is newer than the last."""

    record: int = 1
    hub: int = 1
    account: int | None = None
    mrr: str | dict[str, str] = "100.00"
    sold_on: date | None = None
    sold: bool | None = None
    managed: bool = True
    active: bool = True
    period: int = 1
    apps: int | None = 5
    apps_until: date = date(2025, 12, 31)
    country: str = "Germany"
    name: str = ""
    version: int = field(default=0)
    at: datetime = NOON

    @property
    def id(self) -> UUID:
        return ids.client_id(self.hub, self.record)

    @property
    def id_of_partner(self) -> UUID:
        return ids.partner_id(self.hub)

    @property
    def account_id(self) -> int:
        return self.account if self.account is not None else self.hub * 1_000_000 + self.record

    def told(self) -> clients.ClientSnapshot:
        """The whole truth about it, as of the next version."""
        self.version += 1
        amounts = self.mrr if isinstance(self.mrr, dict) else {"USD": self.mrr}
        return clients.ClientSnapshot(
            version=self.version,
            occurred_at=self.at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            record_id=self.record,
            account_id=self.account_id,
            company=clients.Company(
                name=self.name or f"Client {self.record:05}",
                domain=f"client-{self.record}.example",
                country=self.country,
            ),
            relationship=clients.Relationship(
                sold=self.sold_on is not None if self.sold is None else self.sold,
                managed=self.managed,
                sold_on=self.sold_on,
            ),
            services=clients.Services(active=self.active, period=self.period),
            subscriptions=tuple(
                clients.Subscription(
                    subscription_id=ids.subscription_id(self.hub, self.record * 100 + n),
                    product="Marketing Hub Professional",
                    mrr=Decimal(amount),
                    currency=currency,
                    term_start=date(2025, 6, 1),
                    term_end=date(2026, 5, 31),
                )
                for n, (currency, amount) in enumerate(amounts.items())
            ),
            app_usage=None
            if self.apps is None
            else clients.AppUsage(apps_used=self.apps, period_end=self.apps_until),
        )

    def ended(self) -> clients.ServicesEnded:
        """Its services end now."""
        self.version, self.active = self.version + 1, False
        return clients.ServicesEnded(
            version=self.version,
            occurred_at=self.at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            period=self.period,
            ended_at=self.at,
            ended_by=ids.user_id(self.hub, 1),
            reason="moved on",
        )

    def resumed(self) -> clients.ServicesResumed:
        """A new period of services begins now."""
        self.version, self.active, self.period = self.version + 1, True, self.period + 1
        return clients.ServicesResumed(
            version=self.version,
            occurred_at=self.at,
            client_id=self.id,
            partner_id=ids.partner_id(self.hub),
            period=self.period,
            resumed_at=self.at,
            resumed_by=ids.user_id(self.hub, 1),
        )


async def standing(pool: Pool, hub: int = 1) -> tiers.PartnerTierSnapshot:
    """The last word on where a partner stands."""
    said = await published(pool, tiers.PartnerTierSnapshot)
    return [each for each in said if each.partner_id == ids.partner_id(hub)][-1]


async def figures(pool: Pool, hub: int = 1) -> tuple[str, str, str | None]:
    """Sold and managed MRR and the median, as last told."""
    performance = (await standing(pool, hub)).performance
    median = performance.median_app_usage
    return (
        str(performance.sold_mrr),
        str(performance.managed_mrr),
        None if median is None else str(median),
    )
