"""Messages by what became of them, and the people in them by their names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from shared.contracts.clients import Contact, HubSpotPerson, PartnerUser

ENDED: Final = "services_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message by the last that was said of it.

    ``state`` is sent, blocked, dropped, superseded, failed or in_doubt; ``at`` is when that was.
    """

    message_id: UUID
    client_id: UUID
    renewal_id: UUID | None
    starts: date | None
    kind: str
    stage: str
    audience: str
    recipient_id: UUID | None
    copied_user_id: UUID | None
    rule: str
    state: str
    reason: str
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Message):
    """A message that nobody can get, with what is needed to mend it."""

    domain: str
    name: str
    record_id: int | None
    serviced: bool
    deadline: date | None


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody by name; ``email`` is empty where nobody of that id is known any more."""

    name: str
    email: str = ""


class People:
    """Who the ids in messages are: the client's contacts, the partner's users, HubSpot's people."""

    def __init__(
        self,
        *,
        contacts: Iterable[Contact] = (),
        users: Iterable[PartnerUser] = (),
        team: Iterable[HubSpotPerson] = (),
    ) -> None:
        self._known: dict[UUID, Named] = {}
        self._known |= {each.contact_id: Named(each.name, each.email) for each in contacts}
        self._known |= {each.user_id: Named(each.name, each.email) for each in users}
        self._known |= {each.person_id: Named(each.name, each.email) for each in team}

    def named(self, person_id: UUID | None, audience: str) -> Named:
        """A person, or, where that one is not known (any more), what they were."""
        found = self._known.get(person_id) if person_id else None
        return found or Named(_SOMEBODY.get(audience, "somebody"))


_SOMEBODY: Final = {
    "client": "a contact of the client",
    "partner": "a user of the partner",
    "hubspot": "a person at HubSpot",
}
