"""The stages of a contract change on a line: told, overtaken, due, coming, or not told."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from services.dashboard.domain.messages import Message
from shared.contracts.renewals import Stage

RENEWAL: Final = "renewal"
ENTERED: Final = "entered"
OUTCOME: Final = "outcome"
SEND_HOUR: Final = "09:00"
HORIZON: Final = {RENEWAL: timedelta(days=120)}
OTHER_HORIZON: Final = timedelta(days=30)
UNDECIDED: Final = frozenset({"pending", "ended"})

_NAME: Final = re.compile(r"d-\d{1,3}")
DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
LATE: Final = timedelta(hours=1)

State: TypeAlias = Literal[
    "sent", "coming", "due", "superseded", "dropped", "blocked", "failed", "in_doubt", "not_told"
]
Why: TypeAlias = Literal[
    "",
    "overtaken",  # the next stage was due before this one was told
    "decided",  # nothing is told between a decision and its outcome
    "withdrawn",  # there is nothing to decide any more
    "passed",  # its day had passed when it could have been told
    "no_moment",  # the next stage is due at the same instant
    "telling",  # its time has come, and what became of it is not known yet
    "held_up",  # its time came a while ago, and nothing was said of it
]


def _stages(*names: str) -> tuple[Stage, ...]:
    return tuple(Stage(name=name, days_before_deadline=_days(name)) for name in names)


def _days(name: str) -> int | None:
    if name == ENTERED:
        return None
    return -1 if name == OUTCOME else int(name.removeprefix("d-"))


FACTORY: Final = _stages(ENTERED, "d-45", "d-15", "d-7", "d-1", "d-0", OUTCOME)
OTHER_KINDS: Final = _stages(ENTERED, "d-7", "d-1", "d-0", OUTCOME)


@dataclass(frozen=True, slots=True)
class Change:
    """A contract change, as far as its stages depend on it."""

    kind: str
    status: str
    starts: date
    deadline: date

    @property
    def horizon(self) -> date:
        """The first day on which it is shown and told."""
        return self.starts - HORIZON.get(self.kind, OTHER_HORIZON)


@dataclass(frozen=True, slots=True)
class Setting:
    """When somebody is told: the partner's zone and hour, and the stages in force."""

    zone: str
    send_hour: str = SEND_HOUR
    stages: tuple[Stage, ...] = FACTORY


@dataclass(frozen=True, slots=True)
class Told:
    """That the time of a stage came: since when, and the stage that overtook it, if one did."""

    at: datetime
    superseded_by: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A stage: its day, from when until when it may be told, and what became of it.

    ``at`` and ``until`` are None for a stage that is not configured any more.
    """

    stage: str
    day: date
    at: datetime | None
    until: datetime | None
    state: State
    why: Why = ""
    by: str | None = None
    messages: tuple[Message, ...] = ()


def in_force(
    kind: str, partner: Sequence[Stage] | None, client: Sequence[Stage] | None
) -> tuple[Stage, ...]:
    """The stages of a change: the client's own, else the partner's. Other kinds' are fixed."""
    if kind != RENEWAL:
        return OTHER_KINDS
    return tuple(client or partner or FACTORY)


def draw(
    change: Change,
    setting: Setting,
    told: Mapping[str, Told],
    messages: Sequence[Message],
    now: datetime,
) -> list[Point]:
    """Every stage in force, and those told that are so no more, in the order of their days."""
    plan = _plan(change, setting)
    names = [window.stage for window in plan]
    by_stage: dict[str, list[Message]] = {}
    for message in messages:
        by_stage.setdefault(message.stage, []).append(message)
    dealt = {*told, *by_stage}
    last = max((place for place, name in enumerate(names) if name in dealt), default=-1)
    points = []
    for place, window in enumerate(plan):
        said = tuple(by_stage.get(window.stage, ()))
        state, why, by = _state(change, window, told.get(window.stage), said, now, last > place)
        points.append(
            Point(window.stage, window.day, window.at, window.until, state, why, by, said)
        )
    points += [
        _former(name, change, told.get(name), tuple(by_stage.get(name, ())))
        for name in sorted(dealt - set(names))
    ]
    return sorted(points, key=lambda point: point.day)  # of one day: as they were


def send_instant(day: date, at: str, zone: str) -> datetime:
    """The instant, in UTC, at which a local time (HH:MM) of a day begins in a zone.

    One that the clocks leap over stands for the first instant after the gap, one that comes
    twice for the first.
    """
    tz = ZoneInfo(zone)
    local = datetime.combine(day, time.fromisoformat(at))
    instant = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == local:
        return instant
    before, after = local.replace(tzinfo=tz, fold=1).astimezone(UTC), instant
    old = before.astimezone(tz).utcoffset()
    while after - before > SECOND:
        middle = (before + (after - before) // 2).replace(microsecond=0)
        if middle.astimezone(tz).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


@dataclass(frozen=True, slots=True)
class _Window:
    stage: str
    day: date
    at: datetime
    until: datetime


def _plan(change: Change, setting: Setting) -> list[_Window]:
    """Each stage until the next is due, none past the deadline's day but the outcome."""
    days = [_day(stage, change) for stage in setting.stages]
    at = [send_instant(day, setting.send_hour, setting.zone) for day in days]
    closed = send_instant(change.deadline + DAY, "00:00", setting.zone)
    begun = send_instant(change.starts, "00:00", setting.zone)
    return [
        _Window(stage.name, day, due, begun if stage.name == OUTCOME else min(until, closed))
        for stage, day, due, until in zip(setting.stages, days, at, [*at[1:], closed], strict=True)
    ]


def _day(stage: Stage, change: Change) -> date:
    days = stage.days_before_deadline
    return change.horizon if days is None else change.deadline - timedelta(days=days)


def _state(
    change: Change,
    window: _Window,
    told: Told | None,
    messages: Sequence[Message],
    now: datetime,
    overtaken: bool,
) -> tuple[State, Why, str | None]:
    if messages:
        state = _of_messages(messages)
        by = told.superseded_by if told and state == "superseded" else None
        return state, "", by
    if told is not None and told.superseded_by is not None:
        return "superseded", "overtaken", told.superseded_by
    if told is not None:
        return "due", "telling" if now < told.at + LATE else "held_up", None
    return (*_unsaid(change, window, now, overtaken), None)


def _unsaid(change: Change, window: _Window, now: datetime, overtaken: bool) -> tuple[State, Why]:
    """What will come of a stage of which nothing was said yet."""
    why: Why = ""
    if change.status not in UNDECIDED and window.stage != OUTCOME:
        why = "decided"
    elif window.at >= window.until:
        why = "no_moment"
    elif overtaken or now >= window.until:
        why = "passed"
    if why:
        return "not_told", why
    if now < window.at:
        return "coming", ""
    return "due", "telling" if now < window.at + LATE else "held_up"


# What somebody has to look at comes first; of what was left out, that it was sent to somebody.
_WEIGHT: Final[dict[str, State]] = {
    "blocked": "blocked",
    "failed": "failed",
    "in_doubt": "in_doubt",
    "sent": "sent",
    "dropped": "dropped",
    "superseded": "superseded",
}


def _of_messages(messages: Sequence[Message]) -> State:
    states = {message.state for message in messages}
    return next((state for name, state in _WEIGHT.items() if name in states), "due")


def _former(name: str, change: Change, told: Told | None, messages: tuple[Message, ...]) -> Point:
    """A stage of which something was said and that is in force no more."""
    if name in (ENTERED, OUTCOME) or _NAME.fullmatch(name):
        day = _day(Stage(name=name, days_before_deadline=_days(name)), change)
    else:
        day = (told.at if told else min(each.at for each in messages)).date()
    by = told.superseded_by if told else None
    if messages:
        return Point(name, day, None, None, _of_messages(messages), "", by, messages)
    if by is not None:
        return Point(name, day, None, None, "superseded", "overtaken", by)
    return Point(name, day, None, None, "due", "held_up")
