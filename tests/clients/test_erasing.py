"""Who is erased is forgotten here, and everybody is told; and versions that were said stay said."""

from pathlib import Path

from services.clients import jobs, store
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients
from tests.clients import portfolio
from tests.clients.portfolio import ACME, OURS
from tests.deliver import pending, published


async def brought(pool: Pool, folder: Path, clock: ManualClock) -> None:
    await portfolio.bring(pool, folder, portfolio.two_partners(), clock)
    await pool.execute("DELETE FROM outbox")


async def test_a_contact_who_is_erased_is_in_no_snapshot_and_in_no_history(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await brought(pool, tmp_path, clock)
    row = await pool.fetchrow("SELECT contact_id, client_id, email FROM contacts LIMIT 1")
    assert row is not None
    before = await pool.fetchval(
        "SELECT version FROM clients WHERE client_id = $1", row["client_id"]
    )

    assert await jobs.erase_person(pool, row["contact_id"], clock.now()) == 1

    [said] = await published(pool, clients.ClientSnapshot)
    assert said.client_id == row["client_id"]
    assert said.version == before + 1
    assert row["contact_id"] not in {each.contact_id for each in said.contacts}
    left = await pool.fetchval(
        "SELECT count(*) FROM history WHERE history::text LIKE $1", f"%{row['email']}%"
    )
    assert left == 0
    assert await jobs.erase_person(pool, row["contact_id"], clock.now()) == 0


async def test_a_user_who_is_erased_is_in_no_snapshot_of_the_partner(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await brought(pool, tmp_path, clock)
    user = await pool.fetchval("SELECT user_id FROM users WHERE partner_id = $1 LIMIT 1", OURS)

    assert await jobs.erase_person(pool, user, clock.now()) == 1

    [said] = await published(pool, clients.PartnerSnapshot)
    assert user not in {each.user_id for each in said.users}


async def test_a_partner_that_is_erased_ends_with_every_client_of_its_own(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await brought(pool, tmp_path, clock)
    keys = {
        str(row[0])
        for row in await pool.fetch(
            "SELECT client_id FROM clients WHERE partner_id = $1 UNION SELECT $1", OURS
        )
    }

    assert await jobs.erase_partner(pool, OURS, clock.now()) == len(keys) > 2

    ended = [each for each in await pending(pool) if each.value is None]
    assert {(each.key or b"").decode() for each in ended} == keys
    for table in ("partners", "users", "team_members", "clients", "contacts", "history"):
        query = f"SELECT count(*) FROM {table} WHERE partner_id = $1"
        assert await pool.fetchval(query, OURS) == 0, table
    assert await pool.fetchval("SELECT count(*) FROM clients") > 0, "another partner's stay"
    assert await jobs.erase_partner(pool, OURS, clock.now()) == 0


async def test_a_version_that_was_said_is_never_given_out_again(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await brought(pool, tmp_path, clock)
    async with pool.acquire() as tx:
        assert await store.lift_versions(tx, {ACME: 50, OURS: 1}) == 1
        assert await store.lift_versions(tx, {ACME: 50}) == 0
    await jobs.republish(pool, clock)
    said = {each.client_id: each.version for each in await published(pool, clients.ClientSnapshot)}
    assert said[ACME] == 51
