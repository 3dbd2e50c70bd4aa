"""What the tiers service does because time passes, and what an operator has it do again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.tiers import store
from services.tiers.domain import credit, figures, standing
from services.tiers.domain.credit import Worth
from services.tiers.domain.figures import Figures
from services.tiers.domain.rules import Book, RuleSet
from services.tiers.domain.standing import Partner, Said
from shared.chassis import outbox
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.contracts.event import Event

BATCH = 50  # partners that are moved in one transaction
CHUNK = 2000  # accounts that are recomputed at a time


async def move_days(pool: Pool, clock: Clock) -> int:
    """Move partners to their today: sales begin and cease to count, certificates expire.

    A review day on the way is stopped at and reviewed, in order, however late. Returns how many
    partners were moved; those that another replica holds are left to it.
    """
    async with pool.acquire() as conn:
        zones = await store.list_zones(conn)
    moved = 0
    for zone in zones:
        today = clock.today(zone)
        async with pool.acquire() as tx, tx.transaction():
            partners = await store.due_partners(tx, zone, today, BATCH)
            if partners:
                await _move(tx, partners, today, clock.now())
            moved += len(partners)
    return moved


async def _move(
    tx: Connection, partners: Mapping[UUID, Partner], today: date, at: datetime
) -> None:
    book = await store.find_book(tx, partners.values(), until=today)
    days = {key: standing.days_to_visit(partner, book, today) for key, partner in partners.items()}
    while days:
        there = {key: left[0] for key, left in days.items()}
        on_the_way = {key: partners[key] for key in days}
        partners = {**partners, **await _visit(tx, on_the_way, there, book, at)}
        days = {key: left[1:] for key, left in days.items() if left[1:]}


async def _visit(
    tx: Connection,
    partners: Mapping[UUID, Partner],
    days: Mapping[UUID, date],
    book: Book,
    at: datetime,
) -> dict[UUID, Partner]:
    """Move partners to a day each, touching only accounts whose sales turn on the way."""
    moves = [(key, partner.day, days[key]) for key, partner in partners.items()]
    owned = await store.list_accounts_turning(tx, moves)
    saved = await store.list_worth_of(tx, owned)
    worth = credit.turn(saved, await store.list_clients_of(tx, owned), days)
    await store.save_worth(tx, saved, worth)
    moved = figures.move({key: each.figures for key, each in partners.items()}, saved, worth)
    visits = [
        standing.visit(partner, moved[key], days[key], book, at)
        for key, partner in partners.items()
    ]
    await store.save_partners(tx, partners, [partner for partner, _, _ in visits])
    await store.save_reviews(tx, [made for _, made, _ in visits if made], at)
    await outbox.record(tx, *(each for _, _, said in visits for each in said))
    return {partner.partner_id: partner for partner, _, _ in visits}


async def put_rule_set(pool: Pool, rules: RuleSet, at: datetime) -> bool:
    """Save a rule set and assess all partners by what is in force now; False if nothing is new."""
    async with pool.acquire() as tx, tx.transaction():
        if not await store.save_rule_set(tx, rules):
            return False
        before = await store.lock_known_partners(tx)
        book = await store.find_book(tx, before.values())
        after, said = standing.stand_all(before.values(), book, at)
        await store.save_partners(tx, before, after)
        await outbox.record(tx, *said)
        return True


async def republish(pool: Pool, at: datetime) -> int:
    """Say anew where each partner stands, for readers that lost it; returns how many."""
    async with pool.acquire() as tx, tx.transaction():
        partners = await store.lock_known_partners(tx)
        said: list[Event] = [
            standing.snapshot(each, each.standing.performance, at)
            for each in partners.values()
            if each.known and each.standing.performance
        ]
        await outbox.record(tx, *said)
        return len(said)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something saved that is not what follows from the clients."""

    partner_id: UUID
    what: str
    saved: object
    right: object


async def recompute(
    pool: Pool, at: datetime, *, mend: bool, progress: Callable[[int, int], None]
) -> list[Difference]:
    """Work every partner's figures out from nothing; returns what differs from the saved ones.

    Each partner is held while it is worked out. With ``mend`` the right figures are saved and
    told. ``progress`` hears how many partners of how many are done.
    """
    async with pool.acquire() as conn:
        partners = await store.list_partners(conn)
    found: list[Difference] = []
    for done, partner_id in enumerate(partners):
        progress(done, len(partners))
        async with pool.acquire() as tx, tx.transaction():
            found += await _recompute(tx, partner_id, at, mend=mend)
    progress(len(partners), len(partners))
    return found


async def _recompute(
    tx: Connection, partner_id: UUID, at: datetime, *, mend: bool
) -> list[Difference]:
    before = await store.lock_known_partners(tx, [partner_id])
    partner = before[partner_id]
    total = Figures()
    found: list[Difference] = []
    low: int | None = None
    while True:
        accounts = await store.list_accounts(tx, partner_id, after=low, limit=CHUNK)
        high = accounts[-1] if len(accounts) == CHUNK else None
        saved = await store.list_worth_between(tx, partner_id, after=low, until=high)
        members = await store.list_clients(tx, accounts)
        days = dict.fromkeys((client.partner_id for client in members), partner.day)
        right = _own(credit.weigh(members, days), partner_id)
        found += _differences(partner_id, saved, right)
        if mend:
            await store.save_worth(tx, saved, right)
        total = figures.move({partner_id: total}, Worth({}, {}), right)[partner_id]
        if high is None:
            break
        low = high
    if total != partner.figures:
        found.append(Difference(partner_id, "figures", partner.figures, total))
    computed = replace(partner, figures=total)
    book = await store.find_book(tx, [computed])
    stood, said = standing.stand(computed, book, at)
    if stood.standing != partner.standing:
        found.append(Difference(partner_id, "standing", partner.standing, stood.standing))
    if mend:
        await _mend(tx, before, stood, said)
    return found


async def _mend(
    tx: Connection, before: Mapping[UUID, Partner], partner: Partner, said: Iterable[Said]
) -> None:
    await store.save_partners(tx, before, [partner])
    await outbox.record(tx, *said)


def _own(worth: Worth, partner_id: UUID) -> Worth:
    return Worth(
        {key: each for key, each in worth.credits.items() if each.partner_id == partner_id},
        {key: each for key, each in worth.contributions.items() if each.partner_id == partner_id},
    )


def _differences(partner_id: UUID, saved: Worth, right: Worth) -> Iterable[Difference]:
    for key in saved.credits.keys() | right.credits.keys():
        one, other = saved.credits.get(key), right.credits.get(key)
        if one != other:
            yield Difference(partner_id, f"credit of client {key[0]} in {key[1]}", one, other)
    for account in saved.contributions.keys() | right.contributions.keys():
        left, be = saved.contributions.get(account), right.contributions.get(account)
        if left != be:
            yield Difference(partner_id, f"contribution of account {account[1]}", left, be)
