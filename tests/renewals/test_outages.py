"""What an outage of the sweep holds back: late, once, with the true days left."""

from datetime import UTC, date, datetime

import pytest

from services.renewals.domain.choices import choose_default_stages
from services.renewals.store import books, partners
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts.renewals import RenewalSettled
from tests.deliver import published
from tests.renewals.portfolio import (
    PARTNER,
    AClient,
    APartner,
    hear,
    the_renewal,
    told,
    watch,
    watch_until,
)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


async def switch_on(pool: Pool, stage: str, now: datetime) -> None:
    """Let the partner be told at one more stage."""
    async with pool.acquire() as tx, tx.transaction():
        held = (await partners.lock_partners(tx, [PARTNER]))[PARTNER]
        stages = (*held.stages, stage)
        after, events = choose_default_stages(held, stages, held.send_hour, None, now)
        await books.save_partner(tx, held, after, events, now)


async def test_what_an_outage_held_back_goes_out_once_with_the_true_days_left(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    await watch_until(pool, clock, at(date(2026, 2, 2)))

    clock.set(at(date(2026, 4, 12), 15))  # d-45, d-15 and d-7 fell due meanwhile
    await watch(pool, clock)

    entered, late = await told(pool)
    assert (entered.stage, late.stage, late.superseded) == ("entered", "d-7", ("d-45", "d-15"))
    assert (late.days_to_deadline, late.days_to_renewal) == (5, 50)
    outcomes = await pool.fetch("SELECT stage, outcome FROM stage_records ORDER BY due_at")
    assert [tuple(row) for row in outcomes] == [
        ("entered", "fired"),
        ("d-45", "superseded"),
        ("d-15", "superseded"),
        ("d-7", "fired"),
    ]
    assert (await the_renewal(pool)).next_stage == "d-1"


@pytest.mark.parametrize("more", ["d-40", "d-60"])
async def test_what_an_outage_held_back_is_told_also_where_a_past_stage_is_switched_on_meanwhile(
    pool: Pool, clock: ManualClock, more: str
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    await watch_until(pool, clock, at(date(2026, 2, 2)))

    clock.set(at(date(2026, 3, 20)))  # d-45 is held back since 3 March
    await switch_on(pool, more, clock.now())
    await watch(pool, clock)
    await watch_until(pool, clock, at(date(2026, 4, 2)))

    *_, late, next_one = await told(pool)
    latest = max("d-45", more, key=lambda stage: -int(stage[2:]))
    assert (late.stage, late.days_to_deadline) == (latest, 28)
    assert next_one.stage == "d-15"
    records = {
        row["stage"]: row["outcome"]
        for row in await pool.fetch("SELECT stage, outcome FROM stage_records")
    }
    other = ({"d-45", more} - {latest}).pop()
    assert records == {"entered": "fired", other: "superseded", latest: "fired", "d-15": "fired"}


async def test_an_outage_over_the_deadline_leaves_the_outcome_alone(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    clock.set(at(date(2026, 4, 25)))

    await watch(pool, clock)

    [outcome] = await told(pool)
    assert (outcome.stage, outcome.status) == ("outcome", "renewed")
    [settled] = await published(pool, RenewalSettled)
    assert (settled.settled_on, settled.version) == (date(2026, 4, 18), 2)
    assert outcome.version == 3
    missed = ("entered", "d-45", "d-15", "d-7", "d-1", "d-0")
    assert outcome.superseded == missed, "of each stage that was due it is known what became of it"
    rows = await pool.fetch("SELECT stage, outcome FROM stage_records")
    assert {row["stage"]: row["outcome"] for row in rows} == dict.fromkeys(missed, "superseded") | {
        "outcome": "fired"
    }
