"""Who relays a client's contract changes now: the same answer as the renewals service gives."""

from typing import Final, Literal, TypeAlias

from shared.contracts.renewals import EffectiveOwner, OwnerChoice, PartnerPolicySnapshot

Party: TypeAlias = Literal["hubspot", "partner"]

INHERITED: Final = OwnerChoice(owner="default")
FACTORY: Final = OwnerChoice(owner="hubspot")
HUBSPOT_AGAIN: Final = EffectiveOwner(owner="hubspot", source="services_ended")


def inherits(choice: OwnerChoice | None) -> bool:
    """Whether a client follows its partner's default."""
    return choice is None or choice.owner == "default"


def default_of(policy: PartnerPolicySnapshot | None) -> OwnerChoice:
    """What holds for every client that inherits: HubSpot, until the partner says otherwise."""
    return policy.default_owner if policy else FACTORY


def default_party(policy: PartnerPolicySnapshot | None) -> Party:
    """Which party that is."""
    return "partner" if default_of(policy).owner == "partner" else "hubspot"


def effective(
    choice: OwnerChoice | None, policy: PartnerPolicySnapshot | None, *, serviced: bool
) -> EffectiveOwner:
    """Who relays the change now, and where that is set.

    Once services have ended it is HubSpot, and nobody of the partner is named. Else the
    client's own choice holds, and without one the partner's default.
    """
    if not serviced:
        return HUBSPOT_AGAIN
    if choice is None or choice.owner == "default":
        held, source = default_of(policy), "partner" if policy else "factory"
    else:
        held, source = choice, "client"
    if held.owner == "partner":
        fallback = policy.default_point_of_contact_id if policy else None
        return EffectiveOwner(
            owner="partner",
            source=source,
            point_of_contact_id=held.point_of_contact_id or fallback,
        )
    return EffectiveOwner(owner="hubspot", source=source, notified_user_id=held.notified_user_id)
