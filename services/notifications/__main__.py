"""The command line of the notifications service."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from shared.chassis import commands

if TYPE_CHECKING:
    from datetime import datetime

app = commands.cli("notifications", "Who is told, by which rule, and what came of it.")
commands.add_export(app, "notifications")
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


@app.command()
def reconcile(
    since: Annotated[str, typer.Option(help="A moment surely before that of the backup.")],
    until: Annotated[str, typer.Option(help="When the database was lost; nothing was sent after.")],
    margin: Annotated[
        int, typer.Option(min=0, help="Seconds before that, of which the end may be unsaid.")
    ] = 900,
) -> None:
    """After a restore to an earlier moment: learn what was sent, and hold what nobody knows.

    Run it once all that the topics hold is heard again, and before a sender runs: see
    docs/operations/backup.md. Reads what this service said itself. What was due before the loss
    and of which nothing was said is put into doubt: `unknown list` names it, `unknown resend`
    sends it. Exits with 3 where something is still to be heard.
    """
    from services.notifications import jobs
    from services.notifications.main import INBOXES
    from shared.chassis import restoring
    from shared.chassis.commands.replaying import instant
    from shared.contracts import notifications as told

    begun, lost = instant(since), instant(until)
    if begun is None or lost is None:
        commands.fail("say since when, and until when", commands.UNUSABLE)

    async def learn(work: commands.Work) -> jobs.Reconciled:
        servers = work.settings.kafka
        await restoring.require_heard(servers, INBOXES)
        said = await restoring.said(
            servers,
            told.EVENTS,
            begun,
            [
                told.ReminderSent,
                told.ReminderFailed,
                told.ReminderInDoubt,
                told.ReminderDropped,
                told.ReminderBlocked,
            ],
        )
        return await jobs.reconcile(
            work.pool, said, work.clock.now(), lost, timedelta(seconds=margin)
        )

    done = commands.run("notifications", learn)
    typer.echo(
        f"{done.settled} messages settled by what was said, {done.held} held in doubt, "
        f"{done.asked} notices asked about anew, {done.unheard} said of nothing that is known"
    )


@app.command()
def forget(
    people: Annotated[list[UUID], typer.Argument(help="Ids of persons.", min=1)],
) -> None:
    """Forget the addresses at which persons were told; that they were told stays, by their ids."""
    from services.notifications.store import ledger

    async def work(found: commands.Work) -> int:
        async with found.pool.acquire() as tx, tx.transaction():
            return await ledger.forget_addresses(tx, people)

    typer.echo(f"addresses forgotten of {commands.run('notifications', work)} messages")


if __name__ == "__main__":
    app()
