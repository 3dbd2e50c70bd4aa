"""HubSpot's products as clients have them: what they cost and how much they may be used."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random


@dataclass(frozen=True, slots=True)
class Product:
    """A product of one edition, with its list price a month."""

    name: str
    price: int
    share: float  # of the clients that have any


STARTER, PROFESSIONAL, ENTERPRISE = "Starter", "Professional", "Enterprise"

MARKETING = (
    Product("Marketing Hub Starter", 50, 0.35),
    Product("Marketing Hub Professional", 800, 0.5),
    Product("Marketing Hub Enterprise", 3200, 0.15),
)
OTHERS = (
    Product("Sales Hub Starter", 50, 0.2),
    Product("Sales Hub Professional", 400, 0.2),
    Product("Sales Hub Enterprise", 1200, 0.07),
    Product("Service Hub Starter", 50, 0.12),
    Product("Service Hub Professional", 400, 0.15),
    Product("Service Hub Enterprise", 1200, 0.05),
    Product("CMS Hub Professional", 300, 0.14),
    Product("CMS Hub Enterprise", 900, 0.07),
)
CONTACT_LIMITS = {
    STARTER: (1000, 2000, 5000),
    PROFESSIONAL: (2000, 5000, 10_000, 20_000),
    ENTERPRISE: (10_000, 20_000, 50_000, 100_000),
}
_CENTS = tuple(Decimal(cents) / 100 for cents in (0, 0, 0, 50, 25, 95))
_CUMULATED = tuple(
    (sum(each.share for each in MARKETING[: at + 1]), MARKETING[at]) for at in range(len(MARKETING))
)


def edition(product: str) -> str:
    """Starter, Professional or Enterprise."""
    return product.rpartition(" ")[2]


def chosen(rng: Random) -> list[tuple[str, Decimal]]:
    """One to four products with what each costs a month."""
    draw = rng.random()
    first = next((product for up_to, product in _CUMULATED if draw < up_to), MARKETING[-1])
    found = [first]
    hubs = {first.name.partition(" ")[0]}
    for product in OTHERS:
        hub = product.name.partition(" ")[0]
        if hub not in hubs and rng.random() < product.share:
            hubs.add(hub)
            found.append(product)
    return [(product.name, price(rng, product.price)) for product in found]


def price(rng: Random, listed: int) -> Decimal:
    """What is really paid: a discount here and there, more seats elsewhere."""
    return Decimal(listed * (80 + int(rng.random() * 60)) // 100) + _CENTS[int(rng.random() * 6)]
