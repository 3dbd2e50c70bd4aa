"""HubSpot's people as cards: who they are, how they support the partner, how to reach them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.dashboard.views import formats
from services.dashboard.views.renewals import mail_to
from shared.contracts.clients import HubSpotPerson

# Roles are data; those that are known come first, others follow by their names.
FIRST: Final = ("channel_account_manager", "channel_consultant", "renewal_manager")
LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Card:
    """A person; ``mail`` is empty where no address is known."""

    name: str
    role: str
    description: str
    email: str
    mail: str
    letters: str


def show(team: Iterable[HubSpotPerson], partner: str) -> tuple[Card, ...]:
    """Everybody of the team, in the order of their roles."""
    return tuple(_card(each, partner) for each in sorted(team, key=_order))


def _order(person: HubSpotPerson) -> tuple[int, str, str]:
    place = FIRST.index(person.role) if person.role in FIRST else len(FIRST)
    return place, person.role, person.name.casefold()


def _card(person: HubSpotPerson, partner: str) -> Card:
    return Card(
        name=formats.shorten(person.name) or person.email,
        role=formats.shorten(formats.person_role(person.role)) or "HubSpot team",
        description=person.description,
        email=formats.shorten(person.email),
        mail=mail_to(person.email, f"Question from {formats.shorten(partner, 80)}")
        if person.email
        else "",
        letters="".join(word[0] for word in person.name.split()[:LETTERS]).upper(),
    )
