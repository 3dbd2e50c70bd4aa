"""The stages at which somebody is told: which there are, when each is due, what overtakes it."""

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from services.renewals.domain import dates
from services.renewals.domain.kinds import HORIZON, NOTICE, Kind, Refused, Status
from shared.contracts import renewals as contract

ENTERED: Final = "entered"
OUTCOME: Final = "outcome"
DEFAULT_SEND_HOUR: Final = "09:00"
MOST_DAYS: Final = (HORIZON[Kind.RENEWAL] - NOTICE[Kind.RENEWAL]).days - 1

Names: TypeAlias = tuple[str, ...]

FACTORY: Final[Names] = (ENTERED, "d-45", "d-15", "d-7", "d-1", "d-0", OUTCOME)
OTHER_KINDS: Final[Names] = (ENTERED, "d-7", "d-1", "d-0", OUTCOME)

_NAME = re.compile(r"d-(0|[1-9]\d?)")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Due:
    """A stage with its window: due from ``due_at``, overtaken from ``due_until``."""

    stage: str
    due_at: datetime
    due_until: datetime


Plan: TypeAlias = tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a look at the clock changes: who is told now, what was overtaken, when to look again."""

    fired: Due | None
    superseded: tuple[Due, ...]
    next_stage: str | None
    next_at: datetime | None


def days_before_deadline(stage: str) -> int | None:
    """Days from a stage to the deadline: None at the horizon, -1 for the outcome."""
    if stage == ENTERED:
        return None
    return -1 if stage == OUTCOME else int(stage[2:])


def described(stages: Sequence[str]) -> tuple[contract.Stage, ...]:
    """The stages as the contract says them."""
    return tuple(
        contract.Stage(name=stage, days_before_deadline=days_before_deadline(stage))
        for stage in stages
    )


def checked(stages: Sequence[str], field: str = "stages") -> Names:
    """The stages in the order in which they are due, or Refused with what would be right."""
    for stage in stages:
        found = _NAME.fullmatch(stage)
        if stage not in (ENTERED, OUTCOME) and (not found or int(found[1]) > MOST_DAYS):
            raise Refused(
                field,
                f"{stage!r} is no stage: 'entered', 'outcome', or 'd-N' with N from 0 "
                f"to {MOST_DAYS} days before the deadline",
            )
    twice = sorted({stage for stage in stages if stages.count(stage) > 1})
    if twice:
        raise Refused(field, f"{twice[0]!r} is named twice; name each stage once")
    if not any(stage != OUTCOME for stage in stages):
        raise Refused(field, "name at least one stage up to the deadline, such as 'd-7'")
    return tuple(sorted(stages, key=_position))


def checked_hour(hour: str, field: str = "send_hour") -> str:
    """A local time of day as HH:MM, or Refused."""
    if not _HOUR.fullmatch(hour):
        raise Refused(field, f"{hour!r} is no time of day: HH:MM from 00:00 to 23:59")
    return hour


def _position(stage: str) -> int:
    days = days_before_deadline(stage)
    return -(MOST_DAYS + 1) if days is None else -days


def of_kind(kind: Kind, partner: Names, client: Names | None) -> Names:
    """The stages of a change: the client's own, else the partner's; other kinds' are fixed."""
    if kind is not Kind.RENEWAL:
        return OTHER_KINDS
    return partner if client is None else client


@lru_cache(maxsize=65536)
def plan(kind: Kind, start: date, zone: str, send_hour: str, stages: Names) -> Plan:
    """Every stage with its window, in order.

    A stage lasts until the next is due, but none outlasts the deadline's last minute, and the
    outcome lasts until the new terms start.
    """
    last_day = dates.deadline(start, kind)
    at = [
        (stage, dates.send_instant(_day(stage, start, last_day, kind), send_hour, zone))
        for stage in stages
    ]
    closed = dates.send_instant(last_day + dates.DAY, "00:00", zone)
    begun = dates.send_instant(start, "00:00", zone)
    following = [due for _, due in at[1:]]
    return tuple(
        Due(stage, due, begun if stage == OUTCOME else min(until, closed))
        for (stage, due), until in zip(at, [*following, closed], strict=True)
    )


def _day(stage: str, start: date, last_day: date, kind: Kind) -> date:
    days = days_before_deadline(stage)
    return dates.enters_horizon(start, kind) if days is None else last_day - timedelta(days=days)


def to_come(whole: Plan, status: Status) -> Plan:
    """What of a plan still matters: once it is decided, only the outcome; withdrawn, nothing."""
    if status in (Status.PENDING, Status.ENDED):
        return whole
    if status is Status.WITHDRAWN:
        return ()
    return tuple(due for due in whole if due.stage == OUTCOME)


def arm(whole: Plan, dealt_with: Collection[str]) -> tuple[str | None, datetime | None]:
    """The first stage after the last one dealt with, and when to look at it."""
    done = [i for i, due in enumerate(whole) if due.stage in dealt_with]
    after = whole[done[-1] + 1 :] if done else whole
    return (after[0].stage, after[0].due_at) if after else (None, None)


def sweep(whole: Plan, next_stage: str, now: datetime) -> Swept:
    """Tell the latest stage whose window is open; what it overtook is superseded.

    Where no window is open, a later stage will say what was overtaken. Behind the last window
    there is nobody to tell any more.
    """
    first = next((i for i, due in enumerate(whole) if due.stage == next_stage), 0)
    last = bisect_right(whole, now, key=lambda due: due.due_at) - 1
    following = whole[last + 1] if last + 1 < len(whole) else None
    if last < first:
        return Swept(None, (), *arm(whole[first:], ()))
    if now < whole[last].due_until:
        then = (following.stage, following.due_at) if following else (None, None)
        return Swept(whole[last], whole[first:last], *then)
    if following:
        return Swept(None, (), next_stage, following.due_at)
    return Swept(None, whole[first:], None, None)


def switched_on_late(before: Plan, after: Plan, now: datetime) -> tuple[Due, ...]:
    """Stages that were just switched on although their day has passed: they are never told."""
    known = {due.stage for due in before}
    return tuple(due for due in after if due.stage not in known and due.due_at <= now)


@dataclass(frozen=True, slots=True)
class Told:
    """A stage with what became of it: fired, superseded, skipped, due, coming or not_needed."""

    due: Due
    state: str
    at: datetime | None = None


def timeline(
    whole: Plan, status: Status, records: Mapping[str, tuple[str, datetime]], now: datetime
) -> list[Told]:
    """Every stage of a plan, with what became of it or is to come."""
    needed = {due.stage for due in to_come(whole, status)}
    told = []
    for due in whole:
        if due.stage in records:
            told.append(Told(due, *records[due.stage]))
        elif due.stage not in needed:
            told.append(Told(due, "not_needed"))
        else:
            told.append(Told(due, "due" if due.due_at <= now else "coming"))
    return told
