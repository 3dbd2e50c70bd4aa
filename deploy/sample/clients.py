"""Makes one client after the other, and writes the rows that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from deploy.sample import products
from deploy.sample.files import Folder
from deploy.sample.spoiling import Spoiler
from deploy.sample.wishes import Wish
from deploy.sample.words import (
    FIRST_WORDS,
    INDUSTRIES,
    JOB_TITLES,
    RENEWAL_MANAGERS,
    SECOND_WORDS,
    Region,
    slug,
)

if TYPE_CHECKING:
    from deploy.sample.portfolio import Partner

T = TypeVar("T")

NO_WISH = Wish()
QUOTED_DAYS = 140  # renewals as near as this may have quotes
STEP = 4001  # no divisor of the number of names, so that each comes once before any comes again
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A product of a client."""

    id: int
    product: str
    mrr: Decimal
    currency: str
    starts: date
    renews: date  # the first day of the next term


@dataclass(frozen=True, slots=True)
class Contact:
    """A person of a client."""

    id: int
    first: str
    last: str
    email: str
    role: str
    roles: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client as its rows will say."""

    wish: Wish
    record: int
    account: int
    name: str
    domain: str
    sold: bool
    managed: bool
    sold_on: date | None
    subscriptions: Sequence[Subscription]
    contacts: Sequence[Contact]
    region: Region
    today: date


class Numbers:
    """Hands out the ids that HubSpot would, and names that nobody else has."""

    def __init__(self, rng: Random) -> None:
        self._company, self._contact, self._subscription = 7_000_000_000, 51_000_000, 9_100_000
        self._account = 20_000_000
        self._name = int(rng.random() * 1000)

    def company(self) -> int:
        self._company += 1
        return self._company

    def contact(self) -> int:
        self._contact += 1
        return self._contact

    def subscription(self) -> int:
        self._subscription += 1
        return self._subscription

    def account(self) -> int:
        self._account += 1
        return self._account

    def name(self, region: Region, rng: Random) -> tuple[str, str]:
        """A company's name and its domain."""
        self._name += 1
        total = len(FIRST_WORDS) * len(SECOND_WORDS)
        again, place = divmod(self._name, total)
        first, second = divmod(place * STEP % total, len(SECOND_WORDS))
        words = f"{FIRST_WORDS[first]} {SECOND_WORDS[second]}"
        stem = words.lower().replace(" ", "-")
        more = f"-{again + 1}" if again else ""
        return f"{words} {pick(rng, region.forms)}", f"{stem}{more}.example"


def pick(rng: Random, among: Sequence[T]) -> T:
    """One of these."""
    return among[int(rng.random() * len(among))]


def hubspot_address(name: str) -> str:
    """Where a person of HubSpot would be written to, if there were one."""
    return f"{slug(name).replace('-', '.')}@hubspot.example"


def years_before(day: date, years: int = 1) -> date:
    """The same day in an earlier year; 28 February for a 29th that there is not."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def make(rng: Random, numbers: Numbers, region: Region, wish: Wish, today: date) -> Client:
    """Make a client: what the wish leaves open is left to chance."""
    name, domain = numbers.name(region, rng)
    if wish.name:
        name, domain = wish.name, wish.domain
    draw = rng.random()
    sold, managed = draw < 0.65, draw < 0.45 or draw >= 0.65  # noqa: PLR2004 - both, sold, managed
    if wish.managed is not None:
        managed = wish.managed
    sold_on = None
    if wish.sold_days_ago is not None:
        sold, sold_on = True, today - timedelta(wish.sold_days_ago)
        if wish.sold_days_ago < 0:
            sold_on = years_before(sold_on)
    elif sold:
        sold_on = today - timedelta(5 + int(rng.random() * 700))
    return Client(
        wish=wish,
        record=numbers.company(),
        account=wish.account or numbers.account(),
        name=name,
        domain=domain,
        sold=sold,
        managed=managed,
        sold_on=sold_on,
        subscriptions=_subscriptions(rng, numbers, region, wish, today),
        contacts=_contacts(rng, numbers, region, domain, wish),
        region=region,
        today=today,
    )


def _subscriptions(
    rng: Random, numbers: Numbers, region: Region, wish: Wish, today: date
) -> list[Subscription]:
    days = wish.days if wish.days is not None else 1 + int(rng.random() * 365)
    wanted = wish.prices() or [
        (product, mrr, region.currency) for product, mrr in products.chosen(rng)
    ]
    found = []
    for at, (product, mrr, currency) in enumerate(wanted):
        renews = today + timedelta(days)
        if at and not wish.products and rng.random() < 0.12:  # noqa: PLR2004 - its own term
            renews = today + timedelta(1 + int(rng.random() * 365))
        years = 2 if rng.random() < 0.1 else 1  # noqa: PLR2004 - some terms are long
        begins = years_before(renews, years)
        found.append(Subscription(numbers.subscription(), product, mrr, currency, begins, renews))
    return found


def _contacts(
    rng: Random, numbers: Numbers, region: Region, domain: str, wish: Wish
) -> list[Contact]:
    """Who decides, often somebody for the daily work and for the bills, sometimes others."""
    draw = rng.random()
    wanted = ["decision_maker;primary"] if draw < 0.4 else ["decision_maker", "primary"]  # noqa: PLR2004
    if draw < 0.7:  # noqa: PLR2004 - most clients
        wanted.append("billing")
    if draw > 0.9:  # noqa: PLR2004 - some have more people
        wanted.append("")
    if not wish.decision_maker:
        wanted = ["primary", "billing"]
    found: list[Contact] = []
    for roles in wanted:
        first, last = pick(rng, region.first), pick(rng, region.last)
        address = f"{slug(first)}.{slug(last)}"
        if any(each.email.startswith(f"{address}@") for each in found):
            address += str(len(found) + 1)
        role = roles.partition(";")[0]
        found.append(Contact(numbers.contact(), first, last, f"{address}@{domain}", role, roles))
    return found


def write(files: Folder, spoiler: Spoiler, partner: "Partner", client: Client, rng: Random) -> None:
    """Write all rows of a client, into the files of each service that wants them."""
    hub = partner.hub_id
    company = [hub, client.record, client.name, client.domain, *_about(client, rng)]
    there = spoiler.company(files.sheet("clients", "companies.csv"), company)
    contacts = files.sheet("clients", "contacts.csv")
    for each in client.contacts:
        row = [
            hub,
            each.id,
            each.first,
            each.last,
            each.email,
            pick(rng, JOB_TITLES[each.role]),
            _phone(client.region, rng),
            client.record,
            each.roles,
        ]
        spoiler.belonging(contacts, row, company=client.record, there=there)
    subscriptions = files.sheet("clients", "subscriptions.csv")
    for sub in client.subscriptions:
        row = _subscription_row(hub, client, sub, sub.renews)
        spoiler.belonging(subscriptions, row, company=client.record, there=there)
        if client.wish.moves_by:
            later = sub.renews + timedelta(client.wish.moves_by)
            moved = _subscription_row(hub, client, sub, later)
            files.sheet("moved", "subscriptions.csv").write(moved)
    _write_owner(files, partner, client, rng)
    _write_quotes(files, hub, client, rng)


def _subscription_row(hub: int, client: Client, sub: Subscription, renews: date) -> list[Any]:
    ends = renews - timedelta(1)
    return [
        hub, sub.id, client.record, sub.product, f"{sub.mrr:.2f}", sub.currency, sub.starts, ends
    ]  # fmt: skip


def _phone(region: Region, rng: Random) -> str:
    return region.phone.format(int(rng.random() * 100))


def _about(client: Client, rng: Random) -> list[Any]:
    """The company's columns behind its domain."""
    manager = pick(rng, RENEWAL_MANAGERS)
    edition = products.edition(client.subscriptions[0].product)
    limit = pick(rng, products.CONTACT_LIMITS.get(edition, (1000,)))
    used = _used(limit, rng, over=client.wish.over_contacts or rng.random() < 0.02)  # noqa: PLR2004
    sends = limit * (5 if edition == products.STARTER else 10)
    sent = _used(sends, rng, over=client.wish.over_emails or rng.random() < 0.015)  # noqa: PLR2004
    counted = client.wish.apps is None and rng.random() >= 0.04  # noqa: PLR2004
    apps = min(17, int(rng.triangular(0, 14, 5)))
    month_end = client.today.replace(day=1) - timedelta(1)
    return [
        pick(rng, INDUSTRIES),
        pick(rng, client.region.cities),
        client.region.country,
        _phone(client.region, rng),
        int(5 * 2 ** (rng.random() * 9)),
        client.account,
        "yes" if client.sold else "no",
        "yes" if client.managed else "no",
        client.sold_on or "",
        manager,
        hubspot_address(manager),
        f"{edition} {limit:,}",
        limit,
        used,
        sends,
        sent,
        apps if counted else "",
        month_end if counted else "",
    ]


def _used(limit: int, rng: Random, *, over: bool) -> int:
    return int(limit * (1.01 + rng.random() * 0.3 if over else 0.2 + rng.random() * 0.77))


def _write_owner(files: Folder, partner: "Partner", client: Client, rng: Random) -> None:
    """Write who owns the client's renewals, where that is not simply the partner's default."""
    wish = client.wish
    owner: str = wish.owner
    notified: int | str = ""
    contact: int | str = ""
    draw = rng.random()
    if not owner and not wish.trap and wish.days is None:
        owner = "HubSpot" if draw < 0.08 else "Partner" if draw < 0.16 else ""  # noqa: PLR2004
    if owner == "HubSpot" and (wish.notified or (not wish.trap and draw < 0.04)):  # noqa: PLR2004
        notified = pick(rng, partner.active).id
    if owner == "Partner":
        leaving = wish.point_of_contact == "leaving"
        contact = partner.leaving.id if leaving else pick(rng, partner.active).id
    if owner:
        files.sheet("renewals", "renewal_owners.csv").write(
            (partner.hub_id, client.record, owner, notified, contact)
        )


def _write_quotes(files: Folder, hub: int, client: Client, rng: Random) -> None:
    """Write what the client may choose from, product by product."""
    starts = client.subscriptions[0].renews
    if (starts - client.today).days > QUOTED_DAYS or rng.random() > 0.6:  # noqa: PLR2004
        return
    options = [("Renew as is", Decimal(1), "yes")]
    if rng.random() < 0.7:  # noqa: PLR2004
        options.append(("Two-year term", Decimal("0.95"), "no"))
    if rng.random() < 0.5:  # noqa: PLR2004
        options.append(("More contacts", Decimal("1.20"), "no"))
    quotes = files.sheet("renewals", "quotes.csv")
    for option, factor, default in options:
        for sub in client.subscriptions:
            if sub.renews == starts:
                mrr = (sub.mrr * factor).quantize(CENT)
                quotes.write(
                    (hub, client.record, starts, option, sub.product, mrr, sub.currency, default)
                )
