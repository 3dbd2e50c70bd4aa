"""Writes a sample portfolio: `python -m deploy.sample DIR`."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.sample import portfolio
from shared.chassis.clock import SystemClock

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def write(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write into.")],
    seed: Annotated[int, typer.Option(help="Another seed, another portfolio.")] = 1,
    clients: Annotated[int, typer.Option(min=0, max=10_000_000, help="How many in all.")] = 250,
    partners: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 3,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day that all dates count from; else today."),
    ] = None,
    spoil: Annotated[
        int,
        typer.Option(
            min=0,
            help="Spoil every so-many-th row of a file, in ten ways; spoiled.json then says what"
            " an import of the folder `clients` has to report.",
        ),
    ] = 0,
) -> None:
    """Write the CSV files of a portfolio for the imports of clients, renewals and tiers.

    Same arguments, same files. sample.json says who can sign in (people.json, too, as the local
    issuer reads it) and which clients are there to try something, and what should come of it.
    """
    day: date = today.date() if today else SystemClock().today("UTC")
    told = portfolio.write(
        folder, seed=seed, size=clients, partners=partners, today=day, spoil=spoil
    )
    typer.echo(
        f"{folder}: {clients} clients of {partners} partners as of {day},"
        f" {len(told['traps'])} of them with something to try"
    )


if __name__ == "__main__":
    app()
