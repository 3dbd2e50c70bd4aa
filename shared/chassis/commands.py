"""The command line that every service has: serve, migrate, topics, dead-letters, import."""

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:  # each command imports what it needs, so that --help answers at once
    from collections.abc import Sequence

    from fastapi import FastAPI

    from shared.chassis.clock import Clock
    from shared.chassis.database import Pool
    from shared.chassis.inbox import Inbox
    from shared.chassis.settings import ServiceSettings

T = TypeVar("T")

FAILED, UNUSABLE, NOT_STARTED = 1, 2, 3
REQUEST_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Work:
    """What a command works with."""

    settings: Any
    pool: "Pool"
    clock: "Clock"


def cli(service: str, description: str = "") -> typer.Typer:
    """Make the command line of ``services.<service>``; the service may add commands to it.

    It finds what it needs by the rooms' names: ``settings.Settings``, ``main.create_app``,
    ``main.INBOXES`` and, where there is such a room, ``imports.TABLES``.
    """
    app = typer.Typer(
        name=f"python -m services.{service}",
        help=description or f"The {service} service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    _add_serve(app, service)
    _add_setup(app, service)
    app.add_typer(_dead_letters(service), name="dead-letters")
    if importlib.util.find_spec(f"services.{service}.imports"):
        from shared.chassis.imports.command import add_import

        add_import(app, service)
    return app


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
    from shared.chassis import database, kafka

    try:
        return asyncio.run(work)
    except (
        database.DatabaseUnavailableError,
        database.SchemaTooOldError,
        kafka.KafkaUnavailableError,
    ) as error:
        fail(str(error), NOT_STARTED)
    except database.MigrationError as error:
        fail(str(error), FAILED)


def fail(reason: str, code: int) -> NoReturn:
    """Say why, and exit."""
    sys.stderr.write(f"{reason}\n")
    raise typer.Exit(code)


def _main(service: str) -> Any:
    return importlib.import_module(f"services.{service}.main")


def _inboxes(service: str) -> "Sequence[Inbox]":
    found: Sequence[Inbox] = _main(service).INBOXES
    return found


def _add_serve(app: typer.Typer, service: str) -> None:
    @app.command()
    def serve() -> None:
        """Answer requests, hear events and do what time asks for, until told to stop.

        Exits with 0 after SIGTERM or SIGINT, with 1 where a part of it ended by itself, with 2
        for settings that cannot be used, with 3 where PostgreSQL or Kafka stays away at start.
        """
        from shared.chassis import clock, telemetry

        settings = settings_of(service)
        telemetry.configure_logging(service, settings.log_level)
        made = _main(service).create_app(settings, clock.from_settings(settings))
        raise typer.Exit(_serve(made, settings))


def _serve(app: "FastAPI", settings: "ServiceSettings") -> int:
    import signal

    import uvicorn

    # uvicorn repeats the signal once it has stopped; that it was told to stop is no failure.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=REQUEST_GRACE_SECONDS,
        )
    )
    server.run()
    if not server.started:
        return NOT_STARTED
    return FAILED if getattr(app.state, "ended", None) else 0


def _add_setup(app: typer.Typer, service: str) -> None:
    @app.command()
    def migrate() -> None:
        """Bring the database to what this version expects.

        Each migration is applied once, also where several of these run at a time. Reads the
        owner's database URL.
        """
        from shared.chassis import database, telemetry
        from shared.chassis.settings import migrations_of, variable

        settings = settings_of(service)
        telemetry.configure_logging(service, "warning", stream=sys.stderr)
        if not settings.owner_database_url:
            name = variable(type(settings), "owner_database_url")
            fail(f"{name} is not set: the database, as its owner", UNUSABLE)
        applied = finish(
            database.migrate(
                settings.owner_database_url,
                service,
                migrations_of(service),
                start_timeout=settings.start_timeout,
            )
        )
        for name in applied:
            typer.echo(f"applied {name}")
        typer.echo(f"{service}: {len(applied)} applied, the database is up to date")

    @app.command()
    def topics(
        everybody: Annotated[
            bool, typer.Option("--all", help="Those of all services, not of this one alone.")
        ] = False,
    ) -> None:
        """Create the topics that are missing, and say where one differs from what it should be.

        Changes nothing that is there.
        """
        from shared.chassis import kafka
        from shared.contracts.topics import REGISTRY

        settings = settings_of(service)
        wanted = [each for each in REGISTRY if everybody or each.owner == service]

        async def ensure() -> list[str]:
            await kafka.check_topics(settings.kafka_servers, [], seconds=settings.start_timeout)
            return await kafka.ensure_topics(settings.kafka_servers, wanted)

        for line in finish(ensure()):
            typer.echo(line)
        typer.echo(f"{len(wanted)} topics are there")


Letters: TypeAlias = Annotated[
    list[int], typer.Argument(help="The numbers of dead letters.", min=1)
]


def _dead_letters(service: str) -> typer.Typer:
    group = typer.Typer(
        help="Look at records that could not be handled; put them back or discard them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )

    @group.command("list")
    def list_letters(
        consumer: Annotated[str | None, typer.Option(help="Only of this consumer group.")] = None,
        after: Annotated[int, typer.Option(help="Only those with a greater number.")] = 0,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to list.")] = 100,
    ) -> None:
        """List those that wait for somebody, oldest first."""
        from shared.chassis import dead_letters

        async def find(work: Work) -> tuple[list[dead_letters.DeadLetter], int]:
            async with work.pool.acquire() as tx:
                found = await dead_letters.list_open(
                    tx, consumer=consumer, after=after, limit=limit
                )
                return found, await dead_letters.count_open(tx)

        letters, total = run(service, find)
        for each in letters:
            where = f"{each.record.topic}/{each.record.partition}@{each.record.offset}"
            typer.echo(
                f"{each.id}  {each.died_at:%Y-%m-%d %H:%M:%S}  {each.type}  {where}"
                f"  tries {each.tries}  {each.error.splitlines()[0]}"
            )
        typer.echo(f"{len(letters)} of {total} open")

    @group.command()
    def show(letter: Annotated[int, typer.Argument(help="The number of a dead letter.")]) -> None:
        """Show one whole: where it came from, its headers and value, and why it failed."""
        from shared.chassis import dead_letters

        async def find(work: Work) -> dead_letters.DeadLetter | None:
            async with work.pool.acquire() as tx:
                return await dead_letters.find(tx, letter)

        found = run(service, find)
        if found is None:
            fail(f"there is no dead letter {letter}", FAILED)
        typer.echo(_shown(found))

    _add_settling(group, service)
    return group


def _add_settling(group: typer.Typer, service: str) -> None:
    @group.command()
    def retry(letters: Letters) -> None:
        """Handle records again, each in a transaction of its own.

        One that fails again stays open, with the new reason; the exit code is then 1.
        """
        from shared.chassis import dead_letters

        inboxes = _inboxes(service)
        _settle(service, letters, lambda pool, each: dead_letters.retry(pool, inboxes, each))

    @group.command()
    def discard(
        letters: Letters,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Settle records without handling them."""
        from shared.chassis import dead_letters

        if not yes:
            typer.confirm(f"Discard {len(letters)} for good?", abort=True)
        _settle(service, letters, dead_letters.discard)


def _settle(
    service: str, letters: list[int], settle: "Callable[[Pool, int], Awaitable[None]]"
) -> None:
    from shared.chassis.dead_letters import NoSuchLetterError, RetryFailedError

    async def each_alone(work: Work) -> int:
        failures = 0
        for letter in letters:
            try:
                await settle(work.pool, letter)
                typer.echo(f"{letter}: done")
            except (NoSuchLetterError, RetryFailedError) as error:
                failures += 1
                typer.echo(f"{letter}: {error}", err=True)
        return failures

    if run(service, each_alone):
        raise typer.Exit(FAILED)


def _shown(letter: Any) -> str:
    from shared.chassis.dead_letters import headers_as_text

    record = letter.record
    value = "(none)" if record.value is None else record.value.decode("utf-8", "backslashreplace")
    lines = [
        f"number:   {letter.id} ({letter.status}, tries {letter.tries})",
        f"consumer: {letter.consumer}",
        f"record:   {record.topic} partition {record.partition} offset {record.offset}",
        f"event:    {letter.type} {letter.event_id} of {letter.source}",
        f"died:     {letter.died_at.isoformat()}",
        *(f"header:   {name}: {text}" for name, text in headers_as_text(letter).items()),
        f"value:    {value}",
        f"error:    {letter.error}",
        letter.stack,
    ]
    return "\n".join(lines)
