"""What the tiers service does when somebody asks. Figures follow from facts: nobody sets them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from starlette.exceptions import HTTPException

from services.tiers import store
from services.tiers.api.answers import (
    ContributionView,
    Expiries,
    Expiry,
    PerformanceDay,
    ReviewView,
    RuleSetView,
    Tier,
)
from services.tiers.domain import standing
from services.tiers.domain.figures import UNKNOWN
from services.tiers.domain.ladder import expiry_ladder
from services.tiers.domain.rules import Assessment, Book
from services.tiers.domain.standing import Partner
from shared.chassis.database import Connection
from shared.chassis.http import (
    AReader,
    Invalid,
    Page,
    Paging,
    Router,
    TheClock,
    Transaction,
    etag,
    paging,
)

router = Router(tags=["tiers"])

ByFigure = Annotated[Paging, Depends(paging("name", "figure", default="-figure"))]
ByDay = Annotated[Paging, Depends(paging("day", default="-day"))]


async def _partner(tx: Connection, partner_id: UUID) -> Partner:
    partner = await store.find_partner(tx, partner_id)
    if partner is None or not partner.known:
        raise HTTPException(404, "Nothing was heard of this partner yet.")
    return partner


def _assessed(partner: Partner, book: Book, rule_set: str | None = None) -> Assessment:
    found = standing.assessed(partner, book, rule_set=rule_set)
    if found is None and rule_set is not None:
        names = ", ".join(each.name for each in book.rule_sets)
        raise Invalid("rule_set", f"one of {names}", rule_set)
    if found is None:
        raise HTTPException(404, f"No rule set is in force on {partner.day}.")
    return found


@router.get("/tier")
async def show_tier(
    caller: AReader,
    tx: Transaction,
    response: Response,
    rule_set: Annotated[
        str | None,
        Query(
            max_length=63,
            description="Assess by another rule set; without it, by the one in force.",
            examples=["2018-01"],
        ),
    ] = None,
) -> Tier:
    """The credited tier, and what today's figures would give, with all that is missing."""
    partner = await _partner(tx, caller.partner_id)
    found = _assessed(partner, await store.find_book(tx, [partner]), rule_set)
    etag(response, partner.version)
    return Tier.of(partner, found, await store.list_undated_sales(tx, caller.partner_id))


@router.get("/tier/contributions")
async def list_contributions(
    caller: AReader,
    tx: Transaction,
    page: ByFigure,
    figure: Annotated[
        Literal["sold", "managed", "median"], Query(description="The figure they are behind.")
    ],
) -> Page[ContributionView]:
    """The clients behind a figure.

    Behind sold and managed credit, a client has a row for each currency, and amounts are in
    their own currency; behind the median it is an account, once.
    """
    named = page.sort == "name"
    if figure == "median":
        accounts = await store.list_usage(
            tx,
            caller.partner_id,
            by=_order(page),
            descending=page.descending,
            after=page.after(str if named else int, int),
            limit=page.fetch,
        )
        return page.page(
            accounts,
            lambda row: (row.name if named else _apps(row), row.account_id),
            ContributionView.of,
        )
    clients = await store.list_credits(
        tx,
        caller.partner_id,
        figure,
        by=_order(page),
        descending=page.descending,
        after=page.after(str if named else Decimal, UUID, str),
        limit=page.fetch,
    )
    return page.page(
        clients,
        lambda row: (row.name if named else row.credit, row.client_id, row.currency),
        ContributionView.of,
    )


def _order(page: Paging) -> Literal["name", "figure"]:
    return "name" if page.sort == "name" else "figure"


def _apps(row: store.Behind) -> int:
    return UNKNOWN if row.apps_used is None else row.apps_used


@router.get("/tier/history")
async def list_history(caller: AReader, tx: Transaction, page: ByDay) -> Page[PerformanceDay]:
    """Performance as it last was on each day on which it changed."""
    after = page.after(date)
    days = await store.list_performance_days(
        tx,
        caller.partner_id,
        descending=page.descending,
        after=after[0] if after else None,
        limit=page.fetch,
    )
    return page.page(
        days,
        lambda row: (row[0],),
        lambda row: PerformanceDay(day=row[0], performance=row[1]),
    )


@router.get("/tier/reviews")
async def list_reviews(caller: AReader, tx: Transaction, page: ByDay) -> Page[ReviewView]:
    """Reviews: what each found, and the tier held after it."""
    after = page.after(date)
    reviews = await store.list_reviews(
        tx,
        caller.partner_id,
        descending=page.descending,
        after=after[0] if after else None,
        limit=page.fetch,
    )
    return page.page(
        reviews, lambda row: (row[0].review_on,), lambda row: ReviewView.of(row[0], row[1])
    )


@router.get("/tier/expiries")
async def show_expiries(caller: AReader, tx: Transaction) -> Expiries:
    """When the sold credit of today ends, month by month, and what is left after each."""
    partner = await _partner(tx, caller.partner_id)
    book = await store.find_book(tx, [partner])
    found = _assessed(partner, book)
    endings = await store.list_endings(tx, caller.partner_id)
    steps = expiry_ladder(endings, book, found.rules.currency, partner.day)
    return Expiries(
        as_of=partner.day,
        currency=found.rules.currency,
        sold_mrr=found.sold,
        months=[
            Expiry(month=step.month, expiring=step.expiring, remaining=step.remaining)
            for step in steps
        ],
    )


@router.get("/rule-sets")
async def list_rule_sets(caller: AReader, tx: Transaction, clock: TheClock) -> Page[RuleSetView]:
    """All rule sets, in force or not; those that came into force last come first."""
    partner = await store.find_partner(tx, caller.partner_id)
    today = clock.today(partner.time_zone if partner else "UTC")
    book = Book.of(await store.list_rule_sets(tx), ())
    current = book.in_force(today)
    ordered = sorted(book.rule_sets, key=lambda each: each.in_force_from or date.min, reverse=True)
    return Page(items=[RuleSetView.of(each, in_force=each is current) for each in ordered])
