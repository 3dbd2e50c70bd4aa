"""When sold credit ends, month by month, and what is left after each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.tiers.domain.credit import ZERO
from services.tiers.domain.rules import Book, convert


@dataclass(frozen=True, slots=True)
class Ending:
    """Sold credit in one currency that counts no more from a day on."""

    day: date
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """A month's endings in the rule set's currency, and the sold credit left after the month."""

    month: date  # its first day
    expiring: Decimal
    remaining: Decimal


def expiry_ladder(endings: Iterable[Ending], book: Book, currency: str, day: date) -> list[Step]:
    """Say what ends in each month and what is left, at the rates of this day.

    What is left is converted as the sold figure is, each currency's sum once; what ends in a month
    is the difference, so that all months together are the sold figure to the cent. Currencies
    without a rate are left out, as they are of the figure.
    """
    months: dict[date, list[Ending]] = {}
    left: dict[str, Decimal] = {}
    rates: dict[str, Decimal] = {}
    for each in endings:
        rate = book.rate(each.currency, currency, day)
        if rate is None:
            continue
        rates[each.currency] = rate
        months.setdefault(each.day.replace(day=1), []).append(each)
        left[each.currency] = left.get(each.currency, ZERO) + each.amount
    steps = []
    before = _total(left, rates)
    for month in sorted(months):
        for each in months[month]:
            left[each.currency] -= each.amount
        after = _total(left, rates)
        steps.append(Step(month, before - after, after))
        before = after
    return steps


def _total(amounts: dict[str, Decimal], rates: dict[str, Decimal]) -> Decimal:
    return sum((convert(amount, rates[each]) for each, amount in amounts.items()), ZERO)
