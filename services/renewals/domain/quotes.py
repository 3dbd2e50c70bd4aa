"""What HubSpot offers for a new term: options, each with a price for each product."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from uuid import UUID, uuid5

from services.renewals.domain.renewals import NOTHING
from shared.contracts import ids
from shared.contracts.renewals import Option, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A line of an option: the monthly price of a product from a day on."""

    client_id: UUID
    partner_id: UUID
    starts: date
    option: str
    product: str
    renewal_mrr: Decimal
    currency: str
    default: bool = False


def standing_for(
    quotes: Sequence[Quote], starts: date, quoted_for: date | None, currency: str
) -> tuple[date | None, list[Quote]]:
    """The quotes for a start, else those made before the start moved; and which day they name."""
    for day in (starts, quoted_for):
        found = [q for q in quotes if q.starts == day and q.currency == currency]
        if found:
            return day, found
    return quoted_for, []


def options(
    renewal_id: UUID, quotes: Iterable[Quote], products: Sequence[Product]
) -> tuple[Option, ...]:
    """The options for a renewal, the default one first, then by name.

    A product that an option does not name keeps its present price; one that the client does
    not have yet is an addition.
    """
    by_name = groupby(sorted(quotes, key=lambda q: (q.option, q.product)), lambda q: q.option)
    made = [(name, list(lines)) for name, lines in by_name]
    made.sort(key=lambda each: (not any(line.default for line in each[1]), each[0]))
    return tuple(_option(renewal_id, name, lines, products) for name, lines in made)


def _option(
    renewal_id: UUID, name: str, lines: Sequence[Quote], products: Sequence[Product]
) -> Option:
    prices = {line.product.casefold(): line.renewal_mrr for line in lines}
    owned = {product.product.casefold() for product in products}
    whole = [
        Product(
            subscription_id=product.subscription_id,
            product=product.product,
            current_mrr=product.current_mrr,
            renewal_mrr=prices.get(product.product.casefold(), product.current_mrr),
        )
        for product in products
    ]
    whole += [
        Product(product=line.product, current_mrr=NOTHING, renewal_mrr=line.renewal_mrr)
        for line in lines
        if line.product.casefold() not in owned
    ]
    return Option(
        option_id=uuid5(ids.NAMESPACE, f"option:{renewal_id}:{name}"),
        name=name,
        renewal_mrr=sum((product.renewal_mrr for product in whole), NOTHING),
        products=tuple(whole),
    )
