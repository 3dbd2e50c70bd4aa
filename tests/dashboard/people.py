"""Who the portfolio is about: two partners, their people, their clients and what renews when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from shared.contracts import clients, ids, renewals

TODAY: Final = date(2026, 1, 15)
NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)

HUB, OTHER_HUB = 5_040_118, 5_040_222
BRIGHTWATER, NORDLICHT = ids.partner_id(HUB), ids.partner_id(OTHER_HUB)
ADMIN, MEMBER, SELLER, LEFT = (ids.user_id(HUB, number) for number in (1, 2, 3, 4))
OTHER_ADMIN = ids.user_id(OTHER_HUB, 1)

USERS: Final = (
    clients.PartnerUser(
        user_id=ADMIN, name="Ada Brook", email="ada@brightwater.example", admin=True, active=True
    ),
    clients.PartnerUser(
        user_id=MEMBER, name="Max Ibarra", email="max@brightwater.example", admin=False, active=True
    ),
    clients.PartnerUser(
        user_id=SELLER, name="Paula Ng", email="paula@brightwater.example", admin=False, active=True
    ),
    clients.PartnerUser(
        user_id=LEFT, name="Theo Gone", email="theo@brightwater.example", admin=False, active=False
    ),
)
OTHER_USERS: Final = (
    clients.PartnerUser(
        user_id=OTHER_ADMIN, name="Jörg Nord", email="joerg@nordlicht.example", admin=True,
        active=True,
    ),
)  # fmt: skip
MANAGER: Final = clients.HubSpotPerson(
    person_id=ids.hubspot_person_id("noor.haddad@hubspot.example"),
    name="Noor Haddad",
    email="noor.haddad@hubspot.example",
    role="renewal_manager",
)
TEAM: Final = (
    clients.HubSpotPerson(
        person_id=ids.hubspot_person_id("tom.okafor@hubspot.example"),
        name="Tom Okafor",
        email="tom.okafor@hubspot.example",
        role="channel_account_manager",
        description="Your first address for selling and for the partnership.",
    ),
    clients.HubSpotPerson(
        person_id=ids.hubspot_person_id("li.wei@hubspot.example"),
        name="Li Wei",
        email="li.wei@hubspot.example",
        role="channel_consultant",
        description="Helps you serve your clients with HubSpot's software.",
    ),
)
_STAGES: Final = (("entered", None), ("d-45", 45), ("d-15", 15), ("d-7", 7), ("d-1", 1),
                  ("d-0", 0), ("outcome", -1))  # fmt: skip
STAGES: Final = tuple(
    renewals.Stage(name=name, days_before_deadline=days) for name, days in _STAGES
)


_INHERITED: Final = renewals.OwnerChoice(owner="default")


@dataclass(frozen=True, kw_only=True)
class Due:
    """A contract change: a short name, what it is and where it stands."""

    name: str
    starts: date
    kind: str = "renewal"
    status: str = "pending"
    now: str = "800.00"
    then: str = "900.00"
    currency: str = "USD"
    told: tuple[str, ...] = ("entered", "d-45")


@dataclass(frozen=True, kw_only=True)
class Known:
    """A client: a short name, and what is told of it."""

    short: str
    record: int
    name: str
    domain: str
    hub: int = HUB
    sold: bool = False
    managed: bool = True
    serviced: bool = True
    products: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # to MRR and currency
    apps: int | None = 5
    contacts: tuple[tuple[str, tuple[str, ...]], ...] = (("Rosa Fields", ("decision_maker",)),)
    managed_by: clients.HubSpotPerson | None = MANAGER
    contact_tier: tuple[int, int] | None = (10_000, 6_200)
    owner: renewals.OwnerChoice = _INHERITED
    stages: tuple[renewals.Stage, ...] | None = None
    due: tuple[Due, ...] = ()

    @property
    def id(self) -> UUID:
        return ids.client_id(self.hub, self.record)

    @property
    def partner_id(self) -> UUID:
        return ids.partner_id(self.hub)


PRO, ENTERPRISE = "Marketing Hub Professional", "Sales Hub Enterprise"
KNOWN: Final = (
    Known(
        short="orchard", record=101, name="Orchard & Finch Ltd", domain="orchardfinch.example",
        sold=True, products={PRO: ("800.00", "USD"), ENTERPRISE: ("1200.00", "USD")}, apps=9,
        contacts=(("Rosa Fields", ("decision_maker", "primary")), ("Ben Till", ("billing",))),
        due=(Due(name="orchard", starts=date(2026, 3, 5), now="2000.00", then="2150.00"),),
    ),
    Known(
        short="saffron", record=102, name="Saffron Roofing GmbH & Co. KG",
        domain="saffron-roofing.example", products={PRO: ("890.00", "USD")}, apps=3,
        owner=renewals.OwnerChoice(owner="partner", point_of_contact_id=MEMBER),
        due=(Due(name="saffron", starts=date(2026, 3, 1), now="890.00", then="890.00"),),
    ),
    Known(
        short="harbor", record=103, name="Harbor Lights Hotels", domain="harborlights.example",
        sold=True, managed=False, products={ENTERPRISE: ("1200.00", "USD")}, apps=6,
        owner=renewals.OwnerChoice(owner="hubspot", notified_user_id=SELLER),
        due=(Due(name="harbor", starts=date(2026, 4, 20), now="1200.00", then="1440.00"),),
    ),
    Known(
        short="kestrel", record=104, name="Kestrel Instruments", domain="kestrel.example",
        products={PRO: ("640.00", "EUR"), ENTERPRISE: ("300.00", "USD")}, apps=17,
        contact_tier=(2_000, 1_990), owner=renewals.OwnerChoice(owner="hubspot"),
        due=(
            Due(name="kestrel", starts=date(2026, 3, 20), currency="EUR", now="640.00",
                then="640.00"),
            Due(name="kestrel tier", starts=date(2026, 3, 2), kind="contact_tier_upgrade",
                currency="EUR", now="640.00", then="740.00", told=("entered",)),
            Due(name="kestrel mails", starts=date(2026, 4, 1), kind="email_overage",
                status="confirmed", currency="EUR", now="640.00", then="660.00", told=()),
        ),
    ),
    Known(
        short="lumen", record=105, name="Lumen Dental Group", domain="lumendental.example",
        sold=True, products={PRO: ("450.00", "USD")}, apps=0, contacts=(),
        stages=(STAGES[0], STAGES[3], STAGES[-1]),
        due=(Due(name="lumen", starts=date(2026, 2, 28), status="renewed", now="450.00",
                 then="450.00", told=("entered", "d-7", "outcome")),),
    ),
    Known(
        short="mosaic", record=106, name="Mosaic Learning", domain="mosaic-learning.example",
        products={ENTERPRISE: ("2400.00", "USD")}, apps=7, managed_by=None,
        due=(Due(name="mosaic", starts=date(2026, 3, 9), status="cancellation_requested",
                 now="2400.00", then="0.00"),),
    ),
    Known(
        short="north", record=107, name="Northwind Cycles", domain="northwind.example",
        products={PRO: ("800.00", "USD")}, apps=4, contact_tier=None,
        due=(Due(name="north", starts=date(2026, 9, 1), told=()),),
    ),
    Known(
        short="opal", record=108, name="Opal Interiors", domain="opal.example", serviced=False,
        products={PRO: ("800.00", "USD")}, apps=5,
        due=(Due(name="opal", starts=date(2026, 3, 12), status="ended"),),
    ),
    Known(
        short="plain", record=109, name="Plain Prospect", domain="", managed=False, sold=True,
        apps=None, contacts=(), managed_by=None, contact_tier=None,
    ),
    Known(
        short="quill", record=110, domain="quill.example",
        name="The Quill, Parchment and Very Fine Stationery Company of Upper and Lower Wexcombe "
        "<b>Incorporated</b> =SUM(1)",
        products={PRO: ("0.00", "USD")}, apps=2,
        due=(Due(name="quill", starts=date(2026, 5, 15), now="0.00", then="120.00"),),
    ),
    Known(
        short="fjord", record=201, hub=OTHER_HUB, name="Fjord Wein", domain="fjordwein.example",
        sold=True, products={PRO: ("740.00", "EUR")},
        due=(Due(name="fjord", starts=date(2026, 3, 5), currency="EUR", now="740.00",
                 then="780.00"),),
    ),
    Known(
        short="gletscher", record=202, hub=OTHER_HUB, name="Gletscher Optik",
        domain="gletscher.example", products={ENTERPRISE: ("1100.00", "EUR")},
        owner=renewals.OwnerChoice(owner="hubspot"),
        due=(Due(name="gletscher", starts=date(2026, 4, 30), currency="EUR", now="1100.00",
                 then="1100.00"),),
    ),
    Known(
        short="heide", record=203, hub=OTHER_HUB, name="Heidekraut Naturkost",
        domain="heidekraut.example", products={PRO: ("300.00", "EUR")}, apps=1,
    ),
)  # fmt: skip

CLIENTS: Final = {each.short: each.id for each in KNOWN}
RENEWALS: Final = {
    due.name: ids.renewal_id(each.id, due.kind, due.starts.isoformat())
    for each in KNOWN
    for due in each.due
}


def deadline_of(starts: date) -> date:
    return starts - timedelta(days=45)


def named(short: str) -> Known:
    """The client of this short name."""
    return next(each for each in KNOWN if each.short == short)
