"""Partner settings in words: what another default does, the stages, who changed what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dashboard.domain import words
from services.dashboard.domain.timeline import FACTORY, SEND_HOUR
from services.dashboard.views import formats
from services.dashboard.views.owners import ROLES, roles_of
from shared.contracts.renewals import PartnerPolicySnapshot, Stage

PEOPLE = {
    "notified_user_id": "user to be notified",
    "point_of_contact_id": "point of contact",
    "default_point_of_contact_id": "stand-in point of contact",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be ticked."""

    value: str
    label: str
    ticked: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in the history: when, who, and what became of what."""

    at: datetime
    who: str
    lines: tuple[str, ...]


def effect(moves: int, leaves: int) -> str:
    """What another default would do, before it is saved."""
    stay = f"leaves {formats.counted(leaves, 'client')} as {'it is' if leaves == 1 else 'they are'}"
    if not moves:
        return f"This moves no client and {stay}."
    return f"This moves {formats.counted(moves, 'client')} and {stay}."


def roles(policy: PartnerPolicySnapshot | None, ticked: Iterable[str] | None) -> list[Choice]:
    """The roles that can be written to: the usual ones, and others that are set."""
    held = roles_of(policy)
    chosen = set(held if ticked is None else ticked)
    known = dict.fromkeys((*ROLES, *held, *(ticked or ())))
    return [Choice(role, formats.person_role(role), role in chosen) for role in known]


def stages(policy: PartnerPolicySnapshot | None, ticked: Iterable[str] | None) -> list[Choice]:
    """The stages that can be chosen: the usual ones, and others that are set, in order."""
    held = names_of(policy.stages if policy else FACTORY)
    chosen = set(held if ticked is None else ticked)
    known = {*names_of(FACTORY), *held, *(ticked or ())}
    return [
        Choice(name, words.stage(name), name in chosen) for name in sorted(known, key=_position)
    ]


def names_of(held: Sequence[Stage]) -> tuple[str, ...]:
    """The names of stages."""
    return tuple(stage.name for stage in held)


def send_hour(policy: PartnerPolicySnapshot | None) -> str:
    """When messages go out, by the partner's clock."""
    return policy.send_hour if policy else SEND_HOUR


def _position(name: str) -> tuple[int, str]:
    if name == "entered":
        return -1000, name
    if name == "outcome":
        return 1000, name
    days = name.removeprefix("d-")
    return (-int(days) if days.isdecimal() else 999), name


def entry(said: Mapping[str, Any], names: Mapping[UUID, str]) -> Entry:
    """A change as the renewals service tells it."""
    before, after = said["before"], said["after"]
    actor = said.get("actor")
    return Entry(
        at=datetime.fromisoformat(said["at"]),
        who=names.get(UUID(actor), "a user who is not known any more") if actor else "an import",
        lines=tuple(_lines(before, after, names)),
    )


def _lines(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[UUID, str]
) -> Iterable[str]:
    for field in after:
        old, new = before.get(field), after[field]
        if old == new:
            continue
        if field == "owner":
            yield f"Owner: {formats.PARTIES.get(old or '', old)} → {formats.PARTIES.get(new, new)}"
        elif field in PEOPLE:
            label = PEOPLE[field].capitalize()
            yield f"{label}: {_named(old, names)} → {_named(new, names)}"
        elif field == "recipient_roles":
            yield f"HubSpot writes to: {words.roles(tuple(old or ()))} → {words.roles(tuple(new))}"
        elif field == "tell_renewal_manager":
            told = "gets" if new else "no longer gets"
            yield f"HubSpot's renewal manager {told} messages of their own"
        elif field == "stages":
            yield from _switched(tuple(old or ()), new)
        elif field == "send_hour":
            yield f"Send hour: {old} → {new}"


def _switched(old: Sequence[str], new: Sequence[str]) -> Iterable[str]:
    for sign, names in (("Added", set(new) - set(old)), ("Taken away", set(old) - set(new))):
        if names:
            told = ", ".join(words.stage(name) for name in sorted(names, key=_position))
            yield f"{sign}: {told}"


def _named(ident: str | None, names: Mapping[UUID, str]) -> str:
    return names.get(UUID(ident), "a former user") if ident else "nobody"
