"""Contract changes as people read them: rows of a list, a whole one, and rows of a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import quote
from uuid import UUID

from services.dashboard.domain import owners
from services.dashboard.domain.renewals import DECIDED, RenewalRow, product_names
from services.dashboard.views import formats
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

    def owner(self, choice: OwnerChoice | None, *, serviced: bool) -> OwnerLine:
        """Who relays the changes of a client with this choice."""
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
    names = product_names(row.products)
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
        "; ".join(product_names(row.products)),
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
