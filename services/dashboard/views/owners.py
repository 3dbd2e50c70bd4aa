"""The renewal owner in sentences: what a choice means, and what the default means now."""

from collections.abc import Iterable
from typing import Final

from services.dashboard.domain import owners, words
from services.dashboard.views.renewals import OwnerLine, People
from shared.contracts.clients import PartnerUser
from shared.contracts.renewals import PartnerPolicySnapshot

CHOICES: Final = (("default", "Default setting"), ("hubspot", "HubSpot"), ("partner", "Partner"))
DEFAULTS: Final = CHOICES[1:]
NOBODY: Final = ("", "Nobody")
CHOOSE: Final = ("", "Choose a user")
ROLES: Final = ("decision_maker", "primary", "billing")
UNSET_ROLES: Final = ("decision_maker",)


def roles_of(policy: PartnerPolicySnapshot | None) -> tuple[str, ...]:
    """The roles of the client's contacts that HubSpot writes to."""
    return policy.recipient_roles if policy else UNSET_ROLES


def meaning(owner: OwnerLine, roles: tuple[str, ...]) -> str:
    """Who is written to, as it would be now."""
    if owner.source == "services_ended":
        return "HubSpot tells the client. Nobody of yours is told any more."
    if owner.party == "Partner":
        to = f"to {owner.person}" if owner.person and not owner.gone else "to an admin of yours"
        return (
            f"All notices and reminders go {to}, for their action with the client. "
            "Nobody of the client is written to."
        )
    copied = f", with a copy to {owner.person}" if owner.person and not owner.gone else ""
    return f"All notices and reminders go directly to the client's {words.roles(roles)}{copied}."


def default_meaning(of: People) -> str:
    """What "Default setting" means at this moment."""
    held = of.owner(owners.INHERITED, serviced=True)
    return f"At the moment that is {held.party}. {meaning(held, roles_of(of.policy))}"


def user_options(users: Iterable[PartnerUser], first: tuple[str, str]) -> list[tuple[str, str]]:
    """Active users to choose from, by name; two of one name are told apart by their address.

    Who is chosen and no longer active is not offered: then nobody is chosen.
    """
    active = sorted((u for u in users if u.active), key=lambda u: (u.name.casefold(), u.email))
    names = [user.name.casefold() for user in active]
    return [first] + [
        (
            str(user.user_id),
            f"{user.name} ({user.email})" if names.count(user.name.casefold()) > 1 else user.name,
        )
        for user in active
    ]
