"""The command line of the clients service."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from shared.chassis import commands

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from shared.chassis.database import Pool

app = commands.cli("clients", "Partners, their people and their clients.")
commands.add_export(app, "clients")


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


@app.command()
def erase(
    partner: Annotated[int, typer.Option(min=1, help="The partner's Hub ID.")],
    contact: Annotated[
        int | None, typer.Option(min=1, help="A person of a client: the contact's Record ID.")
    ] = None,
    user: Annotated[
        int | None, typer.Option(min=1, help="A person of the partner: HubSpot's user ID.")
    ] = None,
    hubspot: Annotated[
        str | None, typer.Option(help="A person of HubSpot, of all partners: the address.")
    ] = None,
    client: Annotated[
        int | None, typer.Option(min=1, help="A whole client: the company's Record ID.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole-partner", help="The partner with all its clients.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget somebody for good, here and, by what is said of it, everywhere else.

    Prints the id that stands for who is erased, by which the other services are asked to forget
    addresses and dead letters: docs/operations/personal-data.md. Import it no more: an import
    that still names it brings it back. Exits with 1 where nothing was known of it.
    """
    from services.clients import jobs
    from shared.contracts import ids

    if [contact, user, hubspot, client, whole or None].count(None) != 4:  # noqa: PLR2004 - all but one
        commands.fail("say whom: one of contact, user, hubspot, client, whole-partner", 2)
    forget: Callable[[Pool, UUID, datetime], Awaitable[int]] = jobs.erase_person
    if contact is not None:
        erased = ids.contact_id(partner, contact)
    elif user is not None:
        erased = ids.user_id(partner, user)
    elif hubspot is not None:
        erased = ids.hubspot_person_id(hubspot)
    elif client is not None:
        erased, forget = ids.client_id(partner, client), jobs.erase_client
    else:
        erased, forget = ids.partner_id(partner), jobs.erase_partner
    if not yes:
        typer.confirm(f"Forget {erased} for good?", abort=True)

    async def work(found: commands.Work) -> int:
        return await forget(found.pool, erased, found.clock.now())

    places = commands.run("clients", work)
    typer.echo(f"{erased}: forgotten in {places} places")
    if not places:
        raise typer.Exit(commands.FAILED)


if __name__ == "__main__":
    app()
