"""When somebody is told: each stage once, in its window, after outages, moves and late arrivals."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from deploy.local.databases import Addresses
from services.renewals import handlers, jobs
from services.renewals.domain import Kind, Partner, Refused, stages
from services.renewals.domain.choices import DefaultOwner, choose_default, choose_default_stages
from services.renewals.main import create_app
from services.renewals.store import books, partners
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.outbox import header_pairs
from shared.contracts import clients, ids
from shared.contracts.renewals import OwnerChoice, RenewalDeadlineApproaching, RenewalSettled
from tests import tokens
from tests.deliver import deliver, pending, published, record_of
from tests.renewals.conftest import settings_for
from tests.renewals.portfolio import (
    CLIENT,
    NOON,
    PARTNER,
    START,
    AClient,
    APartner,
    all_of,
    hear,
    last_snapshot,
    stages_told,
    the_renewal,
    told,
    watch,
    watch_until,
)

DEADLINE = date(2026, 4, 17)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


async def set_hour(pool: Pool, hour: str, now: datetime) -> None:
    """Let the partner's people and clients be told at another local time."""
    async with pool.acquire() as tx, tx.transaction():
        held = (await partners.lock_partners(tx, [PARTNER]))[PARTNER]
        after, events = choose_default_stages(held, held.stages, hour, None, now)
        await books.save_partner(tx, held, after, events, now)


async def test_a_renewal_is_told_at_each_stage_from_the_horizon_to_the_outcome(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())

    await watch_until(pool, clock, at(date(2026, 4, 30)))

    events = await told(pool)
    assert [(e.stage, e.due_at, e.days_to_deadline) for e in events] == [
        ("entered", at(date(2026, 2, 1)), 75),
        ("d-45", at(date(2026, 3, 3)), 45),
        ("d-15", at(date(2026, 4, 2)), 15),
        ("d-7", at(date(2026, 4, 10)), 7),
        ("d-1", at(date(2026, 4, 16)), 1),
        ("d-0", at(DEADLINE), 0),
        ("outcome", at(date(2026, 4, 18)), -1),
    ]
    assert [e.occurred_at for e in events] == [e.due_at for e in events]
    assert [e.due_until for e in events[:5]] == [e.due_at for e in events[1:6]]
    assert events[5].due_until == at(date(2026, 4, 18), 0)
    assert events[6].due_until == at(START, 0)
    assert all(e.days_to_renewal == e.days_to_deadline + 45 for e in events)
    assert all(e.superseded == () for e in events)
    assert [e.status for e in events] == ["pending"] * 6 + ["renewed"]


async def test_the_last_days_notice_does_not_outlast_the_last_day(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    await watch_until(pool, clock, at(date(2026, 4, 16)))
    await hear(pool, client.ended())  # stages go on, and nothing settles

    clock.set(at(date(2026, 4, 18), 3))
    await watch(pool, clock)
    assert (await stages_told(pool))[-1] == "d-1"
    assert (await the_renewal(pool)).next_stage == "d-0"

    clock.set(at(date(2026, 4, 18), 9))
    await watch(pool, clock)
    assert (await told(pool))[-1].superseded == ("d-0",)


async def test_after_the_new_terms_began_nobody_is_told_any_more(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    clock.set(at(START, 0))

    await watch(pool, clock)

    assert await stages_told(pool) == []
    assert (await the_renewal(pool)).next_stage is None
    records = await pool.fetch("SELECT DISTINCT outcome FROM stage_records")
    assert [row["outcome"] for row in records] == ["superseded"]


async def test_a_renewal_first_seen_inside_the_horizon_gets_exactly_one_message(
    pool: Pool, clock: ManualClock
) -> None:
    soon = NOON.date() + timedelta(days=50)  # five days to the deadline

    await hear(pool, APartner().now(), AClient().term(1, soon).now())
    await watch(pool, clock)
    await watch(pool, clock)

    [event] = await told(pool)
    assert (event.stage, event.days_to_deadline) == ("d-7", 5)
    assert event.superseded == ("entered", "d-45", "d-15")


async def test_a_moved_start_arms_every_stage_anew(pool: Pool, clock: ManualClock) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    await watch_until(pool, clock, at(date(2026, 4, 11)))
    before = await stages_told(pool)

    await hear(pool, client.term(1, START + timedelta(days=90)).now(at=clock.now()))
    await watch_until(pool, clock, at(date(2026, 7, 30)))

    assert before == ["entered", "d-45", "d-15", "d-7"]
    again = (await told(pool))[4:]
    assert [e.stage for e in again] == [
        *("entered", "d-45", "d-15", "d-7", "d-1", "d-0", "outcome")
    ]
    assert {e.renewal_start for e in again} == {START + timedelta(days=90)}


async def test_a_start_that_moves_there_and_back_tells_no_stage_twice(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    await watch_until(pool, clock, at(date(2026, 3, 4)))
    await hear(pool, client.term(1, START + timedelta(days=300)).now(at=clock.now()))
    await hear(pool, client.term(1, START).now(at=clock.now()))

    await watch_until(pool, clock, at(date(2026, 4, 3)))

    assert await stages_told(pool) == ["entered", "d-45", "d-15"]


async def test_a_stage_is_due_at_the_partners_hour_and_the_days_are_the_partners(
    pool: Pool, clock: ManualClock
) -> None:
    zone = "America/New_York"
    await hear(pool, APartner(zone=zone).now(), AClient().term(1, date(2026, 4, 22)).now())
    # deadline 8 March, the day on which clocks there go forward: d-0 at 09:00 EDT
    await watch_until(pool, clock, datetime(2026, 3, 8, 12, 59, tzinfo=UTC))
    assert (await stages_told(pool))[-1] == "d-1"

    await watch_until(pool, clock, datetime(2026, 3, 8, 13, tzinfo=UTC))

    event = (await told(pool))[-1]
    assert (event.stage, event.days_to_deadline, event.time_zone) == ("d-0", 0, zone)
    assert event.due_at == datetime(2026, 3, 8, 13, tzinfo=UTC)


async def test_nobody_is_told_before_the_partners_zone_is_known(
    pool: Pool, clock: ManualClock
) -> None:
    soon = NOON.date() + timedelta(days=50)
    await hear(pool, AClient().term(1, soon).now())
    await watch(pool, clock)
    assert await stages_told(pool) == []

    await hear(pool, APartner(zone="Asia/Tokyo").now())
    await watch(pool, clock)

    assert await stages_told(pool) == ["d-7"]


async def test_in_another_zone_what_is_to_come_moves_and_what_was_told_stays_told(
    pool: Pool, clock: ManualClock
) -> None:
    partner = APartner()
    await hear(pool, partner.now(), AClient().term().now())
    await watch_until(pool, clock, at(date(2026, 2, 1), 10))

    await hear(pool, partner.now(zone="Pacific/Pago_Pago", at=clock.now()))  # entered is still due
    await watch_until(pool, clock, at(date(2026, 2, 3)))

    assert await stages_told(pool) == ["entered"]
    renewal = await the_renewal(pool)
    assert renewal.next_stage_at == datetime(2026, 3, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "hour", "told_at"),
    [
        (7, "14:00", 14),  # not told yet: later on the same day
        (10, "14:00", 9),  # told already: not a second time
        (7, "06:00", 7),  # due by now: at once
    ],
)
async def test_another_send_hour_moves_what_is_to_come_and_tells_nothing_twice(
    pool: Pool, clock: ManualClock, changed: int, hour: str, told_at: int
) -> None:
    begins = date(2026, 2, 1)
    await hear(pool, APartner().now(), AClient().term().now())

    for now in (at(begins, hour) for hour in range(24)):
        clock.set(now)
        if now.hour == changed:
            await set_hour(pool, hour, now)
        await watch(pool, clock)

    assert [(e.stage, e.occurred_at) for e in await told(pool)] == [
        ("entered", at(begins, told_at))
    ]
    assert (await the_renewal(pool)).next_stage_at == at(date(2026, 3, 3), int(hour[:2]))


async def test_untouched_it_renews_by_itself_on_the_day_after_the_deadline(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner(zone="America/New_York").now(), AClient().term().now())
    clock.set(datetime(2026, 4, 18, 3, 59, tzinfo=UTC))  # still the deadline's day over there
    await watch(pool, clock)
    assert (await the_renewal(pool)).status == "pending"

    clock.set(datetime(2026, 4, 18, 4, tzinfo=UTC))
    await watch(pool, clock)

    assert (await the_renewal(pool)).status == "renewed"
    assert (await last_snapshot(pool)).renewals[0].status == "renewed"
    assert len(await published(pool, RenewalSettled)) == 1


async def test_what_settled_by_itself_is_open_again_if_its_start_moves_far_enough(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    clock.set(at(date(2026, 4, 20)))
    await watch(pool, clock)

    await hear(pool, client.term(1, START + timedelta(days=30)).now(at=clock.now()))

    assert (await the_renewal(pool)).status == "pending"


async def test_other_kinds_of_change_have_stages_of_their_own(
    pool: Pool, clock: ManualClock
) -> None:
    over = clients.Allowance(limit=1, used=2)
    await hear(pool, APartner().now(), AClient(contacts=over).now())

    await watch_until(pool, clock, NOON + timedelta(days=20))

    events = await told(pool)
    assert [(e.stage, e.kind) for e in events] == [
        (stage, "contact_tier_upgrade") for stage in ("entered", "d-7", "d-1", "d-0", "outcome")
    ]
    assert [e.days_to_deadline for e in events] == [16, 7, 1, 0, -1]


async def test_many_sweeps_at_once_tell_each_stage_once(pool: Pool, clock: ManualClock) -> None:
    soon = NOON.date() + timedelta(days=50)
    await hear(pool, APartner().now(), *(AClient(record=n).term(1, soon).now() for n in range(90)))

    async def sweep() -> int:
        done = 0
        while part := await jobs.run_sweep_once(pool, clock, 7):
            done += part
        return done

    assert sum(await asyncio.gather(*(sweep() for _ in range(4)))) == 90
    events = await told(pool)
    assert len({e.renewal_id for e in events}) == len(events) == 90


async def test_a_stage_told_before_is_not_told_again_even_if_it_is_armed_again(
    pool: Pool, clock: ManualClock
) -> None:
    soon = NOON.date() + timedelta(days=50)
    await hear(pool, APartner().now(), *(AClient(record=n).term(1, soon).now() for n in (1, 2)))
    await watch(pool, clock)
    await pool.execute("UPDATE watches SET next_stage = 'd-7', next_stage_at = $1", NOON)
    await hear(pool, AClient(record=3).term(1, soon).now())

    await watch(pool, clock)

    assert len(await told(pool)) == 3
    assert {r.next_stage for r in await all_of(pool)} == {"d-1"}


async def test_the_event_is_byte_for_byte_what_the_contract_would_write(
    pool: Pool, clock: ManualClock
) -> None:
    soon = NOON.date() + timedelta(days=50)
    client = AClient().term(1, soon, product='Hub "Pro" – é').term(2, soon, mrr="0.10")
    await hear(pool, APartner(zone="Europe/Berlin").now(), client.now())
    clock.set(NOON + timedelta(microseconds=120_000))
    await watch(pool, clock)

    [event] = await told(pool)

    [record] = [
        r for r in await pending(pool) if b"Approaching" in (dict(r.headers)["ce_type"] or b"")
    ]
    assert record.value == event.model_dump_json().encode()
    expected = record_of(event, event_id=event.event_id())
    assert dict(record.headers) == dict(expected.headers)
    assert (record.key, record.topic) == (expected.key, expected.topic)
    assert event.event_id() == ids.deadline_event_id(event.renewal_id, soon.isoformat(), "d-7")
    renewal = await the_renewal(pool)
    assert event == RenewalDeadlineApproaching(
        version=renewal.version,
        occurred_at=clock.now(),
        renewal_id=renewal.renewal_id,
        client_id=CLIENT,
        partner_id=PARTNER,
        kind="renewal",
        status="pending",
        stage="d-7",
        due_at=datetime(2026, 1, 13, 8, tzinfo=UTC),
        due_until=datetime(2026, 1, 19, 8, tzinfo=UTC),
        time_zone="Europe/Berlin",
        renewal_start=soon,
        deadline=renewal.deadline,
        days_to_renewal=50,
        days_to_deadline=5,
        superseded=("entered", "d-45", "d-15"),
        currency="USD",
        current_mrr=Decimal("100.10"),
        renewal_mrr=Decimal("100.10"),
        products=renewal.products,
        owner=event.owner,
        client_version=1,
        partner_version=1,
        renewals_version=1,
        policy_version=1,
    )
    assert (event.owner.owner, event.owner.source) == ("hubspot", "factory")
    column = await pool.fetchval("SELECT headers FROM outbox ORDER BY id DESC LIMIT 1")
    assert header_pairs(column) == list(record.headers)


async def test_while_another_settles_it_no_outcome_is_told_of_a_pending_renewal(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    clock.set(at(date(2026, 4, 18)))

    assert await jobs.run_sweep_once(pool, clock) == 1

    assert await stages_told(pool) == []
    await watch(pool, clock)
    assert await stages_told(pool) == ["outcome"]


async def test_records_may_come_twice_and_in_any_number(pool: Pool, clock: ManualClock) -> None:
    records = [record_of(AClient().term().now())] * 3

    await handlers.from_clients_state.receive(records, pool)
    await handlers.from_clients_state.receive(records, pool)
    await deliver(handlers.from_clients_state, pool, APartner().now())

    assert len(await all_of(pool)) == 1


async def test_one_broken_renewal_holds_up_no_other(pool: Pool, clock: ManualClock) -> None:
    soon, passed = NOON.date() + timedelta(days=50), NOON.date() + timedelta(days=40)
    broken = ids.partner_id(2)
    await hear(
        pool,
        APartner().now(),
        APartner(hub=2).now(),
        AClient(record=1).term(1, soon).now(),
        AClient(record=2).term(1, passed).now(),
        AClient(record=3, hub=2).term(1, soon).now(),
        AClient(record=4, hub=2).term(1, passed).now(),
    )
    await pool.execute("UPDATE partners SET time_zone = 'No/Where' WHERE partner_id = $1", broken)

    await watch(pool, clock)
    assert {(e.stage, e.partner_id) for e in await told(pool)} == {
        ("d-7", PARTNER),
        ("outcome", PARTNER),
    }

    await pool.execute("UPDATE partners SET time_zone = 'UTC' WHERE partner_id = $1", broken)
    clock.advance(timedelta(minutes=1))
    await watch(pool, clock)
    assert sorted(e.stage for e in await told(pool) if e.partner_id == broken) == ["d-7", "outcome"]


async def test_the_running_service_sweeps_by_itself(
    address: Addresses, pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term(1, NOON.date() + timedelta(days=50)).now())
    settings = settings_for(address.dsn, run_sweep=True, sweep_idle=0.05)
    app = create_app(settings, clock, verifier=tokens.verifier())

    async with app.router.lifespan_context(app), asyncio.timeout(10):
        while not await stages_told(pool):
            await asyncio.sleep(0.05)

    assert await stages_told(pool) == ["d-7"]


def test_looked_at_too_early_a_stage_is_only_armed_anew() -> None:
    plan = stages.plan(Kind.RENEWAL, START, "UTC", "09:00", stages.FACTORY)

    swept = stages.sweep(plan, "d-7", at(date(2026, 4, 10), 8))

    assert (swept.fired, swept.superseded) == (None, ())
    assert (swept.next_stage, swept.next_at) == ("d-7", at(date(2026, 4, 10)))


def test_a_default_of_its_own_is_no_default() -> None:
    partner = Partner(partner_id=PARTNER)
    wanted = DefaultOwner(choice=OwnerChoice(owner="default"))

    with pytest.raises(Refused, match="the default is 'hubspot' or 'partner'"):
        choose_default(partner, wanted, (), None, NOON)
