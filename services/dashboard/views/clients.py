"""Clients as people read them: rows of the list and of a file, and one as a whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from services.dashboard.domain.clients import ClientRow, email_limit
from services.dashboard.domain.links import Patterns
from services.dashboard.views import formats, template
from services.dashboard.views.frame import without
from services.dashboard.views.rows import HERE, MOST_ROWS, Row, filled_row, table
from shared.contracts.clients import ClientSnapshot, Contact, Subscription

APPS: Final = 17
MOST_PRODUCTS: Final = 3
LONGEST: Final = 120

# The columns that can be left out, as the address names them.
COLUMNS: Final = {
    "products": "Products",
    "relationship": "Relationship",
    "usage": "Usage",
    "mrr": "MRR",
    "owner": "Renewal owner",
}
SHOWN: Final = ("products", "relationship", "usage", "mrr")
RELATIONS: Final = {"sold": "Sold", "managed": "Managed", "both": "Sold and managed"}
USAGE: Final = {
    "low": "Low (0–3 apps)",
    "medium": "Medium (4–6 apps)",
    "high": "High (7 and more)",
    "unknown": "Not known",
}
SERVICES: Final = {"": "Serviced", "ended": "Services ended", "all": "All"}
OWNERS: Final = {
    "hubspot": "HubSpot",
    "partner": "Partner",
    "inherited": "Follows the default setting",
}
HEADS: Final = (
    "Domain",
    "Name",
    "Products",
    "Relationship",
    "Apps used",
    "Usage",
    "Currency",
    "MRR",
    "Other MRR",
    "Renewal owner",
    "Services",
)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address without it."""

    label: str
    href: str


def relationship(*, sold: bool, managed: bool) -> str:
    """How the partner came to the client, in words."""
    if sold and managed:
        return RELATIONS["both"]
    return RELATIONS["sold"] if sold else RELATIONS["managed"] if managed else "–"


def label(domain: str, name: str) -> str:
    """What a client is called: its domain, else its name."""
    return formats.shorten(domain.strip() or name.strip() or "Client without a name", LONGEST)


def table_rows(
    clients: Sequence[ClientRow],
    *,
    here: str,
    columns: tuple[str, ...],
    links: Patterns,
    hub_id: int | None,
) -> Markup:
    """The rows of a page of the list; ``here`` is its address."""
    return table((_written(each, columns, links, hub_id) for each in clients), "client", here)


@lru_cache(maxsize=MOST_ROWS)
def _written(
    client: ClientRow, columns: tuple[str, ...], links: Patterns, hub_id: int | None
) -> str:
    return filled_row(
        template("clients/row.html.j2"),
        ("columns", "serviced", "name", "products", "more", "band", "mrrs", "crm", "portal"),
        _row(client, columns, links, hub_id),
    )


def _row(client: ClientRow, columns: tuple[str, ...], links: Patterns, hub_id: int | None) -> Row:
    """A row's shape, and its values."""
    ident, products, apps = str(client.client_id), client.products, client.apps_used
    band, more = formats.band(apps), len(products) - MOST_PRODUCTS
    crm, portal = links.company(hub_id, client.record_id), links.account(client.account_id)
    values = {
        "id": ident,
        "href": HERE + ident,
        "label": label(client.domain, client.name),
        "name": formats.shorten(client.name, LONGEST),
        "relationship": relationship(sold=client.sold, managed=client.managed),
        "usage": f"{formats.BANDS[band]}, {apps} of {APPS}" if band else "Not known",
        "apps": str(apps),
        "owner": formats.PARTIES[client.owner],
        "more": f"+{more}",
        "crm": crm,
        "portal": portal,
    }
    for n, product in enumerate(products[:MOST_PRODUCTS]):
        values[f"product_{n}"] = formats.shorten(product, 60)
    for n, (currency, amount) in enumerate(client.mrrs):
        values[f"amount_{n}"], values[f"currency_{n}"] = f"{amount:,.2f}", currency
    shape = (
        columns,
        client.serviced,
        bool(client.domain and client.name),
        min(len(products), MOST_PRODUCTS),
        more > 0,
        band,
        len(client.mrrs),
        bool(crm),
        bool(portal),
    )
    return shape, values


def chips(here: str, chosen: Mapping[str, str]) -> tuple[Chip, ...]:
    """The filters that are set, each with the way to take it away."""
    words: dict[str, Mapping[str, str]] = {
        "relationship": RELATIONS,
        "usage": USAGE,
        "services": SERVICES,
        "owner": {key: f"Owner: {text}" for key, text in OWNERS.items()},
    }
    return tuple(
        Chip(
            f"“{formats.shorten(value, 60)}”"
            if name == "q"
            else words.get(name, {}).get(value, formats.shorten(value, 60)),
            without(here, name, "cursor"),
        )
        for name, value in chosen.items()
        if value
    )


def options(choices: Collection[str], chosen: str, anything: str) -> list[tuple[str, str]]:
    """What a filter offers; what is chosen is among it, even where no client has it any more."""
    offered = [*choices, chosen] if chosen and chosen not in choices else choices
    return [("", anything), *((each, formats.shorten(each, 60)) for each in offered)]


def cells(client: ClientRow) -> Iterator[object]:
    """A row of the file, as ``HEADS`` has its columns."""
    known = formats.band(client.apps_used)
    amounts = client.mrrs
    yield client.domain
    yield client.name
    yield "; ".join(client.products)
    yield relationship(sold=client.sold, managed=client.managed)
    yield client.apps_used
    yield formats.BANDS[known] if known else ""
    yield amounts[0][0] if amounts else ""
    yield amounts[0][1] if amounts else None
    yield "; ".join(f"{amount:.2f} {currency}" for currency, amount in amounts[1:])
    yield formats.PARTIES[client.owner]
    yield "serviced" if client.serviced else "ended"


def term_left(end: date, today: date) -> tuple[int, str]:
    """Days until a term's last day, and how that reads."""
    days = (end - today).days
    return days, "ended" if days < 0 else formats.days_left(days)


@dataclass(frozen=True, slots=True)
class Term:
    """A subscription of a client: what it costs, and how long it runs."""

    product: str
    money: str
    start: date
    end: date
    days: int
    left: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit and its use; without a use only the limit is known."""

    title: str
    tier: str
    limit: int
    used: int | None
    rule: str


@dataclass(frozen=True, slots=True)
class Person:
    """A contact of the client, with its roles in words."""

    name: str
    email: str
    phone: str
    title: str
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Details:
    """What a client's panel shows that needs some words."""

    label: str
    relationship: str
    band: str
    usage: str
    terms: Sequence[Term]
    totals: Mapping[str, Decimal]
    limits: Sequence[Limit]
    people: Sequence[Person]


_ROLE_ORDER: Final = ("decision_maker", "primary", "billing")


def details(client: ClientSnapshot, today: date) -> Details:
    """A client as a whole. Amounts of several currencies stand beside each other."""
    totals: dict[str, Decimal] = {}
    for each in client.subscriptions:
        totals[each.currency] = totals.get(each.currency, Decimal()) + each.mrr
    relation, usage = client.relationship, client.app_usage
    known = formats.band(usage.apps_used if usage else None)
    return Details(
        label=label(client.company.domain, client.company.name),
        relationship=relationship(sold=relation.sold, managed=relation.managed),
        band=known,
        usage=f"{formats.BANDS[known]}, {usage.apps_used} of {APPS} apps" if usage else "",
        terms=[_term(each, today) for each in client.subscriptions],
        totals=totals,
        limits=_limits(client),
        people=[_person(each) for each in sorted(client.contacts, key=_by_role)],
    )


def _term(each: Subscription, today: date) -> Term:
    days, left = term_left(each.term_end, today)
    return Term(
        formats.shorten(each.product, LONGEST),
        formats.money(each.mrr, each.currency),
        each.term_start,
        each.term_end,
        days,
        left,
    )


def _limits(client: ClientSnapshot) -> list[Limit]:
    """Contacts and e-mails. Where no e-mail tier was told, its limit follows from the contacts."""
    found = []
    contacts, mails = client.contact_tier, client.email_tier
    products = [each.product for each in client.subscriptions]
    if contacts:
        found.append(Limit("Contacts", contacts.tier, contacts.limit, contacts.used, ""))
    follows = email_limit(contacts.limit, products) if contacts else None
    times = follows // contacts.limit if follows and contacts and contacts.limit else 0
    rule = f"{times} for each contact of the tier" if times else ""
    if mails:
        told = rule if mails.limit == follows else ""
        found.append(Limit("E-mails a month", mails.tier, mails.limit, mails.used, told))
    elif follows is not None:
        found.append(Limit("E-mails a month", "", follows, None, rule))
    return found


def _by_role(contact: Contact) -> tuple[int, str]:
    places = [_ROLE_ORDER.index(role) for role in contact.roles if role in _ROLE_ORDER]
    return min(places, default=len(_ROLE_ORDER)), contact.name.casefold()


def _person(contact: Contact) -> Person:
    return Person(
        formats.shorten(contact.name, LONGEST),
        contact.email,
        formats.shorten(contact.phone, 60),
        formats.shorten(contact.job_title, LONGEST),
        [formats.shorten(formats.person_role(role), 60) for role in contact.roles],
    )
