"""Connections, migrations, and the rows that each role may see."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

T = TypeVar("T")

CHASSIS = "chassis"
# For connections whose statements find their rows by keys: how many a table has may be known from
# when it was empty, and then it would be read as a whole, again and again.
BY_KEYS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
_CHASSIS_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x0A51_0000  # advisory lock of migrate; the relay's locks have two numbers
_START_SECONDS = 60.0
# Who waits for a table lets nobody pass. So a migration waits this long, lets the others go on, and
# tries again.
_LOCK_SECONDS, _LOCK_PAUSE_SECONDS, _LOCK_TRIES = 2.0, 1.0, 40
_ABSENT = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)

log = logging.getLogger(__name__)


class DatabaseUnavailableError(Exception):
    """PostgreSQL did not answer, or refused, at start."""


class MigrationError(Exception):
    """The schema cannot be brought to what the code expects."""


class SchemaTooOldError(Exception):
    """The code expects a migration that was not applied yet."""


async def patiently(connect: Callable[[], Awaitable[T]], *, seconds: float, what: str) -> T:
    """Connect, trying again for some seconds while PostgreSQL is away or starting.

    Raises DatabaseUnavailableError with one line that names the place, never the password.
    """
    begun, told = monotonic(), False
    while True:
        try:
            return await connect()
        except _ABSENT as error:
            if monotonic() - begun >= seconds:
                message = f"PostgreSQL did not answer at {what} within {seconds:g} s: {error}"
                raise DatabaseUnavailableError(message) from error
            if not told:
                log.warning("waiting up to %g s for PostgreSQL at %s: %s", seconds, what, error)
                told = True
            await asyncio.sleep(0.5)
        except (
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
        ) as e:
            raise DatabaseUnavailableError(f"PostgreSQL at {what} refused: {e}") from e


def place(dsn: str) -> str:
    """Where a DSN points to, without what must not be logged."""
    return dsn.partition("://")[2].rpartition("@")[2].partition("?")[0]


async def _as_it_is(_: object) -> None:
    """Give a connection back without asking PostgreSQL to reset it: that is a round trip more.

    What a transaction sets, it sets for itself alone, and asyncpg has ended it by now.
    """


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    command_timeout: float = 60,
    application_name: str = "partner-tools",
    start_timeout: float = _START_SECONDS,
    search_path: str | None = None,
    by_keys: bool = False,
) -> AsyncIterator[Pool]:
    """Hold a pool of connections; jsonb comes and goes as text, numeric as Decimal.

    ``search_path`` names the schemas in which tables are looked for, where that is not public
    alone. ``by_keys`` says that every statement finds its rows by keys. Waits for PostgreSQL at
    start, and closes within 2 s, by force if need be. Raises DatabaseUnavailableError.
    """

    async def connect() -> Pool:
        pool: Pool = asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            command_timeout=command_timeout,
            reset=_as_it_is,
            server_settings={
                "application_name": application_name,
                "timezone": "UTC",
                "idle_in_transaction_session_timeout": "60s",
                "jit": "off",  # each statement is short; compiling it costs more than it saves
            }
            | ({"search_path": search_path} if search_path else {})
            | (BY_KEYS if by_keys else {}),
        )
        return await pool

    pool = await patiently(connect, seconds=start_timeout, what=place(dsn))
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(2):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def migrate(
    dsn: str, service: str, folder: Path, *, start_timeout: float = _START_SECONDS
) -> list[str]:
    """Bring the database of a service to what its code expects; return the names applied.

    Applies the chassis' files, then the service's, in name order, each once and in its own
    transaction, then the row-level security of `protect`. The DSN is the owner's. Replicas may
    do this at the same time: one works, the others wait and find nothing left. The service may
    run meanwhile: it is held up for no more than 2 s at a time. Raises MigrationError, also where
    a file was changed after it had been applied, or where a table stays in use for two minutes.
    """
    files = _files(service, folder)
    conn = await patiently(
        lambda: asyncpg.connect(dsn, server_settings={"application_name": f"{service} migrate"}),
        seconds=start_timeout,
        what=place(dsn),
    )
    try:
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _require_roles(conn, service)
        applied = await _apply(conn, files)
        await _giving_way(conn, "row-level security", lambda: protect(conn, service))
        return applied
    finally:
        await conn.close(timeout=5)


async def check_schema(conn: Connection, service: str, folder: Path) -> None:
    """Raise SchemaTooOldError, naming the first migration that is missing."""
    try:
        rows = await conn.fetch("SELECT name FROM schema_migrations")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        rows = []
    known = {row["name"] for row in rows}
    for name in _files(service, folder):
        if name not in known:
            raise SchemaTooOldError(
                f"migration {name} is not applied; run `python -m services.{service} migrate`"
            )


def _files(service: str, folder: Path) -> dict[str, Path]:
    files = {f"{CHASSIS}/{path.name}": path for path in sorted(_CHASSIS_FOLDER.glob("*.sql"))}
    return files | {f"{service}/{path.name}": path for path in sorted(folder.glob("*.sql"))}


async def _apply(conn: Connection, files: dict[str, Path]) -> list[str]:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            name text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    rows = await conn.fetch("SELECT name, checksum FROM schema_migrations")
    known = {row["name"]: row["checksum"] for row in rows}
    applied = []
    for name, path in files.items():
        text = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if name in known:
            if known[name] != checksum:
                raise MigrationError(
                    f"migration {name} was changed after it had been applied; "
                    "restore the file and put the change into a new one"
                )
            continue

        async def run(name: str = name, text: str = text, checksum: str = checksum) -> None:
            await conn.execute(text)
            await conn.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", name, checksum
            )

        await _giving_way(conn, f"migration {name}", run)
        log.info("applied migration %s", name)
        applied.append(name)
    return applied


async def _giving_way(conn: Connection, what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do it in one transaction that never waits long for a table, again until it gets through."""
    for left in reversed(range(_LOCK_TRIES)):
        try:
            async with conn.transaction():
                await conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
                await work()
        except asyncpg.LockNotAvailableError as error:
            if not left:
                raise MigrationError(f"{what}: a table stays in use: {error}") from error
            log.warning("%s waits for a table that is in use: %s", what, error)
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{what} failed: {error}") from error
        else:
            return


async def _require_roles(conn: Connection, service: str) -> None:
    wanted = [f"{service}_owner", service, f"{service}_tenant"]
    rows = await conn.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", wanted)
    if missing := sorted(set(wanted) - {row["rolname"] for row in rows}):
        raise MigrationError(
            f"PostgreSQL has no role {', '.join(missing)}; {service} needs {service}_owner (owns "
            f"the database), {service} (works in it) and {service}_tenant (one partner's rows)"
        )
    may = await conn.fetchval("SELECT pg_has_role($1, $2, 'SET')", service, f"{service}_tenant")
    if not may:
        raise MigrationError(
            f"role {service} may not become {service}_tenant; "
            f"GRANT {service}_tenant TO {service} WITH INHERIT FALSE, SET TRUE"
        )


async def protect(conn: Connection, service: str) -> None:
    """Give each role of a service its rights, and each partner its own rows only.

    Every table with a column ``partner_id uuid``, in ``public`` and in each schema that the owner
    made, gets row-level security: the owner and the service see all rows, the tenant role those
    of the partner in the transaction's ``app.partner``, and without that setting none. Running it
    again changes nothing.
    """
    owner, tenant = f"{service}_owner", f"{service}_tenant"
    found = await conn.fetch(
        "SELECT nspname FROM pg_namespace WHERE pg_get_userbyid(nspowner) = $1 ORDER BY nspname",
        owner,
    )
    schemas = ["public", *(row["nspname"] for row in found if row["nspname"] != "public")]
    everywhere = ", ".join(schemas)
    for right in (
        f"GRANT USAGE ON SCHEMA {everywhere} TO {service}, {tenant}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {everywhere} TO {service}, {tenant}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {everywhere} TO {service}",
        f"REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM {service}",
        f"GRANT INSERT ON outbox TO {tenant}",
    ):
        await conn.execute(right)
    rows = await conn.fetch(
        """
        SELECT c.oid::regclass::text AS name,
               c.relrowsecurity AND c.relforcerowsecurity AS forced,
               ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid) AS policies
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY($1)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id'
           AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p')
         ORDER BY n.nspname, c.relname
        """,
        schemas,
    )
    mine = "partner_id = (SELECT nullif(current_setting('app.partner', true), '')::uuid)"
    for row in rows:
        name = row["name"]
        await conn.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {tenant}")
        # Each of these takes the table for itself alone, so only where it is missing.
        if not row["forced"]:
            await conn.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
            await conn.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        if "whole_service" not in row["policies"]:
            await conn.execute(
                f"CREATE POLICY whole_service ON {name} TO {owner}, {service} "
                "USING (true) WITH CHECK (true)"
            )
        if "own_partner" not in row["policies"]:
            await conn.execute(
                f"CREATE POLICY own_partner ON {name} TO {tenant} "
                f"USING ({mine}) WITH CHECK ({mine})"
            )
