"""CSV files of the tiers service: certifications, tiers held so far, currency rates."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from time import monotonic
from uuid import UUID

from services.tiers import store
from services.tiers.domain import standing
from services.tiers.domain.rules import Rate
from services.tiers.domain.standing import Certification, Credited, Partner, Said
from shared.chassis import outbox
from shared.chassis.database import Connection
from shared.chassis.imports import (
    Batch,
    Column,
    Context,
    Counts,
    Kind,
    Table,
    currency,
    day,
    integer,
    text,
)

NO_TIER = "none"
LOOK_AGAIN_SECONDS = 0.25
_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,8})?")


def _rate() -> Kind:
    """A rate of exchange; more than 0."""

    def parse(value: str) -> Decimal:
        if not _RATE.fullmatch(value) or not Decimal(value):
            raise ValueError(value)
        return Decimal(value)

    return Kind(parse, "a number above 0 with at most 8 decimals, such as 1.0835", "1.0835")


async def _hear_of(tx: Connection, batch: Batch, context: Context) -> dict[int, UUID]:
    """Find the rows' partners, waiting for those that are still on their way from clients.

    Rows of partners that do not come are refused.
    """
    wanted: list[int] = batch["hub_id"]
    begun = monotonic()
    while True:
        known = await store.list_partner_ids(tx, hub_ids=set(wanted))
        if known.keys() >= set(wanted) or monotonic() - begun >= context.settings.import_wait:
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    for row, hub_id in enumerate(wanted):
        if hub_id not in known:
            batch.refuse(row, "hub_id", "the Hub ID of a partner that the clients service has")
    return known


async def _stand(
    tx: Connection,
    before: Mapping[UUID, Partner],
    decide: Callable[[Partner], tuple[Partner, list[Said]]],
    context: Context,
) -> None:
    """Decide about partners that are held, and say where they stand then."""
    decided = [decide(partner) for partner in before.values()]
    book = await store.find_book(tx, before.values())
    after, said = standing.stand_all([partner for partner, _ in decided], book, context.clock.now())
    await store.save_partners(tx, before, after)
    await outbox.record(tx, *(each for _, first in decided for each in first), *said)


async def apply_certifications(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Record from when to when partners are certified."""
    known = await _hear_of(tx, batch, context)
    told: dict[UUID, list[Certification]] = defaultdict(list)
    for row, (hub_id, first, last) in enumerate(batch.rows):
        if last is not None and last < first:
            batch.refuse(row, "expires_on", f"a day that is not before {first}")
        elif hub_id in known:
            told[known[hub_id]].append(Certification(first, last))
    before = await store.lock_known_partners(tx, told.keys())
    at = context.clock.now()
    await _stand(
        tx, before, lambda each: standing.certify(each, told[each.partner_id], at), context
    )
    return _counts(
        [
            (new, {each.certified_on: each for each in before[key].certifications}.get(first))
            for key, news in told.items()
            for new in news
            for first in (new.certified_on,)
        ]
    )


async def apply_credited_tiers(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Take over the tiers that partners were given before their reviews were done here."""
    known = await _hear_of(tx, batch, context)
    told: dict[UUID, list[Credited]] = defaultdict(list)
    for hub_id, tier, since in batch.rows:
        if hub_id in known:
            held = None if tier.casefold() == NO_TIER else tier
            told[known[hub_id]].append(Credited(since, held, "import"))
    before = await store.lock_known_partners(tx, told.keys())
    await _stand(tx, before, lambda each: (standing.hold(each, told[each.partner_id]), []), context)
    return _counts(
        [
            (new, replace(held, source="import") if held else None)
            for key, news in told.items()
            for new in news
            for held in ({each.since: each for each in before[key].credited}.get(new.since),)
        ]
    )


async def apply_rates(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Save rates, and assess every partner whose figures they are for."""
    rates = []
    for row, (from_day, source, into, rate) in enumerate(batch.rows):
        if source == into:
            batch.refuse(row, "into", f"another currency than {source}")
        else:
            rates.append(Rate(source, into, from_day, rate))
    created, changed = await store.save_rates(tx, rates)
    if created or changed:
        before = await store.lock_known_partners(tx)
        await _stand(tx, before, lambda each: (each, []), context)
    return Counts(created, changed, len(rates) - created - changed)


def _counts(pairs: list[tuple[object, object]]) -> Counts:
    created = sum(old is None for _, old in pairs)
    same = sum(new == old for new, old in pairs)
    return Counts(created, len(pairs) - created - same, same)


_HUB_ID = Column(
    "Partner Hub ID",
    "hub_id",
    integer(1, example="8800001"),
    "HubSpot account of the partner.",
    key=True,
    aliases=("Hub ID",),
)

TABLES = (
    Table(
        "certifications.csv",
        "From when to when each partner is certified.",
        (
            _HUB_ID,
            Column(
                "Certified on", "certified_on", day(example="2025-11-03"), "First day.", key=True
            ),
            Column(
                "Expires on",
                "expires_on",
                day(example="2026-12-03"),
                "The last day on which it holds; empty: it does not expire.",
                required=False,
            ),
        ),
        apply_certifications,
        required=False,
    ),
    Table(
        "credited_tiers.csv",
        "Tiers that partners hold from earlier reviews.",
        (
            _HUB_ID,
            Column(
                "Credited tier",
                "tier",
                text(50, example="Gold"),
                "The tier's name; 'none' for no tier.",
            ),
            Column("Since", "since", day(example="2025-07-15"), "First day.", key=True),
        ),
        apply_credited_tiers,
        required=False,
    ),
    Table(
        "currency_rates.csv",
        "What currencies are worth, each rate from its day until the next.",
        (
            Column("Date", "day", day(example="2026-01-02"), "First day of the rate.", key=True),
            Column("From", "source", currency(), "The currency of the revenue.", "EUR", key=True),
            Column("To", "into", currency(), "The currency of the rule set.", "USD", key=True),
            Column("Rate", "rate", _rate(), "How many of To one of From is worth."),
        ),
        apply_rates,
        required=False,
    ),
)
