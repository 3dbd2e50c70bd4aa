"""The `import` command of a service, made from its tables."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.chassis.commands import working

if TYPE_CHECKING:
    from shared.chassis.imports.running import Report
    from shared.chassis.imports.tables import Table

MOST_SHOWN = 20


def add_import(app: typer.Typer, service: str) -> None:
    """Add the command.

    It reads ``services.<service>.imports``: ``TABLES`` and, where they are there, ``begin`` and
    ``finish``, which `imports.run` explains.
    """

    @app.command("import")
    def import_files(
        folder: Annotated[
            Path | None, typer.Argument(help="The folder with the CSV files.", metavar="DIR")
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Do everything, then undo it.")
        ] = False,
        strict: Annotated[
            bool, typer.Option("--strict", help="All or nothing: one bad row undoes the whole.")
        ] = False,
        report: Annotated[
            Path | None, typer.Option(help="Write what happened to this file, as JSON.")
        ] = None,
        template: Annotated[
            str | None, typer.Option(help="Print this file's header and an example line.")
        ] = None,
        describe: Annotated[
            bool, typer.Option("--describe", help="Print what the files hold, and stop.")
        ] = False,
    ) -> None:
        """Import a folder of CSV files.

        Files are in UTF-8, with commas, semicolons or tabs; columns are found by their names, in
        any order. A bad row is reported and costs nothing but itself. Importing the same files
        again changes nothing.

        Exits with 0 where every row was good, 1 where some were not, 2 where the files cannot be
        used (nothing was changed), 3 where the database is away.
        """
        room = importlib.import_module(f"services.{service}.imports")
        if describe or template:
            _explain(room.TABLES, template)
            return
        if folder is None:
            working.fail("name the folder with the CSV files, or --describe", working.UNUSABLE)
        if report is not None and not report.parent.is_dir():
            working.fail(f"{report.parent} is no folder to write a report to", working.UNUSABLE)
        done = _run(service, room, folder, dry_run=dry_run, strict=strict)
        if report is not None:
            done.write(report)
        typer.echo(summary(done))
        raise typer.Exit(done.exit_code)


def _explain(tables: "Sequence[Table]", wanted: str | None) -> None:
    from shared.chassis.imports import tables as explaining

    if wanted is None:
        typer.echo(explaining.describe(tables))
        return
    for table in tables:
        if table.file.casefold() == wanted.casefold():
            typer.echo(explaining.template(table), nl=False)
            return
    known = ", ".join(table.file for table in tables)
    working.fail(f"{wanted!r} is none of the files: {known}", working.UNUSABLE)


def _run(service: str, room: Any, folder: Path, *, dry_run: bool, strict: bool) -> "Report":
    from shared.chassis.imports.progress import Progress
    from shared.chassis.imports.reading import UnusableError
    from shared.chassis.imports.running import run
    from shared.chassis.imports.tables import Context

    async def work(found: working.Work) -> "Report":
        with Progress.on(sys.stderr) as progress:
            return await run(
                service,
                room.TABLES,
                folder,
                found.pool,
                Context(found.clock, found.settings),
                dry_run=dry_run,
                strict=strict,
                progress=progress,
                begin=getattr(room, "begin", None),
                finish=getattr(room, "finish", None),
            )

    try:
        return working.run(service, work)
    except UnusableError as error:
        working.fail(str(error), working.UNUSABLE)


def summary(report: "Report") -> str:
    """What happened, for people."""
    names = ("file", "rows", "created", "changed", "unchanged", "bad", "seconds")
    lines = [names, *(tuple(str(getattr(each, name)) for name in names) for each in report.files)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    told = [
        "  ".join(
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    told += report.notes
    told += [str(problem) for problem in report.problems[:MOST_SHOWN]]
    more = len(report.problems) + report.problems_not_kept - MOST_SHOWN
    if more > 0:
        told.append(f"and {more} more; --report FILE has them")
    if report.dry_run:
        told.append("dry run: nothing was changed")
    elif not report.committed:
        told.append("strict: nothing was changed, since not every row was good")
    return "\n".join(told)
