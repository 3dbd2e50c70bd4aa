"""What is open in the ledger, counted."""

from dataclasses import dataclass
from datetime import datetime

from shared.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open: blocked, in doubt, waiting for the replica, due and not sent."""

    blocked: int
    unknown: int
    waiting: int
    oldest_due: datetime | None
    oldest_waiting: datetime | None


async def count_open(tx: Connection, now: datetime) -> Standing:
    """Count by the partial indexes, which hold what is open alone."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT count(*) FROM messages WHERE state = 'blocked') AS blocked,
               (SELECT count(*) FROM messages WHERE state = 'unknown') AS unknown,
               (SELECT count(*) FROM messages WHERE NOT ready AND state = 'planned') AS waiting,
               (SELECT min(available_at) FROM messages
                 WHERE ready AND state IN ('planned', 'deferred', 'blocked')
                   AND available_at <= $1) AS oldest_due,
               (SELECT min(planned_at) FROM messages
                 WHERE NOT ready AND state = 'planned') AS oldest_waiting
        """,
        now,
    )
    assert row is not None  # noqa: S101 - a query without FROM has one row
    return Standing(**row)
