"""Renewals: all of them, and those to act on, as lists and as files."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final, Literal

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field, TypeAdapter

from services.dashboard.api import places, ready, tellings
from services.dashboard.api.commanding import Commanding
from services.dashboard.api.guards import AViewer
from services.dashboard.api.pages import Asking, list_page, read_query
from services.dashboard.api.ready import AskedForList
from services.dashboard.domain import owners
from services.dashboard.store import renewals as store
from services.dashboard.views import csv, formats
from services.dashboard.views.renewals import COLUMNS, line, record, table_rows
from services.dashboard.views.rows import Pages, hidden
from shared.chassis.http import Invalid, Router

router = Router(tags=["renewals"], include_in_schema=False)
lists = ready.Router(tags=["renewals"], include_in_schema=False)

ROWS: Final = 25
ALL, TO_ACT_ON = "/renewals", "/renewals/to-act-on"


@dataclass(frozen=True, slots=True)
class Filters(places.Order[store.Sort]):
    """What the list is asked for, as the address says it."""

    SORTS = store.SORTS
    DEFAULT = "deadline"

    q: Annotated[str, Field(max_length=200)] = ""
    owner: Literal["", "hubspot", "partner", "inherited"] = ""
    status: Literal["", "pending", "confirmed", "renewed", "cancellation_requested", "ended"] = ""
    kind: Literal["", "renewal", "contact_tier_upgrade", "email_overage"] = ""
    deadline_from: Annotated[str, Field(max_length=10)] = ""
    deadline_to: Annotated[str, Field(max_length=10)] = ""

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


_FILTERS: Final = TypeAdapter(Filters)


def _filters(request: Request) -> Filters:
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


@lists.get(ALL)
async def list_renewals(asked: AskedForList) -> Response:
    """All renewals of the clients that the partner services."""
    return await _list(asked, upcoming=False)


@lists.get(TO_ACT_ON)
async def list_renewals_to_act_on(asked: AskedForList) -> Response:
    """Those that wait for a decision: as many as the Alerts say."""
    return await _list(asked, upcoming=True)


@router.get("/renewals.csv")
async def save_renewals(request: Request, viewer: AViewer) -> StreamingResponse:
    """The same as a file."""
    return _file(request, viewer, upcoming=False)


@router.get("/renewals/to-act-on.csv")
async def save_renewals_to_act_on(request: Request, viewer: AViewer) -> StreamingResponse:
    """The same as a file."""
    return _file(request, viewer, upcoming=True)


def _file(request: Request, viewer: AViewer, *, upcoming: bool) -> StreamingResponse:
    filters = _filters(request)
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


async def _found(asked: Asking, filters: Filters, wanted: store.Wanted) -> store.Listed:
    """A page of the list. What is only searched, as one types, may be found in memory."""
    owner, place = wanted.default_owner, filters.place()
    alone = wanted == store.Wanted(today=wanted.today, default_owner=owner, q=wanted.q)
    if wanted.q and alone and filters.order == "deadline" and place is None:
        held = await ready.held(asked, ALL, store.hold_renewals)
        if held is not None:

            async def read(missing: list[str]) -> list[str]:
                return await store.read_renewals(asked.tx, missing, asked.today)

            found = held.find(wanted.q)
            return store.found_renewals(await held.read(found[:ROWS], read), len(found))
    return await store.list_renewals(
        asked.tx,
        wanted,
        sort=filters.field,
        descending=filters.descending,
        at=place,
        limit=ROWS,
    )


async def _list(asked: Asking, *, upcoming: bool) -> Response:
    filters = _filters(asked.request)
    wanted = filters.wanted(asked, upcoming=upcoming)
    found = await _found(asked, filters, wanted)
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
