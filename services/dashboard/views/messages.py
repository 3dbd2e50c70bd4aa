"""Messages and stages as people read them: what became of each, of whom, when, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dashboard.domain import words
from services.dashboard.domain.messages import ENDED, Blocked, Message, People
from services.dashboard.domain.timeline import Change, Point, Setting
from services.dashboard.views import formats


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who is written to; ``part`` is To or Cc."""

    part: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a list, or under its stage."""

    message_id: UUID
    stage: str
    about: str
    state: str
    label: str
    tone: words.Tone
    to: tuple[Who, ...]
    at: datetime
    when: str
    rule: str
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A stage on the line."""

    name: str
    state: str
    label: str
    tone: words.Tone
    at: datetime | None
    when: str
    why: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stages of a contract change: what came of each, and in which zone it is told."""

    spots: tuple[Spot, ...]
    zone: str
    send_hour: str
    own_stages: bool
    undecided: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Where a blocked message is mended: a page here, one elsewhere, or a dialog."""

    label: str
    href: str
    away: bool = False
    dialog: bool = False


@dataclass(frozen=True, slots=True)
class Stuck:
    """A blocked message with the way to mend it."""

    line: Line
    client_id: UUID
    domain: str
    name: str
    deadline: str
    days: int | None
    mending: str
    steps: tuple[Step, ...]


def line(message: Message, people: People, zone: str) -> Line:
    """A message as it is shown; ``zone`` is the partner's."""
    label, tone = words.state(message.state)
    return Line(
        message_id=message.message_id,
        stage=words.stage(message.stage, message.kind),
        about=_about(message),
        state=message.state,
        label=label,
        tone=tone,
        to=_recipients(message, people),
        at=message.at,
        when=formats.instant(message.at, zone),
        rule=formats.shorten(words.rule(message.rule)),
        reason=formats.shorten(words.reason(message.reason, message.rule)),
        attempts=message.attempts,
    )


def _about(message: Message) -> str:
    if message.kind == ENDED:
        return ""
    start = f", start {formats.day(message.starts)}" if message.starts else ""
    kind = words.kind(message.kind)
    return f"{kind[:1].upper()}{kind[1:]}{start}"


def _recipients(message: Message, people: People) -> tuple[Who, ...]:
    if message.state == "blocked" or (message.recipient_id is None and not message.audience):
        return ()
    to = people.named(message.recipient_id, message.audience)
    found = [Who("To", formats.shorten(to.name), to.email)]
    if message.copied_user_id:
        copied = people.named(message.copied_user_id, "partner")
        found.append(Who("Cc", formats.shorten(copied.name), copied.email))
    return tuple(found)


def timeline(
    points: Sequence[Point], change: Change, setting: Setting, people: People, *, own_stages: bool
) -> Timeline:
    """The stages of a contract change, in order."""
    return Timeline(
        spots=tuple(_spot(point, change.kind, people, setting.zone) for point in points),
        zone=setting.zone,
        send_hour=setting.send_hour,
        own_stages=own_stages,
        undecided=change.status == "pending",
    )


def _spot(point: Point, kind: str, people: People, zone: str) -> Spot:
    label, tone = words.state(point.state)
    lines = tuple(line(each, people, zone) for each in point.messages)
    why = words.WHY.get(point.why, "")
    if point.by:
        why = f"“{words.stage(point.by, kind)}” was due before it could be told."
    elif not why and len({each.reason for each in lines}) == 1:
        why = lines[0].reason
    at = max((each.at for each in lines), default=point.at)
    return Spot(
        name=words.stage(point.stage, kind),
        state=point.state,
        label=label,
        tone=tone,
        at=at,
        when=formats.instant(at, zone) if at else "",
        why=why,
        lines=lines,
    )


def stuck(
    message: Blocked,
    *,
    zone: str,
    days: int | None,
    links: Mapping[words.Place, Step],
) -> Stuck:
    """A blocked message with the way to mend it; ``links`` are those that there are."""
    mending = words.mending(message.reason, message.rule)
    return Stuck(
        line=line(message, People(), zone),
        client_id=message.client_id,
        domain=formats.shorten(message.domain),
        name=formats.shorten(message.name),
        deadline=formats.day(message.deadline) if message.deadline else "",
        days=days,
        mending=mending.text,
        steps=tuple(links[place] for place in mending.places if place in links),
    )
