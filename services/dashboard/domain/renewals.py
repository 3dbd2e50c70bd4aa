"""Contract changes as people look at them: what stands for decision, and what may be decided."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from shared.contracts.renewals import Option, OwnerChoice, Product

NOTHING: Final = Decimal("0.00")
MONTHS: Final = 12
AGREED: Final = {
    "renewal": "renewed",
    "contact_tier_upgrade": "confirmed",
    "email_overage": "confirmed",
}
CANCELLED: Final = "cancellation_requested"
DECIDED: Final = frozenset({"renewed", "confirmed", CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRow:
    """A contract change with what a list says of its client.

    Of products it has the names, each once. The status is ``ended`` from the moment on at which
    services ended, also where the contract change itself was not heard to be.
    """

    renewal_id: UUID
    client_id: UUID
    version: int
    kind: str
    status: str
    upcoming: bool
    starts: date
    deadline: date
    currency: str
    current_mrr: Decimal
    renewal_mrr: Decimal
    product_names: tuple[str, ...]
    domain: str
    name: str
    serviced: bool
    account_id: int | None
    owner: OwnerChoice | None

    @property
    def change(self) -> Decimal:
        """What the new terms add or take, by the month."""
        return self.renewal_mrr - self.current_mrr


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal(RenewalRow):
    """A contract change as a whole."""

    products: tuple[Product, ...]
    options: tuple[Option, ...]
    chosen_option_id: UUID | None

    @property
    def agreed(self) -> str:
        """What it becomes when the client agrees: a renewal is renewed, the others confirmed."""
        return AGREED.get(self.kind, "confirmed")

    @property
    def chosen(self) -> Option | None:
        """The option that was chosen, if any."""
        return next((o for o in self.options if o.option_id == self.chosen_option_id), None)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a product costs by the month in one of the offers; None: it is not part of it."""

    mrr: Decimal | None
    change: Decimal

    @property
    def yearly(self) -> Decimal:
        """The difference to the present terms, by the year."""
        return self.change * MONTHS


@dataclass(frozen=True, slots=True)
class Line:
    """A product with its present price (None: the client does not have it) and each offer's."""

    product: str
    present: Decimal | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An option as a column: its name, its sum, and the differences to the present terms."""

    option_id: UUID
    name: str
    chosen: bool
    total: Cell


@dataclass(frozen=True, slots=True)
class Comparison:
    """The present terms against each option, product by product; all in one currency."""

    present: Decimal
    lines: tuple[Line, ...]
    offers: tuple[Offer, ...]


def compare(renewal: Renewal) -> Comparison:
    """Set the present terms against each option.

    Without options the products stand alone. A product is known by its subscription, and one
    that the client does not have yet by its name.
    """
    present: dict[object, Product] = {}
    for product in (*renewal.products, *(p for o in renewal.options for p in o.products)):
        present.setdefault(_key(product), product)
    priced = [{_key(p): p.renewal_mrr for p in option.products} for option in renewal.options]
    lines = tuple(
        Line(
            product.product,
            product.current_mrr if _is_owned(product) else None,
            tuple(_cell(prices.get(key), product.current_mrr) for prices in priced),
        )
        for key, product in present.items()
    )
    now = sum((product.current_mrr for product in present.values()), NOTHING)
    offers = tuple(
        Offer(
            option.option_id,
            option.name,
            option.option_id == renewal.chosen_option_id,
            _cell(option.renewal_mrr, now),
        )
        for option in renewal.options
    )
    return Comparison(now, lines, offers)


def _key(product: Product) -> object:
    return product.subscription_id or product.product.casefold()


def _is_owned(product: Product) -> bool:
    return product.subscription_id is not None or bool(product.current_mrr)


def _cell(mrr: Decimal | None, present: Decimal) -> Cell:
    return Cell(mrr, (mrr or NOTHING) - present)


def why_not_decided(renewal: RenewalRow, today: date, *, may_decide: bool) -> str:
    """Why nothing can be decided here; empty where it can."""
    if not may_decide:
        return "Only people of the partner decide; you look at it for HubSpot."
    if not renewal.serviced:
        return "You no longer service this client, so there is nothing for you to decide."
    if today > renewal.deadline:
        return "The deadline has passed: the terms can no longer be altered."
    return ""
