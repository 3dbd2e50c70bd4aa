"""What the browsers see: partners whose figures each test knows, brought in by the imports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from deploy.local.issuer import Person, write_people
from shared.contracts import ids
from tests.browser import hostile
from tests.journeys.portfolio import NOTICE, Portfolio

TODAY: Final = date(2026, 1, 15)
NORTHWIND, EMPTY, HOSTILE = 4_000_001, 4_000_002, 4_000_003
ZONE: Final = "Europe/Berlin"
NAMES: Final = {
    NORTHWIND: "Northwind Digital",
    EMPTY: "Quiet Agency",
    HOSTILE: hostile.MARKUP,
}
MANAGER, CAM, CONSULTANT = "remy@hubspot.example", "cam@hubspot.example", "cory@hubspot.example"
PRODUCT: Final = "Marketing Hub Professional"
START: Final = TODAY + timedelta(days=60)  # of most renewals: 15 days are left to decide
MANY: Final = 60  # clients that are there so that lists have pages
LONG: Final = "Aktiengesellschaft" * 3  # a word that no line is long enough for


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person who signs in."""

    id: UUID
    hub: int
    name: str
    role: str

    @property
    def partner_id(self) -> UUID:
        """The partner whose figures the person sees."""
        return ids.partner_id(self.hub)


def _user(number: int, name: str, role: str, hub: int = NORTHWIND) -> Somebody:
    return Somebody(ids.user_id(hub, number), hub, f"{name} Person", role)


ADA = _user(1, "Ada", "admin")
MAX = _user(2, "Max", "member")
POC = _user(3, "Poc", "member")
LEA = _user(5, "Lea", "member")  # whose sessions end in tests
ERA = _user(6, "Era", "admin")  # the other browser
SAM = Somebody(ids.hubspot_person_id(CAM), NORTHWIND, "Cam of HubSpot", "staff")
EVE = _user(1, "Eve", "admin", EMPTY)
HAL = _user(1, "Hal", "admin", HOSTILE)
PEOPLE: Final = (ADA, MAX, POC, LEA, ERA, SAM, EVE, HAL)


@dataclass(frozen=True, slots=True)
class Company:
    """A client that some test asks for."""

    record: int
    name: str
    hub: int = NORTHWIND

    @property
    def domain(self) -> str:
        """As `Portfolio.client` makes it."""
        return f"{self.name.lower().replace(' ', '-')}.example"

    @property
    def id(self) -> UUID:
        """By which services know it."""
        return ids.client_id(self.hub, self.record)

    @property
    def account(self) -> int:
        """Its HubSpot account."""
        return 9_000_000 + self.record

    @property
    def decision_maker(self) -> str:
        """Who is written to while HubSpot is the owner."""
        return f"dm@client-{self.record}.example"

    def renewal(self, start: date = START) -> UUID:
        """Its renewal at this start."""
        return ids.renewal_id(self.id, "renewal", start.isoformat())


ACME = Company(71, "Acme")  # nothing about it is changed by any test
BLOCKED = Company(72, "Bluebell")  # nobody decides there, so that a message is blocked
LATER = Company(73, "Larkspur")  # renews, but not soon
WIDE = Company(74, f"Wide {LONG}")
TWO = Company(75, "Tulip")  # pays in two currencies
# Of each of these a test may do with it what it wants. They fall due tomorrow, seven days before.
OWN = {
    name: Company(100 + number, name)
    for number, name in enumerate(
        (
            "Inherits", "Hubspots", "Copied", "Partners", "Ends", "Resumes", "Renewals",
            "Decided", "Keyboard", "Shared", "Left", "Dialogs", "Elsewhere", "Stays",
            "Flows", "Moves", "Turns", "Plain", "Formal", "Chosen",
        )
    )
}  # fmt: skip
TOMORROW: Final = TODAY + timedelta(days=8) + NOTICE
HOSTILE_CLIENT = Company(501, "Hostile", HOSTILE)


def write(folder: Path) -> Path:
    """Write all of it as the files that the services import."""
    portfolio = Portfolio()
    _northwind(portfolio)
    portfolio.hub = EMPTY
    portfolio.partner(NAMES[EMPTY], "America/New_York")
    portfolio.user(1, "eve@quiet.example", "admin")
    portfolio.hub = HOSTILE
    hostile.add(portfolio, HOSTILE_CLIENT.record, TOMORROW)
    return portfolio.write(folder)


def write_sign_ins(folder: Path) -> None:
    """Tell the issuer who can sign in."""
    write_people(
        folder / "people.json",
        [
            Person(
                id=each.id,
                partner_id=each.partner_id,
                partner=NAMES[each.hub],
                role=each.role,
                name=each.name,
            )
            for each in PEOPLE
        ],
    )


def _northwind(portfolio: Portfolio) -> None:
    portfolio.partner(NAMES[NORTHWIND], ZONE)
    for number, name, role in (
        (1, "ada", "admin"),
        (2, "max", "member"),
        (3, "poc", "member"),
        (5, "lea", "member"),
        (6, "era", "admin"),
    ):
        portfolio.user(number, f"{name}@northwind.example", role)
    portfolio.user(4, "gone@northwind.example", "member", "deactivated")
    portfolio.team(CAM, "channel_account_manager", "Your first contact at HubSpot.")
    portfolio.team(CONSULTANT, "channel_consultant", "Helps you to service your clients.")
    portfolio.add(
        "tiers/certifications.csv", {"Certified on": "2025-06-01", "Expires on": "2026-06-30"}
    )
    portfolio.add("tiers/credited_tiers.csv", {"Credited tier": "Gold", "Since": "2025-07-15"})
    _client(portfolio, ACME, START, **_ABOUT_ACME)
    portfolio.subscription(ACME.record, "Sales Hub Starter", "45.50", "USD", START)
    for option, factor, default in (("Renew as is", 1, "yes"), ("More contacts", 2, "no")):
        for product, mrr in ((PRODUCT, 800), ("Sales Hub Starter", 50)):
            portfolio.add(
                "renewals/quotes.csv",
                {
                    "Record ID": ACME.record,
                    "Renewal start": START,
                    "Option": option,
                    "Product": product,
                    "Renewal MRR": f"{mrr * factor}.00",
                    "Currency": "USD",
                    "Default": default,
                },
            )
    portfolio.client(BLOCKED.name, record=BLOCKED.record, renewal_start=START)
    _client(portfolio, LATER, TODAY + timedelta(days=200))
    _client(portfolio, WIDE, START)
    _client(portfolio, TWO, START)
    portfolio.subscription(TWO.record, "Sales Hub Professional", "410.00", "EUR", START)
    for company in OWN.values():
        _client(portfolio, company, TOMORROW)
    for number in range(MANY):
        _client(
            portfolio,
            Company(200 + number, f"Many {number:02}"),
            TODAY + timedelta(days=150 + number),
            mrr=f"{100 + number}.00",
            **{"Apps used": number % 14},
        )


_ABOUT_ACME: Final[Mapping[str, Any]] = {
    "Industry": "Software",
    "City": "Berlin",
    "Country/Region": "Germany",
    "Phone Number": "+49 30 1234",
    "Number of Employees": 40,
    "Contact tier": "Professional 10,000",
    "Contacts limit": 10_000,
    "Contacts used": 9_300,
    "Emails sent": 20_000,
}


def _client(
    portfolio: Portfolio, company: Company, start: date, *, mrr: str = "800.00", **other: Any
) -> None:
    about: dict[str, Any] = {
        "Contact tier": "Professional 10,000",
        "Contacts limit": 10_000,
        "Contacts used": 4_000,
        **other,
    }
    portfolio.client(
        company.name,
        decision_maker=company.decision_maker,
        manager=MANAGER,
        renewal_start=start,
        record=company.record,
        mrr=mrr,
        **about,
    )
