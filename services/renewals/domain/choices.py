"""What people set: the renewal owner and the stages, of a partner or of one client."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.renewals.domain import owners, stages
from services.renewals.domain.kinds import Refused
from services.renewals.domain.policies import Partner, policy_snapshot
from services.renewals.domain.stages import Names
from services.renewals.domain.terms import Book
from shared.contracts.event import Event
from shared.contracts.renewals import (
    DefaultRenewalOwnerChanged,
    OwnerChoice,
    RenewalOwnerChanged,
    StagesChanged,
)

MOST_ROLES = 20

Outcome: TypeAlias = tuple[Partner, list[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultOwner:
    """What a partner sets for all clients that inherit."""

    choice: OwnerChoice
    point_of_contact_id: UUID | None = None
    recipient_roles: tuple[str, ...] = ("decision_maker",)
    tell_renewal_manager: bool = True

    @classmethod
    def of(cls, partner: Partner) -> "DefaultOwner":
        """What holds for a partner now."""
        return cls(
            choice=partner.default.owner,
            point_of_contact_id=partner.default.point_of_contact_id,
            recipient_roles=partner.recipient_roles,
            tell_renewal_manager=partner.tell_renewal_manager,
        )


def choose_owner(
    book: Book, choice: OwnerChoice, active: Collection[UUID], by: UUID | None
) -> bool:
    """Set a client's owner; False where it was so already. Refused for an unfit user."""
    previous = book.client.owner
    if choice == previous:
        return False
    owners.checked(choice, active)
    book.client = replace(book.client, owner=choice, owner_version=book.client.owner_version + 1)
    book.touched = True
    book.events.append(
        RenewalOwnerChanged(
            version=book.client.renewals_version + 1,
            occurred_at=book.at,
            client_id=book.client.client_id,
            partner_id=book.client.partner_id,
            owner=choice,
            previous=previous,
            changed_by=by,
        )
    )
    return True


def choose_stages(book: Book, chosen: Names | None) -> bool:
    """Set a client's own stages, or None for the partner's; False where it was so already."""
    names = None if chosen is None else stages.checked(chosen)
    if names == book.client.stages:
        return False
    version = book.client.stages_version + 1
    book.client = replace(book.client, stages=names, stages_version=version)
    book.touched = True
    return True


def choose_default(
    partner: Partner, wanted: DefaultOwner, active: Collection[UUID], by: UUID | None, at: datetime
) -> Outcome:
    """Set a partner's default. With it moves every client that inherits, and no other."""
    if wanted.choice.owner == "default":
        raise Refused("owner", "the default is 'hubspot' or 'partner'")
    if wanted == DefaultOwner.of(partner) and partner.default.choice:
        return partner, []
    owners.checked(wanted.choice, active)
    owners.checked_user("default_point_of_contact_id", wanted.point_of_contact_id, active)
    roles = tuple(dict.fromkeys(wanted.recipient_roles))
    if not roles or len(roles) > MOST_ROLES or not all(_is_role(role) for role in roles):
        raise Refused(
            "recipient_roles", f"name 1 to {MOST_ROLES} roles of contacts, such as 'decision_maker'"
        )
    previous = partner.default.owner
    changed = replace(
        partner,
        default=owners.Default(wanted.choice, wanted.point_of_contact_id),
        recipient_roles=roles,
        tell_renewal_manager=wanted.tell_renewal_manager,
        policy_version=partner.policy_version + 1,
    )
    events: list[Event] = []
    if wanted.choice != previous:
        events.append(
            DefaultRenewalOwnerChanged(
                version=changed.policy_version,
                occurred_at=at,
                partner_id=partner.partner_id,
                owner=wanted.choice,
                previous=previous,
                changed_by=by,
            )
        )
    return changed, [*events, policy_snapshot(changed, at)]


def choose_default_stages(
    partner: Partner, chosen: Names, send_hour: str, by: UUID | None, at: datetime
) -> Outcome:
    """Set at which stages, and at which local time, a partner's people and clients are told."""
    names, hour = stages.checked(chosen), stages.checked_hour(send_hour)
    if (names, hour) == (partner.stages, partner.send_hour):
        return partner, []
    changed = replace(
        partner, stages=names, send_hour=hour, policy_version=partner.policy_version + 1
    )
    event = StagesChanged(
        version=changed.policy_version,
        occurred_at=at,
        partner_id=partner.partner_id,
        stages=stages.described(names),
        send_hour=hour,
        changed_by=by,
    )
    return changed, [event, policy_snapshot(changed, at)]


def _is_role(role: str) -> bool:
    return role.replace("_", "").isalnum() and role.isascii() and len(role) <= 50  # noqa: PLR2004 - a word
