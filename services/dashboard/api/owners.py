"""Edit renewal owner: of one client, by its people; the renewals service decides."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from services.dashboard.api import tellings
from services.dashboard.api.commanding import (
    RIGHT,
    AForm,
    Commanding,
    TheOwners,
    Wrong,
    back_of,
    dialog,
    done,
    number_of,
    status_of,
    text_of,
    wrong_of,
)
from services.dashboard.api.guards import AMember
from services.dashboard.api.pages import Asked, Asking
from services.dashboard.domain.owners import INHERITED
from services.dashboard.senders.owners import Done, Stale
from services.dashboard.store.owners import OwnerRow, find_owner
from services.dashboard.views import owners as views
from shared.chassis.http import Router

router = Router(tags=["owners"], include_in_schema=False)

NO_CLIENT: Final = "There is no such client."
FIELDS: Final = ("owner", "notified_user_id", "point_of_contact_id")
NOT_STAFF: Final = (
    "Only people of the partner choose the renewal owner; you look at it for HubSpot."
)
ENDED: Final = "You no longer service this client: HubSpot tells it what renews."


async def _known(asked: Asking, client_id: UUID) -> OwnerRow:
    row = await find_owner(asked.tx, client_id)
    if row is None:
        raise HTTPException(404, NO_CLIENT)
    return row


@router.get("/clients/{client_id}/owner")
async def edit_owner(client_id: UUID, asked: Asked, request: Request) -> HTMLResponse:
    """What is set for a client now, and what may be set."""
    row = await _known(asked, client_id)
    held = row.choice or INHERITED
    typed = {
        "owner": held.owner,
        "notified_user_id": str(held.notified_user_id or ""),
        "point_of_contact_id": str(held.point_of_contact_id or ""),
    }
    return await _dialog(asked, row, typed, version=row.version, back=back_of(request))


@router.post("/clients/{client_id}/owner")
async def choose_owner(
    client_id: UUID, viewer: AMember, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """Set it, in the renewals service."""
    act, back, version = (
        Commanding(request, viewer),
        back_of(request, form),
        number_of(form, "version"),
    )
    typed = {name: text_of(form, name) for name in FIELDS}
    async with act.look() as tx:
        if await find_owner(tx, client_id) is None:
            raise HTTPException(404, NO_CLIENT)
    answer = await owners.choose_owner(viewer.token, client_id, chosen_of(typed), version=version)
    if isinstance(answer, Done):
        shown = await act.shows("owner", client_id, answer.version)
        return done(request, back, tellings.code("owner", client_id, shown=shown))
    if isinstance(answer, Stale):
        await act.shows("owner", client_id, answer.version)
    async with act.asking() as asked:
        row = await _known(asked, client_id)
        if isinstance(answer, Stale):
            version = row.version
        return await _dialog(
            asked,
            row,
            typed,
            version=version,
            back=back,
            wrong=wrong_of(answer, *FIELDS),
            status=status_of(answer),
        )


def chosen_of(typed: Mapping[str, str]) -> dict[str, Any]:
    """The command of a form: without JavaScript it has a person for each owner, and one counts."""
    owner = typed["owner"]
    chosen: dict[str, Any] = {"owner": owner}
    if owner == "hubspot" and typed["notified_user_id"]:
        chosen["notified_user_id"] = typed["notified_user_id"]
    if owner == "partner" and typed["point_of_contact_id"]:
        chosen["point_of_contact_id"] = typed["point_of_contact_id"]
    return chosen


async def _dialog(
    asked: Asking,
    row: OwnerRow,
    typed: Mapping[str, str],
    *,
    version: int,
    back: str,
    wrong: Wrong = RIGHT,
    status: int = 200,
) -> HTMLResponse:
    of, users = tellings.people_of(asked), asked.partner.users
    now = of.owner(row.choice, serviced=row.active)
    why_not = "" if row.active else ENDED
    return await dialog(
        asked,
        "renewals/owner.html.j2",
        title="Edit renewal owner",
        status=status,
        row=row,
        typed=typed,
        version=version,
        back=back,
        wrong=wrong,
        why_not=why_not if asked.viewer.may_decide else NOT_STAFF,
        choices=views.CHOICES,
        notified=views.user_options(users, views.NOBODY),
        contacts=views.user_options(users, views.CHOOSE),
        default_means=views.default_meaning(of),
        now=now,
        now_means=views.meaning(now, views.roles_of(asked.partner.policy)),
    )
