"""Partners, the clients of the first of them, and their renewals, as their owners would tell."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from deploy.sample.words import FIRST_WORDS, SECOND_WORDS
from shared.contracts import clients, ids, renewals

PARTNERS: Final = 20
HUB: Final = 6_000_000
ZONES: Final = ("UTC", "America/New_York", "Europe/Berlin")
NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
PRODUCTS: Final = (
    "Marketing Hub Professional",
    "Sales Hub Professional",
    "Service Hub Starter",
    "Marketing Hub Enterprise",
)


def partner(number: int) -> UUID:
    """One of the partners."""
    return ids.partner_id(HUB + number)


def admin(number: int) -> UUID:
    """The admin of that partner."""
    return ids.user_id(HUB + number, 1)


def partners() -> Iterator[clients.PartnerSnapshot]:
    """All partners, with their people."""
    for number in range(PARTNERS):
        yield clients.PartnerSnapshot(
            version=1,
            occurred_at=NOW,
            partner_id=partner(number),
            hub_id=HUB + number,
            name=f"Partner {number}",
            time_zone=ZONES[number % len(ZONES)],
            users=tuple(
                clients.PartnerUser(
                    user_id=ids.user_id(HUB + number, user),
                    name=f"Person {user}",
                    email=f"person-{user}@partner-{number}.example",
                    admin=user == 1,
                    active=True,
                )
                for user in range(1, 8)
            ),
        )


def client(number: int, today: date, rng: Random) -> tuple[clients.ClientSnapshot, date]:
    """A client of the first partner, and when its renewal starts."""
    first, second = rng.choice(FIRST_WORDS), rng.choice(SECOND_WORDS)
    name = f"{first} {second}"
    domain = f"{name.lower().replace(' ', '-')}-{number}.example"
    client_id = ids.client_id(HUB, number)
    starts = today + timedelta(days=rng.randrange(1, 366))
    made = clients.ClientSnapshot(
        version=1,
        occurred_at=NOW,
        client_id=client_id,
        partner_id=partner(0),
        record_id=1 + number,
        account_id=9_000_000 + number,
        company=clients.Company(
            name=f"{name} Ltd", domain=domain, industry="Furniture", country="Ireland", city="Cork"
        ),
        relationship=clients.Relationship(sold=number % 3 > 0, managed=number % 3 < 2),
        services=clients.Services(active=number % 50 > 0, period=1),
        subscriptions=tuple(
            clients.Subscription(
                subscription_id=UUID(int=number * 10 + place),
                product=product,
                mrr=Decimal(rng.randrange(5_000, 300_000)) / 100,
                currency="USD",
                term_start=starts - timedelta(days=365),
                term_end=starts - timedelta(days=1),
            )
            for place, product in enumerate(rng.sample(PRODUCTS, 1 + number % 3))
        ),
        contact_tier=clients.Allowance(limit=10_000, used=rng.randrange(10_000), tier="10,000"),
        email_tier=clients.Allowance(limit=100_000, used=rng.randrange(100_000)),
        app_usage=clients.AppUsage(apps_used=rng.randrange(15), period_end=date(2025, 12, 31)),
        contacts=tuple(
            clients.Contact(
                contact_id=UUID(int=number * 10 + place),
                name=f"Contact {place}",
                email=f"contact-{place}@{domain}",
                roles=("decision_maker", "primary") if not place else (),
            )
            for place in range(3)
        ),
    )
    return made, starts


def renewals_of(client: clients.ClientSnapshot, starts: date) -> renewals.ClientRenewalsSnapshot:
    """The one renewal of a client."""
    now = sum((each.mrr for each in client.subscriptions), Decimal(0))
    return renewals.ClientRenewalsSnapshot(
        version=1,
        occurred_at=NOW,
        client_id=client.client_id,
        partner_id=client.partner_id,
        owner=renewals.OwnerChoice(owner="default"),
        renewals=(
            renewals.Renewal(
                renewal_id=ids.renewal_id(client.client_id, "renewal", starts.isoformat()),
                kind="renewal",
                status="pending",
                renewal_start=starts,
                deadline=starts - timedelta(days=45),
                currency="USD",
                current_mrr=now,
                renewal_mrr=now * 2,
                products=tuple(
                    renewals.Product(
                        subscription_id=each.subscription_id,
                        product=each.product,
                        current_mrr=each.mrr,
                        renewal_mrr=each.mrr * 2,
                    )
                    for each in client.subscriptions
                ),
                version=1,
            ),
        ),
    )
