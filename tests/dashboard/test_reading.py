"""The transaction of a page: however it ends, nothing of it stays on the connection."""

import asyncio

import asyncpg
import pytest

from deploy.local.databases import Addresses
from services.dashboard.store import reading
from shared.chassis.database import Pool, open_pool
from tests.dashboard.people import BRIGHTWATER

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
