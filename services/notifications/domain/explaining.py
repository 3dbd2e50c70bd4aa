"""Why somebody was told, or was not, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.notifications.domain.messages import ENDED, WHY
from services.notifications.domain.people import Stage
from services.notifications.domain.recipients import MENDING

HORIZON: Final = timedelta(days=120)
OWNERS: Final = {
    "client": "the setting for this client",
    "partner": "the partner's default setting",
    "factory": "the default that holds where nobody chose",
    "services_ended": "the end of services: HubSpot tells the client, nobody of the partner",
}
RULES: Final = {
    "contacts_in_roles": "the client's contacts in the roles that the policy names",
    "point_of_contact": "the point of contact that is chosen",
    "default_point_of_contact": "the partner's default point of contact, as the chosen one cannot "
    "be told",
    "partner_admin": "an admin of the partner, as no point of contact can be told",
    "renewal_manager": "HubSpot's renewal manager of the client, in a message of their own",
    "channel_account_manager": "the partner's channel account manager at HubSpot",
    "team": "the partner's HubSpot team",
}
STATES: Final = {
    "planned": "It is planned and not sent yet.",
    "claimed": "It is being sent.",
    "handed_over": "It was handed to the mail relay, and the answer is awaited.",
    "deferred": "The mail relay put it off; it is tried again.",
    "accepted": "The mail relay accepted it.",
    "rejected": "It was not sent.",
    "unknown": "It was handed over and the answer never came: nobody can tell whether it arrived.",
    "blocked": "Nobody valid can be told now.",
    "dropped": "It was not sent, since it was no longer right.",
    "superseded": "It was not sent, since a later stage took its place.",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """What a sentence is made of."""

    kind: str
    stage: str
    state: str
    reason: str | None
    owner: str | None
    owner_source: str | None
    rule: str
    waiting_for: tuple[str, ...] = ()


def explain(told: Explained) -> list[str]:
    """The chain from event to outcome."""
    sentences = [_event(told)]
    if told.waiting_for:
        sentences.append(f"It waits until this is known here: {', '.join(told.waiting_for)}.")
    if told.owner:
        source = OWNERS.get(told.owner_source or "", told.owner_source)
        party = "HubSpot" if told.owner == "hubspot" else "The partner"
        sentences.append(f"{party} relays the change, by {source}.")
    if told.rule:
        name = told.rule.split(":")[1] if ":" in told.rule else told.rule
        sentences.append(f"To be told: {RULES.get(name, name)}.")
    sentences.append(STATES.get(told.state, told.state))
    if told.reason:
        sentences.append(because(told.reason))
    return sentences


def because(reason: str) -> str:
    """A reason as a sentence, with the way to mend it where there is one."""
    return WHY.get(reason) or MENDING.get(reason) or reason


def _event(told: Explained) -> str:
    if told.kind == ENDED:
        return "The partner ended its services for the client, so HubSpot's people are told."
    return f"The stage '{told.stage}' of the {told.kind.replace('_', ' ')} became due."


def due_on(stage: Stage, starts: date, deadline: date) -> date:
    """The day of a stage; 'entered' is the day on which a renewal enters the horizon."""
    if stage.days_before_deadline is None:
        return starts - HORIZON
    return deadline - timedelta(days=stage.days_before_deadline)


def nothing_due(
    day: date, changes: Sequence[tuple[str, date, date]], stages: Sequence[Stage]
) -> str:
    """Why there is no message for a day: ``changes`` are (status, start, deadline)."""
    if not changes:
        return "Nothing was due: no contract change of this client is known."
    coming = [
        (due_on(stage, starts, deadline), stage.name, starts)
        for status, starts, deadline in changes
        if status in ("pending", "ended")
        for stage in stages
        if due_on(stage, starts, deadline) > day
    ]
    if coming:
        on, name, starts = min(coming)
        return (
            f"Nothing was due: the next stage is '{name}' on {on.isoformat()}, "
            f"of the change that starts on {starts.isoformat()}."
        )
    return "Nothing was due: no stage of a change that can still be decided lies ahead of that day."
