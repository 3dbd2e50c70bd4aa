"""The dashboard's first tab: what waits for somebody, and the clients; a client's panel."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from time import monotonic
from typing import Annotated, Final, Literal, cast
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from pydantic import Field, TypeAdapter

from services.dashboard.api import ready
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
from shared.chassis.http import Cursor, Invalid, Router

router = Router(tags=["clients"], include_in_schema=False)
lists = ready.Router(tags=["clients"], include_in_schema=False)

ROWS: Final = 25
CHANGES: Final = 50
AHEAD, BACK = ">", "<"
LIST: Final = "/dashboard"
CHOICES_SECONDS: Final = 30.0


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


_FILTERS: Final = TypeAdapter(Filters)


@dataclass(frozen=True, slots=True)
class Order:
    """By what the list is sorted, and where the page begins."""

    field: store.Sort
    descending: bool
    cursor: str

    @property
    def named(self) -> str:
        """As the address has it."""
        return f"-{self.field}" if self.descending else self.field

    def place(self) -> store.Place | None:
        """Where the page begins; None for the first."""
        if not self.cursor:
            return None
        kinds = [kind for _, kind in store.SORTS[self.field]]
        order, way, *key, last = Cursor.decode(self.cursor, str, str, *kinds, UUID)
        if order != self.named or way not in (AHEAD, BACK) or None in (*key, last):
            raise Invalid("cursor", "a page of the list in this order", self.cursor)
        return store.Place(tuple(key), last, backwards=way == BACK)

    def address(self, here: str, place: store.Place | None) -> str:
        """The address of the page that begins at a place; empty where there is none."""
        if place is None:
            return ""
        way = BACK if place.backwards else AHEAD
        cursor = Cursor.encode(self.named, way, *place.key, place.client_id)
        return without(here, cursor=cursor)


async def _filters(request: Request) -> Filters:
    return read_query(_FILTERS, request)


async def _order(
    sort: Annotated[str, Query(max_length=30)] = "domain",
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> Order:
    field = sort.removeprefix("-")
    known = cast("store.Sort", field if field in store.SORTS else "domain")
    return Order(known, sort.startswith("-") and known == field, cursor)


async def _columns(
    request: Request, columns: Annotated[list[str] | None, Query(max_length=20)] = None
) -> tuple[str, ...]:
    """The columns that the address names, else those that were chosen last."""
    kept = request.cookies.get(COLUMNS_COOKIE)
    named = columns if columns is not None else kept.split(".") if kept else views.SHOWN
    return tuple(name for name in views.COLUMNS if name in named)


TheFilters = Annotated[Filters, Depends(_filters)]
TheOrder = Annotated[Order, Depends(_order)]
TheColumns = Annotated[tuple[str, ...], Depends(_columns)]


@router.get("/")
async def go_to_dashboard(_: AViewer) -> RedirectResponse:
    """What is seen in the morning."""
    return RedirectResponse(LIST, 303)


@lists.get(LIST)
async def list_clients(
    asked: AskedForList, filters: TheFilters, order: TheOrder, columns: TheColumns
) -> Response:
    """Alerts, and the clients of the partner."""
    wanted = filters.wanted(owners.default_party(asked.partner.policy))
    found = await store.list_clients(
        asked.tx,
        wanted,
        sort=order.field,
        descending=order.descending,
        at=order.place(),
        limit=ROWS,
    )
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
            "order": order.named,
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


async def _has_clients(asked: Asking) -> bool:
    return bool(await store.count_clients(asked.tx, store.Wanted(services="all")))


async def _choices(asked: Asking) -> store.Choices:
    """What there is to filter by: it changes seldom, and finding it reads every client."""
    state = asked.request.app.state
    if not hasattr(state, "choices"):
        state.choices = {}
    kept: dict[UUID, tuple[float, store.Choices]] = state.choices
    partner_id = asked.viewer.partner_id
    until, choices = kept.get(partner_id, (0.0, None))
    if choices is None or monotonic() > until:
        choices = await store.find_choices(asked.tx)
        kept[partner_id] = (monotonic() + CHOICES_SECONDS, choices)
    return choices


@router.get(f"{LIST}/clients.csv")
async def download_clients(
    request: Request, viewer: AViewer, filters: TheFilters, order: TheOrder
) -> StreamingResponse:
    """The list as a file, all pages of it."""
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
