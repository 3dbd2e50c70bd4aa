"""The `dead-letters` command: look at what could not be handled, put it back or discard it."""

import importlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import typer

from shared.chassis.commands.working import FAILED, Work, fail, run

Letters: TypeAlias = Annotated[
    list[int], typer.Argument(help="The numbers of dead letters.", min=1)
]


def dead_letters_of(service: str) -> typer.Typer:
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

    @group.command()
    def forget(
        subject: Annotated[UUID, typer.Argument(help="The id of who was erased.")],
    ) -> None:
        """Delete the records, settled ones too, that name somebody by this id."""
        from shared.chassis import dead_letters

        async def delete(work: Work) -> int:
            async with work.pool.acquire() as tx:
                return await dead_letters.forget(tx, subject)

        typer.echo(f"{run(service, delete)} deleted")

    _add_settling(group, service)
    return group


def _add_settling(group: typer.Typer, service: str) -> None:
    @group.command()
    def retry(letters: Letters) -> None:
        """Handle records again, each in a transaction of its own.

        One that fails again stays open, with the new reason; the exit code is then 1.
        """
        _settle(service, letters, _retrying(service))

    @group.command()
    def discard(
        letters: Letters,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Settle records without handling them."""
        from shared.chassis import dead_letters

        if not yes:
            typer.confirm(f"Discard {len(letters)} for good?", abort=True)
        _settle(service, letters, lambda work, each: dead_letters.discard(work.pool, each))


def _retrying(service: str) -> Callable[[Work, int], Awaitable[None]]:
    """How the service handles a record again; its `main` says so if its groups have revisions."""
    from shared.chassis import dead_letters

    main = importlib.import_module(f"services.{service}.main")
    own: Callable[[Work, int], Awaitable[None]] | None = getattr(main, "retry_letter", None)
    return own or (lambda work, each: dead_letters.retry(work.pool, main.INBOXES, each))


def _settle(
    service: str, letters: list[int], settle: Callable[[Work, int], Awaitable[None]]
) -> None:
    from shared.chassis.dead_letters import NoSuchLetterError, RetryFailedError

    async def each_alone(work: Work) -> int:
        failures = 0
        for letter in letters:
            try:
                await settle(work, letter)
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
