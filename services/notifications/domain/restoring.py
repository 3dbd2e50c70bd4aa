"""What the service itself said of its messages, for a ledger that has forgotten some of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifications.domain.messages import (
    ENDED,
    State,
    message_id,
    notice_id,
    planned_id,
)
from shared.contracts import notifications as told

_PERIODS, _TURNS = 100, 20


@dataclass(frozen=True, slots=True)
class Known:
    """What became of a message, as its event said it."""

    message_id: UUID
    notice_id: UUID | None  # None where it cannot be told any more
    version: int
    state: State
    reason: str | None
    audience: str | None
    recipient_id: UUID | None
    copied_user_id: UUID | None
    rule: str
    attempts: int
    at: datetime


def known(said: told.MessageEvent) -> Known | None:
    """What an event settles. None for one that is blocked: how that ended may be unsaid."""
    attempts, reason = getattr(said, "attempts", 0), getattr(said, "reason", None)
    match said:
        case told.ReminderSent():
            state = State.ACCEPTED
        case told.ReminderFailed():
            state = State.REJECTED
        case told.ReminderInDoubt():
            state, reason = State.UNKNOWN, "in_doubt"
        case told.ReminderDropped():
            state = State.SUPERSEDED if said.superseded else State.DROPPED
        case _:
            return None
    return Known(
        said.message_id,
        _notice_of(said),
        said.version,
        state,
        reason,
        said.audience or None,
        said.recipient_id,
        said.copied_user_id,
        said.rule,
        attempts,
        said.occurred_at,
    )


def asked_anew_id(notice: UUID) -> UUID:
    """The message that asks, after a restore, whether somebody is still to be told."""
    return planned_id(notice, -1)


def _notice_of(said: told.MessageEvent) -> UUID | None:
    if said.renewal_id is not None and said.renewal_start is not None:
        return notice_id(said.renewal_id, said.renewal_start.isoformat(), said.stage)
    # An end of services does not say which: its message's id does.
    for period in range(1, _PERIODS):
        notice = notice_id(said.client_id, f"period-{period}", ENDED)
        ids = {planned_id(notice, turn) for turn in range(-1, _TURNS)}
        if said.recipient_id:
            ids.add(message_id(notice, said.recipient_id))
        if said.message_id in ids:
            return notice
    return None
