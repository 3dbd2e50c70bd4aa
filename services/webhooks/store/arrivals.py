"""What is to be sent: events that were heard, test messages, and what is sent once more."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.webhooks import domain
from shared.chassis.database import Connection


class Heard(NamedTuple):
    """A record, and what is known of its event."""

    partner_id: UUID
    key: str
    type: str
    source: str
    event_id: UUID
    headers: str  # as `outbox.raw_headers` writes them
    payload: bytes
    occurred_at: datetime


async def enqueue(tx: Connection, heard: Sequence[Heard]) -> None:
    """Queue records, in their order, for the endpoints that want them; copies are left out."""
    endpoints = await _hold_endpoints(tx, {each.partner_id for each in heard})
    if not endpoints:
        return
    await tx.execute(
        """
        WITH made AS (
            INSERT INTO deliveries (endpoint_id, partner_id, source, event_id, type, key, headers,
                                    payload, occurred_at)
            SELECT e.endpoint_id, e.partner_id, said.source, said.event_id, said.type, said.key,
                   said.headers, said.payload, said.occurred_at
              FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::json[],
                          $8::bytea[], $9::timestamptz[])
                   WITH ORDINALITY AS said (partner_id, key, type, source, event_id, headers,
                                            payload, occurred_at, place)
              JOIN endpoints e ON e.partner_id = said.partner_id
             WHERE e.endpoint_id = ANY($1::uuid[]) AND said.type = ANY(e.types)
               AND said.occurred_at >= e.created_at
               AND NOT EXISTS (SELECT FROM erased
                                WHERE erased.key IN (said.key, said.partner_id::text))
             ORDER BY said.place, e.endpoint_id
            ON CONFLICT DO NOTHING
            RETURNING endpoint_id, key, partner_id, seq, occurred_at
        )
        INSERT INTO queues (endpoint_id, key, partner_id, head, available_at)
        SELECT endpoint_id, key, partner_id, min(seq), min(occurred_at)
          FROM made
         GROUP BY endpoint_id, key, partner_id
         ORDER BY endpoint_id, key
        ON CONFLICT (endpoint_id, key) DO UPDATE
           SET head = least(queues.head, excluded.head),
               available_at = CASE WHEN queues.head IS NULL THEN excluded.available_at
                                   ELSE queues.available_at END
        """,
        endpoints,
        *map(list, zip(*heard, strict=True)),
    )


async def _hold_endpoints(tx: Connection, partners: set[UUID]) -> list[UUID]:
    """The active endpoints of partners; none of them is removed until the end of this."""
    rows = await tx.fetch(
        """
        SELECT endpoint_id FROM endpoints
         WHERE partner_id = ANY($1::uuid[]) AND active
         ORDER BY endpoint_id
           FOR KEY SHARE
        """,
        list(partners),
    )
    return [row["endpoint_id"] for row in rows]


async def erase(tx: Connection, key: str) -> None:
    """Forget a client or a partner, for good: what comes late about it is not kept either."""
    await tx.execute("INSERT INTO erased (key) VALUES ($1) ON CONFLICT DO NOTHING", key)
    await _forget(tx, [key])


async def forget_late(tx: Connection) -> int:
    """Delete what came late about those that were erased; returns whether there was any."""
    rows = await tx.fetch(
        """
        SELECT key FROM erased
         WHERE EXISTS (SELECT FROM deliveries d WHERE d.key = erased.key)
            OR EXISTS (SELECT FROM endpoints e WHERE e.partner_id::text = erased.key)
        """
    )
    if rows:
        await _forget(tx, [row["key"] for row in rows])
    return len(rows)


async def _forget(tx: Connection, keys: Sequence[str]) -> None:
    rows = await tx.fetch(
        """
        SELECT endpoint_id FROM endpoints WHERE partner_id::text = ANY($1::text[])
         ORDER BY endpoint_id
           FOR UPDATE
        """,
        keys,
    )
    gone = [row["endpoint_id"] for row in rows]
    await tx.execute(
        """
        SELECT FROM queues WHERE key = ANY($1::text[]) OR endpoint_id = ANY($2::uuid[])
         ORDER BY endpoint_id, key
           FOR UPDATE
        """,
        keys,
        gone,
    )
    await tx.execute("DELETE FROM endpoints WHERE endpoint_id = ANY($1::uuid[])", gone)
    await tx.execute("DELETE FROM queues WHERE key = ANY($1::text[])", keys)
    await tx.execute("DELETE FROM deliveries WHERE key = ANY($1::text[])", keys)


async def add_ping(
    tx: Connection,
    endpoint: domain.Endpoint,
    ping_id: UUID,
    headers: Mapping[str, str],
    payload: bytes,
    now: datetime,
) -> UUID:
    """Queue a test message, behind nothing else; returns its delivery's id."""
    row = await tx.fetchrow(
        """
        WITH made AS (
            INSERT INTO deliveries (endpoint_id, partner_id, source, event_id, type, key, headers,
                                    payload, occurred_at)
            VALUES ($1, $2, $3, $4, $5, $9, $6, $7, $8)
            RETURNING seq, delivery_id
        ), queued AS (
            INSERT INTO queues (endpoint_id, key, partner_id, head, available_at)
            SELECT $1, $9, $2, seq, $8 FROM made
        )
        SELECT delivery_id FROM made
        """,
        endpoint.endpoint_id,
        endpoint.partner_id,
        domain.SOURCE,
        ping_id,
        domain.PING,
        json.dumps(dict(headers)),
        payload,
        now,
        str(ping_id),
    )
    assert row is not None  # noqa: S101 - an INSERT that returns
    found: UUID = row["delivery_id"]
    return found


async def send_again(
    tx: Connection,
    endpoint_id: UUID,
    now: datetime,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
    dead_alone: bool = False,
) -> int:
    """Let settled deliveries of an endpoint that is held wait once more; returns how many.

    They keep their places: of a key, the earliest goes first, before what waits already.
    """
    count: int = await tx.fetchval(
        """
        WITH chosen AS (
            SELECT seq FROM deliveries
             WHERE endpoint_id = $1 AND state <> 'waiting'
               AND ($2::uuid IS NULL OR delivery_id = $2)
               AND ($3::timestamptz IS NULL OR occurred_at >= $3)
               AND (NOT $4::boolean OR state = 'dead')
             ORDER BY seq
               FOR NO KEY UPDATE
        ), again AS (
            UPDATE deliveries d SET state = 'waiting', settled_at = NULL
              FROM chosen WHERE d.seq = chosen.seq
            RETURNING d.endpoint_id, d.key, d.partner_id, d.seq
        ), queued AS (
            INSERT INTO queues (endpoint_id, key, partner_id, head, available_at)
            SELECT endpoint_id, key, partner_id, min(seq), $5 FROM again
             GROUP BY endpoint_id, key, partner_id
             ORDER BY endpoint_id, key
            ON CONFLICT (endpoint_id, key) DO UPDATE
               SET head = least(queues.head, excluded.head), available_at = excluded.available_at,
                   tries = 0, failing_since = NULL
        )
        SELECT count(*) FROM again
        """,
        endpoint_id,
        delivery_id,
        since,
        dead_alone,
        now,
    )
    return count
