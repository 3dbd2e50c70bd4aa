"""Where things stand in a chart. Each figure drawn is also told in words, as the table has it.

Across, places are percents and need no width; up and down they are pixels. So a chart is as
wide as there is room, and its words stay as large as all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from services.dashboard.domain.standing import Expiry, Rung
from services.dashboard.views import formats

COUNTABLE_APPS: Final = 17
COLUMNS_HEIGHT: Final = 120
LINE_HEIGHT: Final = 90
BEYOND: Final = 0.5  # of a step: the room above the highest tier
BANDS: Final = (("low", 0, 3), ("medium", 3, 6), ("high", 6, COUNTABLE_APPS))


@dataclass(frozen=True, slots=True)
class Mark:
    """A tier on a track: where its threshold is, and whether it is met."""

    x: str
    name: str
    amount: str
    met: bool


@dataclass(frozen=True, slots=True)
class Track:
    """A figure on its way through the tiers; each step is drawn equally wide."""

    label: str
    value: str
    filled: str
    marks: tuple[Mark, ...]
    told: str


@dataclass(frozen=True, slots=True)
class Column:
    """A month: how much counts when it begins, and what of it ends in it."""

    x: str
    width: str
    middle: str
    label: str
    kept_y: int
    kept_height: int
    ends_y: int
    ends_height: int
    told: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A value on a day."""

    x: str
    y: int
    told: str


@dataclass(frozen=True, slots=True)
class Line:
    """How a figure went, in steps: it stays as it is until the next day on which it changed."""

    label: str
    path: str
    dots: tuple[Dot, ...]
    highest: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the scale of apps used."""

    name: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The median of apps used on the scale of all countable apps, with its gate."""

    bands: tuple[Band, ...]
    marks: tuple[tuple[str, int], ...]
    gate: str
    median: str
    told: str


def percent(share: float) -> str:
    """A place across."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}%"


def track(label: str, figure: str, unit: str, rungs: Sequence[Rung]) -> Track | None:
    """A figure against the thresholds of all tiers; None where no tier asks for it."""
    asked = [(rung.tier, found) for rung in rungs if (found := rung.threshold(figure)) is not None]
    if not asked:
        return None
    steps = len(asked) + BEYOND
    actual = asked[0][1].actual
    value = formats.money(actual, unit)
    return Track(
        label=label,
        value=value,
        filled=percent(_steps(actual, [each.required for _, each in asked]) / steps),
        marks=tuple(
            Mark(percent((place + 1) / steps), tier, _whole(each.required), each.met)
            for place, (tier, each) in enumerate(asked)
        ),
        told=f"{label}: {value}. "
        + ", ".join(
            f"{tier} asks for {formats.money(each.required, unit)}" for tier, each in asked
        ),
    )


def _whole(amount: Decimal) -> str:
    """An amount without cents where it has none."""
    return formats.amount(amount).removesuffix(".00")


def _steps(actual: Decimal, required: Sequence[Decimal]) -> float:
    """How many steps a figure has come; between two thresholds, a part of one."""
    before = Decimal(0)
    for place, threshold in enumerate(required):
        if actual < threshold:
            return place + float((actual - before) / (threshold - before))
        before = threshold
    beyond = actual / before - 1 if before else Decimal(1)
    return len(required) + min(float(beyond), 1.0) * BEYOND


def columns(months: Sequence[Expiry], unit: str) -> tuple[Column, ...]:
    """A column for each month: what counts when it begins, and what of it ends in it."""
    highest = max((each.remaining + each.expiring for each in months), default=Decimal(0))
    if not highest:
        return ()
    room = 1 / len(months)
    drawn = []
    for place, each in enumerate(months):
        kept = _height(each.remaining, highest, COLUMNS_HEIGHT)
        all_of_it = _height(each.remaining + each.expiring, highest, COLUMNS_HEIGHT)
        ends = max(all_of_it - kept, 1 if each.expiring else 0)
        drawn.append(
            Column(
                x=percent((place + 0.15) * room),
                width=percent(0.7 * room),
                middle=percent((place + 0.5) * room),
                label=formats.MONTHS[each.month.month - 1],
                kept_y=COLUMNS_HEIGHT - kept,
                kept_height=kept,
                ends_y=COLUMNS_HEIGHT - kept - ends,
                ends_height=ends,
                told=f"{month(each.month)}: {formats.money(each.expiring, unit)} ends, "
                f"{formats.money(each.remaining, unit)} is left",
            )
        )
    return tuple(drawn)


def month(first: date) -> str:
    """A month such as 'Jan 2026'."""
    return f"{formats.MONTHS[first.month - 1]} {first.year}"


def _height(amount: Decimal, highest: Decimal, room: int) -> int:
    return int((amount / highest * room).to_integral_value())


def line(label: str, unit: str, days: Sequence[tuple[date, Decimal]], until: date) -> Line | None:
    """A figure over days, the first first; None where there is no stretch of time to draw."""
    if not days or days[0][0] >= until:
        return None
    first = days[0][0]
    highest = max(amount for _, amount in days)
    span = (until - first).days
    dots, path = [], ""
    for day, amount in days:
        x = (day - first).days / span
        y = LINE_HEIGHT - (_height(amount, highest, LINE_HEIGHT) if highest else 0)
        path += f"H{x * 100:.2f}V{y}" if path else f"M0 {y}"
        dots.append(Dot(percent(x), y, f"{formats.day(day)}: {formats.money(amount, unit)}"))
    return Line(
        label=label,
        path=f"{path}H100",
        dots=tuple(dots),
        highest=formats.money(highest, unit),
        first=formats.day(first),
        last=formats.day(until),
    )


def scale(median: Decimal | None, required: Decimal | None) -> Scale | None:
    """The median on the scale of apps; None where there is none."""
    if median is None:
        return None
    whole = COUNTABLE_APPS
    gate = "" if required is None else f", and at least {required.normalize():f} is asked for"
    return Scale(
        bands=tuple(
            Band(
                name,
                percent(begin / whole),
                percent((end - begin) / whole),
            )
            for name, begin, end in BANDS
        ),
        marks=tuple((percent(end / whole), end) for _, _, end in BANDS),
        gate="" if required is None else percent(float(required) / whole),
        median=percent(float(median) / whole),
        told=f"Median app usage: {apps(median)} of {whole} apps{gate}",
    )


def apps(count: Decimal) -> str:
    """A median without zeros that say nothing."""
    return f"{count.normalize():f}"
