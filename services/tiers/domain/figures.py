"""A partner's sums and counts, moved by what changed and never added up anew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias, TypeVar
from uuid import UUID

from services.tiers.domain.credit import ZERO, Contribution, Credit, Worth

APPS = 17  # HubSpot's countable apps
UNKNOWN = APPS + 1  # where accounts without any recorded use are counted

K = TypeVar("K")
T = TypeVar("T")
Slot: TypeAlias = tuple[str, str]  # currency, country


@dataclass(frozen=True, slots=True)
class Sums:
    """Sold and managed credit in one currency from clients in one country."""

    sold: Decimal = ZERO
    managed: Decimal = ZERO

    def __add__(self, credit: Credit) -> "Sums":
        return Sums(self.sold + credit.sold, self.managed + credit.managed)

    def __sub__(self, credit: Credit) -> "Sums":
        return Sums(self.sold - credit.sold, self.managed - credit.managed)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a partner's clients add up to on one day.

    ``usage[n]`` is the number of contributing accounts that use n apps; the last one counts
    those of which no use was recorded, and they are left out of the median.
    """

    sums: Mapping[Slot, Sums] = field(default_factory=dict)
    usage: tuple[int, ...] = (0,) * (UNKNOWN + 1)

    @property
    def median(self) -> Decimal | None:
        """The exact median of apps used; None where no contributing account has a count."""
        known = self.usage[:UNKNOWN]
        accounts = sum(known)
        if not accounts:
            return None
        low, high = (accounts - 1) // 2, accounts // 2
        return Decimal(_nth(known, low) + _nth(known, high)) / 2

    def totals(self, countries: frozenset[str] | None = None) -> dict[str, Sums]:
        """Add up by currency, of all countries or only those named (in lower case)."""
        total: dict[str, Sums] = {}
        for (currency, country), sums in self.sums.items():
            if countries is None or country.casefold() in countries:
                before = total.get(currency, Sums())
                total[currency] = Sums(before.sold + sums.sold, before.managed + sums.managed)
        return total


def _nth(counts: tuple[int, ...], place: int) -> int:
    for apps, accounts in enumerate(counts):
        place -= accounts
        if place < 0:
            return apps
    raise IndexError(place)


def move(figures: Mapping[UUID, Figures], before: Worth, after: Worth) -> dict[UUID, Figures]:
    """Take what some accounts were worth out of the figures, and put in what they are now."""
    sums = {partner: dict(each.sums) for partner, each in figures.items()}
    usage = {partner: list(each.usage) for partner, each in figures.items()}
    for old in _gone(before.credits, after.credits):
        slot = old.currency, old.country
        sums[old.partner_id][slot] = sums[old.partner_id].get(slot, Sums()) - old
    for new in _gone(after.credits, before.credits):
        slot = new.currency, new.country
        sums[new.partner_id][slot] = sums[new.partner_id].get(slot, Sums()) + new
    for left in _gone(before.contributions, after.contributions):
        usage[left.partner_id][_place(left)] -= 1
    for come in _gone(after.contributions, before.contributions):
        usage[come.partner_id][_place(come)] += 1
    empty = Sums()
    return {
        partner: Figures(
            {slot: each for slot, each in sums[partner].items() if each != empty},
            tuple(usage[partner]),
        )
        for partner in figures
    }


def _place(contribution: Contribution) -> int:
    return UNKNOWN if contribution.apps_used is None else contribution.apps_used


def _gone(these: Mapping[K, T], those: Mapping[K, T]) -> Iterable[T]:
    """What is in these and is not the same in those."""
    return (each for key, each in these.items() if those.get(key) != each)
