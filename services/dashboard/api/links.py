"""Addresses that mails name: each leads to the page with the thing in its panel."""

from uuid import UUID

from fastapi.responses import RedirectResponse

from shared.chassis.http import Public, Router

router = Router(include_in_schema=False)


@router.get("/clients/{client_id}", dependencies=[Public])
async def to_client(client_id: UUID) -> RedirectResponse:
    """A client's details beside the list."""
    return RedirectResponse(f"/dashboard?panel=client:{client_id}", 303)


@router.get("/renewals/{renewal_id}", dependencies=[Public])
async def to_renewal(renewal_id: UUID) -> RedirectResponse:
    """A contract change beside the list."""
    return RedirectResponse(f"/renewals?panel=renewal:{renewal_id}", 303)


@router.get("/options/{renewal_id}", dependencies=[Public])
async def to_options(renewal_id: UUID) -> RedirectResponse:
    """What the client can choose from."""
    return RedirectResponse(f"/renewals/{renewal_id}/options", 303)
