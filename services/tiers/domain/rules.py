"""Rule sets and rates as dated data, and what they make of a partner's figures."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from services.tiers.domain.credit import CENT, ZERO
from services.tiers.domain.figures import Figures
from shared.contracts.event import Currency

LARGEST = Decimal("999999999999.99")  # what an amount in an event can hold
ORDINARY_YEAR = 2023  # one without 29 February
EXACT = 60  # digits: the largest sum times the longest rate, without any rounding

_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Amount: TypeAlias = Annotated[Decimal, Field(ge=0, le=LARGEST, decimal_places=2)]


class MrrTier(_Closed):
    """A tier that asks for recurring revenue."""

    tier: str = Field(min_length=1)
    sold: Amount
    managed: Amount


class PointsTier(_Closed):
    """A tier that asks for points. None: HubSpot's figure is not known, and nobody set one."""

    tier: str = Field(min_length=1)
    points: Amount | None = None


class Gates(_Closed):
    """What a partner needs besides the figures, whatever the tier."""

    certified: bool = True
    median_app_usage: Annotated[Decimal, Field(ge=0, le=17)] = Decimal(3)


class Weights(_Closed):
    """Points for each ``per`` of credit; credit from growth markets counts several times."""

    per: Amount = Decimal(100)
    sourced: Amount = Decimal(5)
    assisted: Amount = Decimal(3)
    managed: Amount = Decimal(1)
    growth_market: Amount = Decimal(2)
    growth_countries: tuple[str, ...] = ()

    @field_validator("per")
    @classmethod
    def _not_zero(cls, value: Decimal) -> Decimal:
        if not value:
            raise ValueError("more than 0")
        return value


class _RuleSet(_Closed):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = Field(min_length=1, max_length=200)
    in_force_from: date | None = Field(None, description="None: kept, and not in force.")
    currency: Currency = "USD"
    gates: Gates = Gates()
    review_days: tuple[str, ...] = Field(("01-15", "07-15"), min_length=1)

    @field_validator("review_days")
    @classmethod
    def _days_of_every_year(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            if not _DAY.fullmatch(day):
                raise ValueError(f"{day!r} is no MM-DD, such as 01-15")
            try:
                date.fromisoformat(f"{ORDINARY_YEAR}-{day}")
            except ValueError as error:
                raise ValueError(f"{day!r} is not a day of every year") from error
        return tuple(sorted(set(days)))

    def reviews_in(self, year: int) -> Iterator[date]:
        """The review days of a year, in order."""
        for day in self.review_days:
            yield date(year, int(day[:2]), int(day[3:]))


class MrrRules(_RuleSet):
    """Thresholds of sold and managed recurring revenue, both of which a tier asks for."""

    kind: Literal["mrr"] = "mrr"
    tiers: tuple[MrrTier, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        _distinct(self.tiers)
        for lower, higher in zip(self.tiers, self.tiers[1:], strict=False):
            if higher.sold < lower.sold or higher.managed < lower.managed:
                raise ValueError(f"tiers from the lowest up: {higher.tier} asks for less")
        return self


class PointsRules(_RuleSet):
    """Points for sourced, assisted and managed revenue, as from 2022 on."""

    kind: Literal["points"] = "points"
    weights: Weights = Weights()
    tiers: tuple[PointsTier, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        _distinct(self.tiers)
        known = [tier.points for tier in self.tiers if tier.points is not None]
        if known != sorted(known):
            raise ValueError("tiers from the lowest up: one asks for less than the one below it")
        return self


RuleSet: TypeAlias = Annotated[MrrRules | PointsRules, Field(discriminator="kind")]
_ruleset: TypeAdapter[RuleSet] = TypeAdapter(RuleSet)


def read_rule_set(document: str | bytes) -> RuleSet:
    """Read a rule set from JSON. Raises pydantic's ValidationError, which names each field."""
    return _ruleset.validate_json(document)


def _distinct(tiers: Sequence[MrrTier] | Sequence[PointsTier]) -> None:
    names = [tier.tier for tier in tiers]
    if len(set(names)) != len(names):
        raise ValueError("each tier once")


@dataclass(frozen=True, slots=True)
class Rate:
    """How many ``into`` one ``source`` is worth from a day on, until a later rate."""

    source: str
    into: str
    day: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """All dated rules: what is in force on a day, and what a currency is worth on it."""

    rule_sets: Sequence[RuleSet]
    rates: Mapping[tuple[str, str], Sequence[Rate]] = field(default_factory=dict)

    @classmethod
    def of(cls, rule_sets: Iterable[RuleSet], rates: Iterable[Rate]) -> "Book":
        """Put rules and rates in order."""
        by_pair: dict[tuple[str, str], list[Rate]] = {}
        for rate in sorted(rates, key=lambda each: each.day):
            by_pair.setdefault((rate.source, rate.into), []).append(rate)
        return cls(tuple(rule_sets), by_pair)

    def named(self, name: str) -> RuleSet | None:
        """The rule set of this name, in force or not."""
        return next((each for each in self.rule_sets if each.name == name), None)

    def in_force(self, day: date) -> RuleSet | None:
        """The rule set that came into force last; None before the first."""
        begun = [
            (each.in_force_from, each)
            for each in self.rule_sets
            if each.in_force_from is not None and each.in_force_from <= day
        ]
        return max(begun, key=lambda pair: pair[0])[1] if begun else None

    def rate(self, source: str, into: str, day: date) -> Decimal | None:
        """The latest rate of that day or before; None where there is none, never a guess."""
        if source == into:
            return Decimal(1)
        found = None
        for rate in self.rates.get((source, into), ()):
            if rate.day > day:
                break
            found = rate.rate
        return found

    def reviews(self, after: date, until: date) -> list[date]:
        """The review days after one day, up to and with another, each by the rules of its day."""
        days = []
        for year in range(after.year, until.year + 1):
            for rules in self.rule_sets:
                days += [
                    day
                    for day in rules.reviews_in(year)
                    if after < day <= until and self.in_force(day) == rules
                ]
        return sorted(days)

    def next_review(self, after: date) -> date | None:
        """The first review day after this one; None where no rule set is in force."""
        coming = self.reviews(after, date(after.year + 2, 12, 31))
        return coming[0] if coming else None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Credit that is not counted, in its own currency, and why."""

    currency: str
    sold: Decimal
    managed: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One figure that a tier asks for. ``missing`` is 0 where it is met."""

    figure: str
    required: Decimal
    actual: Decimal

    @property
    def missing(self) -> Decimal:
        """How much is missing."""
        return max(self.required - self.actual, Decimal(0))

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return self.actual >= self.required


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a rule set makes of a partner's figures on a day.

    ``unknown`` says why no tier can be computed at all; it is empty where one can. ``tier`` is
    None where no tier is reached, or none can be computed.
    """

    rules: RuleSet
    day: date
    tier: str | None
    sold: Decimal
    managed: Decimal
    points: Decimal | None
    median: Decimal | None
    certified: bool
    excluded: tuple[Excluded, ...] = ()
    unknown: str = ""

    @property
    def gates_open(self) -> bool:
        """Whether certification and median let any tier through."""
        gates = self.rules.gates
        return (self.certified or not gates.certified) and (
            self.median is not None and self.median >= gates.median_app_usage
        )

    @property
    def ladder(self) -> list[tuple[str, list[Requirement]]]:
        """Each tier from the lowest up, with what it asks for and what there is."""
        if isinstance(self.rules, MrrRules):
            return [
                (
                    tier.tier,
                    [
                        Requirement("sold_mrr", tier.sold, self.sold),
                        Requirement("managed_mrr", tier.managed, self.managed),
                    ],
                )
                for tier in self.rules.tiers
            ]
        points = self.points or ZERO
        return [
            (tier.tier, [Requirement("points", tier.points, points)])
            for tier in self.rules.tiers
            if tier.points is not None
        ]

    @property
    def next_tier(self) -> str | None:
        """The tier above the performance; None at the top, or where none can be computed."""
        if self.unknown:
            return None
        names = [tier.tier for tier in self.rules.tiers]
        above = names.index(self.tier) + 1 if self.tier is not None else 0
        return names[above] if above < len(names) else None


def assess(
    figures: Figures, *, certified: bool, rules: RuleSet, book: Book, day: date
) -> Assessment:
    """Say which tier the figures give on a day: the highest of which everything is met."""
    sold, managed, excluded = _convert(figures, rules, book, day)
    points = None
    unknown = ""
    if isinstance(rules, PointsRules):
        points = _points(figures, rules, book, day)
        missing = [tier.tier for tier in rules.tiers if tier.points is None]
        if missing:
            unknown = (
                f"Rule set {rules.name} has no threshold for {', '.join(missing)}:"
                " no tier can be computed until it is configured."
            )
    found = Assessment(
        rules, day, None, sold, managed, points, figures.median, certified, excluded, unknown
    )
    if unknown or not found.gates_open:
        return found
    reached = [tier for tier, asked in found.ladder if all(each.met for each in asked)]
    tier = reached[-1] if reached else None
    return Assessment(rules, day, tier, sold, managed, points, figures.median, certified, excluded)


def convert(amount: Decimal, rate: Decimal) -> Decimal:
    """Convert to the cent, half a cent up."""
    with localcontext(prec=EXACT):
        return (amount * rate).quantize(CENT, ROUND_HALF_UP)


def _convert(
    figures: Figures, rules: RuleSet, book: Book, day: date
) -> tuple[Decimal, Decimal, tuple[Excluded, ...]]:
    """Add up in the rule set's currency; each currency's sum is converted once."""
    sold = managed = ZERO
    excluded = []
    for currency, sums in sorted(figures.totals().items()):
        rate = book.rate(currency, rules.currency, day)
        if rate is None:
            reason = f"no rate from {currency} to {rules.currency} on {day} or before"
            excluded.append(Excluded(currency, sums.sold, sums.managed, reason))
            continue
        more_sold, more_managed = convert(sums.sold, rate), convert(sums.managed, rate)
        if sold + more_sold > LARGEST or managed + more_managed > LARGEST:
            reason = f"more than {LARGEST} in all, which cannot be right"
            excluded.append(Excluded(currency, sums.sold, sums.managed, reason))
            continue
        sold, managed = sold + more_sold, managed + more_managed
    return sold, managed, tuple(excluded)


def _points(figures: Figures, rules: PointsRules, book: Book, day: date) -> Decimal:
    """Points of what was sold and is managed; nothing tells yet what was only assisted."""
    weights = rules.weights
    growth = frozenset(country.casefold() for country in weights.growth_countries)
    points = ZERO
    for totals, times in (
        (figures.totals(), Decimal(1)),
        (figures.totals(growth), weights.growth_market - 1),
    ):
        for currency, sums in totals.items():
            rate = book.rate(currency, rules.currency, day)
            if rate is not None:
                weighted = weights.sourced * sums.sold + weights.managed * sums.managed
                points += convert(weighted * times / weights.per, rate)
    return points
