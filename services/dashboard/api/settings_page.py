"""Partner settings: the default renewal owner, the stages, and who changed them."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, QueryParams

from services.dashboard.api import tellings
from services.dashboard.api.commanding import (
    RIGHT,
    AForm,
    Commanding,
    TheOwners,
    Wrong,
    done,
    number_of,
    status_of,
    text_of,
    wrong_of,
)
from services.dashboard.api.guards import AnAdmin, AViewer
from services.dashboard.api.owners import chosen_of
from services.dashboard.api.pages import Asking, fragment, page, wants_fragment
from services.dashboard.domain import owners as rules
from services.dashboard.senders.owners import Done, Owners, Stale
from services.dashboard.views import owners as owner_views
from services.dashboard.views import settings as views
from shared.chassis.http import Router
from shared.contracts.renewals import PartnerPolicySnapshot

router = Router(tags=["settings"], include_in_schema=False)

HERE: Final = "/settings"
PEOPLE: Final = ("notified_user_id", "point_of_contact_id", "default_point_of_contact_id")
MANAGER: Final = "tell_renewal_manager"
OWNER_FIELDS: Final = ("owner", *PEOPLE, "recipient_roles", MANAGER)
STAGE_FIELDS: Final = ("stages", "send_hour")
DAYS: Final = re.compile(r"[\s,;]+")
NO_DAYS: Final = "Whole numbers of days before the deadline, with commas between, such as 30, 3."


@router.get("/settings")
async def show_settings(viewer: AViewer, request: Request, owners: TheOwners) -> HTMLResponse:
    """What is set; with an owner in the address, what saving it would do."""
    act, query, shown = Commanding(request, viewer), request.query_params, dict[str, Any]()
    if "owner" in query and viewer.is_admin:
        typed = _typed(query)
        shown = {"typed": typed, "roles": query.getlist("recipient_roles")}
        shown["effect"] = await _effect(owners, viewer.token, typed)
    async with act.asking() as asked:
        return await _page(asked, **shown)


@router.get("/settings/owner/effect")
async def preview_owner(request: Request, viewer: AViewer, owners: TheOwners) -> HTMLResponse:
    """What saving another default would do."""
    effect = await _effect(owners, viewer.token, _typed(request.query_params))
    return fragment("settings/effect.html.j2", effect=effect)


@router.post("/settings/owner")
async def choose_default_owner(
    viewer: AnAdmin, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """Set the default, in the renewals service."""
    act, version = Commanding(request, viewer), number_of(form, "version")
    typed, roles = _typed(form), _ticked(form, "recipient_roles")
    chosen = chosen_of(typed) | {
        "recipient_roles": roles,
        MANAGER: bool(typed[MANAGER]),
    }
    if typed["default_point_of_contact_id"]:
        chosen["default_point_of_contact_id"] = typed["default_point_of_contact_id"]
    answer = await owners.choose_default(viewer.token, chosen, version=version)
    if isinstance(answer, Done):
        return await _saved(act, "default", answer.version)
    await _catch_up(act, answer)
    async with act.asking() as asked:
        return await _page(
            asked,
            typed=typed,
            roles=roles,
            version=None if isinstance(answer, Stale) else version,
            wrong=wrong_of(answer, *OWNER_FIELDS),
            status=status_of(answer),
        )


@router.post("/settings/stages")
async def choose_stages(
    viewer: AnAdmin, request: Request, owners: TheOwners, form: AForm
) -> Response:
    """Set stages and hour, in the renewals service."""
    act, version = Commanding(request, viewer), number_of(form, "version")
    ticked, more, hour = _ticked(form, "stages"), text_of(form, "more"), text_of(form, "send_hour")
    days = [each for each in DAYS.split(more) if each]
    shown: dict[str, Any] = {"ticked": ticked, "more": more, "hour": hour}
    if not all(each.isdecimal() and each.isascii() and len(each) < 5 for each in days):  # noqa: PLR2004 - days
        async with act.asking() as asked:
            wrong = Wrong(fields={"more": NO_DAYS})
            return await _page(asked, version=version, stages_wrong=wrong, status=422, **shown)
    stages = list(dict.fromkeys([*ticked, *(f"d-{int(each)}" for each in days)]))
    answer = await owners.choose_stages(
        viewer.token, {"stages": stages, "send_hour": hour}, version=version
    )
    if isinstance(answer, Done):
        return await _saved(act, "stages", answer.version)
    await _catch_up(act, answer)
    async with act.asking() as asked:
        return await _page(
            asked,
            version=None if isinstance(answer, Stale) else version,
            stages_wrong=wrong_of(answer, *STAGE_FIELDS),
            status=status_of(answer),
            **shown,
        )


@router.get("/settings/history")
async def show_history(viewer: AViewer, request: Request, owners: TheOwners) -> HTMLResponse:
    """Who changed what, the latest first; the renewals service keeps it."""
    answers = await asyncio.gather(
        *(owners.history(viewer.token, subject) for subject in ("owner", "stages"))
    )
    missing = [each for each in answers if not isinstance(each, Done)]
    away = missing and (wrong_of(missing[0]).away or "The history cannot be shown at the moment.")
    said = [
        line for each in answers if isinstance(each, Done) for line in each.body.get("items", ())
    ]
    async with Commanding(request, viewer).asking() as asked:
        names = {user.user_id: user.name for user in asked.partner.users}
        entries = [views.entry(each, names) for each in said]
        shown: dict[str, Any] = {
            "entries": sorted(entries, key=lambda each: each.at, reverse=True),
            "away": away or "",
            "zone": asked.partner.time_zone,
        }
        if wants_fragment(request):
            return fragment("settings/history.html.j2", **shown)
        return await page(
            asked,
            "services/page.html.j2",
            at="settings",
            title="History of settings",
            live=False,
            inner="settings/history.html.j2",
            **shown,
        )


def _typed(given: FormData | QueryParams) -> dict[str, str]:
    """The owner's fields as they were written."""
    return {name: text_of(given, name) for name in ("owner", *PEOPLE, MANAGER)}


def _ticked(form: FormData, name: str) -> list[str]:
    return [each for each in form.getlist(name) if isinstance(each, str) and "\0" not in each]


async def _effect(owners: Owners, token: str, typed: Mapping[str, str]) -> str:
    answer = await owners.preview_default(token, chosen_of(typed))
    if isinstance(answer, Done):
        return views.effect(int(answer.body["moves"]), int(answer.body["leaves"]))
    wrong = wrong_of(answer)
    return " ".join(filter(None, (wrong.away, *wrong.general))) or "The effect cannot be told now."


async def _saved(act: Commanding, what: str, version: int) -> Response:
    partner_id = act.viewer.partner_id
    shown = await act.shows("policy", partner_id, version)
    return done(act.request, HERE, tellings.code(what, partner_id, shown=shown))


async def _catch_up(act: Commanding, answer: object) -> None:
    """Where somebody was faster, wait until the page shows what they did."""
    if isinstance(answer, Stale):
        await act.shows("policy", act.viewer.partner_id, answer.version)


async def _page(
    asked: Asking,
    *,
    typed: Mapping[str, str] | None = None,
    roles: Sequence[str] | None = None,
    effect: str = "",
    ticked: Sequence[str] | None = None,
    more: str = "",
    hour: str | None = None,
    version: int | None = None,
    wrong: Wrong = RIGHT,
    stages_wrong: Wrong = RIGHT,
    status: int = 200,
) -> HTMLResponse:
    partner, policy = asked.partner, asked.partner.policy
    users, of = partner.users, tellings.people_of(asked)
    now = of.owner(rules.INHERITED, serviced=True)
    return await page(
        asked,
        "settings/page.html.j2",
        at="settings",
        title="Settings",
        status=status,
        live=False,
        may_edit=asked.viewer.is_admin,
        admins=[user.name for user in partner.active_users if user.admin],
        version=partner.policy_version if version is None else version,
        now=now,
        now_means=owner_views.meaning(now, owner_views.roles_of(policy)),
        typed=typed or _held(policy),
        choices=owner_views.DEFAULTS,
        notified=owner_views.user_options(users, owner_views.NOBODY),
        contacts=owner_views.user_options(users, owner_views.CHOOSE),
        stand_ins=owner_views.user_options(users, owner_views.NOBODY),
        stand_in=_name_of(asked, policy.default_point_of_contact_id if policy else None),
        roles=views.roles(policy, roles),
        tells_manager=policy.tell_renewal_manager if policy else True,
        effect=effect,
        stages=views.stages(policy, ticked),
        more=more,
        hour=views.send_hour(policy) if hour is None else hour,
        zone=partner.time_zone,
        wrong=wrong,
        stages_wrong=stages_wrong,
    )


def _held(policy: PartnerPolicySnapshot | None) -> dict[str, str]:
    """The owner's fields as they are now."""
    held = rules.default_of(policy)
    stand_in = policy.default_point_of_contact_id if policy else None
    manager = policy.tell_renewal_manager if policy else True
    return {
        "owner": held.owner,
        "notified_user_id": str(held.notified_user_id or ""),
        "point_of_contact_id": str(held.point_of_contact_id or ""),
        "default_point_of_contact_id": str(stand_in or ""),
        MANAGER: "on" if manager else "",
    }


def _name_of(asked: Asking, user_id: UUID | None) -> str:
    user = asked.partner.user(user_id)
    return user.name if user else ""
