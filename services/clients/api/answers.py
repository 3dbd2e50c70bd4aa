"""What callers are told about partners and clients."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.clients.domain import Client, figures
from services.clients.domain.links import Patterns
from services.clients.store import Past
from shared.chassis.http import View
from shared.contracts.clients import (
    Allowance,
    AppUsage,
    Company,
    Contact,
    HubSpotPerson,
    PartnerUser,
    Relationship,
    Services,
    Subscription,
)
from shared.contracts.event import Currency, Money


class PartnerView(View):
    """The caller's partner."""

    partner_id: UUID
    hub_id: int = Field(examples=[1001])
    name: str = Field(examples=["North Star Agency"])
    time_zone: str = Field(
        description="By which the partner's days begin.", examples=["Europe/Berlin"]
    )
    version: int = Field(description="For `If-Match`.", examples=[12])


class UserView(View):
    """A person of the partner."""

    user_id: UUID
    name: str = Field(examples=["Ann Lee"])
    email: str = Field(examples=["ann@agency.example"])
    role: Literal["admin", "member"]
    active: bool = Field(description="False: the person may no longer be told or do anything.")

    @classmethod
    def of(cls, user: PartnerUser) -> "UserView":
        """Show a user."""
        return cls(
            user_id=user.user_id,
            name=user.name,
            email=user.email,
            role="admin" if user.admin else "member",
            active=user.active,
        )


class Total(View):
    """Monthly recurring revenue in one currency."""

    currency: Currency
    amount: Money = Field(examples=["890.00"])


class LinksView(View):
    """Pages at HubSpot."""

    crm: str = Field(
        description="The company record in the partner's CRM.",
        examples=["https://app.hubspot.com/contacts/1001/record/0-2/7"],
    )
    portal: str = Field(
        description="The client's own HubSpot account.",
        examples=["https://app.hubspot.com/reports-dashboard/200001"],
    )


class UsageView(View):
    """How much of the product the client uses."""

    apps_used: int = Field(examples=[5])
    countable: int = Field(17, description="How many apps are counted at all.")
    band: figures.Band = Field(description="0-3 low, 4-6 medium, 7 and more high.")
    period_end: date = Field(description="Last day of the period that was counted.")

    @classmethod
    def of(cls, usage: AppUsage | None) -> "UsageView | None":
        """Show app usage, where it was counted."""
        if usage is None:
            return None
        return cls(
            apps_used=usage.apps_used,
            countable=17,
            band=figures.band(usage.apps_used),
            period_end=usage.period_end,
        )


class AllowanceView(View):
    """A limit, its use and how near the one is to the other."""

    tier: str = Field(examples=["Professional 10,000"])
    limit: int = Field(examples=[10000])
    used: int = Field(examples=[9300])
    left: int = Field(description="Negative where the limit is passed.", examples=[700])
    percent: float | None = Field(description="Used of the limit; null for a limit of 0.")
    nearness: figures.Nearness = Field(description="near from 90 percent on; over past the limit.")

    @classmethod
    def of(cls, allowance: Allowance | None) -> "AllowanceView | None":
        """Show an allowance, where there is one."""
        if allowance is None:
            return None
        share = figures.share(allowance)
        return cls(
            tier=allowance.tier,
            limit=allowance.limit,
            used=allowance.used,
            left=allowance.limit - allowance.used,
            percent=None if share is None else float(share),
            nearness=figures.nearness(allowance),
        )


class ClientView(View):
    """A client in the list."""

    client_id: UUID
    name: str = Field(examples=["Acme GmbH"])
    domain: str = Field(examples=["acme.example"])
    products: list[str] = Field(examples=[["Marketing Hub Professional"]])
    relationship: Relationship
    app_usage: UsageView | None
    mrr: list[Total] = Field(description="A total for each currency; they are never added up.")
    services: Services
    links: LinksView
    version: int = Field(description="For `If-Match`.", examples=[4])

    @classmethod
    def fields_of(cls, client: Client, patterns: Patterns, hub_id: int) -> dict[str, Any]:
        """The fields of a client in the list."""
        found = patterns.of(hub_id, client.record_id, client.account_id)
        return {
            "client_id": client.client_id,
            "name": client.company.name,
            "domain": client.company.domain,
            "products": sorted({each.product for each in client.subscriptions}),
            "relationship": client.relationship,
            "app_usage": UsageView.of(client.app_usage),
            "mrr": _totals(figures.mrr(client.subscriptions)),
            "services": client.services,
            "links": LinksView(crm=found.crm, portal=found.portal),
            "version": client.version,
        }


class ClientDetails(ClientView):
    """All that is known of a client."""

    record_id: int = Field(description="Record ID of the company in the partner's CRM.")
    account_id: int = Field(description="The client's HubSpot account.", examples=[200001])
    company: Company
    subscriptions: list[Subscription]
    contact_tier: AllowanceView | None
    email_tier: AllowanceView | None
    contacts: list[Contact]
    renewal_manager: HubSpotPerson | None

    @classmethod
    def of(cls, client: Client, patterns: Patterns, hub_id: int) -> "ClientDetails":
        """Show a client."""
        return cls(
            **cls.fields_of(client, patterns, hub_id),
            record_id=client.record_id,
            account_id=client.account_id,
            company=client.company,
            subscriptions=list(client.subscriptions),
            contact_tier=AllowanceView.of(client.contact_tier),
            email_tier=AllowanceView.of(client.email_tier),
            contacts=list(client.contacts),
            renewal_manager=client.renewal_manager,
        )


def _totals(amounts: Mapping[str, Decimal]) -> list[Total]:
    return [Total(currency=currency, amount=amount) for currency, amount in amounts.items()]


class Actor(View):
    """Who made a change."""

    user_id: UUID
    name: str | None = Field(description="null where the user is not known here.")


class PastView(View):
    """A change, as it was made."""

    version: int = Field(description="What the client or partner came to by it.")
    change: str = Field(examples=["ServicesEnded"])
    occurred_at: datetime
    actor: Actor | None = Field(description="null where an import said so.")
    before: Annotated[Any, Field(description="What changed, as it was; null where it is new.")]
    after: Annotated[Any, Field(description="What it became; null where it is gone.")]

    @classmethod
    def of(cls, past: Past) -> "PastView":
        """Show a change."""
        return cls(
            version=past.version,
            change=past.change,
            occurred_at=past.occurred_at,
            actor=past.actor_id and Actor(user_id=past.actor_id, name=past.actor_name),
            before=past.before,
            after=past.after,
        )
