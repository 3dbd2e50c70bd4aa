"""The `replay` command: publish a range of the service's own facts once more."""

from datetime import datetime
from typing import Annotated

import typer

from shared.chassis.commands.working import UNUSABLE, Work, fail, run
from shared.contracts import topics


def instant(text: str | None) -> datetime | None:
    """An instant that somebody wrote; exits where it is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fail(f"{text!r} is no instant; expected one with its zone: 2026-01-15T12:00:00Z", UNUSABLE)
    return moment


def add_replay(app: typer.Typer, service: str) -> None:
    """Give a service that says facts the command to say some of them again."""
    topic = next((t for t in topics.REGISTRY if t.name == f"{service}.events.v1"), None)
    if topic is None:
        return

    @app.command()
    def replay(
        since: Annotated[str | None, typer.Option(help="From this instant on.")] = None,
        until: Annotated[str | None, typer.Option(help="Before this instant.")] = None,
        key: Annotated[str | None, typer.Option(help="Of this client or partner alone.")] = None,
        types: Annotated[list[str] | None, typer.Option("--type", help="Of these types.")] = None,
        partition: Annotated[int | None, typer.Option(min=0, help="Of this partition.")] = None,
        first: Annotated[int | None, typer.Option(min=0, help="From this offset on.")] = None,
        last: Annotated[int | None, typer.Option(min=0, help="Up to this offset, too.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="The whole topic.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and say nothing.")] = False,
    ) -> None:
        """Publish a range of this service's facts once more, with the same ids.

        For consumers that lost what they knew. All who dedupe, as they must, notice nothing. The
        instants are those at which Kafka got the records. The relay of the running service sends
        them. State topics are not replayed: whoever lacks a snapshot reads them from the beginning.
        """
        moments = instant(since), instant(until)
        if partition is None and (first, last) != (None, None):
            fail("offsets are those of one partition: say --partition too", UNUSABLE)
        if everything is (moments != (None, None) or bool(key or types) or partition is not None):
            fail("say which facts: a time, a key, a type or a partition; or --all", UNUSABLE)
        if partition is not None and partition >= topic.partitions:
            fail(f"{topic.name} has the partitions 0 to {topic.partitions - 1}", UNUSABLE)
        from shared.chassis.kafka import check_topics
        from shared.chassis.replay import Range
        from shared.chassis.replay import replay as say_again

        wanted = Range(
            partition=partition,
            first=first,
            last=last,
            since=moments[0],
            until=moments[1],
            key=key,
            types=tuple(types or ()),
        )

        async def again(work: Work) -> int:
            access = work.settings.kafka
            await check_topics(access, [topic.name], seconds=work.settings.start_timeout)
            return await say_again(
                work.pool, access, topic, wanted, dry_run=dry_run, say=typer.echo
            )

        count = run(service, again)
        verb = "would be published" if dry_run else "will be published"
        typer.echo(f"{count} records of {topic.name} {verb} again")
