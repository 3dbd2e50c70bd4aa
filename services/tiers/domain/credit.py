"""What each client and account is worth to each partner: sold, managed, app usage."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from services.tiers.domain.clients import Client

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Credit:
    """What a client's revenue in one currency counts for its partner on one day.

    ``managed`` is the partner's share of ``mrr`` among the ``partners`` that service the account;
    0 partners means that this one does not.
    """

    client_id: UUID
    partner_id: UUID
    account_id: int
    currency: str
    country: str
    mrr: Decimal
    sold: Decimal
    managed: Decimal
    partners: int


@dataclass(frozen=True, slots=True)
class Contribution:
    """An account that gives a partner sold or managed credit, and how many apps it uses.

    Where a partner has several records of an account, the latest count of apps holds, and of
    two counts for the same period the higher. None means that no use was ever recorded.
    """

    partner_id: UUID
    account_id: int
    apps_used: int | None


@dataclass(frozen=True, slots=True)
class Worth:
    """All credits and contributions of some accounts, by their keys."""

    credits: Mapping[tuple[UUID, str], Credit]
    contributions: Mapping[tuple[UUID, int], Contribution]


def split(amount: Decimal, partners: int) -> list[Decimal]:
    """Split an amount evenly to the cent; the shares always add up to the amount.

    What is left after the even split goes, a cent each, to the first of the partners in the
    order of their ids, so that who gets it does not depend on when anybody came.
    """
    cents = int(amount / CENT)
    share, left = divmod(cents, partners)
    return [(share + (rank < left)) * CENT for rank in range(partners)]


def weigh(clients: Iterable[Client], days: Mapping[UUID, date]) -> Worth:
    """Weigh accounts on each partner's day. All clients of an account must be given together."""
    accounts: dict[int, list[Client]] = defaultdict(list)
    for client in clients:
        if client.account_id is not None:
            accounts[client.account_id].append(client)
    worth: dict[tuple[UUID, str], Credit] = {}
    contributions: dict[tuple[UUID, int], Contribution] = {}
    for account_id, members in accounts.items():
        servicing = sorted({client.partner_id for client in members if client.manages})
        for client in members:
            for credit in _credits(client, account_id, servicing, days[client.partner_id]):
                worth[client.client_id, credit.currency] = credit
        contributions |= _contributions(account_id, members, days)
    return Worth(worth, contributions)


def turn(worth: Worth, clients: Iterable[Client], days: Mapping[UUID, date]) -> Worth:
    """Weigh anew what depends on the day alone: sales that begin or cease to count.

    ``clients`` are all of a partner's records of the accounts in ``worth``, and no others; the
    shares of managed revenue stay as they are, since who services an account has not changed.
    """
    own: dict[tuple[UUID, int], list[Client]] = defaultdict(list)
    sold = set()
    for client in clients:
        if client.account_id is not None:
            own[client.partner_id, client.account_id].append(client)
        if client.sold_counts(days[client.partner_id]):
            sold.add(client.client_id)
    contributions: dict[tuple[UUID, int], Contribution] = {}
    for (_, account_id), members in own.items():
        contributions |= _contributions(account_id, members, days)
    return Worth(
        {
            key: replace(each, sold=each.mrr if each.client_id in sold else ZERO)
            for key, each in worth.credits.items()
        },
        contributions,
    )


def _credits(client: Client, account_id: int, servicing: list[UUID], day: date) -> Iterable[Credit]:
    sold = client.sold_counts(day)
    rank = servicing.index(client.partner_id) if client.manages else None
    for currency, mrr in client.mrr.items():
        yield Credit(
            client_id=client.client_id,
            partner_id=client.partner_id,
            account_id=account_id,
            currency=currency,
            country=client.country,
            mrr=mrr,
            sold=mrr if sold else ZERO,
            managed=ZERO if rank is None else split(mrr, len(servicing))[rank],
            partners=0 if rank is None else len(servicing),
        )


def _contributions(
    account_id: int, members: Iterable[Client], days: Mapping[UUID, date]
) -> dict[tuple[UUID, int], Contribution]:
    """Find for which partners the account contributes, by any of their records of it."""
    found: dict[UUID, tuple[date, int] | None] = {}
    giving = {c.partner_id for c in members if contributes(c, days[c.partner_id])}
    for client in members:
        if client.partner_id not in giving:
            continue
        best = found.setdefault(client.partner_id, None)
        if client.apps_used is not None and client.used_until is not None:
            count = (client.used_until, client.apps_used)
            found[client.partner_id] = max(best, count) if best else count
    return {
        (partner, account_id): Contribution(partner, account_id, best[1] if best else None)
        for partner, best in found.items()
    }


def contributes(client: Client, day: date) -> bool:
    """Whether the client gives its partner any credit on this day."""
    return client.pays and (client.manages or client.sold_counts(day))
