"""The `restored` command: what has to be done before a service goes on from an older database."""

import importlib
from typing import Annotated

import typer

from shared.chassis.commands.replaying import instant
from shared.chassis.commands.working import UNUSABLE, Work, fail, run
from shared.contracts import topics


def add_restored(app: typer.Typer, service: str) -> None:
    """Give a service the command for the day on which its database came back without its end."""
    said = [t for t in topics.REGISTRY if t.owner == service and t.kind != "dead-letters"]

    @app.command()
    def restored(
        since: Annotated[str, typer.Option(help="A moment surely before that of the backup.")],
    ) -> None:
        """Go on from a database that was restored to an earlier moment than Kafka's.

        Run it while the service is stopped. Sets the service's consumer groups back, so that it
        hears again what it has forgotten; and lifts the versions of what it owns above all that
        it said since, so that whoever heard it believes what it says from now on. Run `republish`
        afterwards, where there is one. Running it again changes nothing more.
        """
        moment = instant(since)
        if moment is None:
            fail("say since when", UNUSABLE)
        from shared.chassis import restoring
        from shared.chassis.access import Access
        from shared.chassis.kafka import check_topics

        inboxes = importlib.import_module(f"services.{service}.main").INBOXES
        store = importlib.import_module(f"services.{service}.store")

        async def go_back(work: Work) -> tuple[int, int]:
            access = Access.to(work.settings.kafka)
            wanted = [*(t.name for t in said), *(inbox.topic for inbox in inboxes)]
            await check_topics(access, wanted, seconds=work.settings.start_timeout)
            heard = await restoring.rewind(access, inboxes, moment)
            versions = await restoring.said_versions(access, said, moment)
            lift = getattr(store, "lift_versions", None)
            if lift is None:
                return sum(heard.values()), 0
            async with work.pool.acquire() as tx, tx.transaction():
                return sum(heard.values()), await lift(tx, versions)

        heard, lifted = run(service, go_back)
        typer.echo(f"{heard} records are heard again, {lifted} versions lifted")
