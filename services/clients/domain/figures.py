"""Figures that follow from a client's state: e-mail limit, how near a limit is, bands, MRR."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from shared.contracts.clients import Allowance, Subscription

SENDS_PER_CONTACT: Final = 10
SENDS_PER_CONTACT_STARTER: Final = 5
NEAR: Final = Decimal(90)  # percent of a limit from which on it is said to be near
_EDITIONS = ("professional", "enterprise", "basic", "free")

Nearness: TypeAlias = Literal["within", "near", "over"]
Band: TypeAlias = Literal["low", "medium", "high"]


def email_limit(contacts_limit: int, tier: str, products: Iterable[str]) -> int:
    """E-mail sends a month that go with a contacts limit: ten times, five times for Starter.

    The edition is the one that the contact tier's name says, else that of the Marketing Hub,
    else that of all products. (HubSpot's help pages; which product decides is our rule.)
    """
    starter = _is_starter(tier.lower(), [product.lower() for product in products])
    return contacts_limit * (SENDS_PER_CONTACT_STARTER if starter else SENDS_PER_CONTACT)


def _is_starter(tier: str, products: list[str]) -> bool:
    if "starter" in tier:
        return True
    if any(edition in tier for edition in _EDITIONS):
        return False
    deciding = [product for product in products if "marketing" in product] or products
    return bool(deciding) and all("starter" in product for product in deciding)


def share(allowance: Allowance) -> Decimal | None:
    """How much of a limit is used, in percent with one place; None for a limit of 0."""
    if allowance.limit == 0:
        return None
    return (Decimal(allowance.used) * 100 / allowance.limit).quantize(Decimal("0.1"))


def nearness(allowance: Allowance) -> Nearness:
    """Whether use is within a limit, near it (from 90 % on), or over it."""
    if allowance.used > allowance.limit:
        return "over"
    used = share(allowance)
    return "near" if used is not None and used >= NEAR else "within"


def band(apps_used: int) -> Band:
    """How much of HubSpot's product the client uses: 0-3 apps low, 4-6 medium, 7 and more high."""
    if apps_used <= 3:  # noqa: PLR2004 - the bands stand in the docstring
        return "low"
    return "medium" if apps_used <= 6 else "high"  # noqa: PLR2004


def mrr(subscriptions: Iterable[Subscription]) -> dict[str, Decimal]:
    """Monthly recurring revenue by currency, by code; amounts in two currencies are never added."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for subscription in subscriptions:
        totals[subscription.currency] += subscription.mrr
    return dict(sorted(totals.items()))
