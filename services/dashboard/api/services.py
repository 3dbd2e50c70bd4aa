"""End services, take that back, and resume: by admins; the clients service decides."""

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
    key_of,
    new_key,
    number_of,
    status_of,
    text_of,
    wrong_of,
)
from services.dashboard.api.guards import AnAdmin
from services.dashboard.api.messages import timeline_of
from services.dashboard.api.pages import Asked, Asking
from services.dashboard.domain import owners as rules
from services.dashboard.senders.owners import Done, Stale
from services.dashboard.store import renewals
from services.dashboard.store.owners import find_owner
from services.dashboard.store.services import ServicesRow, find_services
from services.dashboard.store.waiting import reopened
from services.dashboard.views import frame
from services.dashboard.views import services as views
from services.dashboard.views.renewals import line
from shared.chassis.http import Router

router = Router(tags=["services"], include_in_schema=False)

NO_CLIENT: Final = "There is no such client."
NO_REASON: Final = "Say why services end: HubSpot's people read it."
SHOWN: Final = 20  # renewals that are named; of more there is the number


async def _known(asked: Asking, client_id: UUID) -> ServicesRow:
    services = await find_services(asked.tx, client_id)
    if services is None:
        raise HTTPException(404, NO_CLIENT)
    return services


@router.get("/clients/{client_id}/end-services")
async def ask_end(client_id: UUID, asked: Asked, request: Request) -> HTMLResponse:
    """What follows from ending services, before it is done."""
    services = await _known(asked, client_id)
    return await _dialog(asked, services, version=services.version, back=back_of(request))


@router.post("/clients/{client_id}/end-services")
async def end_services(
    client_id: UUID, viewer: AnAdmin, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """End them, in the clients service."""
    act, back, version = (
        Commanding(request, viewer),
        back_of(request, form),
        number_of(form, "version"),
    )
    reason = text_of(form, "reason")
    async with act.asking() as asked:
        services = await _known(asked, client_id)
        if not reason.strip():
            wrong = Wrong(fields={"reason": NO_REASON})
            return await _dialog(
                asked, services, version=version, back=back, wrong=wrong, status=422
            )
    answer = await owners.end_services(
        viewer.token, client_id, version=version, reason=reason, key=key_of(form)
    )
    if isinstance(answer, Done):
        shown = await act.shows("services", client_id, answer.version)
        told = tellings.code("ended", client_id, shown=shown)
        return done(request, frame.without(back, "panel"), told, gone="panel" in back)
    if isinstance(answer, Stale):
        await act.shows("services", client_id, answer.version)
    async with act.asking() as asked:
        services = await _known(asked, client_id)
        return await _dialog(
            asked,
            services,
            version=services.version if isinstance(answer, Stale) else version,
            back=back,
            reason=reason,
            wrong=wrong_of(answer, "reason"),
            status=status_of(answer),
        )


@router.get("/clients/{client_id}/resume-services")
async def ask_resume(client_id: UUID, asked: Asked, request: Request) -> HTMLResponse:
    """Where services stand, and the way to resume them."""
    return await _resume_dialog(asked, await _known(asked, client_id), back_of(request))


@router.post("/clients/{client_id}/resume-services")
async def resume_services(
    client_id: UUID, viewer: AnAdmin, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """Service the client again: undo, while nobody was told of the end, is the same."""
    act, back, version = (
        Commanding(request, viewer),
        back_of(request, form),
        number_of(form, "version"),
    )
    async with act.asking() as asked:
        await _known(asked, client_id)
        today = asked.today
    answer = await owners.resume_services(
        viewer.token, client_id, version=version, key=key_of(form)
    )
    if isinstance(answer, Done):
        shown = await act.shows("services", client_id, answer.version)
        shown = shown and await reopened(act.look, client_id, today)
        return done(request, back, tellings.code("resumed", client_id, shown=shown))
    if isinstance(answer, Stale):
        await act.shows("services", client_id, answer.version)
    async with act.asking() as asked:
        services = await _known(asked, client_id)
        return await _resume_dialog(asked, services, back, wrong_of(answer), status_of(answer))


async def _resume_dialog(
    asked: Asking, services: ServicesRow, back: str, wrong: Wrong = RIGHT, status: int = 200
) -> HTMLResponse:
    return await dialog(
        asked,
        "services/resume.html.j2",
        title="Resume services",
        status=status,
        services=services,
        back=back,
        wrong=wrong,
        zone=asked.partner.time_zone,
        admins=_admins(asked),
    )


async def _dialog(
    asked: Asking,
    services: ServicesRow,
    *,
    version: int,
    back: str,
    reason: str = "",
    wrong: Wrong = RIGHT,
    status: int = 200,
) -> HTMLResponse:
    return await dialog(
        asked,
        "services/end.html.j2",
        title="End services",
        status=status,
        services=services,
        version=version,
        key=new_key(),
        back=back,
        reason=reason,
        wrong=wrong,
        zone=asked.partner.time_zone,
        admins=_admins(asked),
        **await _consequences(asked, services),
    )


def _admins(asked: Asking) -> list[str]:
    """Whom a member asks."""
    return [user.name for user in asked.partner.active_users if user.admin]


async def _consequences(asked: Asking, services: ServicesRow) -> dict[str, Any]:
    """What ends with the services: the renewals that leave, and what is no longer told."""
    wanted = renewals.Wanted(
        today=asked.today,
        default_owner=rules.default_party(asked.partner.policy),
        upcoming=True,
        client_id=services.client_id,
    )
    found = await renewals.list_renewals(asked.tx, wanted, sort="deadline", limit=SHOWN)
    of = tellings.people_of(asked)
    owner = await find_owner(asked.tx, services.client_id)
    held = of.owner(owner.choice if owner else None, serviced=services.active)
    leaving = []
    for row in found.rows:
        stages = await timeline_of(asked.tx, asked.partner, row.renewal_id, asked.clock.now())
        leaving.append(views.leaving(line(row, of), stages))
    return {
        "leaving": leaving,
        "count": found.matches,
        "silence": views.silence(held, leaving),
    }
