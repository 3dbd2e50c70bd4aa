"""The ledger as plans are written into it, let go, overtaken and erased."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from services.notifications import domain
from shared.chassis.database import Connection

Row: TypeAlias = Any  # a record of the database: its columns by name

_ENDED = """m.message_id, m.client_id, m.partner_id, m.subject_id, m.occasion, m.kind, m.stage,
            m.audience, m.recipient_id, m.copied_user_id, m.rule, m.version, m.state, m.reason"""
_READY = """coalesce(c.version, 0) >= n.client_version
            AND coalesce(p.version, 0) >= n.partner_version
            AND coalesce(o.version, 0) >= n.policy_version
            AND coalesce(r.version, 0) >= n.renewals_version"""
_REPLICA = """LEFT JOIN clients c ON c.client_id = n.client_id
              LEFT JOIN partners p ON p.partner_id = n.partner_id
              LEFT JOIN policies o ON o.partner_id = n.partner_id
              LEFT JOIN client_policies r ON r.client_id = n.client_id"""


def about(row: Row) -> domain.About:
    """The message that a row is about."""
    return domain.About(
        row["message_id"],
        row["client_id"],
        row["partner_id"],
        row["subject_id"],
        row["occasion"],
        row["kind"],
        row["stage"],
        row["audience"],
        row["recipient_id"],
        row["copied_user_id"],
        row["rule"],
    )


def _ended(row: Row) -> domain.Ended:
    superseded = row["state"] == domain.State.SUPERSEDED
    return domain.Ended(about(row), row["version"], row["reason"], superseded)


async def save_plans(
    tx: Connection, plans: Sequence[domain.Plan], now: datetime
) -> list[domain.Ended]:
    """Keep each notice once, with the message that asks who is to be told.

    Gives the messages that the new notices overtook; ``now`` is the service's clock.
    """
    overtaken = await _save_overtaken(tx, plans, now)
    news = await _save_notices(tx, plans, now)
    await tx.execute(
        f"""
        INSERT INTO messages (message_id, notice_id, partner_id, client_id, subject_id, occasion,
                              stage, kind, state, ready, available_at, due_at, ends_at, planned_at)
        SELECT said.message_id, n.notice_id, n.partner_id, n.client_id, n.subject_id, n.occasion,
               n.stage, n.kind, 'planned', {_READY}, n.due_at, n.due_at, n.ends_at, $3
          FROM unnest($1::uuid[], $2::uuid[]) AS said (notice_id, message_id)
          JOIN notices n ON n.notice_id = said.notice_id
          {_REPLICA}
            ON CONFLICT DO NOTHING
        """,  # noqa: S608 - two constants of this module
        news,
        [domain.planned_id(notice_id) for notice_id in news],
        now,
    )
    return overtaken


async def _save_notices(tx: Connection, plans: Sequence[domain.Plan], now: datetime) -> list[UUID]:
    told = {plan.notice.notice_id: plan for plan in plans}
    news = [told[key] for key in sorted(told)]
    rows = await tx.fetch(
        """
        INSERT INTO notices (notice_id, partner_id, client_id, subject_id, kind, occasion, stage,
                             starts, deadline, period, due_at, due_until, ends_at, ends_as, terms,
                             client_version, partner_version, renewals_version, policy_version,
                             planned_at)
        SELECT said.*, $20
          FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
                      $7::text[], $8::date[], $9::date[], $10::integer[], $11::timestamptz[],
                      $12::timestamptz[], $13::timestamptz[], $14::text[], $15::jsonb[],
                      $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[]) AS said
            ON CONFLICT DO NOTHING
        RETURNING notice_id
        """,
        [plan.notice.notice_id for plan in news],
        [plan.partner_id for plan in news],
        [plan.client_id for plan in news],
        [plan.notice.subject_id for plan in news],
        [plan.notice.kind for plan in news],
        [plan.notice.occasion for plan in news],
        [plan.notice.stage for plan in news],
        [plan.notice.starts for plan in news],
        [plan.deadline for plan in news],
        [plan.notice.period for plan in news],
        [plan.notice.due_at for plan in news],
        [plan.notice.due_until for plan in news],
        [plan.ends_at for plan in news],
        [plan.ends_as for plan in news],
        [plan.terms for plan in news],
        [plan.needed.client for plan in news],
        [plan.needed.partner for plan in news],
        [plan.needed.renewals for plan in news],
        [plan.needed.policy for plan in news],
        now,
    )
    return [row["notice_id"] for row in rows]


async def _save_overtaken(
    tx: Connection, plans: Sequence[domain.Plan], now: datetime
) -> list[domain.Ended]:
    """End what the plans overtook, and note the stages that were never even planned."""
    never = {each.notice_id: (plan, each) for plan in plans for each in plan.superseded}
    if never:
        await _save_never_planned(tx, [never[key] for key in sorted(never)], now)
    rows = await tx.fetch(
        f"""
        WITH overtaken AS (
            SELECT m.message_id
              FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
                AS said (subject_id, occasion, due_at)
              JOIN notices n ON n.subject_id = said.subject_id AND n.occasion = said.occasion
               AND n.due_until <= said.due_at
              JOIN messages m ON m.notice_id = n.notice_id
             WHERE m.state IN ('planned', 'claimed', 'deferred', 'blocked')
             ORDER BY m.message_id
               FOR NO KEY UPDATE OF m
        )
        UPDATE messages m
           SET state = 'superseded', reason = 'overtaken', ready = false, settled_at = $4,
               lease_until = NULL, token = nextval('message_tokens'), version = version + 1
          FROM overtaken WHERE m.message_id = overtaken.message_id
        RETURNING {_ENDED}
        """,  # noqa: S608 - a constant of this module
        [plan.notice.subject_id for plan in plans],
        [plan.notice.occasion for plan in plans],
        [plan.notice.due_at for plan in plans],
        now,
    )
    return [_ended(row) for row in rows]


async def _save_never_planned(
    tx: Connection, never: Sequence[tuple[domain.Plan, domain.Notice]], now: datetime
) -> None:
    await tx.execute(
        """
        WITH news AS (
            INSERT INTO notices (notice_id, partner_id, client_id, subject_id, kind, occasion,
                                 stage, starts, deadline, due_at, due_until, ends_at, ends_as,
                                 terms, overtaken_by, planned_at)
            SELECT notice_id, partner_id, client_id, subject_id, kind, occasion, missed, starts,
                   deadline, due_at, due_at, due_at, 'overtaken', terms, stage, $12
              FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                          $7::text[], $8::text[], $9::date[], $10::date[], $11::timestamptz[],
                          $13::jsonb[])
                AS said (notice_id, missed, partner_id, client_id, subject_id, kind, occasion,
                         stage, starts, deadline, due_at, terms)
                ON CONFLICT DO NOTHING
            RETURNING *
        )
        INSERT INTO messages (message_id, notice_id, partner_id, client_id, subject_id, occasion,
                              stage, kind, state, ready, available_at, due_at, ends_at, planned_at)
        SELECT ids.message_id, n.notice_id, n.partner_id, n.client_id, n.subject_id, n.occasion,
               n.stage, n.kind, 'planned', false, n.due_at, n.due_at, n.ends_at, $12
          FROM news n
          JOIN unnest($1::uuid[], $14::uuid[]) AS ids (notice_id, message_id)
            ON ids.notice_id = n.notice_id
            ON CONFLICT DO NOTHING
        """,
        [each.notice_id for _, each in never],
        [each.stage for _, each in never],
        [plan.partner_id for plan, _ in never],
        [plan.client_id for plan, _ in never],
        [plan.notice.subject_id for plan, _ in never],
        [plan.notice.kind for plan, _ in never],
        [plan.notice.occasion for plan, _ in never],
        [plan.notice.stage for plan, _ in never],
        [plan.notice.starts for plan, _ in never],
        [plan.deadline for plan, _ in never],
        [plan.notice.due_at for plan, _ in never],
        now,
        [plan.terms for plan, _ in never],
        [domain.planned_id(each.notice_id) for _, each in never],
    )


async def let_go(
    tx: Connection, *, clients: Sequence[UUID] = (), partners: Sequence[UUID] = ()
) -> None:
    """Let messages of these clients or partners have their turn, now that more is known.

    Planned ones once all that their event names has arrived; blocked ones always, since they
    ask again who can be told.
    """
    for column, ids in (("client_id", clients), ("partner_id", partners)):
        if ids:
            await tx.execute(
                f"""
                UPDATE messages m
                   SET ready = true
                  FROM notices n {_REPLICA}
                 WHERE n.notice_id = m.notice_id AND NOT m.ready AND m.{column} = ANY($1::uuid[])
                   AND (m.state = 'blocked' OR (m.state = 'planned' AND {_READY}))
                """,  # noqa: S608 - constants of this module
                list(ids),
            )


async def let_go_late(tx: Connection, margin: timedelta, limit: int) -> int:
    """Let go what a change missed that was committed while the message was being written.

    Blocked messages are looked at again where their reference data changed since, or less than
    ``margin`` before. Gives their number.
    """
    status = await tx.execute(
        f"""
        WITH stuck AS (
            SELECT m.message_id
              FROM messages m
              JOIN notices n ON n.notice_id = m.notice_id
              {_REPLICA}
             WHERE NOT m.ready AND m.state IN ('planned', 'blocked')
               AND CASE m.state
                   WHEN 'blocked' THEN greatest(c.changed_at, p.changed_at, o.changed_at)
                                       > m.checked_at - $1::interval
                   ELSE {_READY} END
             LIMIT $2
               FOR NO KEY UPDATE OF m SKIP LOCKED
        )
        UPDATE messages m SET ready = true FROM stuck WHERE m.message_id = stuck.message_id
        """,  # noqa: S608 - constants of this module
        margin,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def end_late(tx: Connection, now: datetime, limit: int) -> list[domain.Ended]:
    """End what still waits or is blocked when it is too late to send."""
    rows = await tx.fetch(
        f"""
        WITH late AS (
            SELECT message_id FROM messages
             WHERE NOT ready AND state IN ('planned', 'blocked') AND ends_at <= $1
             LIMIT $2
               FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE messages m
           SET state = CASE n.ends_as WHEN 'overtaken' THEN 'superseded' ELSE 'dropped' END,
               reason = n.ends_as, settled_at = $1, version = version + 1
          FROM late, notices n
         WHERE m.message_id = late.message_id AND n.notice_id = m.notice_id
        RETURNING {_ENDED}
        """,  # noqa: S608 - a constant of this module
        now,
        limit,
    )
    return [_ended(row) for row in rows]


async def erase(tx: Connection, key: UUID) -> tuple[list[domain.Ended], datetime]:
    """Forget the addresses used for a client or a partner, and end what was still to be sent.

    Gives what ended, and when by the database's clock.
    """
    await tx.execute(
        """
        UPDATE attempts SET answer = NULL
          FROM messages m
         WHERE m.message_id = attempts.message_id AND (m.client_id = $1 OR m.partner_id = $1)
        """,
        key,
    )
    await tx.execute(
        """
        UPDATE messages SET address = NULL, copied_address = NULL
         WHERE (client_id = $1 OR partner_id = $1) AND address IS NOT NULL
        """,
        key,
    )
    rows = await tx.fetch(
        f"""
        UPDATE messages m
           SET state = 'dropped', reason = 'erased', ready = false, lease_until = NULL,
               settled_at = transaction_timestamp(), token = nextval('message_tokens'),
               version = version + 1
         WHERE (m.client_id = $1 OR m.partner_id = $1)
           AND m.state IN ('planned', 'claimed', 'deferred', 'blocked')
        RETURNING {_ENDED}
        """,  # noqa: S608 - a constant of this module
        key,
    )
    at: datetime = await tx.fetchval("SELECT transaction_timestamp()")
    return [_ended(row) for row in rows], at


async def forget_addresses(tx: Connection, people: Sequence[UUID]) -> int:
    """Forget where persons were told, and what the relay answered. Gives how many messages."""
    rows = await tx.fetch(
        """
        UPDATE messages
           SET address = CASE WHEN recipient_id = ANY($1::uuid[]) THEN NULL ELSE address END,
               copied_address = CASE WHEN copied_user_id = ANY($1::uuid[]) THEN NULL
                                     ELSE copied_address END
         WHERE (recipient_id = ANY($1::uuid[]) AND address IS NOT NULL)
            OR (copied_user_id = ANY($1::uuid[]) AND copied_address IS NOT NULL)
        RETURNING message_id
        """,
        list(people),
    )
    await tx.execute(
        "UPDATE attempts SET answer = NULL WHERE message_id = ANY($1::uuid[])",
        [row["message_id"] for row in rows],
    )
    return len(rows)


async def erase_old(tx: Connection, before: datetime, limit: int) -> int:
    """Forget the addresses of messages planned before an instant. Gives their number."""
    status = await tx.execute(
        """
        UPDATE messages SET address = NULL, copied_address = NULL
         WHERE message_id IN (
               SELECT message_id FROM messages
                WHERE address IS NOT NULL AND planned_at < $1
                LIMIT $2
                  FOR NO KEY UPDATE SKIP LOCKED)
        """,
        before,
        limit,
    )
    return int(status.rpartition(" ")[2])
