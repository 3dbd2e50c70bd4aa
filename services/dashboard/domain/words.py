"""Codes of other services in words that a person understands, and how to mend what is blocked.

What is not known here is shown as it was said: codes grow, and none may break the page.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Place: TypeAlias = Literal["contacts", "crm", "owner", "default_owner", "team"]
Tone: TypeAlias = Literal["good", "quiet", "warn", "bad"]

KINDS: Final = {
    "renewal": "renewal",
    "contact_tier_upgrade": "contact tier upgrade",
    "email_overage": "email overage",
    "services_ended": "end of services",
}

STATES: Final[dict[str, tuple[str, Tone]]] = {
    "sent": ("Sent", "good"),
    "coming": ("Coming", "quiet"),
    "due": ("Due", "warn"),
    "superseded": ("Superseded", "quiet"),
    "dropped": ("Not sent", "quiet"),
    "blocked": ("Blocked", "bad"),
    "failed": ("Failed", "bad"),
    "in_doubt": ("In doubt", "warn"),
    "not_told": ("Not told", "quiet"),
}

REASONS: Final = {
    "decided": "The renewal was decided before the message could go out.",
    "moved": "The renewal starts on another day by now, and that day has messages of its own.",
    "withdrawn": "There is nothing left to decide: the contract change is gone.",
    "services_resumed": "You service the client again.",
    "deadline_passed": "The deadline passed before it could be sent.",
    "renewal_started": "The new term began before it could be sent.",
    "overtaken": "The next stage was due before it could be sent.",
    "told_too_late": "It could not be sent in time.",
    "no_longer_recipient": "Somebody else is to be told by now.",
    "already_told": "Everybody to be told has a message of this stage.",
    "erased": "The client or the partner was erased.",
    "refused": "The recipient's mail system refused it for good.",
    "put_off": "The recipient's mail system put it off; it is tried again.",
    "put_off_too_often": "The recipient's mail system put it off until all tries were used up.",
    "unsafe": "It could not be written as a mail without breaking it.",
    "restored": "Our records came back from a backup: nobody can tell whether it was sent.",
    "in_doubt": "It was handed over and the answer never came: nobody can tell whether it arrived.",
    "no_contact_in_roles": "None of the client's contacts is its {roles}.",
    "contact_address_unusable": "The client's {roles} has no address that mail can be sent to.",
    "no_active_partner_user": "Neither a point of contact nor an admin of yours can be told.",
    "no_hubspot_person": "Nobody at HubSpot is named for this client or for you.",
}

WHY: Final = {
    "overtaken": "A later stage was due before it could be told.",
    "decided": "The client has decided, so nothing more is told before the outcome.",
    "passed": "Its day had passed when it could have been told.",
    "no_moment": "On that day the clocks leap over its hour, and the next stage stands for it.",
    "telling": "Its time has come; what became of it is not known yet.",
    "held_up": "Its time came, and nothing was heard of it since. A stage that was switched on "
    "after its day is left out; otherwise it is held up and goes out late.",
}

_ROLES: Final = {
    "decision_maker": "decision maker",
    "primary": "primary contact",
    "billing": "billing contact",
    "channel_account_manager": "Channel Account Manager",
    "channel_consultant": "Channel Consultant",
    "renewal_manager": "Renewal Manager",
}

_RULES: Final = {
    "point_of_contact": "the chosen point of contact",
    "default_point_of_contact": "your default point of contact, since the chosen one cannot be "
    "told",
    "partner_admin": "an admin of yours, since no point of contact can be told",
    "renewal_manager": "HubSpot's renewal manager of the client",
    "channel_account_manager": "your Channel Account Manager at HubSpot",
    "team": "your HubSpot team",
}

_SOURCES: Final = {
    "client": "the setting for this client",
    "partner": "your default setting",
    "factory": "the default that holds where nobody chose",
    "services_ended": "the end of services",
}


@dataclass(frozen=True, slots=True)
class Mending:
    """What to do so that a blocked message goes out, and where that is done."""

    text: str
    places: tuple[Place, ...]


MENDING: Final = {
    "no_contact_in_roles": Mending(
        "Name the client's {roles} among its contacts in your CRM, or relay the change "
        "yourselves: choose Partner as the renewal owner.",
        ("crm", "contacts", "owner"),
    ),
    "contact_address_unusable": Mending(
        "Correct the e-mail address of the client's {roles} in your CRM.", ("crm", "contacts")
    ),
    "no_active_partner_user": Mending(
        "Choose an active user as point of contact for this client, or as the default one.",
        ("owner", "default_owner"),
    ),
    "no_hubspot_person": Mending(
        "HubSpot has to name a renewal manager or a Channel Account Manager. Until then, tell "
        "your HubSpot contact yourself.",
        ("team", "crm"),
    ),
}
UNKNOWN_MENDING: Final = Mending(
    "Look at the client's contacts and at who relays its changes.", ("contacts", "owner")
)


def kind(code: str) -> str:
    """A kind of contract change, inside a sentence."""
    return KINDS.get(code) or _plain(code)


def state(code: str) -> tuple[str, Tone]:
    """What became of a message or stage, and how it is coloured."""
    return STATES.get(code) or (_plain(code).capitalize(), "quiet")


def reason(code: str, rule: str = "") -> str:
    """Why a message was not sent, as a sentence; empty where nothing was said.

    ``rule`` is the one that looked for somebody: it names the roles that are written to.
    """
    return REASONS.get(code, code).replace("{roles}", roles(_roles_in(rule)))


def role(code: str) -> str:
    """A person's role: known ones by their names, others as they are called in the data."""
    known = _ROLES.get(code)
    return known or _plain(code)


def roles(codes: tuple[str, ...]) -> str:
    """Roles, one of which is meant."""
    return " or ".join(map(role, codes)) or role("decision_maker")


def rule(code: str) -> str:
    """By which rule somebody is told: "your default setting: the client's decision maker"."""
    source, _, rest = code.partition(":")
    name = rest.partition(":")[0]
    if source not in _SOURCES or not name:
        return code
    if name == "contacts_in_roles":
        told = f"the client's {roles(_roles_in(code))}"
    else:
        told = _RULES.get(name) or role(name)
    return f"{told}, by {_SOURCES[source]}"


def _roles_in(rule_code: str) -> tuple[str, ...]:
    _, _, detail = rule_code.partition("contacts_in_roles:")
    return tuple(filter(None, detail.split(",")))


def mending(code: str, rule: str = "") -> Mending:
    """The way to mend a blocked message."""
    found = MENDING.get(code, UNKNOWN_MENDING)
    return Mending(found.text.replace("{roles}", roles(_roles_in(rule))), found.places)


def stage(code: str, kind_of_change: str = "renewal") -> str:
    """A stage by its distance from the deadline."""
    if code == "entered":
        return f"First notice, {120 if kind_of_change == 'renewal' else 30} days before the start"
    named = {
        "d-0": "Day of the deadline",
        "d-1": "Day before the deadline",
        "outcome": "Outcome",
        "services_ended": "End of services",
    }
    if code in named:
        return named[code]
    days = code.removeprefix("d-")
    return f"{days} days before the deadline" if days.isdecimal() else _plain(code)


def _plain(code: str) -> str:
    return code.replace("_", " ")
