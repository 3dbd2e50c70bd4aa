"""Where a partner stands, as the tiers service tells it, and what is missing to the next tier."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

from shared.contracts.event import Data
from shared.contracts.tiers import PartnerTierSnapshot, Performance

T_co = TypeVar("T_co", covariant=True)
Figure: TypeAlias = Literal["sold", "managed", "median"]

SOLD: Final = "sold_mrr"
MANAGED: Final = "managed_mrr"
POINTS: Final = "points"
NOBODY_ASKED: Final = "It was not asked for."


class Threshold(Data):
    """One figure that a tier asks for."""

    figure: str
    required: Decimal
    actual: Decimal

    @property
    def missing(self) -> Decimal:
        """How much is missing; 0 where it is met."""
        return max(self.required - self.actual, Decimal(0))

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return self.actual >= self.required


class Rung(Data):
    """A tier, and what it asks for besides the gates."""

    tier: str
    thresholds: tuple[Threshold, ...]

    @property
    def met(self) -> bool:
        """Whether all of it is met."""
        return all(each.met for each in self.thresholds)

    def threshold(self, figure: str) -> Threshold | None:
        """What it asks of one figure."""
        return next((each for each in self.thresholds if each.figure == figure), None)


class MedianGate(Data):
    """The median of apps used, and the gate that it has to pass."""

    median: Decimal | None
    required: Decimal
    met: bool
    accounts: int
    accounts_without_use: int


class CertificationGate(Data):
    """Whether the partner is certified, and whether it has to be."""

    certified: bool
    required: bool
    met: bool
    certified_on: date | None
    expires_on: date | None


class NotCounted(Data):
    """Revenue that no figure counts, in its own currency, and why."""

    currency: str
    sold: Decimal
    managed: Decimal
    reason: str


class Standing(Data):
    """What today's figures give by the rules in force, with all that is missing."""

    as_of: date
    rule_set: str
    unknown: str = ""
    currency: str
    points: Decimal | None = None
    next_tier: str | None = None
    ladder: tuple[Rung, ...]
    median_app_usage: MedianGate
    certification: CertificationGate
    excluded: tuple[NotCounted, ...] = ()


class Contribution(Data):
    """A client behind a figure; amounts are in the client's own currency."""

    client_id: UUID
    name: str
    domain: str
    currency: str | None = None
    mrr: Decimal | None = None
    credit: Decimal | None = None
    partners: int | None = None
    sold_on: date | None = None
    sold_until: date | None = None
    apps_used: int | None = None


class Contributions(Data):
    """A page of clients behind a figure, and where the next one begins."""

    items: tuple[Contribution, ...]
    next: str | None = None


class Expiry(Data):
    """A month in which sold credit ends."""

    month: date
    expiring: Decimal
    remaining: Decimal


class Expiries(Data):
    """When the sold credit of today ends; all months together are the sold figure."""

    as_of: date
    currency: str
    sold_mrr: Decimal
    months: tuple[Expiry, ...]


class PerformanceDay(Data):
    """Performance at the end of a day on which it changed."""

    day: date
    performance: Performance


class History(Data):
    """The latest days on which performance changed, the last first."""

    items: tuple[PerformanceDay, ...]


class Review(Data):
    """What a review found, and the tier held after it."""

    review_on: date
    tier: str | None
    previous_tier: str | None
    performance: Performance
    note: str = ""


class Reviews(Data):
    """The latest reviews, the last first."""

    items: tuple[Review, ...]


class RuleSet(Data):
    """A rule set by its name."""

    name: str
    title: str
    in_force: bool


class RuleSets(Data):
    """All rule sets that are known."""

    items: tuple[RuleSet, ...]


@dataclass(frozen=True, slots=True)
class Told(Generic[T_co]):
    """An answer of the tiers service, or why there is none."""

    value: T_co | None = None
    missing: str = NOBODY_ASKED


@dataclass(frozen=True, slots=True)
class Details:
    """What is shown beside the figures; each part may be missing on its own."""

    standing: Told[Standing] = field(default_factory=Told)
    behind: Told[Contributions] = field(default_factory=Told)
    expiries: Told[Expiries] = field(default_factory=Told)
    history: Told[History] = field(default_factory=Told)
    reviews: Told[Reviews] = field(default_factory=Told)
    rule_sets: Told[RuleSets] = field(default_factory=Told)

    @property
    def missing(self) -> list[str]:
        """Why something of it is missing, each reason once."""
        parts: tuple[Told[Data], ...] = (
            self.standing,
            self.behind,
            self.expiries,
            self.history,
            self.reviews,
            self.rule_sets,
        )
        return sorted({each.missing for each in parts if each.value is None})


def month_by_month(found: Expiries) -> tuple[Expiry, ...]:
    """Every month from this one to the last in which sold credit ends, and those between them."""
    ends = {each.month: each for each in found.months}
    if not ends:
        return ()
    month, last = min(found.as_of.replace(day=1), *ends), max(ends)
    shown: list[Expiry] = []
    while month <= last:
        left = shown[-1].remaining if shown else found.sold_mrr
        shown.append(ends.get(month) or Expiry(month=month, expiring=Decimal(0), remaining=left))
        month = (month + timedelta(days=31)).replace(day=1)
    return tuple(shown)


def ladder(standing: Standing, tier: PartnerTierSnapshot | None) -> tuple[Rung, ...]:
    """Each tier from the lowest up, against the figures that the page shows.

    Where the figures are by other rules than the thresholds, which lasts until the next word of
    the tiers service, both are as the answer has them: amounts of two rule sets never meet.
    """
    shown = tier.performance if tier else None
    if shown is None or (shown.rule_set, shown.currency) != (standing.rule_set, standing.currency):
        return standing.ladder
    figures = {SOLD: shown.sold_mrr, MANAGED: shown.managed_mrr}
    return tuple(
        Rung(
            tier=rung.tier,
            thresholds=tuple(
                Threshold(
                    figure=each.figure,
                    required=each.required,
                    actual=figures.get(each.figure, each.actual),
                )
                for each in rung.thresholds
            ),
        )
        for rung in standing.ladder
    )


def next_rung(rungs: Sequence[Rung]) -> Rung | None:
    """The lowest tier of which something is missing; None where nothing is."""
    return next((rung for rung in rungs if not rung.met), None)


def reached(rungs: Sequence[Rung]) -> str | None:
    """The highest tier whose thresholds are all met, whatever the gates say."""
    return next((rung.tier for rung in reversed(rungs) if rung.met), None)
