"""Who is told, by which rule, at this moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from uuid import UUID

from services.notifications.domain.people import (
    MANAGER_ROLE,
    Choice,
    Client,
    Colleague,
    Partner,
    Person,
    Policy,
    User,
    usable,
)

Audience: TypeAlias = Literal["client", "partner", "hubspot"]

NOBODY_IN_ROLES: Final = "no_contact_in_roles"
NO_CONTACT_ADDRESS: Final = "contact_address_unusable"
NO_PARTNER_USER: Final = "no_active_partner_user"
NO_COLLEAGUE: Final = "no_hubspot_person"

MENDING: Final = {
    NOBODY_IN_ROLES: "Give a contact of the client one of the roles that the policy names.",
    NO_CONTACT_ADDRESS: "Correct the e-mail address of the client's contact.",
    NO_PARTNER_USER: "Choose an active user as point of contact, or activate an admin.",
    NO_COLLEAGUE: "Name the client's renewal manager or the partner's channel account manager.",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who relays a coming change to the client, and which setting says so."""

    party: Literal["hubspot", "partner"]
    source: Literal["client", "partner", "factory", "services_ended"]
    notified_user_id: UUID | None = None
    point_of_contact_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to be told in a message of their own, and the rule that says so."""

    audience: Audience
    person: Person
    rule: str
    copied: User | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The recipients, or why there is none."""

    audience: Audience
    rule: str
    recipients: tuple[Recipient, ...] = ()
    blocked: str | None = None


def owner_of(client: Client, policy: Policy, *, ended: bool = False) -> Owner:
    """The effective owner. Where services ended it is HubSpot, with nobody of the partner.

    ``ended`` says so of the renewal itself, whose news may come before that of the client.
    """
    if ended or not client.serviced:
        return Owner("hubspot", "services_ended")
    if client.override.owner in ("hubspot", "partner"):
        return _owner(client.override, "client")
    return _owner(policy.default_owner, "factory" if policy.factory else "partner")


def _owner(choice: Choice, source: Literal["client", "partner", "factory"]) -> Owner:
    if choice.owner == "partner":
        return Owner("partner", source, point_of_contact_id=choice.point_of_contact_id)
    return Owner("hubspot", source, notified_user_id=choice.notified_user_id)


def who_is_told(client: Client, partner: Partner, policy: Policy, owner: Owner) -> Told:
    """Who gets the owner's message: the client's people, or one person of the partner."""
    if owner.party == "partner":
        return _point_of_contact(client, partner, policy, owner)
    return _contacts(client, partner, policy, owner)


def _contacts(client: Client, partner: Partner, policy: Policy, owner: Owner) -> Told:
    wanted = set(policy.recipient_roles)
    rule = f"{owner.source}:contacts_in_roles:{','.join(policy.recipient_roles)}"
    named = [contact for contact in client.contacts if wanted.intersection(contact.roles)]
    if not named:
        return Told("client", rule, blocked=NOBODY_IN_ROLES)
    barred = _addresses(partner.users) if owner.source == "services_ended" else frozenset()
    reachable = _each_address_once(
        [each for each in named if usable(each.email) and each.email.lower() not in barred]
    )
    if not reachable:
        return Told("client", rule, blocked=NO_CONTACT_ADDRESS)
    copied = partner.active(owner.notified_user_id)
    # One copy is enough, however many contacts are told.
    first, *others = reachable
    return Told(
        "client",
        rule,
        (
            Recipient("client", first, rule, copied),
            *(Recipient("client", contact, rule) for contact in others),
        ),
    )


def _addresses(people: Sequence[Person]) -> frozenset[str]:
    """Addresses that are closed, whoever else has them.

    An agency may stand in a client's contacts, and a client's person may hold a seat of the
    agency; neither may hear by that way what the rules keep from them.
    """
    return frozenset(person.email.lower() for person in people)


def _each_address_once(people: Sequence[Person]) -> list[Person]:
    seen: dict[str, Person] = {}
    for person in sorted(people, key=lambda each: each.person_id):
        seen.setdefault(person.email.lower(), person)
    return list(seen.values())


def _point_of_contact(client: Client, partner: Partner, policy: Policy, owner: Owner) -> Told:
    """The point of contact, else the partner's default one, else an admin; never the client."""
    barred = _addresses(client.contacts)
    chain = (
        ("point_of_contact", owner.point_of_contact_id),
        ("default_point_of_contact", policy.default_owner.point_of_contact_id),
        ("default_point_of_contact", policy.default_point_of_contact_id),
    )
    for name, user_id in chain:
        user = partner.active(user_id)
        if user and user.email.lower() not in barred:
            return _one("partner", user, f"{owner.source}:{name}")
    admins = [
        user
        for user in partner.users
        if user.admin and partner.active(user.person_id) and user.email.lower() not in barred
    ]
    if admins:
        admin = min(admins, key=lambda user: user.person_id)
        return _one("partner", admin, f"{owner.source}:partner_admin")
    return Told("partner", f"{owner.source}:point_of_contact", blocked=NO_PARTNER_USER)


def _one(audience: Audience, person: Person, rule: str) -> Told:
    return Told(audience, rule, (Recipient(audience, person, rule),))


def renewal_manager_too(client: Client, policy: Policy, owner: Owner) -> Recipient | None:
    """HubSpot's renewal manager, whose people have the conversation when HubSpot owns it."""
    manager = client.renewal_manager
    if owner.party != "hubspot" or not policy.tell_renewal_manager:
        return None
    if manager is None or not usable(manager.email):
        return None
    return Recipient("hubspot", manager, f"{owner.source}:renewal_manager")


def who_hears_of_the_end(client: Client, partner: Partner) -> Told:
    """HubSpot's people who are told that services ended: renewal and channel account manager.

    Roles are data: where nobody of the team has that one, the whole team is told.
    """
    managers = [each for each in partner.team if each.role == MANAGER_ROLE] or list(partner.team)
    named: list[tuple[Colleague, str]] = [(each, each.role) for each in managers]
    if client.renewal_manager is not None:
        named.insert(0, (client.renewal_manager, "renewal_manager"))
    told: dict[UUID, Recipient] = {}
    for person, role in named:
        if usable(person.email):
            recipient = Recipient("hubspot", person, f"services_ended:{role or 'team'}")
            told.setdefault(person.person_id, recipient)
    if not told:
        return Told("hubspot", "services_ended", blocked=NO_COLLEAGUE)
    return Told("hubspot", "services_ended", tuple(told.values()))
