"""Who is in the story: partners and clients, drawn from a seed."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random
from uuid import UUID

from .. import clients, ids

HUB, ACCOUNT, RECORD = 5_100_000, 7_400_000, 18_300_000
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Adelaide")
PRODUCTS = (
    "Marketing Hub Professional",
    "Marketing Hub Enterprise",
    "Sales Hub Professional",
    "Service Hub Professional",
    "Operations Hub Starter",
)
_FIRST = ("Harbour", "Cedar", "Saffron", "Copper", "Juniper", "Granite", "Willow", "Orchard")
_SECOND = ("Interiors", "Robotics", "Bakery", "Logistics", "Optics", "Textiles", "Dental", "Cycles")
_NAMES = ("Zoë", "Samuel", "Noor", "Tom", "Ines", "Pavel", "Amara", "Kenji", "Lucía", "Bjørn")
_SURNAMES = ("Marchetti", "Ito", "Haddad", "Okafor", "Novák", "Lindqvist", "Mensah", "García")


@dataclass(slots=True)
class Partner:
    """A partner, and how far its aggregates are."""

    hub: int
    zone: str
    version: int = 0
    policy_version: int = 0
    tier_version: int = 0

    @property
    def id(self) -> UUID:
        return ids.partner_id(self.hub)

    @property
    def admin(self) -> UUID:
        return ids.user_id(self.hub, 40_001)

    @property
    def member(self) -> UUID:
        return ids.user_id(self.hub, 40_002)


@dataclass(slots=True)
class Renewal:
    """A contract change, and what was told of it."""

    id: UUID
    start: date
    deadline: date
    version: int = 0
    status: str = "pending"
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Client:
    """A client, and how far its aggregates are."""

    partner: Partner
    record: int
    company: str
    domain: str
    contact: clients.Contact
    product: str
    mrr: Decimal
    renewal: Renewal
    version: int = 0
    renewals_version: int = 0
    period: int = 1
    active: bool = True
    apps: int = 4

    @property
    def id(self) -> UUID:
        return ids.client_id(self.partner.hub, self.record)

    @property
    def subscription(self) -> UUID:
        return ids.subscription_id(self.partner.hub, self.record)


def partner(number: int, draw: Random) -> Partner:
    """The partner of this number."""
    return Partner(HUB + number, draw.choice(ZONES))


def client(of: Partner, number: int, start: date, deadline: date, draw: Random) -> Client:
    """The client of this number, whose new terms begin on a day."""
    record = RECORD + number
    company = f"{draw.choice(_FIRST)} {draw.choice(_SECOND)} {number}"
    domain = company.lower().replace(" ", "") + ".example"
    name = f"{draw.choice(_NAMES)} {draw.choice(_SURNAMES)}"
    contact = clients.Contact(
        contact_id=ids.contact_id(of.hub, record),
        name=name,
        email=f"contact@{domain}",
        roles=("decision_maker", "primary"),
    )
    identity = ids.client_id(of.hub, record)
    return Client(
        of,
        record,
        company,
        domain,
        contact,
        draw.choice(PRODUCTS),
        Decimal(draw.randrange(40, 400) * 10),
        Renewal(ids.renewal_id(identity, "renewal", start.isoformat()), start, deadline),
    )
