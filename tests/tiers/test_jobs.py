"""What happens because a day begins: expiries, certifications, reviews, each in its zone."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.tiers import jobs, store
from services.tiers.domain.rules import MrrTier, Rate, read_rule_set
from services.tiers.handlers import from_events, from_state
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import ids, tiers
from tests.deliver import deliver, pending, published
from tests.tiers.portfolio import NOON, AClient, figures, partner, standing
from tests.tiers.rules import january


async def pass_days(pool: Pool, clock: ManualClock) -> int:
    """Do what the days ask for until nothing is left; returns how many partners moved."""
    moved = 0
    while done := await jobs.move_days(pool, clock):
        moved += done
    return moved


async def certify(pool: Pool, hub: int = 1, until: date | None = None) -> None:
    await pool.execute(
        "INSERT INTO certifications VALUES ($1, '2020-01-01', $2)", ids.partner_id(hub), until
    )


async def test_sold_credit_ends_on_its_day_and_managed_credit_stays(pool: Pool) -> None:
    clock = ManualClock(NOON)
    client = AClient(1, sold_on=date(2025, 1, 12))
    await deliver(from_state, pool, partner(), client.told())
    seen = []
    for _ in range(4):
        await pass_days(pool, clock)
        seen.append((clock.today("UTC").day, (await figures(pool))[:2]))
        clock.advance(timedelta(days=1))

    assert seen == [
        (10, ("100.00", "100.00")),
        (11, ("100.00", "100.00")),
        (12, ("0.00", "100.00")),
        (13, ("0.00", "100.00")),
    ]


async def test_an_account_that_was_only_sold_leaves_the_median_with_its_credit(
    pool: Pool,
) -> None:
    clock = ManualClock(NOON)
    sold = AClient(1, sold_on=date(2025, 1, 11), managed=False, apps=9)
    await deliver(from_state, pool, partner(), sold.told(), AClient(2, apps=4).told())
    await pass_days(pool, clock)
    assert (await figures(pool))[2] == "6.5"

    clock.advance(timedelta(days=1))
    await pass_days(pool, clock)

    assert (await figures(pool))[2] == "4"


async def test_a_sale_dated_tomorrow_counts_from_tomorrow(pool: Pool) -> None:
    clock = ManualClock(NOON)
    await deliver(
        from_state, pool, partner(), AClient(1, sold_on=date(2026, 1, 11), managed=False).told()
    )
    await pass_days(pool, clock)
    assert (await figures(pool))[0] == "0.00"

    clock.advance(timedelta(days=1))
    await pass_days(pool, clock)
    assert (await figures(pool))[0] == "100.00"


async def test_each_partner_has_its_day_when_it_begins_in_its_zone(pool: Pool) -> None:
    zones = {1: "Asia/Kolkata", 2: "Europe/Berlin", 3: "America/New_York"}
    clock = ManualClock(datetime(2026, 1, 11, 12, tzinfo=UTC))
    for hub, zone in zones.items():
        client = AClient(1, hub=hub, sold_on=date(2025, 1, 12))
        await deliver(from_state, pool, partner(hub, zone=zone), client.told())
    await pass_days(pool, clock)

    ended_at = {}
    for _ in range(40):
        await pass_days(pool, clock)
        for hub in zones:
            if hub not in ended_at and (await figures(pool, hub))[0] == "0.00":
                ended_at[hub] = clock.now()
        clock.advance(timedelta(minutes=30))

    assert ended_at == {
        1: datetime(2026, 1, 11, 18, 30, tzinfo=UTC),
        2: datetime(2026, 1, 11, 23, 0, tzinfo=UTC),
        3: datetime(2026, 1, 12, 5, 0, tzinfo=UTC),
    }


async def test_a_review_happens_when_its_day_begins_in_the_partners_zone(pool: Pool) -> None:
    clock = ManualClock(NOON)
    for hub, zone in {1: "Asia/Kolkata", 2: "America/New_York"}.items():
        await deliver(from_state, pool, partner(hub, zone=zone))
    await pass_days(pool, clock)

    clock.set(datetime(2026, 1, 14, 20, tzinfo=UTC))
    await pass_days(pool, clock)
    reviewed = await published(pool, tiers.TierCredited)
    assert [each.partner_id for each in reviewed] == [ids.partner_id(1)]

    clock.set(datetime(2026, 1, 15, 5, tzinfo=UTC))
    await pass_days(pool, clock)
    assert len(await published(pool, tiers.TierCredited)) == 2


async def test_the_credited_tier_changes_at_reviews_only_and_performance_at_once(
    pool: Pool,
) -> None:
    clock = ManualClock(NOON)
    client = AClient(1, sold_on=date(2026, 1, 1), mrr="6000.00")
    await certify(pool)
    await deliver(from_state, pool, partner(), client.told())
    await pass_days(pool, clock)
    told = await standing(pool)
    assert (told.performance.tier, told.credited_tier) == ("Gold", None)

    clock.set(datetime(2026, 1, 15, 1, tzinfo=UTC))
    await pass_days(pool, clock)
    told = await standing(pool)
    assert (told.credited_tier, told.credited_since) == ("Gold", date(2026, 1, 15))
    assert told.next_review_on == date(2026, 7, 15)

    await deliver(from_events, pool, client.ended())
    told = await standing(pool)
    assert (told.performance.tier, told.credited_tier) == (None, "Gold")

    clock.set(datetime(2026, 7, 15, 1, tzinfo=UTC))
    await pass_days(pool, clock)
    told = await standing(pool)
    assert (told.credited_tier, told.credited_since) == (None, date(2026, 7, 15))


async def test_a_review_is_done_once_however_often_it_is_asked_for(pool: Pool) -> None:
    clock = ManualClock(NOON)
    await deliver(from_state, pool, partner())
    await pass_days(pool, clock)
    clock.set(datetime(2026, 1, 15, 1, tzinfo=UTC))
    assert await pass_days(pool, clock) == 1
    before = len(await pending(pool))

    assert await pass_days(pool, clock) == 0
    clock.advance(timedelta(hours=20))
    assert await pass_days(pool, clock) == 0

    assert len(await pending(pool)) == before
    assert await pool.fetchval("SELECT count(*) FROM reviews") == 1


async def test_two_replicas_do_a_review_once(pool: Pool) -> None:
    clock = ManualClock(NOON)
    await deliver(from_state, pool, *(partner(hub) for hub in range(1, 21)))
    await pass_days(pool, clock)
    clock.set(datetime(2026, 1, 15, 1, tzinfo=UTC))

    await asyncio.gather(*(pass_days(pool, clock) for _ in range(4)))

    assert await pool.fetchval("SELECT count(*) FROM reviews") == 20
    assert len(await published(pool, tiers.TierCredited)) == 20


async def test_reviews_missed_in_an_outage_are_made_up_with_the_credit_of_their_day(
    pool: Pool,
) -> None:
    """The sale counted on the first review day, and no more on the second."""
    clock = ManualClock(NOON)
    client = AClient(1, sold_on=date(2025, 3, 1), mrr="6000.00")
    await certify(pool)
    await deliver(from_state, pool, partner(), client.told())
    await pass_days(pool, clock)

    clock.set(datetime(2026, 8, 20, 12, tzinfo=UTC))
    await pass_days(pool, clock)

    reviews = await published(pool, tiers.TierCredited)
    assert [(each.review_on, each.tier, each.previous_tier) for each in reviews] == [
        (date(2026, 1, 15), "Gold", None),
        (date(2026, 7, 15), None, "Gold"),
    ]
    told = await standing(pool)
    assert told.credited_since == date(2026, 7, 15)
    assert told.next_review_on == date(2027, 1, 15)


async def test_no_review_is_made_up_for_the_time_before_a_partner_was_known(pool: Pool) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    await deliver(from_state, pool, partner(at=long_ago))

    await pass_days(pool, ManualClock(NOON))

    assert await published(pool, tiers.TierCredited) == []
    assert (await standing(pool)).next_review_on == date(2026, 1, 15)


async def test_a_certification_ends_after_its_last_day_and_takes_the_tier_along(
    pool: Pool,
) -> None:
    clock = ManualClock(NOON)
    await certify(pool, until=date(2026, 1, 12))
    client = AClient(1, sold_on=date(2026, 1, 1), mrr="6000.00")
    await deliver(from_state, pool, partner(), client.told())
    seen = []
    for _ in range(4):
        await pass_days(pool, clock)
        told = await standing(pool)
        seen.append((told.performance.tier, told.performance.certified, told.certified_until))
        clock.advance(timedelta(days=1))

    last = date(2026, 1, 12)
    assert seen == [("Gold", True, last)] * 3 + [(None, False, None)]


async def test_a_rate_counts_from_its_day_on(pool: Pool) -> None:
    clock = ManualClock(NOON)
    client = AClient(1, mrr={"EUR": "100.00"})
    async with pool.acquire() as tx, tx.transaction():
        days = {date(2026, 1, 1): "1.10", date(2026, 1, 12): "1.20"}
        await store.save_rates(tx, [Rate("EUR", "USD", d, Decimal(r)) for d, r in days.items()])
    await deliver(from_state, pool, partner(), client.told())
    seen = []
    for _ in range(3):
        await pass_days(pool, clock)
        seen.append((await figures(pool))[1])
        clock.advance(timedelta(days=1))

    assert seen == ["110.00", "110.00", "120.00"]


async def test_a_zone_that_moves_the_day_back_brings_sold_credit_back_until_its_end(
    pool: Pool,
) -> None:
    clock = ManualClock(datetime(2026, 1, 12, 3, tzinfo=UTC))
    client = AClient(1, sold_on=date(2025, 1, 12))
    await deliver(from_state, pool, partner(), client.told())
    await pass_days(pool, clock)
    assert (await figures(pool))[0] == "0.00"

    await deliver(from_state, pool, partner(version=2, zone="America/New_York"))
    await pass_days(pool, clock)
    assert (await figures(pool))[0] == "100.00"


async def test_a_rule_set_that_comes_into_force_decides_from_its_day_on(pool: Pool) -> None:
    clock = ManualClock(NOON)
    await certify(pool)
    client = AClient(1, sold_on=date(2026, 1, 1), mrr="6000.00")
    await deliver(from_state, pool, partner(), client.told())
    await pass_days(pool, clock)
    stricter = january().model_copy(
        update={
            "name": "stricter",
            "in_force_from": date(2026, 1, 12),
            "tiers": (MrrTier(tier="Bronze", sold=Decimal(6000), managed=Decimal(6000)),),
        }
    )
    assert await jobs.put_rule_set(pool, stricter, NOON)
    assert not await jobs.put_rule_set(pool, stricter, NOON)
    seen = []
    for _ in range(3):
        await pass_days(pool, clock)
        told = (await standing(pool)).performance
        seen.append((told.rule_set, told.tier))
        clock.advance(timedelta(days=1))

    assert seen == [("2018-01", "Gold"), ("2018-01", "Gold"), ("stricter", "Bronze")]


async def test_a_changed_rule_set_in_force_moves_every_partner_at_once(pool: Pool) -> None:
    await certify(pool)
    client = AClient(1, sold_on=date(2026, 1, 1), mrr="6000.00")
    await deliver(from_state, pool, partner(), client.told())
    easier = january().model_copy(
        update={"tiers": (MrrTier(tier="Everybody", sold=Decimal(0), managed=Decimal(0)),)}
    )

    await jobs.put_rule_set(pool, easier, NOON)

    assert (await standing(pool)).performance.tier == "Everybody"
    async with pool.acquire() as tx:
        kept = await store.list_rule_sets(tx)
    assert easier in kept
    assert read_rule_set(easier.model_dump_json()) == easier


async def test_republishing_says_the_same_again_and_changes_nothing(pool: Pool) -> None:
    await deliver(from_state, pool, partner(1), partner(2), AClient(1).told())
    before = await standing(pool)
    count = len(await pending(pool))

    assert await jobs.republish(pool, NOON + timedelta(days=1)) == 2

    after = await standing(pool)
    assert after == before.model_copy(update={"occurred_at": NOON + timedelta(days=1)})
    assert len(await pending(pool)) == count + 2


@pytest.mark.parametrize("hubs", [120])
async def test_more_partners_than_one_transaction_moves_are_all_moved(
    pool: Pool, hubs: int
) -> None:
    await deliver(from_state, pool, *(partner(hub) for hub in range(1, hubs + 1)))
    assert await pass_days(pool, ManualClock(NOON)) == hubs


async def test_a_version_that_was_said_is_never_given_out_again(pool: Pool) -> None:
    await deliver(from_state, pool, partner(), AClient(1).told())
    first = ids.partner_id(1)
    async with pool.acquire() as tx:
        assert await store.lift_versions(tx, {first: 50}) == 1
        assert await store.lift_versions(tx, {first: 50}) == 0
    assert await pool.fetchval("SELECT version FROM partners WHERE partner_id = $1", first) == 51
