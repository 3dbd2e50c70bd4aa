"""Contract changes as people look at them: filtered, sorted, page by page, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

from services.renewals.domain import Renewal
from services.renewals.domain.kinds import UPCOMING_DAYS
from services.renewals.store.renewals import COLUMNS, TABLES, from_row
from shared.chassis.database import Connection

Sort: TypeAlias = Literal[
    "deadline", "renewal_start", "current_mrr", "renewal_mrr", "mrr_change", "client"
]

_SORTS: dict[str, tuple[str, str]] = {
    "deadline": ("r.deadline", "date"),
    "renewal_start": ("r.starts", "date"),
    "current_mrr": ("r.current_mrr", "numeric"),
    "renewal_mrr": ("r.renewal_mrr", "numeric"),
    "mrr_change": ("r.renewal_mrr - r.current_mrr", "numeric"),
    "client": ("c.domain", "text"),
}

# The one place that says which rows are shown, for the rows and for their number.
_WANTED = """
      JOIN clients c ON c.client_id = r.client_id
      JOIN partners p ON p.partner_id = r.partner_id
     WHERE r.partner_id = $1
       AND r.status <> 'withdrawn'
       AND (NOT $2::boolean OR (c.serviced AND r.status = 'pending'
                                AND r.deadline >= $3::date AND r.starts <= $4::date))
       AND ($5::text IS NULL OR r.status = $5)
       AND ($6::text IS NULL OR r.kind = $6)
       AND ($7::uuid IS NULL OR r.client_id = $7)
       AND ($8::date IS NULL OR r.deadline >= $8)
       AND ($9::date IS NULL OR r.deadline <= $9)
       AND ($10::text IS NULL OR $10 = CASE WHEN NOT c.serviced THEN 'hubspot'
                                            WHEN c.owner <> 'default' THEN c.owner
                                            ELSE coalesce(p.owner, 'hubspot') END)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of a partner's contract changes are asked for; ``today`` is the partner's."""

    partner_id: UUID
    today: date
    upcoming: bool = False
    status: str | None = None
    kind: str | None = None
    client_id: UUID | None = None
    deadline_from: date | None = None
    deadline_to: date | None = None
    owner: str | None = None

    @property
    def arguments(self) -> Sequence[Any]:
        """The values of the statement's parameters."""
        return (
            self.partner_id,
            self.upcoming,
            self.today,
            self.today + timedelta(days=UPCOMING_DAYS),
            self.status,
            self.kind,
            self.client_id,
            self.deadline_from,
            self.deadline_to,
            self.owner,
        )


async def list_wanted(
    tx: Connection,
    wanted: Wanted,
    *,
    sort: Sort,
    descending: bool,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> list[tuple[Renewal, Any]]:
    """A page of contract changes, each with the value that it is sorted by."""
    by, kind = _SORTS[sort]
    way, beyond = ("DESC", "<") if descending else ("ASC", ">")
    key, last = after or (None, None)
    rows = await tx.fetch(
        f"""
        SELECT {COLUMNS}, {by} AS sort_key
          FROM {TABLES}
        {_WANTED}
           AND ($12::uuid IS NULL OR ({by}, r.renewal_id) {beyond} ($11::{kind}, $12))
         ORDER BY {by} {way}, r.renewal_id {way}
         LIMIT $13
        """,  # noqa: S608 - constants of this module
        *wanted.arguments,
        key,
        last,
        limit,
    )
    return [(from_row(row), row["sort_key"]) for row in rows]


async def count_wanted(tx: Connection, wanted: Wanted) -> int:
    """How many contract changes `list_wanted` would give, all pages together."""
    query = f"SELECT count(*) FROM renewals r {_WANTED}"  # noqa: S608 - a constant
    return int(await tx.fetchval(query, *wanted.arguments))
