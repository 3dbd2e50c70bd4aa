"""Leases that are over: claims become free, hand-overs without an answer are in doubt."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifications import domain
from services.notifications.store.ledger import about
from shared.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A message of which nobody can tell whether it arrived."""

    about: domain.About
    attempts: int
    version: int
    stages: tuple[domain.Stage, ...]


async def free_claims(tx: Connection, limit: int) -> int:
    """Make claimed messages free again whose lease is over; give their number."""
    status = await tx.execute(
        """
        UPDATE messages SET state = 'planned', lease_until = NULL,
               token = nextval('message_tokens')
         WHERE message_id IN (
               SELECT message_id FROM messages
                WHERE state = 'claimed' AND lease_until < clock_timestamp()
                LIMIT $1
                  FOR NO KEY UPDATE SKIP LOCKED)
        """,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def doubt_late(tx: Connection, now: datetime, limit: int) -> list[Doubtful]:
    """Put into doubt what was handed over and not answered within its lease."""
    rows = await tx.fetch(
        """
        WITH late AS (
            SELECT message_id FROM messages
             WHERE state = 'handed_over' AND lease_until < clock_timestamp()
             LIMIT $1
               FOR NO KEY UPDATE SKIP LOCKED
        ), doubted AS (
            UPDATE messages m
               SET state = 'unknown', reason = 'in_doubt', doubted = true, ready = false,
                   lease_until = NULL, version = version + 1
              FROM late WHERE m.message_id = late.message_id
            RETURNING m.*
        ), answered AS (
            UPDATE attempts a SET outcome = 'unknown', finished_at = $2
              FROM doubted WHERE a.message_id = doubted.message_id AND a.number = doubted.attempts
        )
        SELECT m.message_id, m.partner_id, m.client_id, m.subject_id, m.occasion, m.kind, m.stage,
               m.audience, m.recipient_id, m.copied_user_id, m.rule, m.attempts, m.version,
               coalesce(c.stages, p.stages) AS stages
          FROM doubted m
          LEFT JOIN client_policies c ON c.client_id = m.client_id
          LEFT JOIN policies p ON p.partner_id = m.partner_id
        """,
        limit,
        now,
    )
    return [
        Doubtful(about(row), row["attempts"], row["version"], _stages(row["stages"]))
        for row in rows
    ]


def _stages(text: str | None) -> tuple[domain.Stage, ...]:
    return tuple(
        domain.Stage(each["name"], each["days_before_deadline"])
        for each in json.loads(text or "[]")
    )


async def send_again(
    tx: Connection, messages: Sequence[UUID], now: datetime, *, by: UUID | None = None
) -> list[UUID]:
    """Plan messages in doubt once more, and note who wanted it; give those that were in doubt."""
    rows = await tx.fetch(
        """
        WITH again AS (
            UPDATE messages
               SET state = 'planned', ready = true, available_at = $2
             WHERE message_id = ANY($1::uuid[]) AND state = 'unknown' AND ends_at > $2
            RETURNING message_id, partner_id
        ), noted AS (
            INSERT INTO steps (message_id, partner_id, at, what, reason, by_user)
            SELECT message_id, partner_id, $2, 'sent_again',
                   CASE WHEN $3::uuid IS NULL THEN 'policy' ELSE 'operator' END, $3
              FROM again
        )
        SELECT message_id FROM again
        """,
        list(messages),
        now,
        by,
    )
    return [row["message_id"] for row in rows]


async def list_unknown(tx: Connection, limit: int) -> list[tuple[UUID, str, str, datetime, int]]:
    """Messages in doubt (id, stage, audience, when it is too late, attempts), in that order."""
    rows = await tx.fetch(
        """
        SELECT message_id, stage, audience, ends_at, attempts
          FROM messages WHERE state = 'unknown' ORDER BY ends_at, message_id LIMIT $1
        """,
        limit,
    )
    return [tuple(row) for row in rows]
