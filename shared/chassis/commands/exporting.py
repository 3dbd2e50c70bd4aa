"""The `export` command: a partner's data, to be moved elsewhere or handed over."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.chassis.commands.working import FAILED, Work, fail, run

if TYPE_CHECKING:
    from shared.chassis.exporting import Written


def add_export(app: typer.Typer, service: str, *, secret: Sequence[str] = ()) -> None:
    """Give a service that owns data the command to write out what it holds of one partner.

    ``secret`` names columns, ``table.column``, that leave no database.
    """

    @app.command()
    def export(
        folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
        partner: Annotated[int, typer.Option(min=1, help="The partner's Hub ID.")],
    ) -> None:
        """Write all that this service holds of a partner, as of one moment, as JSON lines.

        A file for each table, a line for each row, and manifest.json with counts and checksums.
        The files name people: keep them accordingly. Exits with 1 where the folder is not empty.
        """
        from shared.chassis import exporting
        from shared.contracts import ids

        async def write(work: Work) -> "list[Written]":
            async with (
                work.pool.acquire() as tx,
                tx.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await exporting.export(
                    tx,
                    service,
                    ids.partner_id(partner),
                    folder,
                    work.clock.now(),
                    secret=secret,
                    say=typer.echo,
                )

        try:
            written = run(service, write)
        except FileExistsError as error:
            fail(str(error), FAILED)
        typer.echo(f"{sum(each.rows for each in written)} rows in {len(written)} files")
