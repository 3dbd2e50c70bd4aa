"""One renewal: the panel with its details, its options on a page, and the decision."""

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
    status_of,
    text_of,
    wrong_of,
)
from services.dashboard.api.guards import AMember
from services.dashboard.api.messages import timeline_of
from services.dashboard.api.pages import Asked, Asking, page, panel
from services.dashboard.domain.renewals import CANCELLED, Renewal, compare, why_not_decided
from services.dashboard.senders.owners import Done
from services.dashboard.store.messages import find_client
from services.dashboard.store.renewals import find_decision, find_renewal
from services.dashboard.store.services import find_services
from services.dashboard.views import formats, frame, render
from services.dashboard.views.owners import meaning, roles_of
from services.dashboard.views.renewals import line, mail_to
from shared.chassis.http import Router

router = Router(tags=["renewals"], include_in_schema=False)

NO_RENEWAL: Final = "There is no such renewal. It may have been withdrawn meanwhile."
CHOOSE: Final = "Choose what was decided."


async def _known(asked: Asking, renewal_id: UUID) -> Renewal:
    renewal = await find_renewal(asked.tx, renewal_id, asked.today)
    if renewal is None:
        raise HTTPException(404, NO_RENEWAL)
    return renewal


@panel("renewal")
async def show_renewal(asked: Asking, renewal_id: UUID) -> str | None:
    """The details of a renewal."""
    renewal = await find_renewal(asked.tx, renewal_id, asked.today)
    services = renewal and await find_services(asked.tx, renewal.client_id)
    if renewal is None or services is None:
        return None
    partner, of = asked.partner, tellings.people_of(asked)
    client = await find_client(asked.tx, renewal.client_id)
    shown = line(renewal, of)
    manager = client.renewal_manager if client else None
    subject = f"{shown.label}: renewal on {formats.day(renewal.starts)}"
    back = frame.without(asked.page_address, panel=f"renewal:{renewal_id}")
    part = asked.request.url.path.startswith("/panels/")
    return render(
        "renewals/panel.html.j2",
        viewer=asked.viewer,
        told=await tellings.flash(asked) if part else None,
        again=frame.without(f"/panels/renewals/{renewal_id}", told=asked.told if part else ""),
        close=asked.page_address,
        back=back,
        decision=await find_decision(asked.tx, renewal_id) if shown.decided else None,
        users={user.user_id: user.name for user in partner.users},
        portal=asked.links.account(renewal.account_id),
        renewal=renewal,
        line=shown,
        over=" · ".join(filter(None, (_kind(renewal), renewal.name if renewal.domain else ""))),
        days=shown.days,
        days_words=formats.counted(shown.days, "day") if shown.days else "Today is the last day",
        today=asked.today,
        zone=partner.time_zone,
        why_not=why_not_decided(renewal, asked.today, may_decide=asked.viewer.may_decide),
        owner_means=meaning(shown.owner, roles_of(partner.policy)),
        manager=manager,
        mail=mail_to(manager.email, subject) if manager else "",
        timeline=await timeline_of(asked.tx, partner, renewal_id, asked.clock.now()),
        services=services,
    )


@router.get("/renewals/{renewal_id}/options")
async def show_options(renewal_id: UUID, asked: Asked) -> HTMLResponse:
    """The present terms against each option, product by product."""
    renewal = await _known(asked, renewal_id)
    shown = line(renewal, tellings.people_of(asked))
    return await page(
        asked,
        "renewals/options.html.j2",
        at="renewals",
        title=f"Renewal options of {formats.shorten(shown.label, 80)}",
        renewal=renewal,
        line=shown,
        comparison=compare(renewal),
        zone=asked.partner.time_zone,
        why_not=why_not_decided(renewal, asked.today, may_decide=asked.viewer.may_decide),
    )


@router.get("/renewals/{renewal_id}/decision")
async def ask_decision(renewal_id: UUID, asked: Asked, request: Request) -> HTMLResponse:
    """What can be decided, with what stands now."""
    renewal = await _known(asked, renewal_id)
    return await _dialog(asked, renewal, chosen=_standing(renewal), back=back_of(request))


@router.post("/renewals/{renewal_id}/decision")
async def decide_renewal(
    renewal_id: UUID, viewer: AMember, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """Decide, in the renewals service."""
    act = Commanding(request, viewer)
    chosen, reason, back = (
        text_of(form, "decision"),
        text_of(form, "reason"),
        back_of(request, form),
    )
    async with act.asking() as asked:
        renewal = await _known(asked, renewal_id)
        if not chosen:
            wrong = Wrong(fields={"decision": CHOOSE})
            return await _dialog(asked, renewal, reason=reason, back=back, wrong=wrong, status=422)
    status, _, option = chosen.partition(":")
    decision: dict[str, Any] = {"status": status, "reason": reason}
    if option:
        decision["option_id"] = option
    answer = await owners.decide(viewer.token, renewal_id, decision, key=key_of(form))
    if isinstance(answer, Done):
        shown = await act.shows("renewal", renewal_id, answer.version)
        return done(request, back, tellings.code("decided", renewal_id, shown=shown))
    async with act.asking() as asked:
        return await _dialog(
            asked,
            await _known(asked, renewal_id),
            chosen=chosen,
            reason=reason,
            back=back,
            wrong=_by_field(wrong_of(answer, "status", "option_id", "reason")),
            status=status_of(answer),
        )


def _kind(renewal: Renewal) -> str:
    return formats.KINDS.get(renewal.kind, renewal.kind)


def _by_field(wrong: Wrong) -> Wrong:
    """What the service says of status and option is about the one choice that the form has."""
    if not wrong.fields:
        return wrong
    said = [wrong.of("status"), wrong.of("option_id")]
    fields = {"reason": wrong.of("reason"), "decision": " ".join(filter(None, said))}
    return Wrong(wrong.general, {name: text for name, text in fields.items() if text})


def _standing(renewal: Renewal) -> str:
    """What is chosen in the form to begin with: what was decided, if anything was."""
    if renewal.status == CANCELLED:
        return CANCELLED
    if renewal.status != renewal.agreed:
        return ""
    chosen = renewal.chosen_option_id
    return f"{renewal.agreed}:{chosen}" if chosen else renewal.agreed


async def _dialog(
    asked: Asking,
    renewal: Renewal,
    *,
    chosen: str = "",
    reason: str = "",
    back: str,
    wrong: Wrong = RIGHT,
    status: int = 200,
) -> HTMLResponse:
    return await dialog(
        asked,
        "renewals/decision.html.j2",
        title="Decide on a renewal",
        status=status,
        renewal=renewal,
        line=line(renewal, tellings.people_of(asked)),
        comparison=compare(renewal),
        chosen=chosen,
        reason=reason,
        back=back,
        wrong=wrong,
        key=new_key(),
        why_not=why_not_decided(renewal, asked.today, may_decide=asked.viewer.may_decide),
    )
