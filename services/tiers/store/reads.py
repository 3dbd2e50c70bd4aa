"""What a partner is shown: the clients behind each figure, history, reviews, expiries."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from services.tiers.domain.ladder import Ending
from services.tiers.domain.standing import Review
from shared.chassis.database import Connection
from shared.contracts.tiers import Performance


@dataclass(frozen=True, slots=True)
class Behind:
    """A client, and what it gives to a figure: credit in a currency, or a count of apps."""

    client_id: UUID
    account_id: int
    record_id: int
    name: str
    domain: str
    sold_on: date | None
    sold_until: date | None
    apps_used: int | None
    currency: str | None = None
    mrr: Decimal | None = None
    credit: Decimal | None = None
    partners: int | None = None


async def list_credits(
    tx: Connection,
    partner_id: UUID,
    figure: Literal["sold", "managed"],
    *,
    by: Literal["name", "figure"],
    descending: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Behind]:
    """Clients behind sold or managed credit, one row for each of their currencies."""
    key = {"name": "c.name", "figure": f"k.{figure}"}[by]
    way, then = ("DESC", "<") if descending else ("ASC", ">")
    rows = await tx.fetch(
        f"""
        SELECT k.client_id, k.account_id, c.record_id, c.name, c.domain, c.sold_on, c.sold_until,
               c.apps_used, k.currency, k.mrr, k.{figure} AS credit, k.partners
          FROM credits k
          JOIN clients c USING (client_id)
         WHERE k.partner_id = $1 AND k.{figure} > 0
           AND ($2::uuid IS NULL OR ({key}, k.client_id, k.currency) {then} ($4, $2, $3))
         ORDER BY {key} {way}, k.client_id {way}, k.currency {way}
         LIMIT $5
        """,  # noqa: S608 - the names of columns come from above
        partner_id,
        after[1] if after else None,
        after[2] if after else None,
        after[0] if after else None,
        limit,
    )
    return [Behind(**dict(row)) for row in rows]


async def list_usage(
    tx: Connection,
    partner_id: UUID,
    *,
    by: Literal["name", "figure"],
    descending: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[Behind]:
    """Accounts that the median is taken over, each by the partner's first record of it.

    By figure, accounts without a recorded use come behind those with the highest.
    """
    key = {"name": "c.name", "figure": "coalesce(u.apps_used, 18)::integer"}[by]
    way, then = ("DESC", "<") if descending else ("ASC", ">")
    rows = await tx.fetch(
        f"""
        SELECT c.client_id, u.account_id, c.record_id, c.name, c.domain, c.sold_on, c.sold_until,
               u.apps_used
          FROM contributions u
         CROSS JOIN LATERAL (
               SELECT *
                 FROM clients
                WHERE clients.partner_id = u.partner_id AND clients.account_id = u.account_id
                ORDER BY client_id
                LIMIT 1) AS c
         WHERE u.partner_id = $1
           AND ($2::bigint IS NULL OR ({key}, u.account_id) {then} ($3, $2))
         ORDER BY {key} {way}, u.account_id {way}
         LIMIT $4
        """,  # noqa: S608 - the names of columns come from above
        partner_id,
        after[1] if after else None,
        after[0] if after else None,
        limit,
    )
    return [Behind(**dict(row)) for row in rows]


async def list_undated_sales(tx: Connection, partner_id: UUID) -> list[tuple[str, Decimal]]:
    """Revenue of clients that were sold nobody knows when, by currency."""
    rows = await tx.fetch(
        """
        SELECT k.currency, sum(k.mrr) AS mrr
          FROM credits k
          JOIN clients c USING (client_id)
         WHERE k.partner_id = $1 AND c.partner_id = $1 AND c.sold AND c.sold_on IS NULL
         GROUP BY k.currency
         ORDER BY k.currency
        """,
        partner_id,
    )
    return [(row["currency"], row["mrr"]) for row in rows]


async def list_endings(tx: Connection, partner_id: UUID) -> list[Ending]:
    """When the sold credit that counts now ceases to, month by month and by currency."""
    rows = await tx.fetch(
        """
        SELECT date_trunc('month', c.sold_until)::date AS day, k.currency, sum(k.sold) AS amount
          FROM credits k
          JOIN clients c USING (client_id)
         WHERE k.partner_id = $1 AND k.sold > 0
         GROUP BY 1, 2
         ORDER BY 1, 2
        """,
        partner_id,
    )
    return [Ending(**dict(row)) for row in rows]


async def list_performance_days(
    tx: Connection, partner_id: UUID, *, descending: bool, after: date | None, limit: int
) -> list[tuple[date, Performance]]:
    """Performance as it last was on each day on which it changed."""
    rows = await tx.fetch(
        """
        SELECT day, performance
          FROM performance_days
         WHERE partner_id = $1
           AND ($2::date IS NULL OR CASE WHEN $3 THEN day < $2 ELSE day > $2 END)
         ORDER BY CASE WHEN $3 THEN day END DESC, day
         LIMIT $4
        """,
        partner_id,
        after,
        descending,
        limit,
    )
    return [(row["day"], Performance.model_validate_json(row["performance"])) for row in rows]


async def list_reviews(
    tx: Connection, partner_id: UUID, *, descending: bool, after: date | None, limit: int
) -> list[tuple[Review, datetime]]:
    """Reviews, each with the instant at which it was done."""
    rows = await tx.fetch(
        """
        SELECT partner_id, review_on, tier, previous_tier, performance, note, reviewed_at
          FROM reviews
         WHERE partner_id = $1
           AND ($2::date IS NULL OR CASE WHEN $3 THEN review_on < $2 ELSE review_on > $2 END)
         ORDER BY CASE WHEN $3 THEN review_on END DESC, review_on
         LIMIT $4
        """,
        partner_id,
        after,
        descending,
        limit,
    )
    return [
        (
            Review(
                partner_id=row["partner_id"],
                review_on=row["review_on"],
                tier=row["tier"],
                previous_tier=row["previous_tier"],
                performance=Performance.model_validate_json(row["performance"]),
                note=row["note"],
            ),
            row["reviewed_at"],
        )
        for row in rows
    ]
