"""What a service waits for at start, and what it says when that stays away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import structlog

from shared.chassis import database, failures
from shared.chassis.database import Pool
from shared.chassis.settings import ServiceSettings, migrations_of
from shared.contracts import topics

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5


class StartError(Exception):
    """The service cannot start; the text is for the person who started it."""


@asynccontextmanager
async def found(
    service: str, settings: ServiceSettings, *, by_keys: bool = False
) -> AsyncIterator[Pool]:
    """Wait for PostgreSQL, its schema and Kafka, and hold the pool. Raises StartError.

    ``by_keys`` is that of `database.open_pool`.
    """
    from shared.chassis import kafka  # slow to import, and not every process needs it

    begun = monotonic()
    try:
        async with database.open_pool(
            settings.database_url,
            max_size=settings.database_pool,
            application_name=service,
            start_timeout=settings.start_timeout,
            by_keys=by_keys,
        ) as pool:
            await _await_schema(pool, service, begun + settings.start_timeout)
            if settings.run_relay:
                left = max(0.0, begun + settings.start_timeout - monotonic())
                own = [topic.name for topic in topics.REGISTRY if topic.owner == service]
                await kafka.check_topics(settings.kafka, own, seconds=left)
            yield pool
    except (database.DatabaseUnavailableError, failures.KafkaUnavailableError) as error:
        raise StartError(f"{service} cannot start: {error}") from error


async def _await_schema(pool: Pool, service: str, until: float) -> None:
    """Wait for whoever migrates just now."""
    told = False
    while True:
        try:
            return await _check_schema(pool, service)
        except database.SchemaTooOldError as error:
            if monotonic() >= until:
                raise StartError(f"{service} cannot start: {error}") from error
            if not told:
                log.warning("waiting_for_schema", reason=str(error))
                told = True
            await asyncio.sleep(RETRY_SECONDS)


async def _check_schema(pool: Pool, service: str) -> None:
    async with pool.acquire() as tx:
        await database.check_schema(tx, service, migrations_of(service))
