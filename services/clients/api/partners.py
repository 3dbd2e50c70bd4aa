"""The caller's partner: its zone, its users, its HubSpot team, and what became of them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from starlette.exceptions import HTTPException

from services.clients import domain, store
from services.clients.api.answers import PartnerView, PastView, UserView
from services.clients.api.asking import Act, AsAdmin
from services.clients.api.orders import TimeZoneOrder
from shared.chassis import outbox
from shared.chassis.http import (
    IfMatch,
    Page,
    Paging,
    Router,
    Stale,
    TheCaller,
    Transaction,
    etag,
    paging,
)
from shared.contracts.clients import HubSpotPerson, PartnerEvent

router = Router(tags=["partner"])

ByName = Annotated[Paging, Depends(paging("name", default="name"))]
ByVersion = Annotated[Paging, Depends(paging("version", default="-version"))]


@router.get("/partner")
async def tell_partner(caller: TheCaller, tx: Transaction, response: Response) -> PartnerView:
    """The caller's own partner."""
    return _shown(await store.find_partner(tx, caller.partner_id), response)


@router.put("/partner/time-zone")
async def move_to_time_zone(
    order: TimeZoneOrder, act: AsAdmin, version: IfMatch, response: Response
) -> PartnerView:
    """Let the partner's days begin by another zone: deadlines and send hours follow it."""
    partner = await _hold(act)
    if partner.version != version:
        raise Stale(partner.version)
    decision = domain.move_to_time_zone(partner, order.time_zone, act.clock.now())
    return _shown(await _keep(act, partner, decision), response)


@router.get("/partner/history")
async def list_partner_history(
    caller: TheCaller, tx: Transaction, page: ByVersion
) -> Page[PastView]:
    """What became of the partner, its users and its team; the last first."""
    return await history_page(tx, caller.partner_id, page)


@router.get("/users")
async def list_users(
    tx: Transaction,
    page: ByName,
    status: Annotated[
        Literal["active", "deactivated", "all"], Query(description="Only users like this.")
    ] = "all",
) -> Page[UserView]:
    """The persons of the partner, also those who no longer act for it."""
    users = await store.list_users(
        tx,
        active=None if status == "all" else status == "active",
        descending=page.descending,
        after=page.after(str, UUID),
        limit=page.fetch,
    )
    return page.page(
        users, lambda user: (user.key, user.user.user_id), lambda u: UserView.of(u.user)
    )


@router.post("/users/{user_id}/deactivation")
async def deactivate_user(user_id: UUID, act: AsAdmin, response: Response) -> UserView:
    """Let a person no longer act for the partner, nor be told anything.

    Doing it again changes nothing. The last active admin cannot be deactivated (409).
    """
    partner = await _hold(act)
    decision = domain.deactivate_user(partner, user_id, act.clock.now())
    return _user(await _keep(act, partner, decision), user_id, response)


@router.post("/users/{user_id}/reactivation")
async def reactivate_user(user_id: UUID, act: AsAdmin, response: Response) -> UserView:
    """Let a person act for the partner again. Doing it again changes nothing."""
    partner = await _hold(act)
    decision = domain.reactivate_user(partner, user_id, act.clock.now())
    return _user(await _keep(act, partner, decision), user_id, response)


@router.get("/team")
async def list_team(caller: TheCaller, tx: Transaction) -> Page[HubSpotPerson]:
    """HubSpot's people who support the partner, with how they do so."""
    partner = await store.find_partner(tx, caller.partner_id)
    if partner is None:
        raise HTTPException(404)
    return Page(items=list(partner.team))


async def history_page(tx: Transaction, subject_id: UUID, page: Paging) -> Page[PastView]:
    """A page of what became of a client or of the partner."""
    after = page.after(int)
    found = await store.list_history(
        tx,
        subject_id,
        after=after[0] if after else None,
        descending=page.descending,
        limit=page.fetch,
    )
    return page.page(found, lambda past: (past.version,), PastView.of)


async def _hold(act: Act) -> domain.Partner:
    partner = await store.lock_partner(act.tx, act.caller.partner_id)
    if partner is None:
        raise HTTPException(404)
    return partner


async def _keep(
    act: Act,
    before: domain.Partner,
    decision: tuple[domain.Partner, list[domain.Change[PartnerEvent]]] | None,
) -> domain.Partner:
    if decision is None:
        raise HTTPException(404)
    after, changes = decision
    if not changes:
        return before
    at = act.clock.now()
    await store.save_partner(act.tx, after)
    lines = [store.Line(after.partner_id, after.partner_id, change) for change in changes]
    await store.save_history(act.tx, lines, act.caller.user_id, at)
    await outbox.record(act.tx, *domain.facts(changes), after.snapshot(at))
    return after


def _shown(partner: domain.Partner | None, response: Response) -> PartnerView:
    if partner is None:
        raise HTTPException(404, "The caller's partner is not known here.")
    etag(response, partner.version)
    return PartnerView(
        partner_id=partner.partner_id,
        hub_id=partner.hub_id,
        name=partner.name,
        time_zone=partner.time_zone,
        version=partner.version,
    )


def _user(partner: domain.Partner, user_id: UUID, response: Response) -> UserView:
    etag(response, partner.version)
    return UserView.of(next(user for user in partner.users if user.user_id == user_id))
