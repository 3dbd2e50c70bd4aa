"""What commands work with, and how they say what is missing."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:  # each command imports what it needs, so that --help answers at once
    from shared.chassis.clock import Clock
    from shared.chassis.database import Pool
    from shared.chassis.settings import ServiceSettings

T = TypeVar("T")

FAILED, UNUSABLE, NOT_STARTED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Work:
    """What a command works with."""

    settings: Any
    pool: "Pool"
    clock: "Clock"


def settings_of(service: str) -> "ServiceSettings":
    """Read the service's settings, or say what is wrong with them and exit with 2."""
    from shared.chassis.settings import load

    found: type[ServiceSettings] = importlib.import_module(f"services.{service}.settings").Settings
    return load(found)


def run(service: str, do: Callable[[Work], Awaitable[T]]) -> T:
    """Do something with the service's database, as the service itself, and return its result.

    Says in one line what is missing and exits with 3 where there is no database.
    """

    async def work() -> T:
        async with working(service) as found:
            return await do(found)

    return finish(work())


@asynccontextmanager
async def working(service: str) -> AsyncIterator[Work]:
    """Hold what a command works with: settings, a small pool on a present schema, a clock."""
    from shared.chassis import clock, database, telemetry
    from shared.chassis.settings import migrations_of

    settings = settings_of(service)
    telemetry.configure_logging(service, settings.log_level, stream=sys.stderr)
    async with database.open_pool(
        settings.database_url,
        max_size=2,
        command_timeout=600,
        application_name=f"{service} command",
        start_timeout=settings.start_timeout,
    ) as pool:
        async with pool.acquire() as tx:
            await database.check_schema(tx, service, migrations_of(service))
        yield Work(settings, pool, clock.from_settings(settings))


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what a person can mend becomes one line and an exit code."""
    import asyncpg

    from shared.chassis import database, failures  # kafka takes half a second, and few need it

    try:
        return asyncio.run(work)
    except (
        database.DatabaseUnavailableError,
        database.SchemaTooOldError,
        failures.KafkaUnavailableError,
    ) as error:
        fail(str(error), NOT_STARTED)
    except database.MigrationError as error:
        fail(str(error), FAILED)
    except (ConnectionError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not failures.time_mends(error, connection_lost="closed" in str(error)):
            raise
        fail(f"PostgreSQL went away meanwhile: {error}", NOT_STARTED)


def spare_garbage() -> None:
    """Look for garbage seldom, and never in what was imported, which stays for good.

    To look again and again would take a tenth of a busy process' time, and half of a batch's.
    """
    import gc

    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def fail(reason: str, code: int) -> NoReturn:
    """Say why, and exit."""
    sys.stderr.write(f"{reason}\n")
    raise typer.Exit(code)
