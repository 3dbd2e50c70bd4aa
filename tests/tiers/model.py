"""The rules of tiers once more, slowly: everything from nothing, straight from their words."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from statistics import median

from tests.tiers.portfolio import AClient


def sold(client: AClient, today: date) -> bool:
    """Sold in the past 12 months."""
    if client.sold_on is None or client.sold is False:
        return False
    months = (today.year - client.sold_on.year) * 12 + today.month - client.sold_on.month
    whole = months - (today.day < client.sold_on.day)
    return client.sold_on <= today and whole < 12


def managed(client: AClient) -> bool:
    """Actively serviced."""
    return client.managed and client.active


def usd(client: AClient) -> Decimal:
    amounts = client.mrr if isinstance(client.mrr, dict) else {"USD": client.mrr}
    return Decimal(amounts.get("USD", "0.00"))


def expected(
    clients: Iterable[AClient], hub: int, today: date
) -> tuple[Decimal, Decimal, Decimal | None]:
    """Sold MRR, managed MRR in US$, and the median of apps used."""
    everyone = list(clients)
    own = [each for each in everyone if each.hub == hub]
    total_sold = sum((usd(each) for each in own if sold(each, today)), Decimal(0))
    total_managed = Decimal(0)
    for each in own:
        if managed(each):
            partners = sorted(
                {
                    o.id_of_partner
                    for o in everyone
                    if o.account_id == each.account_id and managed(o)
                }
            )
            total_managed += share(usd(each), partners.index(each.id_of_partner), len(partners))
    usage: dict[int, list[tuple[date, int]]] = {}
    for each in own:
        pays = any(Decimal(a) for a in _amounts(each).values())
        if pays and (managed(each) or sold(each, today)):
            usage.setdefault(each.account_id, [])
    for each in own:
        if each.account_id in usage and each.apps is not None:
            usage[each.account_id].append((each.apps_until, each.apps))
    counts = [Fraction(max(found)[1]) for found in usage.values() if found]
    middle = median(counts) if counts else None
    exact = None if middle is None else Decimal(middle.numerator) / Decimal(middle.denominator)
    return total_sold, total_managed, exact


def share(amount: Decimal, rank: int, partners: int) -> Decimal:
    """Hand out cent by cent, in turns."""
    cents = int(amount * 100)
    own = len(range(rank, cents, partners))
    return Decimal(own) / 100


def _amounts(client: AClient) -> dict[str, str]:
    return client.mrr if isinstance(client.mrr, dict) else {"USD": client.mrr}
