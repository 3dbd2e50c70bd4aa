"""Messages: lists, counts, the whole story of one, and sending again what is in doubt."""

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, HTTPException, Query

from services.notifications import domain
from services.notifications.api.models import (
    BlockedView,
    MessageView,
    StoryView,
    SummaryView,
    message_view,
    story_view,
    summary_view,
)
from services.notifications.store import doubts, reading
from services.notifications.store.reading import Filters
from shared.chassis.database import Connection
from shared.chassis.http import (
    AnAdmin,
    AReader,
    Cursor,
    Day,
    Invalid,
    Page,
    Paging,
    Router,
    TheClock,
    Transaction,
    paging,
)

router = Router(tags=["messages"])

StateName = Literal[
    "planned",
    "claimed",
    "handed_over",
    "deferred",
    "accepted",
    "rejected",
    "unknown",
    "blocked",
    "dropped",
    "superseded",
]
AudienceName = Literal["client", "partner", "hubspot"]
Word = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9_-]+$")]
ByDue = Annotated[Paging, Depends(paging("due_at", default="-due_at"))]


async def _asked(
    tx: Transaction,
    client_id: Annotated[UUID | None, Query(description="Of this client alone.")] = None,
    state: Annotated[list[StateName] | None, Query(description="In one of these states.")] = None,
    stage: Annotated[
        list[Word] | None, Query(description="Of one of these stages.", examples=["d-15"])
    ] = None,
    audience: Annotated[list[AudienceName] | None, Query(description="For these.")] = None,
    kind: Annotated[
        list[Word] | None, Query(description="Of these kinds.", examples=["renewal"])
    ] = None,
    due_from: Annotated[
        Day | None, Query(description="Due on this day or later, in the partner's zone.")
    ] = None,
    due_to: Annotated[
        Day | None, Query(description="Due on this day or earlier, in the partner's zone.")
    ] = None,
) -> Filters:
    zone = await reading.find_zone(tx)
    return Filters(
        client_id=client_id,
        states=state,
        stages=stage,
        audiences=audience,
        kinds=kind,
        due_from=domain.midnight(sane("due_from", due_from), zone) if due_from else None,
        due_before=(
            domain.midnight(sane("due_to", due_to) + timedelta(days=1), zone) if due_to else None
        ),
    )


def sane(field: str, day: date) -> date:
    """A day that has a day before and after it in every zone."""
    if not date(1900, 1, 1) <= day <= date(9000, 1, 1):
        raise Invalid(field, "a day from 1900-01-01 to 9000-01-01", day.isoformat())
    return day


Asked = Annotated[Filters, Depends(_asked)]


async def _page(tx: Connection, rows: list[reading.Row], order: Paging) -> Page[MessageView]:
    names = await reading.names_of(tx, rows)
    return order.page(
        rows,
        key=lambda row: (row["due_at"], row["message_id"]),
        view=lambda row: message_view(row, names),
    )


@router.get("/messages")
async def list_messages(
    _: AReader, tx: Transaction, filters: Asked, order: ByDue
) -> Page[MessageView]:
    """List messages, those due last first."""
    rows = await reading.list_messages(
        tx,
        filters,
        after=_key(order.after(*_KEY)),
        descending=order.descending,
        limit=order.fetch,
    )
    return await _page(tx, rows, order)


@router.get("/messages/summary")
async def count_messages(_: AReader, tx: Transaction, filters: Asked) -> SummaryView:
    """Count messages by state, stage, audience, kind and reason."""
    return summary_view(await reading.count_messages(tx, filters))


@router.get("/blocked")
async def list_blocked(
    _: AReader,
    tx: Transaction,
    limit: Annotated[int, Query(ge=1, le=200, description="The most items of a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="The `next` of a page.")
    ] = None,
) -> Page[BlockedView]:
    """List messages that nobody can be told, with what would mend each; soonest over first."""
    after = _key(Cursor.decode(cursor, *_KEY)) if cursor else None
    rows = await reading.list_blocked(tx, after=after, limit=limit + 1)
    names = await reading.names_of(tx, rows)
    shown, more = rows[:limit], len(rows) > limit
    return Page(
        items=[
            BlockedView(message=message_view(row, names), mend=domain.because(row["reason"] or ""))
            for row in shown
        ],
        next=Cursor.encode(shown[-1]["ends_at"], shown[-1]["message_id"]) if more else None,
    )


@router.get("/messages/{message_id}")
async def show_message(_: AReader, tx: Transaction, message_id: UUID) -> StoryView:
    """Tell the whole story of a message: event, policy, rule, recipient, attempts, outcome."""
    return await _story(tx, message_id)


@router.post("/messages/{message_id}/resend", status_code=HTTPStatus.ACCEPTED)
async def send_again(
    caller: AnAdmin, tx: Transaction, clock: TheClock, message_id: UUID
) -> StoryView:
    """Send a message once more of which nobody can tell whether it arrived.

    It carries the same Message-ID, so that a receiver that has it may drop the second copy.
    """
    story = await _story(tx, message_id)
    again = await doubts.send_again(tx, [message_id], clock.now(), by=caller.user_id)
    if not again:
        domain.refuse_resend(story.message.state)
    return await _story(tx, message_id)


_KEY = (datetime, UUID)


def _key(parts: tuple[object, ...] | None) -> tuple[datetime, UUID] | None:
    if parts is None:
        return None
    at, message_id = parts
    if not isinstance(at, datetime) or not isinstance(message_id, UUID):
        raise Invalid("cursor", "the `next` of the page before")
    return at, message_id


async def _story(tx: Connection, message_id: UUID) -> StoryView:
    chain = await reading.find_chain(tx, message_id)
    if chain is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return story_view(chain, await reading.names_of(tx, [chain.message]))
