"""A client as tiers see it, and what the facts about it change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from shared.contracts import clients

SOLD_YEARS = 1  # sold credit lasts 12 months from the day of the sale [H]


@dataclass(frozen=True, slots=True)
class Client:
    """A partner's relation with one customer account, reduced to what tiers need.

    ``version`` is that of the last snapshot taken in, ``services_version`` that of the last word
    on services; both count the same thing, so what is older than either changes nothing. A client
    of which only facts were heard so far has no account yet and contributes nothing.
    """

    client_id: UUID
    partner_id: UUID
    account_id: int | None = None
    record_id: int | None = None
    name: str = ""
    domain: str = ""
    country: str = ""
    sold: bool = False
    sold_on: date | None = None
    managed: bool = False
    serviced: bool = False
    period: int = 0
    mrr: Mapping[str, Decimal] = field(default_factory=dict)
    apps_used: int | None = None
    used_until: date | None = None
    version: int = 0
    services_version: int = 0
    erased: bool = False

    @property
    def weight(self) -> tuple[object, ...]:
        """Everything that a figure depends on: where two are equal, no figure moves."""
        return (
            self.account_id,
            self.country,
            self.sold,
            self.sold_on,
            self.managed,
            self.serviced,
            tuple(sorted(self.mrr.items())),
            self.apps_used,
            self.used_until,
        )

    @property
    def manages(self) -> bool:
        """Whether the partner actively services the account now."""
        return self.managed and self.serviced

    @property
    def pays(self) -> bool:
        """Whether the account has any recurring revenue at all."""
        return any(self.mrr.values())

    @property
    def sold_until(self) -> date | None:
        """The first day on which the sale gives no credit any more; None where there is none."""
        return sold_until(self.sold_on) if self.sold and self.sold_on else None

    def sold_counts(self, day: date) -> bool:
        """Whether the sale gives credit on this day: made by then, less than 12 months ago."""
        return (
            self.sold
            and self.sold_on is not None
            and self.sold_on <= day < sold_until(self.sold_on)
        )


Fact: TypeAlias = clients.ClientSnapshot | clients.ServicesEnded | clients.ServicesResumed


def sold_until(sold_on: date) -> date:
    """The same day a year later. A sale on 29 February counts through 28 February."""
    try:
        return sold_on.replace(year=sold_on.year + SOLD_YEARS)
    except ValueError:
        return date(sold_on.year + SOLD_YEARS, 3, 1)


def follow(known: Mapping[UUID, Client], facts: Iterable[Fact]) -> dict[UUID, Client]:
    """Take in facts in their order; returns the clients that are no longer as they were known."""
    after = dict(known)
    for fact in facts:
        client = after[fact.client_id]
        if isinstance(fact, clients.ClientSnapshot):
            after[fact.client_id] = _take_in(client, fact)
        else:
            after[fact.client_id] = _serviced(client, fact)
    return {key: client for key, client in after.items() if client != known[key]}


def _take_in(client: Client, told: clients.ClientSnapshot) -> Client:
    if told.version <= client.version:
        return client
    usage = told.app_usage
    taken = replace(
        client,
        partner_id=told.partner_id,
        account_id=told.account_id,
        record_id=told.record_id,
        name=told.company.name,
        domain=told.company.domain,
        country=told.company.country,
        sold=told.relationship.sold,
        sold_on=told.relationship.sold_on,
        managed=told.relationship.managed,
        mrr=_by_currency(told.subscriptions),
        apps_used=usage.apps_used if usage else None,
        used_until=usage.period_end if usage else None,
        version=told.version,
        erased=False,
    )
    if told.version < client.services_version:
        return taken
    return replace(
        taken,
        serviced=told.services.active,
        period=told.services.period,
        services_version=told.version,
    )


def _by_currency(subscriptions: Iterable[clients.Subscription]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for each in subscriptions:
        total[each.currency] += each.mrr
    return dict(total)


def _serviced(client: Client, told: clients.ServicesEnded | clients.ServicesResumed) -> Client:
    """End or resume at once. What speaks of an earlier period, or is older, changes nothing."""
    if client.erased or told.version <= client.services_version or told.period < client.period:
        return client
    return replace(
        client,
        serviced=isinstance(told, clients.ServicesResumed),
        period=told.period,
        services_version=told.version,
    )


def erase(client: Client) -> Client:
    """Forget all but that the client was erased, so that an older snapshot cannot bring it back."""
    return Client(
        client_id=client.client_id,
        partner_id=client.partner_id,
        version=client.version,
        services_version=client.services_version,
        erased=True,
    )
