"""What the clients service says about the client and the partner of the story."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from shared.contracts import clients, ids
from shared.contracts.event import Event
from shared.contracts.examples.story import (
    ACCOUNT,
    ADMIN,
    BOOKKEEPER,
    BUYER,
    CHANNEL,
    CLIENT,
    HUB,
    MANAGER,
    MEMBER,
    PARTNER,
    RECORD,
    ZONE,
    at,
)

_MARKETING = clients.Subscription(
    subscription_id=ids.subscription_id(HUB, 660_411),
    product="Marketing Hub Professional",
    mrr=Decimal("890.00"),
    currency="USD",
    term_start=date(2025, 3, 5),
    term_end=date(2026, 3, 4),
)
_SALES = clients.Subscription(
    subscription_id=ids.subscription_id(HUB, 660_412),
    product="Sales Hub Professional",
    mrr=Decimal("450.00"),
    currency="USD",
    term_start=date(2025, 3, 5),
    term_end=date(2026, 3, 4),
)
_RELATIONSHIP = clients.Relationship(sold=True, managed=True, sold_on=date(2025, 3, 1))
_CONTACTS = clients.Allowance(limit=10_000, used=8_714, tier="Professional 10,000")
_SENDS = clients.Allowance(limit=100_000, used=61_350, tier="10 x contacts")
_USAGE = clients.AppUsage(apps_used=6, period_end=date(2025, 12, 31))
_MANAGER = clients.HubSpotPerson(
    person_id=MANAGER,
    name="Noor Haddad",
    email="noor.haddad@hubspot.example",
    role="renewal_manager",
    description="Looks after this client's renewals.",
)


def _partner_snapshot() -> clients.PartnerSnapshot:
    return clients.PartnerSnapshot(
        version=14,
        occurred_at=at(2025, 11, 24, 15, 30),
        partner_id=PARTNER,
        hub_id=HUB,
        name="Lantern Street Digital",
        time_zone=ZONE,
        users=(
            clients.PartnerUser(
                user_id=ADMIN,
                name="Ines Calloway",
                email="ines@lanternstreet.example",
                admin=True,
                active=True,
            ),
            clients.PartnerUser(
                user_id=MEMBER,
                name="Rafael Brandt",
                email="rafael@lanternstreet.example",
                admin=False,
                active=True,
            ),
        ),
        team=(
            clients.HubSpotPerson(
                person_id=CHANNEL,
                name="Tom Okafor",
                email="tom.okafor@hubspot.example",
                role="channel_account_manager",
                description="Helps you to grow and to retain your clients.",
            ),
        ),
    )


def _client_snapshot() -> clients.ClientSnapshot:
    return clients.ClientSnapshot(
        version=7,
        occurred_at=at(2026, 1, 2, 8, 15),
        client_id=CLIENT,
        partner_id=PARTNER,
        record_id=RECORD,
        account_id=ACCOUNT,
        company=clients.Company(
            name="Harbour & Pine Interiors",
            domain="harbourandpine.example",
            industry="Furniture",
            country="United States",
            city="Portland",
            phone="+1 207 555 0143",
            employees=64,
        ),
        relationship=_RELATIONSHIP,
        services=clients.Services(active=True, period=1),
        subscriptions=(_MARKETING, _SALES),
        contact_tier=_CONTACTS,
        email_tier=_SENDS,
        app_usage=_USAGE,
        contacts=(
            clients.Contact(
                contact_id=BUYER,
                name="Zoë Marchetti",
                email="zoe@harbourandpine.example",
                roles=("decision_maker", "primary"),
                job_title="Managing Director",
                phone="+1 207 555 0144",
            ),
            clients.Contact(
                contact_id=BOOKKEEPER,
                name="Samuel Ito",
                email="accounts@harbourandpine.example",
                roles=("billing",),
            ),
        ),
        renewal_manager=_MANAGER,
    )


def _facts() -> Iterator[Event]:
    def partner(version: int, day: int) -> dict[str, object]:
        moment = at(2025, 11, day, 9, 5)
        return {"version": version, "occurred_at": moment, "partner_id": PARTNER}

    def client(version: int, day: int) -> dict[str, object]:
        moment = at(2026, 1, day, 8, 15)
        return {
            "version": version,
            "occurred_at": moment,
            "client_id": CLIENT,
            "partner_id": PARTNER,
        }

    for kind, details in (
        (clients.PartnerRegistered, partner(1, 3) | {"hub_id": HUB, "time_zone": "UTC"}),
        (clients.PartnerTimeZoneChanged, partner(2, 4) | {"time_zone": ZONE}),
        (clients.PartnerUserRegistered, partner(3, 5) | {"user_id": ADMIN, "admin": True}),
        (clients.PartnerUserDeactivated, partner(11, 20) | {"user_id": MEMBER}),
        (clients.PartnerUserReactivated, partner(12, 21) | {"user_id": MEMBER}),
        (clients.HubSpotTeamChanged, partner(14, 24) | {"person_ids": (CHANNEL,)}),
        (
            clients.ClientRegistered,
            client(1, 1)
            | {"account_id": ACCOUNT, "relationship": _RELATIONSHIP, "period": 1}
            | {"subscriptions": (_MARKETING, _SALES), "app_usage": _USAGE},
        ),
        (clients.ClientRelationshipChanged, client(2, 1) | {"relationship": _RELATIONSHIP}),
        (clients.ClientContactsChanged, client(3, 1) | {"contact_ids": (BUYER, BOOKKEEPER)}),
        (
            clients.SubscriptionChanged,
            client(4, 2)
            | {"subscription": _MARKETING}
            | {"previous": _MARKETING.model_copy(update={"mrr": Decimal("800.00")})},
        ),
        (clients.SubscriptionRemoved, client(5, 2) | {"subscription": _SALES}),
        (
            clients.AllowancesRecorded,
            client(6, 2) | {"contact_tier": _CONTACTS, "email_tier": _SENDS},
        ),
        (clients.AppUsageRecorded, client(7, 2) | {"app_usage": _USAGE}),
    ):
        yield kind.model_validate(details)


def _services() -> Iterator[Event]:
    ended, resumed = at(2026, 1, 8, 16, 40), at(2026, 1, 13, 13, 0)
    yield clients.ServicesEnded(
        version=8,
        occurred_at=ended,
        client_id=CLIENT,
        partner_id=PARTNER,
        period=1,
        ended_at=ended,
        ended_by=ADMIN,
        reason="The client moves its marketing in-house.",
    )
    yield clients.ServicesResumed(
        version=9,
        occurred_at=resumed,
        client_id=CLIENT,
        partner_id=PARTNER,
        period=2,
        resumed_at=resumed,
        resumed_by=ADMIN,
    )


def said() -> Iterator[Event]:
    """One of each event."""
    yield _partner_snapshot()
    yield _client_snapshot()
    yield from _facts()
    yield from _services()
