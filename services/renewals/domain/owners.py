"""Who relays a contract change to the client, and which choices of persons are allowed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from uuid import UUID

from services.renewals.domain.kinds import Refused
from shared.contracts.renewals import EffectiveOwner, OwnerChoice

Party: TypeAlias = Literal["hubspot", "partner"]

INHERITED: Final = OwnerChoice(owner="default")
FACTORY: Final = OwnerChoice(owner="hubspot")
HUBSPOT_AGAIN: Final = EffectiveOwner(owner="hubspot", source="services_ended")


@dataclass(frozen=True, slots=True)
class Default:
    """A partner's default: None where the factory's still stands."""

    choice: OwnerChoice | None = None
    point_of_contact_id: UUID | None = None

    @property
    def owner(self) -> OwnerChoice:
        """What holds for every client that inherits."""
        return self.choice or FACTORY


NOT_SET: Final = Default()


def effective(choice: OwnerChoice, default: Default, *, serviced: bool) -> EffectiveOwner:
    """Who relays the change now.

    Once services have ended it is HubSpot, and nobody of the partner is named.
    """
    if not serviced:
        return HUBSPOT_AGAIN
    inherits = choice.owner == "default"
    held = default.owner if inherits else choice
    source = ("partner" if default.choice else "factory") if inherits else "client"
    if held.owner == "partner":
        return EffectiveOwner(
            owner="partner",
            source=source,
            point_of_contact_id=held.point_of_contact_id or default.point_of_contact_id,
        )
    return EffectiveOwner(owner="hubspot", source=source, notified_user_id=held.notified_user_id)


def checked(choice: OwnerChoice, active: Collection[UUID]) -> OwnerChoice:
    """The choice, if it names who it must and only active users of the partner; else Refused."""
    if choice.owner == "partner" and choice.point_of_contact_id is None:
        raise Refused(
            "point_of_contact_id",
            "with the partner as owner, name the active user who is the point of contact",
        )
    if choice.owner != "partner" and choice.point_of_contact_id is not None:
        raise Refused(
            "point_of_contact_id", f"only owner 'partner' has one, and this is {choice.owner!r}"
        )
    if choice.owner != "hubspot" and choice.notified_user_id is not None:
        raise Refused(
            "notified_user_id", f"only owner 'hubspot' has one, and this is {choice.owner!r}"
        )
    checked_user("point_of_contact_id", choice.point_of_contact_id, active)
    checked_user("notified_user_id", choice.notified_user_id, active)
    return choice


def checked_user(field: str, user: UUID | None, active: Collection[UUID]) -> None:
    """Refuse a person who is not an active user of the partner."""
    if user is not None and user not in active:
        raise Refused(field, f"{user} is not an active user of this partner; choose one who is")
