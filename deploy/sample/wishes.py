"""What the first clients of each partner are meant to show: stages, kinds, owners and traps."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Owner = Literal["", "Default setting", "HubSpot", "Partner"]

# Days to the renewal start: just in and just out of the horizon of 120 days, in the middle and on
# both edges of each stage before the deadline (45 days before the start), and after the outcome.
STAGE_DAYS = (
    121, 120, 119, 105, 91, 90, 89, 75, 61, 60, 59, 56, 53, 52, 51, 48, 47, 46, 45, 44, 43, 30, 1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client is to be; what is not said is left to chance.

    ``trap`` names what is tried with it, ``expected`` what should come of it.
    """

    days: int | None = None
    owner: Owner = ""
    notified: bool = False
    point_of_contact: Literal["active", "leaving"] = "active"
    trap: str = ""
    expected: str = ""
    name: str = ""
    domain: str = ""
    account: int | None = None
    products: tuple[tuple[str, str, str], ...] = ()  # product, MRR, currency
    decision_maker: bool = True
    over_contacts: bool = False
    over_emails: bool = False
    managed: bool | None = None
    moves_by: int = 0
    sold_days_ago: int | None = None
    apps: int | None = None

    def prices(self) -> list[tuple[str, Decimal, str]]:
        """The products wished for."""
        return [(product, Decimal(mrr), currency) for product, mrr, currency in self.products]


SHARED_BY_TWO, SHARED_BY_ALL = 90_000_001, 90_000_002

_NAMES = (
    ("Müller & Söhne Präzisionstechnik GmbH", "mueller-soehne.example"),
    ("東京デザイン株式会社", "tokyo-design.example"),
    ("O'Brien & Daughters", "obrien-daughters.example"),
    ('The "Right" Stuff, Inc.', "the-right-stuff.example"),
    ("Łódź Smoła; Żelazo", "lodz-smola.example"),
    ("שלום תוכנה", "shalom.example"),
    ("=SUM(A1:A9) Consulting", "sum-consulting.example"),
)


def of_partner(place: int, partners: int) -> list[Wish]:
    """The wishes for a partner's first clients, in their order; ``place`` counts from 0."""
    return [*_traps(place, partners), *_owners(), *_stages()]


def _stages() -> Iterator[Wish]:
    for days in STAGE_DAYS:
        yield Wish(days=days)


def _owners() -> Iterator[Wish]:
    """Every choice of owner, at a stage where a message is due."""
    for days in (119, 89, 58):
        yield Wish(days=days, owner="Default setting")
        yield Wish(days=days, owner="HubSpot")
        yield Wish(days=days, owner="HubSpot", notified=True)
        yield Wish(days=days, owner="Partner")


def _traps(place: int, partners: int) -> Iterator[Wish]:
    kind = place % 3
    yield from (_first, _second, _third)[kind]()
    if partners > 1 and kind < 2:  # noqa: PLR2004 - two share, the third does not
        yield _shared_by_two(place)
    if partners > 1:
        yield Wish(
            days=200,
            trap="shared_account",
            expected="Every partner here services this account; 100.00 a month is split among"
            " them to the cent, what is left going to the first by partner id.",
            name="Commons Cooperative",
            domain="commons.example",
            account=SHARED_BY_ALL + place // 3 * 10,
            products=(("Marketing Hub Starter", "100.00", "USD"),),
            managed=True,
        )
    yield Wish(
        days=150,
        trap="contact_tier_upgrade",
        expected="More contacts are used than the tier allows: a contact tier upgrade is raised.",
        over_contacts=True,
        managed=True,
    )
    yield Wish(
        days=155,
        trap="email_overage",
        expected="More e-mails were sent than the tier allows: an e-mail overage is raised.",
        over_emails=True,
        managed=True,
    )
    yield Wish(
        days=300,
        trap="sold_credit_expires",
        expected="Sold 12 months ago less 3 days: the sold credit ends in 3 days, the managed"
        " credit stays.",
        sold_days_ago=-3,
        managed=True,
    )


def _shared_by_two(place: int) -> Wish:
    return Wish(
        days=110,
        trap="shared_account",
        expected="Two partners service this account: each has half of 1,000.01, one a cent more.",
        name="Twin Rivers Manufacturing",
        domain="twin-rivers.example",
        account=SHARED_BY_TWO + place // 3 * 10,
        products=(("Marketing Hub Professional", "1000.01", "USD"),),
        managed=True,
    )


def _first() -> Iterator[Wish]:
    """Under a partner whose default renewal owner is HubSpot."""
    yield Wish(
        days=57,
        owner="HubSpot",
        trap="no_decision_maker",
        expected="No contact decides, so nobody of the client can be told: the message is"
        " recorded as blocked and raises an alert.",
        decision_maker=False,
        managed=True,
    )
    yield Wish(
        days=50,
        trap="term_moved",
        expected="Importing the folder `moved` moves the start 30 days on: the renewal keeps its"
        " id, every stage counts anew.",
        moves_by=30,
        managed=True,
    )
    yield Wish(
        days=53,
        owner="HubSpot",
        notified=True,
        trap="services_ended",
        expected="Once services end, the client is still told, without a copy to anybody of the"
        " partner.",
        managed=True,
        sold_days_ago=100,
    )
    yield Wish(
        days=59,
        trap="mixed_currencies",
        expected="Revenue in US$ and EUR is never added without a rate; tiers use the rate of"
        " currency_rates.csv.",
        products=(
            ("Marketing Hub Professional", "890.00", "USD"),
            ("Sales Hub Professional", "410.00", "EUR"),
        ),
        managed=True,
    )
    for name, domain in _NAMES:
        yield Wish(
            days=57,
            trap="unusual_name",
            expected="The name is kept and shown as it is, in mails, pages and files.",
            name=name,
            domain=domain,
            managed=True,
        )


def _second() -> Iterator[Wish]:
    """Under a partner whose default renewal owner is the partner."""
    yield Wish(
        days=58,
        owner="Partner",
        point_of_contact="leaving",
        trap="deactivated_point_of_contact",
        expected="Importing the folder `deactivated` takes the point of contact away: the"
        " partner's default point of contact is told instead, never the client.",
        managed=True,
    )
    yield Wish(
        days=53,
        owner="Partner",
        trap="services_ended",
        expected="Once services end, nobody of the partner is told; the owner is HubSpot again"
        " and the client is told.",
        managed=True,
    )
    yield Wish(
        days=57,
        trap="no_decision_maker",
        expected="The partner is the owner, so its point of contact is told and nothing blocks.",
        decision_maker=False,
        managed=True,
    )
    yield Wish(
        days=48,
        owner="Partner",
        trap="term_moved",
        expected="Importing the folder `moved` moves the start 45 days on, out of the stages.",
        moves_by=45,
        managed=True,
    )


def _third() -> Iterator[Wish]:
    """Under a partner whose default renewal owner is HubSpot, with a copy to a user."""
    yield Wish(
        days=100,
        trap="no_rate",
        expected="There is no rate for CHF: this revenue is counted in no figure and shown as"
        " excluded.",
        products=(("Marketing Hub Enterprise", "3150.00", "CHF"),),
        managed=True,
        sold_days_ago=30,
    )
    yield Wish(
        days=51,
        trap="services_ended",
        expected="Sold lately: once services end, managed revenue goes and sold credit stays.",
        managed=True,
        sold_days_ago=60,
    )
    yield Wish(
        days=120,
        trap="no_usage",
        expected="No use of apps was ever recorded: the client is left out of the median.",
        apps=-1,
        managed=True,
    )
