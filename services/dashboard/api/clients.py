"""The dashboard's first tab: what waits for somebody, and the clients; a client's panel."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from time import monotonic
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from pydantic import Field, TypeAdapter

from services.dashboard.api import places, ready
from services.dashboard.api.guards import AViewer, opened
from services.dashboard.api.messages import messages_of
from services.dashboard.api.pages import (
    COLUMNS_COOKIE,
    YEAR_SECONDS,
    Asking,
    list_page,
    panel,
    read_query,
)
from services.dashboard.api.ready import AskedForList
from services.dashboard.domain import owners
from services.dashboard.store import clients as store
from services.dashboard.store.partners import find_partner
from services.dashboard.store.services import find_services
from services.dashboard.views import clients as views
from services.dashboard.views import csv, formats, history, render
from services.dashboard.views.frame import without
from services.dashboard.views.rows import Pages, hidden
from shared.chassis.http import Router

router = Router(tags=["clients"], include_in_schema=False)
lists = ready.Router(tags=["clients"], include_in_schema=False)

ROWS: Final = 25
CHANGES: Final = 50
LIST: Final = "/dashboard"
CHOICES_SECONDS: Final = 30.0  # for which they may be older than the list


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is filtered by, as the address says it."""

    q: Annotated[str, Field(max_length=200)] = ""
    product: Annotated[str, Field(max_length=10_000)] = ""
    relationship: Literal["", "sold", "managed", "both"] = ""
    usage: Literal["", "low", "medium", "high", "unknown"] = ""
    currency: Annotated[str, Field(max_length=3, pattern="^[A-Z]*$")] = ""
    services: Literal["", "ended", "all"] = ""
    owner: Literal["", "hubspot", "partner", "inherited"] = ""

    @property
    def chosen(self) -> dict[str, str]:
        """Those that are set."""
        named = {each.name: str(getattr(self, each.name)) for each in fields(self)}
        return {name: value for name, value in named.items() if value}

    def wanted(self, default_owner: str) -> store.Wanted:
        """The same, as the store takes it."""
        return store.Wanted(
            default_owner=default_owner,
            q=" ".join(self.q.split()),
            product=self.product,
            relationship=self.relationship,
            usage=self.usage,
            currency=self.currency,
            services=self.services or "serviced",
            owner=self.owner,
        )


@dataclass(frozen=True, slots=True)
class Order(places.Order[store.Sort]):
    """By what the list is sorted, and where the page begins, as the address says it."""

    SORTS = store.SORTS
    DEFAULT = "domain"


_FILTERS, _ORDER = TypeAdapter(Filters), TypeAdapter(Order)


def _columns(request: Request) -> tuple[str, ...]:
    """The columns that the address names, else those that were chosen last."""
    kept = request.cookies.get(COLUMNS_COOKIE)
    chosen = request.query_params.getlist("columns")
    named = chosen or (kept.split(".") if kept else views.SHOWN)
    return tuple(name for name in views.COLUMNS if name in named)


@router.get("/")
async def go_to_dashboard(_: AViewer) -> RedirectResponse:
    """What is seen in the morning."""
    return RedirectResponse(LIST, 303)


@lists.get(LIST)
async def list_clients(asked: AskedForList) -> Response:
    """Alerts, and the clients of the partner."""
    filters, order = read_query(_FILTERS, asked.request), read_query(_ORDER, asked.request)
    columns = _columns(asked.request)
    wanted = filters.wanted(owners.default_party(asked.partner.policy))
    found = await _found(asked, wanted, order)
    here = asked.here
    word, hiding, values = hidden(filters.q, here)
    before, after = order.address(here, found.before), order.address(here, found.after)
    shaped = replace(filters, q=word)
    answer = await list_page(
        asked,
        "clients/list.html.j2",
        at="dashboard/clients",
        title="Clients",
        here=hiding,
        shape={
            "alerts": await ready.alerts(asked),
            "rows": bool(found.rows),
            "one": found.matches == 1,
            "any_at_all": bool(found.matches) or await _has_clients(asked),
            "choices": await _choices(asked),
            "filters": shaped,
            "chips": views.chips(hiding, shaped.chosen),
            "order": order.order,
            "columns": columns,
            "here": hiding,
            "views": views,
            "pages": Pages.found(before, after),
        },
        values=values
        | {
            "rows": views.table_rows(
                found.rows,
                here=here,
                columns=columns,
                links=asked.links,
                hub_id=asked.partner.hub_id,
            ),
            "count": formats.counted(found.matches, "client"),
            "previous": before,
            "next": after,
        },
    )
    if "columns" in asked.request.query_params:
        answer.set_cookie(
            COLUMNS_COOKIE,
            ".".join(columns) or "none",
            max_age=YEAR_SECONDS,
            secure=True,
            httponly=True,
            samesite="lax",
        )
    return ready.keep(asked, answer)


async def _found(asked: Asking, wanted: store.Wanted, order: Order) -> store.Listed:
    """A page of the list. What is only searched, as one types, may be found in memory."""
    owner, place = wanted.default_owner, order.place()
    alone = wanted == store.Wanted(default_owner=owner, q=wanted.q)
    if wanted.q and alone and order.order == "domain" and place is None:
        held = await ready.held(asked, LIST, store.hold_clients)
        if held is not None:

            async def read(missing: list[str]) -> list[str]:
                return await store.read_clients(asked.tx, missing)

            found = held.find(wanted.q)
            return store.found_clients(await held.read(found[:ROWS], read), len(found), owner)
    return await store.list_clients(
        asked.tx,
        wanted,
        sort=order.field,
        descending=order.descending,
        at=place,
        limit=ROWS,
    )


async def _has_clients(asked: Asking) -> bool:
    return bool(await store.count_clients(asked.tx, store.Wanted(services="all")))


async def _choices(asked: Asking) -> store.Choices:
    """What there is to filter by: it changes seldom, and finding it reads every client."""
    shelf: ready.Shelf = asked.request.app.state.shelf
    partner_id, standing = asked.viewer.partner_id, ready.standing(asked.partner.state)
    known = shelf.choices.find(partner_id, "any")
    same = known is not None and asked.partner.version and known[0] == standing
    if known is None or (not same and monotonic() > known[1]):
        known = standing, monotonic() + CHOICES_SECONDS, await store.find_choices(asked.tx)
        shelf.choices.keep(partner_id, "any", known)
    return known[2]


@router.get(f"{LIST}/clients.csv")
async def download_clients(request: Request, viewer: AViewer) -> StreamingResponse:
    """The list as a file, all pages of it."""
    filters, order = read_query(_FILTERS, request), read_query(_ORDER, request)
    return StreamingResponse(
        csv.streamed(views.HEADS, _rows(request, viewer, filters, order)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="clients.csv"'},
    )


async def _rows(
    request: Request, viewer: AViewer, filters: Filters, order: Order
) -> AsyncIterator[Sequence[object]]:
    """Rows for as long as the file is being sent: in a transaction of its own."""
    async with opened(request, viewer) as tx:
        partner = await find_partner(tx)
        wanted = filters.wanted(owners.default_party(partner.policy if partner else None))
        rows = store.stream_clients(tx, wanted, sort=order.field, descending=order.descending)
        async for row in rows:
            yield tuple(views.cells(row))


@panel("client")
async def client_panel(asked: Asking, client_id: UUID) -> str | None:
    """Everything that is known of a client."""
    found = await store.find_client(asked.tx, client_id)
    services = await find_services(asked.tx, client_id)
    if found is None or services is None:
        return None
    changes = await store.list_changes(asked.tx, client_id, limit=CHANGES)
    users = {user.user_id: user.name for user in asked.partner.users}
    document, partner = found.document, asked.partner
    back = without(asked.page_address, "told")
    return render(
        "clients/panel.html.j2",
        client=document,
        details=views.details(document, asked.today),
        services=services,
        owner=owners.effective(found.owner, partner.policy, serviced=found.serviced),
        partner=partner,
        messages=await messages_of(asked.tx, partner, client_id),
        changes=[
            history.entry(each.type, each.said, each.at, each.actor_id, users) for each in changes
        ],
        more_changes=len(changes) == CHANGES,
        crm=asked.links.company(partner.hub_id, document.record_id),
        portal=asked.links.account(document.account_id),
        close=back,
        back=without(back, panel=f"client:{client_id}"),
        viewer=asked.viewer,
        today=asked.today,
        zone=partner.time_zone,
    )
