"""The command line of each service: serve, migrate, topics, import, dead-letters, replay."""

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from shared.chassis.commands.exporting import add_export
from shared.chassis.commands.importing import add_import
from shared.chassis.commands.letters import dead_letters_of
from shared.chassis.commands.replaying import add_replay
from shared.chassis.commands.restoring import add_restored
from shared.chassis.commands.working import (
    FAILED,
    NOT_STARTED,
    UNUSABLE,
    Work,
    fail,
    finish,
    run,
    settings_of,
    spare_garbage,
    working,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.chassis.settings import ServiceSettings

__all__ = [
    "FAILED",
    "UNUSABLE",
    "Work",
    "add_export",
    "cli",
    "fail",
    "finish",
    "run",
    "settings_of",
    "spare_garbage",
    "working",
]

REQUEST_GRACE_SECONDS = 5


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
    app.add_typer(dead_letters_of(service), name="dead-letters")
    add_replay(app, service)
    add_restored(app, service)
    if importlib.util.find_spec(f"services.{service}.imports"):
        add_import(app, service)
    return app


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
        made = importlib.import_module(f"services.{service}.main").create_app(
            settings, clock.from_settings(settings)
        )
        raise typer.Exit(_serve(made, settings))


def _serve(app: "FastAPI", settings: "ServiceSettings") -> int:
    import signal

    import uvicorn

    # uvicorn repeats the signal once it has stopped; that it was told to stop is no failure.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    spare_garbage()
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
            await kafka.check_topics(settings.kafka, [], seconds=settings.start_timeout)
            return await kafka.ensure_topics(settings.kafka, wanted)

        for line in finish(ensure()):
            typer.echo(line)
        typer.echo(f"{len(wanted)} topics are there")
