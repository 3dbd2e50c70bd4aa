"""The command line of the dashboard."""

import typer

from shared.chassis import commands

app = commands.cli("dashboard", "The page of the partner's people, and what it shows.")


@app.command()
def rebuild() -> None:
    """Make all that the page shows anew from the topics, while the present model serves.

    Once all is heard the new model serves instead, from one moment to the next; the running
    service goes on with it. One that was interrupted is simply started again. Exits with 1 where
    another one is under way, or where records cannot be handled.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    from services.dashboard import jobs
    from services.dashboard.main import INBOXES

    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())

    class Bar:
        """Shows how far it is, with the lines above."""

        def __init__(self, bar: Progress) -> None:
            self.bar, self.task = bar, bar.add_task("records", total=None, visible=False)

        def made(self, done: int, total: int) -> None:
            self.bar.update(self.task, completed=done, total=total, visible=True)

        def say(self, line: str) -> None:
            self.bar.console.print(line, highlight=False, soft_wrap=True)

    async def work(found: commands.Work) -> int:
        commands.spare_garbage()
        with Progress(*columns, console=Console(stderr=True)) as bar:
            return await jobs.rebuild(found.settings, found.pool, found.clock, INBOXES, Bar(bar))

    try:
        revision = commands.run("dashboard", work)
    except jobs.RebuildError as error:
        commands.fail(str(error), commands.FAILED)
    typer.echo(f"revision {revision} serves")


@app.command()
def checksum() -> None:
    """Print a line for each partner: its id, how many rows there are of it, and their digest.

    Two models of the same content have the same lines, whatever order it arrived in.
    """
    from services.dashboard.store.checksum import Checksum, sum_up

    async def work(found: commands.Work) -> list[Checksum]:
        return await sum_up(found.pool)

    for each in commands.run("dashboard", work):
        typer.echo(f"{each.partner_id}  {each.rows:>8}  {each.digest}")


if __name__ == "__main__":
    app()
