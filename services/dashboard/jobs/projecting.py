"""The model that serves is kept in step, and left for another once that serves instead."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final, TypeAlias

import structlog

from services.dashboard.settings import Settings
from services.dashboard.store import builds, erasure
from services.dashboard.store.builds import Build
from shared.chassis import background, database, failures, kafka
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.freshness import Freshness
from shared.chassis.inbox import Inbox

Feeding: TypeAlias = Callable[[Sequence[Inbox]], None]

LOOK_SECONDS: Final = 0.25
BATCH: Final = 10_000  # rows that are forgotten in one transaction
_CONNECTIONS: Final = 3  # beside one for each inbox

log = structlog.get_logger(__name__)


@asynccontextmanager
async def hearing(
    settings: Settings, inboxes: Sequence[Inbox], build: Build
) -> AsyncIterator[Pool]:
    """Feed a model with what its revision has not heard yet, for as long as this is entered."""
    async with (
        database.open_pool(
            settings.database_url,
            max_size=len(inboxes) + _CONNECTIONS,
            application_name=f"dashboard r{build.revision}",
            search_path=build.search_path,
        ) as pool,
        kafka.consuming(settings, inboxes, pool),
    ):
        yield pool


class Projection:
    """Hears for the revision that serves, whichever that is."""

    def __init__(
        self, settings: Settings, clock: Clock, inboxes: Sequence[Inbox], feeding: Feeding
    ) -> None:
        """``feeding`` is told which inboxes are fed from now on."""
        self._settings, self._clock = settings, clock
        self._inboxes, self._feeding = inboxes, feeding

    async def run(self, pool: Pool) -> None:
        """Hear, for ever. For `background.running`."""
        while True:
            build = await _serving(pool)
            revised = [inbox.of_revision(build.revision) for inbox in self._inboxes]
            self._feeding(revised)
            log.info("hears_for", revision=build.revision, model=build.model)
            async with AsyncExitStack() as stack:
                own = await stack.enter_async_context(hearing(self._settings, revised, build))
                freshness = Freshness(revised, most_seconds=0)
                watching = freshness.watch(self._settings.kafka)
                await stack.enter_async_context(background.running(watching, "freshness"))
                await self._stay(own, build, freshness)

    async def _stay(self, pool: Pool, build: Build, freshness: Freshness) -> None:
        """Note how new the model is, until another one serves."""
        waits = background.backoff()
        while True:
            try:
                async with builds.following(pool, build.revision) as conn:
                    while await builds.find_serving(conn) == build:
                        now = self._clock.now()
                        heard = {
                            topic: now - timedelta(seconds=seconds)
                            for topic, seconds in freshness.behind.items()
                        }
                        await builds.save_progress(conn, build.revision, heard)
                        waits = background.backoff()
                        await asyncio.sleep(LOOK_SECONDS)
                    return
            except Exception as error:
                if not failures.time_mends(error, connection_lost=True):
                    raise
                await _wait(error, waits)


async def _serving(pool: Pool) -> Build:
    waits = background.backoff()
    while True:
        try:
            async with pool.acquire() as tx:
                return await builds.find_serving(tx)
        except Exception as error:
            if not failures.time_mends(error, connection_lost=True):
                raise
            await _wait(error, waits)


async def _wait(error: Exception, waits: Iterator[float]) -> None:
    delay = next(waits)
    log.warning("cannot_see_what_serves", reason=repr(error), seconds=round(delay, 1))
    await asyncio.sleep(delay)


async def tidy(pool: Pool, inboxes: Sequence[Inbox]) -> int:
    """Forget what came late about the erased, and what retired revisions had heard."""
    async with pool.acquire() as conn:
        build = await builds.find_serving(conn)
        retired = await builds.list_retired(conn)
    done = 0
    for revision in retired:
        groups = [inbox.of_revision(revision).group for inbox in inboxes]
        async with pool.acquire() as tx, tx.transaction():
            done += await builds.forget(tx, revision, groups, BATCH)
    async with pool.acquire() as tx, tx.transaction():
        await builds.enter(tx, build)
        return done + await erasure.forget_erased(tx)
