"""The transaction of a page: however it ends, nothing of it stays on the connection."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from deploy.local.databases import Addresses
from services.dashboard.store import reading
from services.dashboard.store.partners import State, find_partner
from shared.chassis.database import Pool, open_pool
from shared.contracts import clients
from tests.dashboard import portfolio
from tests.dashboard.people import BRIGHTWATER, named

NOW = """
    SELECT current_user::text AS role,
           coalesce(current_setting('app.partner', true), '') AS partner,
           current_setting('search_path') AS path, pg_backend_pid() AS pid
"""


async def test_a_partner_reads_and_neither_writes_nor_waits_for_long(filled: Pool) -> None:
    async with filled.acquire() as tx, reading.entered(tx, BRIGHTWATER, 5.0):
        row = await tx.fetchrow(NOW)
        assert row is not None
        assert (row["role"], row["partner"]) == ("dashboard_tenant", str(BRIGHTWATER))
        assert row["path"] == "model_a, public"
        assert await tx.fetchval("SHOW statement_timeout") == "5s"
        assert await tx.fetchval("SHOW transaction_isolation") == "repeatable read"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await tx.execute("UPDATE clients SET name = ''")


@pytest.mark.parametrize("end", ["well", "error", "refused", "cancelled", "lost"])
async def test_however_it_ends_the_connection_is_nobodys_afterwards(
    address: Addresses, end: str
) -> None:
    async with open_pool(address.dsn, max_size=1) as pool:
        before = await pool.fetchrow(NOW)

        async def read() -> None:
            async with pool.acquire() as tx, reading.entered(tx, BRIGHTWATER, 5.0):
                if end == "error":
                    raise LookupError
                if end == "refused":
                    await tx.execute("SELECT 1 / 0")
                if end == "cancelled":
                    await tx.execute("SELECT pg_sleep(4)")
                if end == "lost":
                    tx.terminate()
                    raise LookupError

        reader = asyncio.create_task(read())
        if end == "cancelled":
            await asyncio.sleep(0.2)
            reader.cancel()
        [outcome] = await asyncio.gather(reader, return_exceptions=True)
        after = await pool.fetchrow(NOW)

    expected = {"refused": asyncpg.DivisionByZeroError, "cancelled": asyncio.CancelledError}
    assert isinstance(outcome, expected.get(end, LookupError)) or (end, outcome) == ("well", None)
    assert before is not None
    assert after is not None
    assert tuple(after)[:3] == tuple(before)[:3]
    assert (after["pid"] == before["pid"]) is (end != "lost")


async def test_whether_the_data_stand_as_they_did_is_known_in_the_same_moment(
    filled: Pool,
) -> None:
    async def holds(state: State | None) -> tuple[bool, State | None]:
        async with filled.acquire() as tx, reading.entered(tx, BRIGHTWATER, 5.0, state) as held:
            found = await find_partner(tx)
            return held, found.state if found else None

    held, state = await holds(None)
    assert not held
    assert state is not None
    assert await holds(state) == (True, state)
    assert await holds(replace(state, model="model_b")) == (False, state)

    known = named("harbor")
    await portfolio.tell(filled, {clients.STATE: [portfolio.client_snapshot(known, version=9)]})

    held, later = await holds(state)
    assert not held
    assert later is not None
    assert later.mark > state.mark
