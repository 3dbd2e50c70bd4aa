"""Contract changes as people read them: rows of a list, a whole one, and rows of a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final
from urllib.parse import quote
from uuid import UUID

from markupsafe import Markup

from services.dashboard.domain import owners
from services.dashboard.domain.renewals import DECIDED, RenewalRow
from services.dashboard.views import formats, template
from services.dashboard.views.rows import HERE, MOST_ROWS, Row, filled_row, table
from shared.contracts.clients import PartnerUser
from shared.contracts.renewals import EffectiveOwner, OwnerChoice, PartnerPolicySnapshot

OTHERS: Final = {"contact_tier_upgrade", "email_overage"}
TONES: Final = {"renewed": "good", "confirmed": "good", "cancellation_requested": "warn"}
MOST_PRODUCTS: Final = 3

COLUMNS: Final = (
    "Client",
    "Name",
    "Contract change",
    "Status",
    "Renewal owner",
    "Inherited",
    "Person",
    "Product renewals",
    "Renewal start",
    "Renewal deadline",
    "Days to deadline",
    "Time zone",
    "Currency",
    "Current MRR",
    "Renewal MRR",
    "Change",
)


@dataclass(frozen=True, slots=True)
class OwnerLine:
    """Who relays a client's changes now, and who is named for it."""

    party: str
    inherited: bool
    person: str
    gone: bool
    source: str

    @property
    def origin(self) -> str:
        """Where that is set, in words."""
        return _ORIGINS.get(self.source, "")


_ORIGINS: Final = {
    "client": "Set for this client",
    "partner": "Your default setting",
    "factory": "Default setting, which nobody has changed",
    "services_ended": "You no longer service this client",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list."""

    row: RenewalRow
    owner: OwnerLine
    products: tuple[str, ...]
    more: int
    days: int
    zone: str
    status: str
    tone: str
    portal: str

    @property
    def label(self) -> str:
        """How the client is called: by its domain, else by its name."""
        return self.row.domain or self.row.name or "Client without a name"

    @property
    def kind(self) -> str:
        """What kind of change it is, where it is no renewal."""
        return formats.KINDS[self.row.kind] if self.row.kind in OTHERS else ""

    @property
    def decided(self) -> bool:
        """Whether there is nothing left to decide."""
        return self.row.status in DECIDED


@dataclass(frozen=True, slots=True)
class People:
    """The partner's people and its default, as rows need them."""

    users: Mapping[UUID, PartnerUser]
    policy: PartnerPolicySnapshot | None
    zone: str
    today: date
    lines: dict[tuple[OwnerChoice | None, bool], OwnerLine] = field(default_factory=dict)

    def owner(self, choice: OwnerChoice | None, *, serviced: bool) -> OwnerLine:
        """Who relays the changes of a client with this choice: few are made by many."""
        key = choice, serviced
        if key not in self.lines:
            self.lines[key] = self._owner(choice, serviced=serviced)
        return self.lines[key]

    def _owner(self, choice: OwnerChoice | None, *, serviced: bool) -> OwnerLine:
        held = owners.effective(choice, self.policy, serviced=serviced)
        person = self.users.get(named_id(held) or UUID(int=0))
        return OwnerLine(
            party=formats.PARTIES[held.owner],
            inherited=serviced and owners.inherits(choice),
            person=person.name if person else "",
            gone=named_id(held) is not None and not (person and person.active),
            source=held.source,
        )


def people(
    users: Iterable[PartnerUser], policy: PartnerPolicySnapshot | None, zone: str, today: date
) -> People:
    """What rows are made with."""
    return People({user.user_id: user for user in users}, policy, zone, today)


def named_id(held: EffectiveOwner) -> UUID | None:
    """The partner's user who is told, or gets a copy."""
    return held.point_of_contact_id if held.owner == "partner" else held.notified_user_id


def line(row: RenewalRow, of: People, portal: str = "") -> Line:
    """A row as it is shown; ``portal`` is where the client's HubSpot account is."""
    names = row.product_names
    return Line(
        row=row,
        owner=of.owner(row.owner, serviced=row.serviced),
        products=names[:MOST_PRODUCTS],
        more=max(0, len(names) - MOST_PRODUCTS),
        days=(row.deadline - of.today).days,
        zone=of.zone,
        status=formats.STATUSES.get(row.status, row.status),
        tone=TONES.get(row.status, "quiet"),
        portal=portal,
    )


SHAPE: Final = (
    "done",
    "serviced",
    "name",
    "inherited",
    "person",
    "gone",
    "kind",
    "products",
    "more",
    "tone",
    "portal",
)


def table_rows(lines: Iterable[Line], here: str) -> Markup:
    """The rows of a page of the list; ``here`` is its address."""
    return table(map(_written, lines), "renewal", here)


@lru_cache(maxsize=MOST_ROWS)
def _written(line: Line) -> str:
    return filled_row(template("renewals/row.html.j2"), SHAPE, _row(line))


def _row(line: Line) -> Row:
    """A row's shape, and its values."""
    row, owner, pending = line.row, line.owner, line.row.status == "pending"
    ident = str(row.renewal_id)
    values = {
        "id": ident,
        "client": str(row.client_id),
        "href": HERE + ident,
        "label": formats.shorten(line.label, 80),
        "name": formats.shorten(row.name, 80),
        "party": owner.party,
        "person": formats.shorten(owner.person, 60),
        "kind": line.kind,
        "more": f"+{line.more}",
        "deadline": row.deadline.isoformat(),
        "day": formats.day(row.deadline),
        "status": formats.days_left(line.days) if pending else line.status,
        "zone": line.zone,
        "now": formats.amount(row.current_mrr),
        "then": formats.amount(row.renewal_mrr),
        "currency": row.currency,
        "change": formats.change(row.change),
        "portal": line.portal,
    }
    for n, product in enumerate(line.products):
        values[f"product_{n}"] = formats.shorten(product, 60)
    shape = (
        line.decided or not row.serviced,
        row.serviced,
        bool(row.domain and row.name),
        owner.inherited,
        bool(owner.person),
        owner.gone,
        bool(line.kind),
        len(line.products),
        bool(line.more),
        formats.urgency(line.days) if pending else line.tone,
        bool(line.portal),
    )
    return shape, values


def record(row: RenewalRow, of: People) -> tuple[object, ...]:
    """A row of the file, in the order of ``COLUMNS``; amounts and days as programs read them."""
    shown = line(row, of)
    return (
        row.domain,
        row.name,
        formats.KINDS.get(row.kind, row.kind),
        shown.status,
        shown.owner.party,
        shown.owner.inherited,
        shown.owner.person,
        "; ".join(row.product_names),
        row.starts,
        row.deadline,
        shown.days,
        of.zone,
        row.currency,
        row.current_mrr,
        row.renewal_mrr,
        row.change,
    )


def mail_to(address: str, subject: str) -> str:
    """A link that begins a mail; nothing in it can add a header or a recipient."""
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject, safe='')}"
