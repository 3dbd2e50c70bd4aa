"""What happened, as it is kept: history, the stages told, what became of each message."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from services.dashboard.store.columns import columns
from shared.chassis.database import Connection
from shared.contracts import notifications
from shared.contracts.event import Event
from shared.contracts.renewals import RenewalDeadlineApproaching

_ACTORS: Final = ("ended_by", "resumed_by", "decided_by", "changed_by")


async def save_changes(tx: Connection, said: Sequence[Event]) -> set[UUID]:
    """Add to the history; returns the partners of what was not there yet."""
    if not said:
        return set()
    rows = await tx.fetch(
        """
        INSERT INTO changes
               (subject_id, version, type, digest, partner_id, client_id, at, actor_id, said)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[],
                             $6::uuid[], $7::timestamptz[], $8::uuid[], $9::json[])
            ON CONFLICT DO NOTHING
        RETURNING partner_id
        """,
        *columns(said, _change),
    )
    return {row["partner_id"] for row in rows}


def _change(each: Any) -> tuple[object, ...]:
    text = each.model_dump_json()
    actors = (getattr(each, name, None) for name in _ACTORS)
    return (
        getattr(each, each.SUBJECT),
        each.version,
        each.TYPE,
        blake2b(text.encode(), digest_size=8).hexdigest(),
        each.partner_id,
        getattr(each, "client_id", None),
        each.occurred_at,
        next((actor for actor in actors if actor), None),
        text,
    )


async def save_stages(tx: Connection, said: Sequence[RenewalDeadlineApproaching]) -> set[UUID]:
    """Note stages whose time has come, and those that they overtook.

    Returns the partners of those that were not noted yet.
    """
    if not said:
        return set()
    told = [(each, each.stage, None) for each in said]
    overtaken = [(each, stage, each.stage) for each in said for stage in each.superseded]
    rows = await tx.fetch(
        """
        INSERT INTO stages
               (renewal_id, starts, stage, client_id, partner_id, superseded_by, due_at, told_at)
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::uuid[],
                             $6::text[], $7::timestamptz[], $8::timestamptz[])
            ON CONFLICT DO NOTHING
        RETURNING partner_id
        """,
        *columns(
            [*told, *overtaken],
            lambda row: (
                row[0].renewal_id,
                row[0].renewal_start,
                row[1],
                row[0].client_id,
                row[0].partner_id,
                row[2],
                None if row[2] else row[0].due_at,
                row[0].occurred_at,
            ),
        ),
    )
    return {row["partner_id"] for row in rows}


async def save_messages(tx: Connection, said: Sequence[notifications.MessageEvent]) -> set[UUID]:
    """Keep the last that was said of each message; returns the partners of those with news."""
    in_order = sorted(said, key=lambda each: each.version)
    latest = {each.message_id: each for each in in_order}
    rows = await tx.fetch(
        """
        INSERT INTO messages AS old
               (message_id, client_id, partner_id, version, renewal_id, starts, kind, stage,
                audience, recipient_id, copied_user_id, rule, state, reason, attempts, at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[],
                             $6::date[], $7::text[], $8::text[], $9::text[], $10::uuid[],
                             $11::uuid[], $12::text[], $13::text[], $14::text[], $15::integer[],
                             $16::timestamptz[]) AS said (message_id)
         ORDER BY said.message_id
            ON CONFLICT (message_id) DO UPDATE
           SET version = excluded.version, renewal_id = excluded.renewal_id,
               starts = excluded.starts, kind = excluded.kind, stage = excluded.stage,
               audience = excluded.audience, recipient_id = excluded.recipient_id,
               copied_user_id = excluded.copied_user_id, rule = excluded.rule,
               state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
               at = excluded.at
         WHERE old.version < excluded.version
        RETURNING partner_id
        """,
        *columns(latest.values(), _message),
    )
    return {row["partner_id"] for row in rows}


def _message(each: notifications.MessageEvent) -> tuple[object, ...]:
    state, reason, attempts, at = _outcome(each)
    return (
        each.message_id,
        each.client_id,
        each.partner_id,
        each.version,
        each.renewal_id,
        each.renewal_start,
        each.kind,
        each.stage,
        each.audience,
        each.recipient_id,
        each.copied_user_id,
        each.rule,
        state,
        reason,
        attempts,
        at,
    )


def _outcome(each: notifications.MessageEvent) -> tuple[str, str, int, object]:
    match each:
        case notifications.ReminderSent():
            return "sent", "", each.attempts, each.accepted_at
        case notifications.ReminderBlocked():
            return "blocked", each.reason, 0, each.occurred_at
        case notifications.ReminderDropped():
            state = "superseded" if each.superseded else "dropped"
            return state, each.reason, 0, each.occurred_at
        case notifications.ReminderFailed():
            return "failed", each.reason, each.attempts, each.occurred_at
        case notifications.ReminderInDoubt():
            return "in_doubt", "", each.attempts, each.occurred_at
    raise TypeError(f"{type(each).__name__} says nothing about what became of a message")
