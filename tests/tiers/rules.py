"""The shipped rule sets, and figures, partners and rates to judge by them."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from services.tiers.domain.figures import UNKNOWN, Figures, Sums
from services.tiers.domain.rules import (
    Book,
    MrrRules,
    PointsRules,
    Rate,
    RuleSet,
    read_rule_set,
)
from services.tiers.domain.standing import Certification, Partner
from shared.contracts import ids

MIGRATION = Path(__file__).parents[2] / "services/tiers/migrations/0002_rule_sets.sql"
DAY = date(2026, 1, 10)
ID = ids.partner_id(1)


def shipped() -> list[RuleSet]:
    """The rule sets as the migration ships them."""
    parts = MIGRATION.read_text().split("'{")[1:]
    return [read_rule_set("{" + part.rpartition("}'")[0] + "}") for part in parts]


def january() -> MrrRules:
    found = next(each for each in shipped() if each.name == "2018-01")
    assert isinstance(found, MrrRules)
    return found


def points() -> PointsRules:
    found = next(each for each in shipped() if each.name == "2022-points")
    assert isinstance(found, PointsRules)
    return found


BOOK = Book.of(shipped(), [])


def figures_of(sold: str, managed: str, median: str, currency: str = "USD") -> Figures:
    """Figures with a median: two accounts around it."""
    low, high = math.floor(Decimal(median)), math.ceil(Decimal(median))
    usage = [0] * (UNKNOWN + 1)
    usage[low] += 1
    usage[high] += 1
    return Figures({(currency, ""): Sums(Decimal(sold), Decimal(managed))}, tuple(usage))


def rates(*rows: tuple[str, str, str]) -> Book:
    return Book.of(
        shipped(),
        [Rate(source, "USD", date.fromisoformat(day), Decimal(rate)) for source, day, rate in rows],
    )


def a_partner(**values: object) -> Partner:
    base = Partner(
        partner_id=ID,
        day=DAY,
        reviewed_until=DAY,
        known_version=1,
        figures=figures_of("2100.00", "6000.00", "3"),
        certifications=(Certification(date(2025, 1, 1), date(2026, 1, 31)),),
    )
    return replace(base, **values)  # type: ignore[arg-type]
