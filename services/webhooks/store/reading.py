"""Deliveries as they are looked at, and what is forgotten of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from shared.chassis.database import Connection

Row: TypeAlias = Any  # a record of the database: its columns by name

_SHOWN = """
    d.seq, d.delivery_id, d.endpoint_id, d.event_id, d.type, d.key, d.occurred_at, d.state,
    d.attempts, d.outcome, d.status, d.tried_at, d.settled_at,
    CASE WHEN q.head = d.seq THEN q.available_at END AS next_try_at
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which deliveries are asked for; None asks for all."""

    endpoint_id: UUID | None = None
    client_id: UUID | None = None
    state: str | None = None


async def list_deliveries(
    tx: Connection, wanted: Filters, *, after: int | None, descending: bool, limit: int
) -> list[Row]:
    """The partner's, in the order in which the events were heard, or from the last to the first."""
    sign, order = ("<", "DESC") if descending else (">", "ASC")
    return list(
        await tx.fetch(
            f"""
            SELECT {_SHOWN}
              FROM deliveries d
              LEFT JOIN queues q ON q.endpoint_id = d.endpoint_id AND q.key = d.key
             WHERE ($1::uuid IS NULL OR d.endpoint_id = $1)
               AND ($2::text IS NULL OR d.key = $2)
               AND ($3::text IS NULL OR d.state = $3)
               AND ($4::bigint IS NULL OR d.seq {sign} $4)
             ORDER BY d.seq {order}
             LIMIT $5
            """,  # noqa: S608 - one of two words
            wanted.endpoint_id,
            str(wanted.client_id) if wanted.client_id else None,
            wanted.state,
            after,
            limit,
        )
    )


async def find_delivery(tx: Connection, delivery_id: UUID) -> Row | None:
    """One of the partner's."""
    return await tx.fetchrow(
        f"""
        SELECT {_SHOWN}
          FROM deliveries d
          LEFT JOIN queues q ON q.endpoint_id = d.endpoint_id AND q.key = d.key
         WHERE d.delivery_id = $1
        """,  # noqa: S608 - the columns
        delivery_id,
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What stands in the queues."""

    oldest: datetime | None  # when that happened which was heard first, for an active endpoint
    dead: int
    off: int  # endpoints that answered that they are gone


async def count_waiting(tx: Connection) -> Waiting:
    """Look at the heads: what waits behind one was heard after it."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT d.occurred_at
                  FROM queues q
                  JOIN endpoints e ON e.endpoint_id = q.endpoint_id AND e.active
                  JOIN deliveries d ON d.seq = q.head
                 ORDER BY q.head
                 LIMIT 1) AS oldest,
               (SELECT count(*) FROM deliveries WHERE state = 'dead') AS dead,
               (SELECT count(*) FROM endpoints WHERE off_reason = 'gone') AS off
        """
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM
    return Waiting(row["oldest"], row["dead"], row["off"])


async def forget_old(tx: Connection, now: datetime, kept: timedelta, limit: int) -> int:
    """Delete what was settled long ago, queues without anything in them, and secrets replaced.

    Returns how many deliveries that were.
    """
    rows = await tx.fetch(
        """
        DELETE FROM deliveries
         WHERE seq IN (SELECT seq FROM deliveries WHERE settled_at < $1
                        ORDER BY settled_at
                        LIMIT $2
                          FOR UPDATE SKIP LOCKED)
        RETURNING seq
        """,
        now - kept,
        limit,
    )
    await tx.execute(
        """
        DELETE FROM queues
         WHERE (endpoint_id, key) IN (
               SELECT endpoint_id, key FROM queues WHERE head IS NULL AND available_at < $1
                LIMIT $2
                  FOR UPDATE SKIP LOCKED)
        """,
        now - timedelta(days=1),
        limit,
    )
    await tx.execute(
        """
        UPDATE endpoints SET secret_before = NULL, secret_before_until = NULL
         WHERE endpoint_id IN (SELECT endpoint_id FROM endpoints WHERE secret_before_until <= $1
                                  FOR NO KEY UPDATE SKIP LOCKED)
        """,
        now,
    )
    return len(rows)
