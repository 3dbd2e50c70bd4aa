"""What is put right in a ledger that came back from a backup."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.notifications import domain
from services.notifications.store.ledger import about
from shared.chassis.database import Connection


async def settle_known(tx: Connection, known: Sequence[domain.Known]) -> int:
    """Write what became of messages where the ledger knows less; give how many it knew less of.

    One whose notice is not there is left out: its event is still to be heard.
    """
    rows = await tx.fetch(
        """
        UPDATE messages m
           SET version = said.version, state = said.state, reason = said.reason,
               audience = coalesce(said.audience, m.audience), recipient_id = said.recipient_id,
               copied_user_id = said.copied, rule = said.rule, attempts = said.attempts,
               doubted = m.doubted OR said.state = 'unknown', ready = false, lease_until = NULL,
               token = nextval('message_tokens'),
               settled_at = CASE WHEN said.state <> 'unknown' THEN said.at END
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                      $7::uuid[], $8::uuid[], $9::text[], $10::integer[], $11::timestamptz[])
            AS said (message_id, notice_id, version, state, reason, audience, recipient_id, copied,
                     rule, attempts, at)
         WHERE m.message_id = said.message_id AND m.version < said.version
        RETURNING m.message_id
        """,
        *_columns(known),
    )
    made = await tx.fetch(
        """
        INSERT INTO messages (message_id, notice_id, partner_id, client_id, subject_id, occasion,
                              stage, kind, audience, recipient_id, copied_user_id, rule, state,
                              reason, ready, available_at, due_at, ends_at, attempts, doubted,
                              version, planned_at, settled_at)
        SELECT said.message_id, n.notice_id, n.partner_id, n.client_id, n.subject_id, n.occasion,
               n.stage, n.kind, said.audience, said.recipient_id, said.copied, said.rule,
               said.state, said.reason, false, n.due_at, n.due_at, n.ends_at, said.attempts,
               said.state = 'unknown', said.version, said.at,
               CASE WHEN said.state <> 'unknown' THEN said.at END
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                      $7::uuid[], $8::uuid[], $9::text[], $10::integer[], $11::timestamptz[])
            AS said (message_id, notice_id, version, state, reason, audience, recipient_id, copied,
                     rule, attempts, at)
          JOIN notices n ON n.notice_id = said.notice_id
         WHERE NOT EXISTS (SELECT FROM messages m WHERE m.message_id = said.message_id)
        RETURNING message_id
        """,
        *_columns(known),
    )
    return len(rows) + len(made)


def _columns(known: Sequence[domain.Known]) -> tuple[list[object], ...]:
    return (
        [each.message_id for each in known],
        [each.notice_id for each in known],
        [each.version for each in known],
        [each.state.value for each in known],
        [each.reason for each in known],
        [each.audience for each in known],
        [each.recipient_id for each in known],
        [each.copied_user_id for each in known],
        [each.rule for each in known],
        [each.attempts for each in known],
        [each.at for each in known],
    )


async def hold_open(
    tx: Connection, until: datetime, limit: int
) -> list[tuple[domain.About, int, int]]:
    """Put into doubt what was due before an instant and has no end; give each as it is now.

    About, version and attempts. A hold ends by an operator alone.
    """
    rows = await tx.fetch(
        """
        UPDATE messages
           SET state = 'unknown', reason = 'restored', doubted = true, ready = false,
               lease_until = NULL, token = nextval('message_tokens'), version = version + 1
         WHERE message_id IN (
               SELECT message_id FROM messages
                WHERE state IN ('planned', 'claimed', 'handed_over', 'deferred', 'blocked')
                  AND due_at < $1
                LIMIT $2
                  FOR NO KEY UPDATE)
        RETURNING message_id, client_id, partner_id, subject_id, occasion, kind, stage, audience,
                  recipient_id, copied_user_id, rule, version, attempts
        """,
        until,
        limit,
    )
    return [(about(row), row["version"], row["attempts"]) for row in rows]


async def ask_anew(tx: Connection, notices: Sequence[tuple[UUID, bool]], now: datetime) -> int:
    """Ask, for notices of which somebody was told, whether somebody still is to be.

    Each with whether that has to wait for an operator. Gives how many were not over.
    """
    status = await tx.execute(
        """
        INSERT INTO messages (message_id, notice_id, partner_id, client_id, subject_id, occasion,
                              stage, kind, state, reason, ready, available_at, due_at, ends_at,
                              doubted, planned_at)
        SELECT said.message_id, n.notice_id, n.partner_id, n.client_id, n.subject_id, n.occasion,
               n.stage, n.kind, CASE WHEN said.held THEN 'unknown' ELSE 'planned' END,
               CASE WHEN said.held THEN 'restored' END, NOT said.held, n.due_at, n.due_at,
               n.ends_at, said.held, $4
          FROM unnest($1::uuid[], $2::uuid[], $3::boolean[]) AS said (notice_id, message_id, held)
          JOIN notices n ON n.notice_id = said.notice_id AND n.ends_at > $4
            ON CONFLICT DO NOTHING
        """,
        [notice for notice, _ in notices],
        [domain.asked_anew_id(notice) for notice, _ in notices],
        [held for _, held in notices],
        now,
    )
    return int(status.rpartition(" ")[2])
