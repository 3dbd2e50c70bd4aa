"""The command line of the notifications service."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from shared.chassis import commands

if TYPE_CHECKING:
    from datetime import datetime

app = commands.cli("notifications", "Who is told, by which rule, and what came of it.")
unknown = typer.Typer(
    help="Look at messages of which nobody can tell whether they arrived; send them again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(unknown, name="unknown")


@unknown.command("list")
def list_unknown(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to list.")] = 100,
) -> None:
    """List them, those that end soonest first."""
    from services.notifications.store import doubts

    async def find(work: commands.Work) -> "list[tuple[Any, str, str, datetime, int]]":
        async with work.pool.acquire() as tx:
            return await doubts.list_unknown(tx, limit)

    found = commands.run("notifications", find)
    for message_id, stage, audience, ends_at, attempts in found:
        typer.echo(
            f"{message_id}  {stage}  {audience}  until {ends_at:%Y-%m-%d %H:%M}  "
            f"attempts {attempts}"
        )
    typer.echo(f"{len(found)} in doubt")


@unknown.command()
def resend(
    messages: Annotated[list[UUID], typer.Argument(help="The ids of messages in doubt.", min=1)],
) -> None:
    """Send them once more, with the same Message-ID.

    Exits with 1 where one of them is not in doubt, or is over.
    """
    from services.notifications.store import doubts

    async def send(work: commands.Work) -> list[UUID]:
        async with work.pool.acquire() as tx:
            return await doubts.send_again(tx, messages, work.clock.now())

    again = commands.run("notifications", send)
    for message_id in messages:
        done = message_id in again
        typer.echo(f"{message_id}  {'is sent again' if done else 'is not in doubt, or is over'}")
    if len(again) < len(set(messages)):
        raise typer.Exit(commands.FAILED)


if __name__ == "__main__":
    app()
