"""Contract changes: looked at, counted, decided."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import Depends, Query, Response
from starlette.exceptions import HTTPException

from services.renewals.api.answers import Decision, RenewalDetail, RenewalView, UpcomingCount
from services.renewals.domain import Partner, Renewal, Status, decide
from services.renewals.domain.policies import plan_of
from services.renewals.domain.stages import timeline
from services.renewals.store import books, clients, lists, partners
from services.renewals.store import renewals as store
from shared.chassis.database import Connection
from shared.chassis.http import (
    AMember,
    AReader,
    Day,
    Invalid,
    Page,
    Paging,
    Router,
    TheClock,
    Transaction,
    etag,
    paging,
)

router = Router(tags=["renewals"])

TYPES: dict[str, type] = {
    "deadline": date,
    "renewal_start": date,
    "current_mrr": Decimal,
    "renewal_mrr": Decimal,
    "mrr_change": Decimal,
    "client": str,
}
Sorted = Annotated[Paging, Depends(paging(*TYPES, default="deadline"))]
Shown = Literal["pending", "confirmed", "renewed", "cancellation_requested", "ended"]


async def partner_of(tx: Connection, partner_id: UUID) -> Partner:
    """The caller's partner, also where nothing was heard of it yet."""
    found = await partners.list_partners(tx, [partner_id])
    return found.get(partner_id) or Partner(partner_id=partner_id)


@router.get("/renewals")
async def list_renewals(
    caller: AReader,
    tx: Transaction,
    clock: TheClock,
    page: Sorted,
    upcoming: Annotated[
        bool, Query(description="Only renewals to act on, as the Alerts count them.")
    ] = False,
    owner: Annotated[
        Literal["hubspot", "partner"] | None, Query(description="The effective owner.")
    ] = None,
    status: Annotated[Shown | None, Query()] = None,
    kind: Annotated[
        Literal["renewal", "contact_tier_upgrade", "email_overage"] | None, Query()
    ] = None,
    client_id: Annotated[UUID | None, Query()] = None,
    deadline_from: Annotated[Day | None, Query(description="The first day.")] = None,
    deadline_to: Annotated[Day | None, Query(description="The last day.")] = None,
) -> Page[RenewalView]:
    """The partner's contract changes."""
    if deadline_from and deadline_to and deadline_to < deadline_from:
        raise Invalid("deadline_to", f"a day that is not before {deadline_from}", str(deadline_to))
    partner, now = await partner_of(tx, caller.partner_id), clock.now()
    wanted = lists.Wanted(
        partner_id=caller.partner_id,
        today=partner.today(now),
        upcoming=upcoming,
        owner=owner,
        status=status,
        kind=kind,
        client_id=client_id,
        deadline_from=deadline_from,
        deadline_to=deadline_to,
    )
    after = page.after(TYPES[page.sort], UUID)
    rows = await lists.list_wanted(
        tx,
        wanted,
        sort=cast("lists.Sort", page.sort),
        descending=page.descending,
        after=cast("tuple[Any, UUID] | None", after),
        limit=page.fetch,
    )
    known = await clients.list_clients(tx, {renewal.client_id for renewal, _ in rows})

    def view(row: tuple[Renewal, Any]) -> RenewalView:
        client = known[row[0].client_id]
        return RenewalView(**RenewalView.fields_of(row[0], client, partner, now))

    return page.page(rows, lambda row: (row[1], row[0].renewal_id), view)


@router.get("/renewals/count")
async def count_renewals(caller: AReader, tx: Transaction, clock: TheClock) -> UpcomingCount:
    """The number in Alerts: how many renewals there are to act on."""
    partner = await partner_of(tx, caller.partner_id)
    today = partner.today(clock.now())
    wanted = lists.Wanted(partner_id=caller.partner_id, today=today, upcoming=True)
    return UpcomingCount(
        upcoming=await lists.count_wanted(tx, wanted), today=today, time_zone=partner.time_zone
    )


@router.get("/renewals/{renewal_id}")
async def show_renewal(
    renewal_id: UUID, caller: AReader, tx: Transaction, clock: TheClock, response: Response
) -> RenewalDetail:
    """A contract change with its options, its stages and its decision."""
    renewal = await store.find_renewal(tx, renewal_id)
    if renewal is None or renewal.partner_id != caller.partner_id:
        raise _unknown()
    return await _detail(tx, renewal, clock.now(), response)


@router.post("/renewals/{renewal_id}/decision")
async def decide_renewal(
    renewal_id: UUID,
    decision: Decision,
    caller: AMember,
    tx: Transaction,
    clock: TheClock,
    response: Response,
) -> RenewalDetail:
    """Decide, as often as wanted, until the end of the deadline's day in the partner's zone."""
    known = await store.find_renewal(tx, renewal_id)
    if known is None or known.partner_id != caller.partner_id:
        raise _unknown()
    now = clock.now()
    found = await partners.share_partners(tx, [caller.partner_id])
    held = await clients.lock_clients(tx, {known.client_id: known.partner_id})
    opened = await books.open_books(tx, held, found, now)
    book = opened[known.client_id].book
    renewal = book.renewals[renewal_id]
    if renewal.status is Status.WITHDRAWN:
        raise _unknown()
    book.keep(
        decide(
            renewal,
            Status(decision.status),
            option_id=decision.option_id,
            reason=decision.reason,
            by=caller.user_id,
            serviced=book.client.services.active,
            today=book.today,
            at=now,
        )
    )
    await books.close_books(tx, list(opened.values()))
    return await _detail(tx, book.renewals[renewal_id], now, response)


async def _detail(
    tx: Connection, renewal: Renewal, now: datetime, response: Response
) -> RenewalDetail:
    partner = await partner_of(tx, renewal.partner_id)
    client = (await clients.list_clients(tx, [renewal.client_id]))[renewal.client_id]
    records = await store.list_records(tx, renewal.renewal_id, renewal.starts)
    plan = plan_of(renewal, partner, client) if partner.partner_version else ()
    etag(response, renewal.version)
    stages = timeline(plan, renewal.status, records, now)
    return RenewalDetail.of(renewal, client, partner, stages, now)


def _unknown() -> HTTPException:
    return HTTPException(404, "There is no such renewal.")
