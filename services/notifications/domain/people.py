"""Who there is: clients and partners as far as it matters for telling somebody."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
LONGEST_ADDRESS, LONGEST_LOCAL_PART = 254, 64
DEFAULT_ROLES: Final = ("decision_maker",)
MANAGER_ROLE: Final = "channel_account_manager"


def usable(address: str) -> bool:
    """Whether mail may be sent to it: ASCII, one mailbox, nothing that could end a command.

    An allow-list, so that no address can carry a second header, recipient or command.
    """
    return (
        len(address) <= LONGEST_ADDRESS
        and ADDRESS.fullmatch(address) is not None
        and len(address.partition("@")[0]) <= LONGEST_LOCAL_PART
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be told."""

    person_id: UUID
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Contact(Person):
    """A person of the client, in some roles."""

    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User(Person):
    """A person of the partner."""

    admin: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True)
class Colleague(Person):
    """A person of HubSpot, in a role."""

    role: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a setting says about the renewal owner: 'default', 'hubspot' or 'partner'."""

    owner: str = "default"
    notified_user_id: UUID | None = None
    point_of_contact_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that somebody configured; None before the deadline means 'entered'."""

    name: str
    days_before_deadline: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A partner's settings. Without any, HubSpot relays the changes (factory default)."""

    default_owner: Choice = Choice("hubspot")
    default_point_of_contact_id: UUID | None = None
    recipient_roles: tuple[str, ...] = DEFAULT_ROLES
    tell_renewal_manager: bool = True
    stages: tuple[Stage, ...] = ()
    factory: bool = False


FACTORY: Final = Policy(factory=True)


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner with its people and the people of HubSpot who look after it."""

    partner_id: UUID
    name: str
    time_zone: str
    users: tuple[User, ...] = ()
    team: tuple[Colleague, ...] = ()

    def active(self, user_id: UUID | None) -> User | None:
        """The user with this id, where mail may go there: active, with a usable address."""
        for user in self.users:
            if user.person_id == user_id:
                return user if user.active and usable(user.email) else None
        return None


@dataclass(frozen=True, slots=True)
class Client:
    """A client as the replica knows it now."""

    client_id: UUID
    partner_id: UUID
    name: str
    domain: str
    account_id: int
    record_id: int
    period: int
    serviced: bool
    contacts: tuple[Contact, ...] = ()
    renewal_manager: Colleague | None = None
    override: Choice = Choice()
    stages: tuple[Stage, ...] | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """A contract change as the replica knows it now."""

    renewal_id: UUID
    kind: str
    status: str
    starts: date
    deadline: date
