"""The command line of the tiers service."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.chassis import commands

if TYPE_CHECKING:
    from services.tiers.jobs import Difference

MOST_SHOWN = 50

app = commands.cli("tiers", "Partner tiers: figures, performance, reviews, certification.")
commands.add_export(app, "tiers")


@app.command()
def recompute(
    check: Annotated[bool, typer.Option("--check", help="Change nothing, only compare.")] = False,
) -> None:
    """Work all figures out from nothing and compare them with those kept in step.

    What differs is printed, and mended unless --check is given. Exits with 1 where anything
    differed. Other work goes on meanwhile; each partner is held while it is its turn.
    """
    from rich.console import Console
    from rich.progress import Progress

    from services.tiers import jobs

    async def work(found: commands.Work) -> "list[Difference]":
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("partners", total=None)
            return await jobs.recompute(
                found.pool,
                found.clock.now(),
                mend=not check,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )

    differences = commands.run("tiers", work)
    for each in differences[:MOST_SHOWN]:
        typer.echo(f"{each.partner_id}: {each.what}: {each.saved}; right: {each.right}")
    if len(differences) > MOST_SHOWN:
        typer.echo(f"and {len(differences) - MOST_SHOWN} more")
    mended = ", mended" if differences and not check else ""
    typer.echo(f"{len(differences)} differences{mended}")
    if differences:
        raise typer.Exit(commands.FAILED)


@app.command()
def review() -> None:
    """Move every partner to its today now, with every review that is due on the way.

    The running service does the same by itself; where nothing is due this changes nothing.
    """
    from services.tiers import jobs

    async def work(found: commands.Work) -> int:
        total = 0
        while moved := await jobs.move_days(found.pool, found.clock):
            total += moved
        return total

    typer.echo(f"{commands.run('tiers', work)} partners moved to their today")


@app.command("rule-set")
def put_rule_set(
    file: Annotated[Path, typer.Argument(help="A rule set in JSON, as GET /rule-sets shows it.")],
) -> None:
    """Save a rule set, new or in place of the one of its name, and assess all partners by it.

    A rule set is in force from its `in_force_from` on, until a later one is. Exits with 2 for a
    file that is no rule set; each field that is wrong is named.
    """
    from pydantic import ValidationError

    from services.tiers import jobs
    from services.tiers.domain.rules import read_rule_set

    try:
        rules = read_rule_set(file.read_bytes())
    except OSError as error:
        commands.fail(f"{file}: {error.strerror}", commands.UNUSABLE)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            where = ".".join(str(part) for part in each["loc"]) or "document"
            sys.stderr.write(f"{file}: {where}: {each['msg']}\n")
        raise typer.Exit(commands.UNUSABLE) from error

    async def work(found: commands.Work) -> bool:
        return await jobs.put_rule_set(found.pool, rules, found.clock.now())

    changed = commands.run("tiers", work)
    typer.echo(f"{rules.name}: {'saved' if changed else 'already so'}")


@app.command()
def republish() -> None:
    """Say anew where each partner stands, for readers of the state topic that lost it."""
    from services.tiers import jobs

    async def work(found: commands.Work) -> int:
        return await jobs.republish(found.pool, found.clock.now())

    typer.echo(f"{commands.run('tiers', work)} snapshots recorded")


if __name__ == "__main__":
    app()
