"""Migrations that are applied once, and rows that only their partner sees."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.local import databases, ports
from deploy.local.databases import Addresses
from shared.chassis.database import (
    Connection,
    DatabaseUnavailableError,
    MigrationError,
    Pool,
    SchemaTooOldError,
    check_schema,
    migrate,
    open_pool,
    place,
)
from tests.conftest import PASSWORD

CHASSIS = [
    "chassis/0001_delivery.sql",
    "chassis/0002_idempotency.sql",
    "chassis/0003_outbox_kept_plain.sql",
]
NOTES = "CREATE TABLE notes (partner_id uuid NOT NULL, id serial, text text NOT NULL);"


@pytest.fixture
async def bare(postgres: str) -> AsyncIterator[Addresses]:
    """A database without a single table."""
    superuser = await asyncpg.connect(postgres)
    await databases.create_roles(superuser, "depot", password=PASSWORD)
    name = f"test_bare_{uuid4().hex[:8]}"
    await databases.create_database(superuser, name, owner="depot")
    yield databases.addresses(postgres, name, "depot", password=PASSWORD)
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_notes.sql").write_text(NOTES)
    return tmp_path


async def test_migrations_run_once_in_order_the_chassis_first(
    bare: Addresses, folder: Path
) -> None:
    (folder / "0002_more.sql").write_text("ALTER TABLE notes ADD COLUMN more text;")
    applied = await migrate(bare.owner_dsn, "depot", folder)
    assert applied == [*CHASSIS, "depot/0001_notes.sql", "depot/0002_more.sql"]
    assert await migrate(bare.owner_dsn, "depot", folder) == []


async def test_replicas_that_migrate_at_once_apply_each_file_once(
    bare: Addresses, folder: Path
) -> None:
    applied = await asyncio.gather(*(migrate(bare.owner_dsn, "depot", folder) for _ in range(4)))
    assert sorted(applied, key=len) == [[], [], [], [*CHASSIS, "depot/0001_notes.sql"]]


async def test_a_file_that_changed_after_it_was_applied_is_an_error_that_says_so(
    bare: Addresses, folder: Path
) -> None:
    await migrate(bare.owner_dsn, "depot", folder)
    (folder / "0001_notes.sql").write_text(NOTES + "-- better")
    with pytest.raises(MigrationError, match=r"depot/0001_notes\.sql was changed after it had"):
        await migrate(bare.owner_dsn, "depot", folder)


async def test_a_file_that_fails_leaves_nothing_of_itself(bare: Addresses, folder: Path) -> None:
    (folder / "0002_bad.sql").write_text("CREATE TABLE half (id int); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"depot/0002_bad\.sql failed: division by zero"):
        await migrate(bare.owner_dsn, "depot", folder)
    (folder / "0002_bad.sql").write_text("CREATE TABLE half (id int);")
    assert await migrate(bare.owner_dsn, "depot", folder) == ["depot/0002_bad.sql"]


async def test_a_missing_role_is_named(bare: Addresses, folder: Path) -> None:
    with pytest.raises(MigrationError, match="no role shed, shed_owner, shed_tenant; shed needs"):
        await migrate(bare.owner_dsn, "shed", folder)


async def test_a_service_that_may_not_become_its_tenant_is_told_how(
    bare: Addresses, folder: Path, postgres: str
) -> None:
    superuser = await asyncpg.connect(postgres)
    name = f"lone_{uuid4().hex[:8]}"
    roles = (f"{name}_owner", name, f"{name}_tenant")
    for role in roles:
        await superuser.execute(f"CREATE ROLE {role}")
    try:
        with pytest.raises(MigrationError, match=f"GRANT {name}_tenant TO {name} WITH INHERIT"):
            await migrate(bare.owner_dsn, name, folder)
    finally:
        for role in roles:
            await superuser.execute(f"DROP ROLE {role}")
        await superuser.close()


async def test_a_schema_that_is_too_old_names_the_migration(bare: Addresses, folder: Path) -> None:
    async with open_pool(bare.dsn) as pool, pool.acquire() as conn:
        with pytest.raises(SchemaTooOldError, match=r"chassis/0001_delivery\.sql is not applied"):
            await check_schema(conn, "depot", folder)
        await migrate(bare.owner_dsn, "depot", folder)
        await check_schema(conn, "depot", folder)
        (folder / "0002_more.sql").write_text("SELECT 1;")
        with pytest.raises(SchemaTooOldError, match=r"depot/0002_more\.sql .*services\.depot migr"):
            await check_schema(conn, "depot", folder)


async def write(pool: Pool, partner: UUID | None, text: str, *, as_partner: UUID | None) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await become(tx, partner)
        await tx.execute("INSERT INTO notes (partner_id, text) VALUES ($1, $2)", as_partner, text)


async def become(tx: Connection, partner: UUID | None) -> None:
    await tx.execute(
        "SELECT set_config('role', 'depot_tenant', true), set_config('app.partner', $1, true)",
        str(partner or ""),
    )


async def read(pool: Pool, partner: UUID | None, table: str = "notes") -> list[str]:
    async with pool.acquire() as tx, tx.transaction():
        await become(tx, partner)
        return [row["text"] for row in await tx.fetch(f"SELECT * FROM {table}")]


async def test_a_partner_sees_and_writes_its_own_rows_only(bare: Addresses, folder: Path) -> None:
    await migrate(bare.owner_dsn, "depot", folder)
    mine, yours = uuid4(), uuid4()
    async with open_pool(bare.dsn, max_size=1) as pool:  # one connection: nothing may stick to it
        await write(pool, mine, "mine", as_partner=mine)
        await write(pool, yours, "yours", as_partner=yours)
        assert await read(pool, mine) == ["mine"]
        assert await read(pool, yours) == ["yours"]
        assert await read(pool, None) == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await write(pool, mine, "forged", as_partner=yours)
        assert await pool.fetchval("SELECT count(*) FROM notes") == 2, "the service sees all"


async def test_tables_in_other_schemas_of_the_owner_are_behind_the_same_security(
    bare: Addresses, folder: Path
) -> None:
    (folder / "0002_archive.sql").write_text(
        "CREATE SCHEMA archive; CREATE TABLE archive.notes (LIKE notes INCLUDING ALL);"
        "CREATE TABLE archive.rules (id int);"
    )
    await migrate(bare.owner_dsn, "depot", folder)
    assert await migrate(bare.owner_dsn, "depot", folder) == []
    mine, yours = uuid4(), uuid4()
    async with (
        open_pool(bare.dsn) as pool,
        open_pool(bare.dsn, search_path="archive, public") as other,
    ):
        await write(other, mine, "mine", as_partner=mine)
        await write(other, yours, "yours", as_partner=yours)
        assert await read(other, mine) == await read(pool, mine, "archive.notes") == ["mine"]
        assert await read(other, None) == await read(pool, mine) == []
        assert await other.fetchval("SELECT count(*) FROM notes") == 2, "the service sees all"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await write(other, mine, "forged", as_partner=yours)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await read(pool, mine, "archive.rules")


async def test_a_tenant_reaches_no_table_without_partners(bare: Addresses, folder: Path) -> None:
    (folder / "0002_rules.sql").write_text(
        "CREATE TABLE rules (id int); CREATE TABLE shown (id int);"
        "GRANT SELECT ON shown TO depot_tenant;"
    )
    await migrate(bare.owner_dsn, "depot", folder)
    async with open_pool(bare.dsn) as pool:
        for table in ("rules", "inbox", "dead_letters", "schema_migrations", "outbox"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await read(pool, uuid4(), table)
        async with pool.acquire() as tx, tx.transaction():
            await become(tx, uuid4())
            assert await tx.fetch("SELECT * FROM shown") == []


async def test_the_service_cannot_rewrite_what_was_applied(bare: Addresses, folder: Path) -> None:
    await migrate(bare.owner_dsn, "depot", folder)
    async with open_pool(bare.dsn) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("DELETE FROM schema_migrations")


async def test_a_database_that_stays_away_is_told_in_a_line_without_the_password() -> None:
    [port] = ports.free_ports(1)
    dsn = f"postgresql://depot:hidden@127.0.0.1:{port}/depot"
    with pytest.raises(DatabaseUnavailableError) as caught:
        async with open_pool(dsn, start_timeout=0.6):
            pytest.fail("nothing listens there")
    assert f"127.0.0.1:{port}/depot within 0.6 s" in str(caught.value)
    assert "hidden" not in str(caught.value)


async def test_a_login_that_is_refused_is_not_tried_for_a_minute(postgres: str) -> None:
    wrong = postgres.rpartition("/")[0] + "/no_such_database"
    with pytest.raises(DatabaseUnavailableError, match=r"refused: .*no_such_database"):
        async with open_pool(wrong, start_timeout=60):
            pytest.fail("there is no such database")


async def test_a_pool_closes_even_while_a_connection_is_held(bare: Addresses) -> None:
    async with open_pool(bare.dsn) as pool:
        held = await pool.acquire()
    with pytest.raises(asyncpg.InterfaceError, match="released back"):
        await held.execute("SELECT 1")


def test_a_place_is_told_without_its_secrets() -> None:
    assert place("postgresql://me:pass@host:1/db?sslmode=disable") == "host:1/db"


async def test_a_migration_that_waits_for_a_table_lets_the_others_go_on(
    bare: Addresses, folder: Path
) -> None:
    await migrate(bare.owner_dsn, "depot", folder)
    (folder / "0002_more.sql").write_text("ALTER TABLE notes ADD COLUMN more text;")
    reader = await asyncpg.connect(bare.owner_dsn)
    other = await asyncpg.connect(bare.owner_dsn)
    long = reader.transaction()
    await long.start()
    await reader.fetch("SELECT * FROM notes")
    migrating = asyncio.create_task(migrate(bare.owner_dsn, "depot", folder))
    begun = monotonic()
    while monotonic() - begun < 5:
        await other.execute(
            "INSERT INTO notes (partner_id, text) VALUES ($1, '')", uuid4(), timeout=4
        )
        await asyncio.sleep(0.05)
    assert not migrating.done()
    await long.rollback()
    assert await migrating == ["depot/0002_more.sql"]
    await reader.close()
    await other.close()
