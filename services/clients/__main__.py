"""The command line of the clients service."""

from typing import Annotated

import typer

from shared.chassis import commands

app = commands.cli("clients", "Partners, their people and their clients.")


@app.command()
def republish(
    partner: Annotated[
        int | None, typer.Option(min=1, help="Only of the partner with this Hub ID.")
    ] = None,
) -> None:
    """Say anew what each partner and each client is.

    For readers of the state topic that lost it, or that an old copy reached last.
    """
    from services.clients import jobs
    from shared.contracts import ids

    async def work(found: commands.Work) -> int:
        only = None if partner is None else ids.partner_id(partner)
        return await jobs.republish(found.pool, found.clock, only)

    typer.echo(f"{commands.run('clients', work)} snapshots recorded")


if __name__ == "__main__":
    app()
