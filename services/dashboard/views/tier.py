"""Where the partner stands, as the tab shows it: four figures, what is missing, what is behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from services.dashboard.domain import standing as domain
from services.dashboard.domain.standing import Details, Figure, Rung, Standing
from services.dashboard.views import charts, formats
from shared.contracts.tiers import PartnerTierSnapshot, Performance

FIGURES: Final[dict[Figure, str]] = {
    "sold": "Sold MRR",
    "managed": "Managed MRR",
    "median": "App usage",
}
NAMES: Final = {
    domain.SOLD: "sold MRR",
    domain.MANAGED: "managed MRR",
    domain.POINTS: "points",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What every tier asks for, whatever the figures."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A threshold in a table: what is asked for, and what is missing."""

    required: str
    missing: str
    met: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A tier in the table of thresholds."""

    tier: str
    asked: tuple[Asked, ...]
    met: bool
    credited: bool
    performance: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """What each tier asks for, against the figures of today."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    tracks: tuple[charts.Track, ...]
    gates: tuple[Gate, ...]
    towards: str


@dataclass(frozen=True, slots=True)
class Climbed:
    """How the figures went, and the table of the same days."""

    lines: tuple[charts.Line, ...]
    days: tuple[domain.PerformanceDay, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the tab shows beside what the template takes from the snapshot itself."""

    tier: PartnerTierSnapshot | None
    details: Details
    away: str
    rules: str
    review: str
    scale: charts.Scale | None
    ladder: Ladder | None
    months: tuple[domain.Expiry, ...]
    columns: tuple[charts.Column, ...]
    climbed: Climbed | None


def show(tier: PartnerTierSnapshot | None, details: Details, today: date) -> Shown:
    """What is known, each part on its own."""
    found, expiries = details.standing.value, details.expiries.value
    history = details.history.value
    required = found.median_app_usage.required if found else None
    months = domain.month_by_month(expiries) if expiries else ()
    return Shown(
        tier=tier,
        details=details,
        away="" if found else details.standing.missing,
        rules=_rules(tier, details),
        review=_review(tier, today),
        scale=charts.scale(tier.performance.median_app_usage if tier else None, required),
        ladder=_ladder(found, tier) if found else None,
        months=months,
        columns=charts.columns(months, expiries.currency) if expiries else (),
        climbed=_climbed(history.items, today) if history else None,
    )


def tier_name(name: str | None) -> str:
    """A tier, or that there is none."""
    return formats.shorten(name) if name else "No tier"


def last_day(until: date | None) -> str:
    """The last day on which a sale counts: the day before the first on which it does not."""
    return formats.day(until - timedelta(days=1)) if until else "–"


def _rules(tier: PartnerTierSnapshot | None, details: Details) -> str:
    """The rules that the figures are by: their title, or else their name."""
    name = tier.performance.rule_set if tier else ""
    known = details.rule_sets.value.items if details.rule_sets.value else ()
    return next((each.title for each in known if each.name == name), name)


def _review(tier: PartnerTierSnapshot | None, today: date) -> str:
    """What the next review will do, if the figures stay."""
    if tier is None or tier.next_review_on is None:
        return ""
    on, would = formats.day(tier.next_review_on), tier.performance.tier
    left = formats.days_left((tier.next_review_on - today).days)
    if would == tier.credited_tier:
        return f"Next review on {on} ({left}): with today’s figures it stays."
    return f"Next review on {on} ({left}): today’s figures would make it {tier_name(would)}."


def _ladder(found: Standing, tier: PartnerTierSnapshot | None) -> Ladder:
    rungs = domain.ladder(found, tier)
    figures = [each.figure for each in rungs[0].thresholds] if rungs else []
    tracks = [
        charts.track(_heading(figure), figure, _unit(figure, found), rungs) for figure in figures
    ]
    gates = _gates(found, tier.performance if tier else None)
    return Ladder(
        columns=tuple(_heading(figure) for figure in figures),
        rows=tuple(_row(rung, found, tier) for rung in rungs),
        tracks=tuple(each for each in tracks if each is not None),
        gates=gates,
        towards=found.unknown or _towards(rungs, found, gates),
    )


def _unit(figure: str, found: Standing) -> str:
    return "points" if figure == domain.POINTS else found.currency


def _heading(figure: str) -> str:
    name = NAMES.get(figure, figure)
    return name[:1].upper() + name[1:]


def _row(rung: Rung, found: Standing, tier: PartnerTierSnapshot | None) -> Row:
    return Row(
        tier=rung.tier,
        asked=tuple(
            Asked(
                required=formats.money(each.required, _unit(each.figure, found)),
                missing="" if each.met else formats.money(each.missing, _unit(each.figure, found)),
                met=each.met,
            )
            for each in rung.thresholds
        ),
        met=rung.met,
        credited=tier is not None and tier.credited_tier == rung.tier,
        performance=tier is not None and tier.performance.tier == rung.tier,
    )


def _gates(found: Standing, shown: Performance | None) -> tuple[Gate, ...]:
    """Certification and median, by the figures that the page shows."""
    gates = []
    if found.certification.required:
        certified = shown.certified if shown else found.certification.certified
        gates.append(Gate("Certified" if certified else "Not certified", certified))
    required = found.median_app_usage.required
    median = shown.median_app_usage if shown else found.median_app_usage.median
    if median is None:
        gates.append(Gate(f"No app usage known; at least {charts.apps(required)} is asked", False))
    else:
        met = median >= required
        says = "at least" if met else "below"
        gates.append(
            Gate(f"Median app usage {charts.apps(median)}, {says} {charts.apps(required)}", met)
        )
    return tuple(gates)


def _towards(rungs: Sequence[Rung], found: Standing, gates: Sequence[Gate]) -> str:
    """What is missing to the next tier, in a sentence or two."""
    closed = [gate.text for gate in gates if not gate.met]
    told = []
    if closed:
        reached = domain.reached(rungs)
        though = f", though the figures reach {reached}" if reached else ""
        told.append(f"No tier is given{though}: {_both(closed, 'and')}.")
    following = domain.next_rung(rungs)
    if following is not None:
        missing = [
            f"{formats.money(each.missing, _unit(each.figure, found))} {NAMES.get(each.figure, '')}"
            if each.figure != domain.POINTS
            else f"{formats.amount(each.missing)} points"
            for each in following.thresholds
            if not each.met
        ]
        told.append(f"To {following.tier}: {_both(missing, 'and')} missing.")
    elif rungs and not closed:
        told.append(f"{rungs[-1].tier} is the highest tier.")
    return " ".join(told)


def _both(parts: Sequence[str], word: str) -> str:
    return f" {word} ".join(part.strip() for part in parts)


def _climbed(latest: Sequence[domain.PerformanceDay], today: date) -> Climbed:
    """The days of the present rules and currency as lines; all days as a table."""
    if not latest:
        return Climbed((), ())
    rules = (latest[0].performance.rule_set, latest[0].performance.currency)
    alike: list[domain.PerformanceDay] = []
    for each in latest:
        if (each.performance.rule_set, each.performance.currency) != rules:
            break
        alike.append(each)
    alike.reverse()
    drawn = [
        charts.line(label, rules[1], [(day.day, amount(day.performance)) for day in alike], today)
        for label, amount in (("Sold MRR", _sold), ("Managed MRR", _managed))
    ]
    return Climbed(tuple(each for each in drawn if each is not None), tuple(latest))


def _sold(performance: Performance) -> Decimal:
    return performance.sold_mrr


def _managed(performance: Performance) -> Decimal:
    return performance.managed_mrr
