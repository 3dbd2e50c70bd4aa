"""What a service waits for at start, and what it says when that stays away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.chassis import database
from shared.chassis.database import Pool
from shared.chassis.settings import ServiceSettings, migrations_of

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
KAFKA_ATTEMPT_SECONDS = 5


class StartError(Exception):
    """The service cannot start; the text is for the person who started it."""


@asynccontextmanager
async def found(service: str, settings: ServiceSettings) -> AsyncIterator[Pool]:
    """Wait for PostgreSQL, its schema and Kafka, and hold the pool. Raises StartError."""
    until = monotonic() + settings.start_timeout
    try:
        async with database.open_pool(
            settings.database_url,
            max_size=settings.database_pool,
            application_name=service,
            start_timeout=settings.start_timeout,
        ) as pool:
            await _patiently(lambda: _check_schema(pool, service), until, "its schema")
            if settings.run_relay or settings.run_consumers:
                await _patiently(lambda: check_kafka(settings), until, "Kafka")
            yield pool
    except database.DatabaseUnavailableError as error:
        raise StartError(f"{service} cannot start: {error}") from error


async def _patiently(check: Callable[[], Awaitable[None]], until: float, what: str) -> None:
    told = False
    while True:
        try:
            return await check()
        except (database.SchemaTooOldError, KafkaError, OSError) as error:
            if monotonic() >= until:
                raise StartError(f"cannot start, {what} is not there: {error}") from error
            if not told:
                log.warning("waiting_at_start", what=what, reason=str(error))
                told = True
            await asyncio.sleep(RETRY_SECONDS)


async def _check_schema(pool: Pool, service: str) -> None:
    async with pool.acquire() as tx:
        await database.check_schema(tx, service, migrations_of(service))


async def check_kafka(settings: ServiceSettings) -> None:
    """Raise KafkaError or OSError unless a broker answers."""
    client = AIOKafkaClient(
        bootstrap_servers=settings.kafka_servers,
        request_timeout_ms=KAFKA_ATTEMPT_SECONDS * 1000,
    )
    try:
        await client.bootstrap()
    finally:
        await client.close()
