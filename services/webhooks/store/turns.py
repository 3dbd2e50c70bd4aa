"""Whose turn it is: queues under a lease, and what came of their heads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.webhooks.domain import Outcome, Standing, Verdict
from shared.chassis import outbox
from shared.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Turn:
    """The head of a queue, which this process alone sends while the lease lasts."""

    endpoint_id: UUID
    key: str
    token: int
    seq: int
    event_id: UUID
    type: str
    headers: Sequence[tuple[str, bytes | None]]
    payload: bytes
    url: str
    secrets: tuple[str, ...]  # sealed; the newest first
    standing: Standing


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a turn."""

    turn: Turn
    outcome: Outcome
    status: int | None
    verdict: Verdict


_CLAIM: Final = """
    WITH due AS (
        SELECT q.endpoint_id, q.key
          FROM endpoints e
         CROSS JOIN LATERAL (
                SELECT w.endpoint_id, w.key, w.available_at
                  FROM queues w
                 WHERE w.endpoint_id = e.endpoint_id AND w.head IS NOT NULL
                   AND w.available_at <= $1
                   AND (w.leased_until IS NULL OR w.leased_until < clock_timestamp())
                 ORDER BY w.available_at
                 LIMIT greatest(0, $3::bigint - (
                        SELECT count(*) FROM queues b
                         WHERE b.endpoint_id = e.endpoint_id
                           AND b.leased_until >= clock_timestamp()))
                   FOR NO KEY UPDATE SKIP LOCKED
               ) AS q
         WHERE e.active
         ORDER BY q.available_at
         LIMIT $2
    )
    UPDATE queues q
       SET leased_until = clock_timestamp() + $4::interval, token = nextval('queue_tokens')
      FROM due, deliveries d, endpoints e
     WHERE q.endpoint_id = due.endpoint_id AND q.key = due.key
       AND d.seq = q.head AND e.endpoint_id = q.endpoint_id
    RETURNING q.endpoint_id, q.key, q.token, q.tries, q.failing_since, d.seq, d.event_id, d.type,
              d.headers, d.payload, e.url, e.secret,
              CASE WHEN e.secret_before_until > $1 THEN e.secret_before END AS secret_before
"""


async def claim(
    tx: Connection, now: datetime, lease: timedelta, *, most: int, each: int
) -> list[Turn]:
    """Take queues that are due, those that waited longest first; others' are passed over.

    No more than ``most``, and so many that no endpoint has more than ``each`` at a time.
    """
    rows = await tx.fetch(_CLAIM, now, most, each, lease)
    return [
        Turn(
            row["endpoint_id"],
            row["key"],
            row["token"],
            row["seq"],
            row["event_id"],
            row["type"],
            outbox.header_pairs(row["headers"]),
            row["payload"],
            row["url"],
            tuple(found for found in (row["secret"], row["secret_before"]) if found),
            Standing(row["tries"], row["failing_since"]),
        )
        for row in rows
    ]


async def settle(tx: Connection, tried: Sequence[Tried], now: datetime) -> None:
    """Note what came of turns, and go on with their queues.

    A turn whose token is no longer the newest is left out: somebody else has the queue.
    """
    if gone := {each.turn.endpoint_id for each in tried if each.verdict.gone}:
        await _switch_off(tx, gone)
    held = await _lock(tx, [each.turn for each in tried])
    mine = [each for each in tried if each.turn.token in held]
    if not mine:
        return
    await tx.execute(
        """
        UPDATE deliveries d
           SET state = t.state, attempts = d.attempts + 1, outcome = t.outcome, status = t.status,
               tried_at = $5::timestamptz,
               settled_at = CASE WHEN t.state <> 'waiting' THEN $5::timestamptz END
          FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[])
               AS t (seq, state, outcome, status)
         WHERE d.seq = t.seq
        """,
        [each.turn.seq for each in mine],
        [each.verdict.state for each in mine],
        [each.outcome.value for each in mine],
        [each.status for each in mine],
        now,
    )
    # A statement of its own, so that it sees what came meanwhile: the queues are held by now.
    await tx.execute(
        """
        UPDATE queues q
           SET head = following.seq, available_at = t.available_at, leased_until = NULL,
               tries = CASE WHEN following.seq IS NULL THEN 0 ELSE t.tries END,
               failing_since = CASE WHEN following.seq IS NOT NULL THEN t.failing_since END
          FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::timestamptz[])
               AS t (endpoint_id, key, available_at, tries, failing_since)
         CROSS JOIN LATERAL (
               SELECT min(d.seq) AS seq FROM deliveries d
                WHERE d.endpoint_id = t.endpoint_id AND d.key = t.key AND d.state = 'waiting'
               ) AS following
         WHERE q.endpoint_id = t.endpoint_id AND q.key = t.key
        """,
        [each.turn.endpoint_id for each in mine],
        [each.turn.key for each in mine],
        [each.verdict.available_at for each in mine],
        [each.verdict.standing.tries for each in mine],
        [each.verdict.standing.failing_since for each in mine],
    )


async def release(tx: Connection, turns: Iterable[Turn]) -> None:
    """Give turns back that came to nothing, as if they had never been taken."""
    given = list(turns)
    await tx.execute(
        """
        UPDATE queues q SET leased_until = NULL
          FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS t (endpoint_id, key, token)
         WHERE q.endpoint_id = t.endpoint_id AND q.key = t.key AND q.token = t.token
        """,
        [each.endpoint_id for each in given],
        [each.key for each in given],
        [each.token for each in given],
    )


async def _switch_off(tx: Connection, endpoints: Iterable[UUID]) -> None:
    await tx.execute(
        """
        UPDATE endpoints e SET active = false, off_reason = 'gone', version = version + 1
          FROM (SELECT endpoint_id FROM endpoints
                 WHERE endpoint_id = ANY($1::uuid[]) AND active
                 ORDER BY endpoint_id
                   FOR NO KEY UPDATE) AS gone
         WHERE e.endpoint_id = gone.endpoint_id
        """,
        list(endpoints),
    )


async def _lock(tx: Connection, turns: Sequence[Turn]) -> set[int]:
    """Hold the queues that are still ours until commit; returns their tokens."""
    rows = await tx.fetch(
        """
        SELECT q.token
          FROM queues q
          JOIN unnest($1::uuid[], $2::text[], $3::bigint[]) AS t (endpoint_id, key, token)
            ON q.endpoint_id = t.endpoint_id AND q.key = t.key AND q.token = t.token
         ORDER BY q.endpoint_id, q.key
           FOR NO KEY UPDATE OF q
        """,
        [each.endpoint_id for each in turns],
        [each.key for each in turns],
        [each.token for each in turns],
    )
    return {row["token"] for row in rows}
