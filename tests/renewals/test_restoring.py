"""What an operator has the renewals service do after a loss."""

from datetime import UTC, date, datetime, timedelta

from services.renewals.store import lift_versions
from services.renewals.store.restoring import rearm_told
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts.renewals import RenewalDeadlineApproaching
from tests.deliver import pending
from tests.renewals.portfolio import (
    CLIENT,
    PARTNER,
    AClient,
    APartner,
    hear,
    stages_told,
    the_renewal,
    watch,
    watch_until,
)

D_15 = datetime(2026, 4, 2, 9, tzinfo=UTC)


async def test_what_was_told_since_is_told_anew_with_the_same_id(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    await watch_until(pool, clock, D_15)
    first = await ids_of_deadlines(pool)
    async with pool.acquire() as tx:
        assert await rearm_told(tx, D_15 - timedelta(days=1)) == 1

    await watch(pool, clock)

    assert await stages_told(pool) == ["entered", "d-45", "d-15", "d-15"]
    again = await ids_of_deadlines(pool)
    assert len(again) == 4
    assert set(again) == set(first)
    assert (await the_renewal(pool)).next_stage == "d-7"
    async with pool.acquire() as tx:
        assert await rearm_told(tx, clock.now() + timedelta(days=1)) == 0


async def test_a_version_that_was_said_is_never_given_out_again(
    pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    renewal = await the_renewal(pool)
    said = {renewal.renewal_id: renewal.version + 5, CLIENT: 40, PARTNER: 0}
    async with pool.acquire() as tx:
        assert await lift_versions(tx, said) == 4
        assert await lift_versions(tx, said) == 0
    assert (await the_renewal(pool)).version == renewal.version + 6
    clock.set(datetime.combine(date(2026, 2, 1), D_15.time(), tzinfo=UTC))
    await watch(pool, clock)
    assert await pool.fetchval("SELECT renewals_version FROM clients") >= 41


async def ids_of_deadlines(pool: Pool) -> list[str]:
    said = [dict(each.headers) for each in await pending(pool)]
    wanted = RenewalDeadlineApproaching.TYPE.encode()
    return [(each["ce_id"] or b"").decode() for each in said if each["ce_type"] == wanted]
