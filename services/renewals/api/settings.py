"""The renewal owner and the stages: of the partner, and of each client."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from starlette.exceptions import HTTPException

from services.renewals.api.answers import (
    ChangeView,
    ChosenClientStages,
    ChosenDefault,
    ChosenOwner,
    ChosenStages,
    ClientOwner,
    ClientStages,
    DefaultOwnerView,
    Effect,
    StagesView,
)
from services.renewals.domain import Client, Partner
from services.renewals.domain.choices import (
    choose_default,
    choose_default_stages,
    choose_owner,
    choose_stages,
)
from services.renewals.store import books, clients, partners
from services.renewals.store.books import Opened
from services.renewals.store.clients import Change
from shared.chassis.clock import Clock
from shared.chassis.database import Connection
from shared.chassis.http import (
    AMember,
    AnAdmin,
    AReader,
    IfMatch,
    Page,
    Paging,
    Router,
    Stale,
    TheClock,
    Transaction,
    etag,
    paging,
)
from shared.contracts.renewals import OwnerChoice

router = Router(tags=["settings"])

Latest = Annotated[Paging, Depends(paging("change", default="-change"))]


async def _partner(tx: Connection, partner_id: UUID) -> Partner:
    partner = (await partners.list_partners(tx, [partner_id])).get(partner_id)
    if partner is None or not partner.partner_version:
        raise HTTPException(404, "Nothing was heard of this partner yet.")
    return partner


async def _client(tx: Connection, client_id: UUID) -> Client:
    client = await clients.find_client(tx, client_id)
    if client is None:
        raise HTTPException(404, "There is no such client.")
    return client


async def _hold_partner(tx: Connection, partner_id: UUID, version: int) -> Partner:
    await _partner(tx, partner_id)
    partner = (await partners.lock_partners(tx, [partner_id]))[partner_id]
    if partner.policy_version != version:
        raise Stale(partner.policy_version)
    return partner


async def _hold_client(tx: Connection, partner_id: UUID, client_id: UUID, clock: Clock) -> Opened:
    await _client(tx, client_id)
    found = await partners.share_partners(tx, [partner_id])
    held = await clients.lock_clients(tx, {client_id: partner_id})
    return (await books.open_books(tx, held, found, clock.now()))[client_id]


@router.get("/settings/owner")
async def show_default_owner(
    caller: AReader, tx: Transaction, response: Response
) -> DefaultOwnerView:
    """Who relays contract changes to clients that have no owner of their own."""
    partner = await _partner(tx, caller.partner_id)
    etag(response, partner.policy_version)
    return DefaultOwnerView.of(partner)


@router.put("/settings/owner")
async def choose_default_owner(
    chosen: ChosenDefault,
    caller: AnAdmin,
    tx: Transaction,
    clock: TheClock,
    version: IfMatch,
    response: Response,
) -> DefaultOwnerView:
    """Set the default: it moves every client that inherits, and no other."""
    before, now = await _hold_partner(tx, caller.partner_id, version), clock.now()
    active = await partners.list_active_users(tx, [caller.partner_id])
    after, events = choose_default(
        before, chosen.wanted, active[caller.partner_id], caller.user_id, now
    )
    if after != before:
        await books.save_partner(tx, before, after, events, now)
        shown = [DefaultOwnerView.of(each).model_dump(mode="json") for each in (before, after)]
        await _note(tx, caller.partner_id, None, "owner", caller.user_id, clock, shown)
    etag(response, after.policy_version)
    return DefaultOwnerView.of(after)


@router.get("/settings/owner/preview")
async def preview_default_owner(
    caller: AReader,
    tx: Transaction,
    owner: Annotated[Literal["hubspot", "partner"], Query()],
    notified_user_id: Annotated[UUID | None, Query()] = None,
    point_of_contact_id: Annotated[UUID | None, Query()] = None,
) -> Effect:
    """How many serviced clients another default would move, and how many it leaves."""
    partner = await _partner(tx, caller.partner_id)
    inherit, override = await clients.count_owners(tx, caller.partner_id)
    wanted = OwnerChoice(
        owner=owner, notified_user_id=notified_user_id, point_of_contact_id=point_of_contact_id
    )
    moves = 0 if wanted == partner.default.owner else inherit
    return Effect(moves=moves, leaves=inherit + override - moves)


@router.get("/settings/owner/history")
async def list_default_owner_changes(
    caller: AReader, tx: Transaction, page: Latest
) -> Page[ChangeView]:
    """Who changed the default owner, from what to what, the latest first."""
    return await _changes(tx, caller.partner_id, None, "owner", page)


@router.get("/settings/stages")
async def show_stages(caller: AReader, tx: Transaction, response: Response) -> StagesView:
    """At which stages, and at which hour, people are told."""
    partner = await _partner(tx, caller.partner_id)
    etag(response, partner.policy_version)
    return StagesView.of(partner)


@router.put("/settings/stages")
async def choose_partner_stages(
    chosen: ChosenStages,
    caller: AnAdmin,
    tx: Transaction,
    clock: TheClock,
    version: IfMatch,
    response: Response,
) -> StagesView:
    """Set the stages and the hour. A stage switched on is never told for days that are past."""
    before, now = await _hold_partner(tx, caller.partner_id, version), clock.now()
    after, events = choose_default_stages(
        before, tuple(chosen.stages), chosen.send_hour, caller.user_id, now
    )
    if after != before:
        await books.save_partner(tx, before, after, events, now)
        shown = [StagesView.of(each).model_dump(mode="json") for each in (before, after)]
        await _note(tx, caller.partner_id, None, "stages", caller.user_id, clock, shown)
    etag(response, after.policy_version)
    return StagesView.of(after)


@router.get("/settings/stages/history")
async def list_stages_changes(caller: AReader, tx: Transaction, page: Latest) -> Page[ChangeView]:
    """Who changed the stages, from what to what, the latest first."""
    return await _changes(tx, caller.partner_id, None, "stages", page)


@router.get("/clients/{client_id}/owner")
async def show_owner(
    client_id: UUID, caller: AReader, tx: Transaction, response: Response
) -> ClientOwner:
    """Who relays a client's contract changes, and whether that is inherited."""
    client = await _client(tx, client_id)
    etag(response, client.owner_version)
    return ClientOwner.of(client, await _partner(tx, caller.partner_id))


@router.put("/clients/{client_id}/owner")
async def choose_client_owner(
    client_id: UUID,
    chosen: ChosenOwner,
    caller: AMember,
    tx: Transaction,
    clock: TheClock,
    version: IfMatch,
    response: Response,
) -> ClientOwner:
    """Set the owner for one client, or let it follow the partner's default."""
    opened = await _hold_client(tx, caller.partner_id, client_id, clock)
    book = opened.book
    if book.client.owner_version != version:
        raise Stale(book.client.owner_version)
    active = await partners.list_active_users(tx, [caller.partner_id])
    if choose_owner(book, chosen.choice, active[caller.partner_id], caller.user_id):
        await books.close_books(tx, [opened])
        shown = [each.owner.model_dump(mode="json") for each in (opened.client, book.client)]
        await _note(tx, caller.partner_id, client_id, "owner", caller.user_id, clock, shown)
    etag(response, book.client.owner_version)
    return ClientOwner.of(book.client, book.partner)


@router.get("/clients/{client_id}/owner/history")
async def list_owner_changes(
    client_id: UUID, caller: AReader, tx: Transaction, page: Latest
) -> Page[ChangeView]:
    """Who changed a client's owner, from what to what, the latest first."""
    await _client(tx, client_id)
    return await _changes(tx, caller.partner_id, client_id, "owner", page)


@router.get("/clients/{client_id}/stages")
async def show_client_stages(
    client_id: UUID, caller: AReader, tx: Transaction, response: Response
) -> ClientStages:
    """At which stages people are told about a client."""
    client = await _client(tx, client_id)
    etag(response, client.stages_version)
    return ClientStages.of(client, await _partner(tx, caller.partner_id))


@router.put("/clients/{client_id}/stages")
async def choose_client_stages(
    client_id: UUID,
    chosen: ChosenClientStages,
    caller: AMember,
    tx: Transaction,
    clock: TheClock,
    version: IfMatch,
    response: Response,
) -> ClientStages:
    """Set a client's own stages, or none. A stage switched on is never told for the past."""
    opened = await _hold_client(tx, caller.partner_id, client_id, clock)
    book = opened.book
    if book.client.stages_version != version:
        raise Stale(book.client.stages_version)
    if choose_stages(book, None if chosen.stages is None else tuple(chosen.stages)):
        await books.close_books(tx, [opened])
        shown = [
            {"stages": None if each.stages is None else list(each.stages)}
            for each in (opened.client, book.client)
        ]
        await _note(tx, caller.partner_id, client_id, "stages", caller.user_id, clock, shown)
    etag(response, book.client.stages_version)
    return ClientStages.of(book.client, book.partner)


async def _note(
    tx: Connection,
    partner_id: UUID,
    client_id: UUID | None,
    subject: Literal["owner", "stages"],
    actor: UUID,
    clock: Clock,
    shown: list[dict[str, Any]],
) -> None:
    change = Change(
        partner_id=partner_id,
        client_id=client_id,
        subject=subject,
        actor=actor,
        at=clock.now(),
        before=shown[0],
        after=shown[1],
    )
    await clients.save_changes(tx, [change])


async def _changes(
    tx: Connection,
    partner_id: UUID,
    client_id: UUID | None,
    subject: Literal["owner", "stages"],
    page: Paging,
) -> Page[ChangeView]:
    after = page.after(int)
    found = await clients.list_changes(
        tx,
        partner_id,
        client_id,
        subject,
        descending=page.descending,
        after=after[0] if after else None,
        limit=page.fetch,
    )
    return page.page(found, lambda change: (change.change_id,), ChangeView.of)
