"""A message from plan to outcome: its states, its ids, and the reasons it can end with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from services.notifications.domain.people import Stage

NAMESPACE: Final = UUID("0d6a4f0e-0a52-5f0f-8f3b-6f4f7f0c2b1d")
ENDED: Final = "services_ended"
RENEWAL: Final = "renewal"
OUTCOME: Final = "outcome"
LAST_STAGE: Final = "d-0"
ENDED_FOR: Final = timedelta(days=14)  # how long HubSpot's people are told that services ended


class State(StrEnum):
    """Where a message stands."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    HANDED_OVER = "handed_over"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    SUPERSEDED = "superseded"


WHY: Final = {
    "decided": "The renewal was decided before the message could go out.",
    "moved": "The renewal starts on another day by now; that day has messages of its own.",
    "withdrawn": "There is nothing left to decide: the contract change is gone.",
    "services_resumed": "The partner services the client again.",
    "deadline_passed": "The deadline passed before it could be sent.",
    "renewal_started": "The new term began before it could be sent.",
    "overtaken": "The next stage was due before it could be sent.",
    "told_too_late": "It could not be sent in time.",
    "no_longer_recipient": "Somebody else is to be told by now.",
    "already_told": "Everybody to be told has a message of this stage.",
    "erased": "The client or the partner was erased.",
    "refused": "The mail relay refused it for good.",
    "put_off": "The mail relay put it off; it is tried again.",
    "put_off_too_often": "The mail relay put it off until the tries were used up.",
    "unsafe": "It could not be written as a mail without breaking it.",
    "in_doubt": "It was handed over and the answer never came.",
    "restored": "The ledger came back from a backup: nobody can tell whether it was sent.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told: one stage of one contract change, or that services ended.

    ``occasion`` is the renewal start as an ISO date, or the period whose services ended.
    """

    notice_id: UUID
    kind: str
    stage: str
    subject_id: UUID
    occasion: str
    due_at: datetime
    due_until: datetime
    starts: date | None = None
    period: int | None = None


def notice_id(subject_id: UUID, occasion: str, stage: str) -> UUID:
    """The one notice of a stage of a renewal with this start."""
    return uuid5(NAMESPACE, f"notice:{subject_id}:{occasion}:{stage}")


def planned_id(notice: UUID, turn: int = 0) -> UUID:
    """A message of a notice, before it is known who gets it; asked anew, it is another one."""
    return uuid5(notice, f"whoever:{turn}")


def message_id(notice: UUID, recipient: UUID) -> UUID:
    """A message of a notice that is one recipient's from the start."""
    return uuid5(notice, f"recipient:{recipient}")


def mail_id(subject_id: UUID, occasion: str, stage: str, recipient_id: UUID) -> UUID:
    """What Message-ID is made of: it follows from the business key, so all attempts share it."""
    return uuid5(NAMESPACE, f"mail:{subject_id}:{occasion}:{stage}:{recipient_id}")


@lru_cache(maxsize=4096)  # few days and zones stand behind many messages
def midnight(day: date, zone: str) -> datetime:
    """The first instant of a day in an IANA zone, in UTC."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def ends_at(stage: str, due_until: datetime, deadline: date, starts: date, zone: str) -> datetime:
    """When it is too late: the next stage is due, or the deadline (for an outcome the start) past.

    The deadline itself is a day on which there is still something to decide.
    """
    over = starts if stage == OUTCOME else deadline + timedelta(days=1)
    return min(due_until, midnight(over, zone))


def ends_as(stage: str, due_until: datetime, deadline: date, zone: str) -> str:
    """The reason for which a message ends that could not be sent in time."""
    if stage == OUTCOME:
        return "renewal_started"
    closing = midnight(deadline + timedelta(days=1), zone)
    return "overtaken" if due_until < closing else "deadline_passed"


def is_last(kind: str, stage: str, stages: Sequence[Stage]) -> bool:
    """Whether it is the last stage at which something can still be decided."""
    counted = {
        each.name: each.days_before_deadline
        for each in stages
        if each.days_before_deadline is not None and each.days_before_deadline >= 0
    }
    if kind != RENEWAL or not counted:
        return stage == LAST_STAGE
    return stage == min(counted, key=lambda name: counted[name])


def may_send_again(policy: str, kind: str, stage: str, stages: Sequence[Stage]) -> bool:
    """Whether a message in doubt is sent again without asking anybody."""
    return policy == "resend" or (policy == "last_stage" and is_last(kind, stage, stages))


def put_off_for(times: int) -> timedelta:
    """How long to wait after the relay put a message off for the n-th time: 1 to 60 minutes."""
    return timedelta(minutes=min(60, 2 ** max(0, times - 1)))


def not_sent_for(attempts: int) -> timedelta:
    """How long to wait after an attempt that surely was not sent: 1 s to 5 minutes."""
    return timedelta(seconds=min(300, 2 ** min(max(0, attempts - 1), 9)))
