"""Word between processes that a partner's page is not what it was, or that sessions ended."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import structlog

from shared.chassis.background import backoff
from shared.chassis.database import Connection, Pool

CHANNEL: Final = "dashboard_changes"
ENDED: Final = "dashboard_sessions"
KEEPALIVE_SECONDS: Final = 3.0  # how often it is asked whether the connection still lives
ANSWER_SECONDS: Final = 3.0
LONGEST_WAIT: Final = 2.0
SLOTS: Final = 32

log = structlog.get_logger(__name__)


async def tell(tx: Connection, partner_ids: Collection[UUID]) -> None:
    """Say once this commits that partners' pages changed; of a model that does not serve, nothing.

    Each such transaction also adds to the partner's marks, by which pages know themselves to be
    of the same state.
    PostgreSQL says it once per partner and transaction, however often it is told.
    """
    if partner_ids:
        await tx.execute(
            """
              WITH told AS (
                   SELECT DISTINCT partner_id
                     FROM unnest($2::uuid[]) AS said (partner_id)
                    WHERE EXISTS (SELECT FROM public.builds
                                   WHERE state = 'serving' AND model = current_schema())
                    ORDER BY partner_id),
                   marked AS (
                   INSERT INTO public.marks AS m (partner_id, slot, changed)
                   SELECT partner_id, pg_backend_pid() % $3, 1
                     FROM told
                       ON CONFLICT (partner_id, slot) DO UPDATE SET changed = m.changed + 1)
            SELECT pg_notify($1, partner_id::text)
              FROM told
            """,
            CHANNEL,
            list(partner_ids),
            SLOTS,
        )


async def tell_ended(tx: Connection, user_id: UUID) -> None:
    """Say once this commits that sessions of a person ended."""
    await tx.execute("SELECT pg_notify($1, $2)", ENDED, str(user_id))


async def listen(
    pool: Pool,
    changed: Callable[[UUID | None], None],
    ended: Callable[[UUID], None],
) -> None:
    """Hear for ever, on one connection of the pool; whenever it is lost, on another.

    ``changed`` gets the partner, or None where anybody's page may have changed: what was said
    while nobody listened is not known. A connection that died without a word is found by asking.
    """
    waits = backoff(longest=LONGEST_WAIT)
    while True:
        try:
            async with pool.acquire(timeout=ANSWER_SECONDS) as connection:
                await _hear(connection, changed, ended)
        except Exception as error:  # whatever it is, listening begins anew
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error  # a connection that failed as we left it
            log.warning("not_listening", reason=repr(error))
        else:
            waits = backoff(longest=LONGEST_WAIT)
        await asyncio.sleep(next(waits))


async def _hear(
    connection: Any,
    changed: Callable[[UUID | None], None],
    ended: Callable[[UUID], None],
) -> None:
    """Hear until the connection is lost."""
    lost = asyncio.Event()

    def hear(_: object, __: int, channel: str, said: str) -> None:
        try:
            (changed if channel == CHANNEL else ended)(UUID(said))
        except ValueError:
            log.warning("unknown_signal", channel=channel)

    def lose(_: object) -> None:
        lost.set()

    connection.add_termination_listener(lose)
    try:
        for channel in (CHANNEL, ENDED):
            await connection.add_listener(channel, hear)
        changed(None)
        log.info("listening")
        while not lost.is_set():
            await connection.execute("SELECT 1", timeout=ANSWER_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), KEEPALIVE_SECONDS)
    except TimeoutError:
        connection.terminate()
        raise
    finally:
        if not lost.is_set() and not connection.is_closed():
            connection.remove_termination_listener(lose)
            for channel in (CHANNEL, ENDED):
                await connection.remove_listener(channel, hear)
