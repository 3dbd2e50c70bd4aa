"""The command line of the renewals service."""

from typing import Annotated

import typer

from shared.chassis import commands

app = commands.cli("renewals", "Contract changes: deadlines, decisions, owners, stages.")
commands.add_export(app, "renewals")


@app.command()
def sweep() -> None:
    """Settle what passed its deadline and tell what is due now, until nothing is left.

    The running service does the same by itself, several times a second.
    """
    from services.renewals import jobs

    async def work(found: commands.Work) -> tuple[int, int]:
        settled = told = 0
        while done := await jobs.run_settle_once(found.pool, found.clock):
            settled += done
        while done := await jobs.run_sweep_once(found.pool, found.clock):
            told += done
        return settled, told

    settled, told = commands.run("renewals", work)
    typer.echo(f"{settled} settled, {told} looked at")


@app.command()
def republish() -> None:
    """Say anew what each client's renewals and each partner's settings are.

    For readers of the state topic that lost it, or that an old copy reached last.
    """
    from services.renewals import jobs

    async def work(found: commands.Work) -> int:
        return await jobs.republish(found.pool, found.clock)

    typer.echo(f"{commands.run('renewals', work)} snapshots recorded")


@app.command()
def retell(
    since: Annotated[str, typer.Option(help="Of what was told from this instant on.")],
) -> None:
    """Have the stages told anew that were told since then, with the same ids.

    For the day on which Kafka lost its log: what it had and nobody had heard yet would be lost.
    Who has heard it knows it by its id. The sweep of the running service tells them.
    """
    from services.renewals.store import restoring
    from shared.chassis.commands.replaying import instant

    moment = instant(since)
    if moment is None:
        commands.fail("say since when", commands.UNUSABLE)

    async def work(found: commands.Work) -> int:
        async with found.pool.acquire() as tx, tx.transaction():
            return await restoring.rearm_told(tx, moment)

    typer.echo(f"{commands.run('renewals', work)} stages are told anew")


if __name__ == "__main__":
    app()
