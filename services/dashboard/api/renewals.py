"""Renewals: all of them, and those to act on, as lists and as files."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final, Literal, cast
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field, TypeAdapter

from services.dashboard.api import ready, tellings
from services.dashboard.api.commanding import Commanding
from services.dashboard.api.guards import AViewer
from services.dashboard.api.pages import Asking, list_page, read_query
from services.dashboard.api.ready import AskedForList
from services.dashboard.domain import owners
from services.dashboard.store import renewals as store
from services.dashboard.views import csv, formats, frame
from services.dashboard.views.renewals import COLUMNS, line, record, table_rows
from services.dashboard.views.rows import Pages, hidden
from shared.chassis.http import Cursor, Invalid, Router

router = Router(tags=["renewals"], include_in_schema=False)
lists = ready.Router(tags=["renewals"], include_in_schema=False)

ROWS: Final = 25
AHEAD, BACK = ">", "<"
ALL, TO_ACT_ON = "/renewals", "/renewals/to-act-on"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is asked for, as the address says it."""

    q: Annotated[str, Field(max_length=200)] = ""
    owner: Literal["", "hubspot", "partner", "inherited"] = ""
    status: Literal["", "pending", "confirmed", "renewed", "cancellation_requested", "ended"] = ""
    kind: Literal["", "renewal", "contact_tier_upgrade", "email_overage"] = ""
    deadline_from: Annotated[str, Field(max_length=10)] = ""
    deadline_to: Annotated[str, Field(max_length=10)] = ""
    sort: Annotated[str, Field(max_length=30)] = "deadline"
    cursor: Annotated[str, Field(max_length=1000)] = ""

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return any(
            (self.q, self.owner, self.status, self.kind, self.deadline_from, self.deadline_to)
        )

    def wanted(self, asked: Asking, *, upcoming: bool) -> store.Wanted:
        """The same, as the store takes it."""
        return store.Wanted(
            today=asked.today,
            default_owner=owners.default_party(asked.partner.policy),
            upcoming=upcoming,
            q=" ".join(self.q.split()),
            owner=self.owner,
            status="" if upcoming else self.status,
            kind=self.kind,
            deadline_from=_day("deadline_from", self.deadline_from),
            deadline_to=_day("deadline_to", self.deadline_to),
        )

    @property
    def field(self) -> store.Sort:
        """What the list is sorted by."""
        field = self.sort.removeprefix("-")
        return cast("store.Sort", field if field in store.SORTS else "deadline")

    @property
    def descending(self) -> bool:
        """Whether the last comes first."""
        return self.sort.startswith("-")

    @property
    def order(self) -> str:
        """The sort as the address has it, whatever was asked."""
        return f"{'-' if self.descending else ''}{self.field}"

    def place(self) -> store.Place | None:
        """Where the page begins."""
        if not self.cursor:
            return None
        types = [kind for _, kind in store.SORTS[self.field]]
        order, way, *key, last = Cursor.decode(self.cursor, str, str, *types, UUID)
        if order != self.order or way not in (AHEAD, BACK) or None in (*key, last):
            raise Invalid("cursor", "a page of the list in this order", self.cursor)
        return store.Place(tuple(key), last, backwards=way == BACK)

    def address(self, here: str, place: store.Place | None) -> str:
        """The address of the page that begins at a place; empty where there is none."""
        if place is None:
            return ""
        way = BACK if place.backwards else AHEAD
        cursor = Cursor.encode(self.order, way, *place.key, place.renewal_id)
        return frame.without(here, cursor=cursor)


_FILTERS: Final = TypeAdapter(Filters)


async def _filters(request: Request) -> Filters:
    filters = read_query(_FILTERS, request)
    for field in ("deadline_from", "deadline_to"):
        _day(field, getattr(filters, field))  # says what is wrong before anything is answered
    return filters


def _day(field: str, written: str) -> date | None:
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise Invalid(field, "a day such as 2026-01-19", written) from error


TheFilters = Annotated[Filters, Depends(_filters)]


@lists.get(ALL)
async def list_renewals(asked: AskedForList, filters: TheFilters) -> Response:
    """All renewals of the clients that the partner services."""
    return await _list(asked, filters, upcoming=False)


@lists.get(TO_ACT_ON)
async def list_renewals_to_act_on(asked: AskedForList, filters: TheFilters) -> Response:
    """Those that wait for a decision: as many as the Alerts say."""
    return await _list(asked, filters, upcoming=True)


@router.get("/renewals.csv")
async def save_renewals(
    request: Request, viewer: AViewer, filters: TheFilters
) -> StreamingResponse:
    """The same as a file."""
    return _file(request, viewer, filters, upcoming=False)


@router.get("/renewals/to-act-on.csv")
async def save_renewals_to_act_on(
    request: Request, viewer: AViewer, filters: TheFilters
) -> StreamingResponse:
    """The same as a file."""
    return _file(request, viewer, filters, upcoming=True)


def _file(
    request: Request, viewer: AViewer, filters: Filters, *, upcoming: bool
) -> StreamingResponse:
    name = "renewals-to-act-on" if upcoming else "renewals"
    return StreamingResponse(
        csv.streamed(COLUMNS, _records(request, viewer, filters, upcoming=upcoming)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


async def _records(
    request: Request, viewer: AViewer, filters: Filters, *, upcoming: bool
) -> AsyncIterator[Sequence[object]]:
    """Rows for as long as the file is being sent: in a transaction of its own."""
    async with Commanding(request, viewer).asking() as asked:
        of = tellings.people_of(asked)
        rows = store.stream_renewals(
            asked.tx,
            filters.wanted(asked, upcoming=upcoming),
            sort=filters.field,
            descending=filters.descending,
        )
        async for row in rows:
            yield record(row, of)


async def _list(asked: Asking, filters: Filters, *, upcoming: bool) -> Response:
    wanted = filters.wanted(asked, upcoming=upcoming)
    found = await store.list_renewals(
        asked.tx,
        wanted,
        sort=filters.field,
        descending=filters.descending,
        at=filters.place(),
        limit=ROWS,
    )
    here = asked.here
    word, hiding, values = hidden(filters.q, here)
    before, after = (filters.address(here, place) for place in (found.before, found.after))
    of, links = tellings.people_of(asked), asked.links
    answer = await list_page(
        asked,
        "renewals/list.html.j2",
        at="renewals/to-act-on" if upcoming else "renewals/all",
        title="Renewals to act on" if upcoming else "All renewals",
        here=hiding,
        shape={
            "upcoming": upcoming,
            "rows": bool(found.rows),
            "filters": replace(filters, q=word),
            "here": hiding,
            "pages": Pages.found(before, after),
        },
        values=values
        | {
            "rows": table_rows(
                (line(row, of, links.account(row.account_id)) for row in found.rows), here
            ),
            "count": formats.counted(found.matches, "renewal"),
            "previous": before,
            "next": after,
        },
    )
    return ready.keep(asked, answer)
