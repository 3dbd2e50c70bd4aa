"""Which model serves, which is being made, and who keeps them in step."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from services.dashboard.store import signals
from shared.chassis.database import Connection, Pool

TABLES: Final = ("partners", "clients", "renewals", "stages", "messages", "changes", "erased")

# Advisory locks (two numbers): a rebuild holds 0, whoever keeps a revision in step shares it.
_LOCKS: Final = 0x4441_5348
_REBUILDING: Final = 0


class StillReadError(Exception):
    """The model that is to be emptied is still read, or kept in step, by somebody."""


@dataclass(frozen=True, slots=True)
class Build:
    """A model as made from the topics: a number, and the schema that it is in."""

    revision: int
    model: str

    @property
    def search_path(self) -> str:
        """Where handlers find its tables."""
        return f"{self.model}, public"


async def find_serving(tx: Connection) -> Build:
    """The one that pages are read from."""
    row = await tx.fetchrow("SELECT revision, model FROM public.builds WHERE state = 'serving'")
    if row is None:
        raise LookupError("no model serves: the table builds was changed by hand")
    return Build(row["revision"], row["model"])


async def find(tx: Connection, revision: int) -> Build | None:
    """One that serves or is being made."""
    row = await tx.fetchrow(
        """
        SELECT revision, model FROM public.builds
         WHERE revision = $1 AND state IN ('serving', 'building')
        """,
        revision,
    )
    return Build(row["revision"], row["model"]) if row else None


async def enter(tx: Connection, build: Build) -> None:
    """Let the statements of a transaction find the tables of a model."""
    await tx.execute("SELECT set_config('search_path', $1, true)", build.search_path)


@asynccontextmanager
async def following(pool: Pool, revision: int) -> AsyncIterator[Connection]:
    """Let others see, as long as this is entered, that a process keeps a revision in step."""
    async with pool.acquire() as conn:
        await conn.execute("SELECT pg_advisory_lock_shared($1, $2)", _LOCKS, revision)
        try:
            yield conn
        finally:
            if not conn.is_closed():  # else PostgreSQL has taken the lock back already
                await conn.execute("SELECT pg_advisory_unlock_shared($1, $2)", _LOCKS, revision)


async def count_followers(tx: Connection, revision: int) -> int:
    """How many processes keep a revision in step now."""
    return int(
        await tx.fetchval(
            """
            SELECT count(*) FROM pg_locks
             WHERE locktype = 'advisory' AND classid = $1::bigint::oid AND objid = $2::bigint::oid
               AND objsubid = 2
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """,
            _LOCKS,
            revision,
        )
    )


@asynccontextmanager
async def rebuilding(conn: Connection) -> AsyncIterator[bool]:
    """Be the only one who makes a model; False where somebody else does."""
    claimed: bool = await conn.fetchval("SELECT pg_try_advisory_lock($1, $2)", _LOCKS, _REBUILDING)
    try:
        yield claimed
    finally:
        if claimed and not conn.is_closed():
            await conn.execute("SELECT pg_advisory_unlock($1, $2)", _LOCKS, _REBUILDING)


async def begin(conn: Connection, *, seconds: float) -> Build:
    """Begin a new revision in the model that does not serve, and empty that.

    What another one left there half made is given up. Raises StillReadError.
    """
    async with conn.transaction():
        await conn.execute("UPDATE builds SET state = 'retired' WHERE state = 'building'")
        row = await conn.fetchrow(
            """
            INSERT INTO builds (revision, model, state)
            SELECT (SELECT max(revision) + 1 FROM builds),
                   CASE model WHEN 'model_a' THEN 'model_b' ELSE 'model_a' END, 'building'
              FROM builds
             WHERE state = 'serving'
            RETURNING revision, model
            """
        )
    if row is None:
        raise LookupError("no model serves: the table builds was changed by hand")
    build = Build(row["revision"], row["model"])
    await _await_idle(conn, build, seconds)
    tables = ", ".join(f"{build.model}.{table}" for table in TABLES)
    await conn.execute(f"TRUNCATE {tables}")
    return build


async def _await_idle(conn: Connection, build: Build, seconds: float) -> None:
    """Wait for all who still see the model as the one that serves.

    Whoever reads chose the model in the first statement of a transaction, and a truncated table
    is empty even for those who began before.
    """
    asked, until = await conn.fetchval("SELECT clock_timestamp()"), monotonic() + seconds
    while True:
        readers = await conn.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < $1
            """,
            asked,
        )
        retired = await conn.fetch(
            "SELECT revision FROM builds WHERE model = $1 AND state = 'retired'", build.model
        )
        followers = sum([await count_followers(conn, row["revision"]) for row in retired])
        if not readers and not followers:
            return
        if monotonic() >= until:
            raise StillReadError(
                f"{build.model} cannot be emptied: {readers} transactions that began before are "
                f"still open, and {followers} processes still keep it in step"
            )
        await asyncio.sleep(0.1)


async def measure(conn: Connection, build: Build) -> None:
    """Let PostgreSQL look at a model that was filled at one go, so that its plans are good."""
    for table in TABLES:
        await conn.execute(f"VACUUM (ANALYZE) {build.model}.{table}")


async def switch(conn: Connection, build: Build, heard_until: Mapping[str, datetime]) -> Build:
    """Let a model serve from this commit on; everybody's page changes. Returns what served."""
    async with conn.transaction():
        old = await find_serving(conn)
        await conn.execute("UPDATE builds SET state = 'retired' WHERE state = 'serving'")
        await conn.execute(
            """
            UPDATE builds SET state = 'serving', serving_since = clock_timestamp()
             WHERE revision = $1
            """,
            build.revision,
        )
        await save_progress(conn, build.revision, heard_until)
        await enter(conn, build)
        rows = await conn.fetch("SELECT partner_id FROM partners")
        await signals.tell(conn, [row["partner_id"] for row in rows])
    return old


async def save_progress(tx: Connection, revision: int, heard_until: Mapping[str, datetime]) -> None:
    """Note up to when each topic is heard."""
    await tx.execute(
        """
        INSERT INTO public.progress (revision, topic, heard_until)
        SELECT $1, * FROM unnest($2::text[], $3::timestamptz[]) AS told (topic)
         ORDER BY told.topic
            ON CONFLICT (revision, topic) DO UPDATE SET heard_until = excluded.heard_until
        """,
        revision,
        list(heard_until),
        list(heard_until.values()),
    )


async def find_heard_until(tx: Connection) -> datetime | None:
    """Up to when the model that serves has heard of everything."""
    found: datetime | None = await tx.fetchval(
        """
        SELECT min(p.heard_until)
          FROM public.progress p
          JOIN public.builds b USING (revision)
         WHERE b.state = 'serving'
        """
    )
    return found


async def count_dead(tx: Connection, consumers: list[str]) -> int:
    """How many records some consumer groups could not handle, of which nobody has settled any."""
    return int(
        await tx.fetchval(
            """
            SELECT count(*) FROM public.dead_letters
             WHERE consumer = ANY($1::text[]) AND status = 'open'
            """,
            consumers,
        )
    )


async def list_retired(tx: Connection) -> list[int]:
    """The revisions that neither serve nor are being made."""
    rows = await tx.fetch("SELECT revision FROM builds WHERE state = 'retired' ORDER BY revision")
    return [row["revision"] for row in rows]


async def forget(tx: Connection, revision: int, consumers: list[str], limit: int) -> int:
    """Forget some of what the consumer groups of a retired revision had heard; returns how much.

    What they could not handle was handled by those after them, or set aside once more.
    """
    await tx.execute("DELETE FROM progress WHERE revision = $1", revision)
    await tx.execute(
        """
        UPDATE dead_letters SET status = 'discarded', settled_at = clock_timestamp()
         WHERE consumer = ANY($1::text[]) AND status = 'open'
        """,
        consumers,
    )
    status = await tx.execute(
        """
        DELETE FROM inbox
         WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM inbox WHERE consumer = ANY($1::text[]) LIMIT $2))
        """,
        consumers,
        limit,
    )
    return int(status.rpartition(" ")[2])
