"""What is asked about messages. The caller's partner is the transaction's; RLS keeps to it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from services.notifications import domain
from shared.chassis.database import Connection

Row: TypeAlias = Any  # a record of the database: its columns by name

_MESSAGE = """m.message_id, m.notice_id, m.client_id, m.subject_id, m.occasion, m.stage, m.kind,
              m.audience, m.recipient_id, m.copied_user_id, m.owner, m.owner_source, m.rule,
              m.state, m.reason, m.ready, m.available_at, m.due_at, m.ends_at, m.attempts,
              m.deferrals, m.doubted, m.version, m.planned_at, m.settled_at, m.address,
              m.copied_address, c.name AS client_name, c.domain AS client_domain"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which messages are asked for; None leaves a filter out. Instants, the last one excluded."""

    client_id: UUID | None = None
    states: Sequence[str] | None = None
    stages: Sequence[str] | None = None
    audiences: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """All that is known of a message: its row, its notice, attempts, steps and siblings."""

    message: Row
    notice: Row
    attempts: Sequence[Row]
    steps: Sequence[Row]
    siblings: Sequence[Row]


_FILTERS = """($1::uuid IS NULL OR m.client_id = $1)
              AND ($2::text[] IS NULL OR m.state = ANY($2))
              AND ($3::text[] IS NULL OR m.stage = ANY($3))
              AND ($4::text[] IS NULL OR m.audience = ANY($4))
              AND ($5::text[] IS NULL OR m.kind = ANY($5))
              AND ($6::timestamptz IS NULL OR m.due_at >= $6)
              AND ($7::timestamptz IS NULL OR m.due_at < $7)"""


def _values(filters: Filters) -> tuple[Any, ...]:
    return (
        filters.client_id,
        _list(filters.states),
        _list(filters.stages),
        _list(filters.audiences),
        _list(filters.kinds),
        filters.due_from,
        filters.due_before,
    )


def _list(values: Sequence[str] | None) -> list[str] | None:
    return list(values) if values else None


async def list_messages(
    tx: Connection,
    filters: Filters,
    *,
    after: tuple[datetime, UUID] | None,
    descending: bool,
    limit: int,
) -> list[Row]:
    """Messages by due time, from the key of the last one seen."""
    beyond, order = ("<", "DESC") if descending else (">", "ASC")
    at, message_id = after or (None, None)
    return await tx.fetch(
        f"""
        SELECT {_MESSAGE}
          FROM messages m LEFT JOIN clients c ON c.client_id = m.client_id
         WHERE {_FILTERS}
           AND ($8::timestamptz IS NULL OR (m.due_at, m.message_id) {beyond} ($8, $9::uuid))
         ORDER BY m.due_at {order}, m.message_id {order}
         LIMIT $10
        """,  # noqa: S608 - constants of this module
        *_values(filters),
        at,
        message_id,
        limit,
    )


async def count_messages(tx: Connection, filters: Filters) -> list[Row]:
    """How many messages there are, by state, stage, audience, kind and reason."""
    return await tx.fetch(
        f"""
        SELECT m.state, m.stage, m.audience, m.kind, m.reason, count(*) AS messages
          FROM messages m
         WHERE {_FILTERS}
         GROUP BY m.state, m.stage, m.audience, m.kind, m.reason
         ORDER BY m.state, m.stage, m.audience NULLS FIRST, m.kind, m.reason NULLS FIRST
        """,  # noqa: S608 - constants of this module
        *_values(filters),
    )


async def list_blocked(
    tx: Connection, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Row]:
    """Messages without a valid recipient, those that end soonest first."""
    at, message_id = after or (None, None)
    return await tx.fetch(
        f"""
        SELECT {_MESSAGE}
          FROM messages m LEFT JOIN clients c ON c.client_id = m.client_id
         WHERE m.state = 'blocked'
           AND ($1::timestamptz IS NULL OR (m.ends_at, m.message_id) > ($1, $2::uuid))
         ORDER BY m.ends_at, m.message_id
         LIMIT $3
        """,  # noqa: S608 - a constant of this module
        at,
        message_id,
        limit,
    )


async def find_chain(tx: Connection, message_id: UUID) -> Chain | None:
    """All about one message."""
    chains = await list_chains(tx, [message_id])
    return chains[0] if chains else None


async def list_chains(tx: Connection, messages: Sequence[UUID]) -> list[Chain]:
    """All about these messages, in the order in which they were due."""
    rows = await tx.fetch(
        f"""
        SELECT {_MESSAGE}
          FROM messages m LEFT JOIN clients c ON c.client_id = m.client_id
         WHERE m.message_id = ANY($1::uuid[])
         ORDER BY m.due_at, m.message_id
        """,  # noqa: S608 - a constant of this module
        list(messages),
    )
    notices = list({row["notice_id"] for row in rows})
    found = {
        row["notice_id"]: row
        for row in await tx.fetch(
            """
            SELECT n.notice_id, n.due_at, n.due_until, n.ends_at, n.starts, n.deadline, n.period,
                   n.terms, n.overtaken_by, n.planned_at,
                   n.client_version, coalesce(c.version, 0) AS client_seen,
                   n.partner_version, coalesce(p.version, 0) AS partner_seen,
                   n.policy_version, coalesce(o.version, 0) AS policy_seen,
                   n.renewals_version, coalesce(r.version, 0) AS renewals_seen
              FROM notices n
              LEFT JOIN clients c ON c.client_id = n.client_id
              LEFT JOIN partners p ON p.partner_id = n.partner_id
              LEFT JOIN policies o ON o.partner_id = n.partner_id
              LEFT JOIN client_policies r ON r.client_id = n.client_id
             WHERE n.notice_id = ANY($1::uuid[])
            """,
            notices,
        )
    }
    attempts = await tx.fetch(
        """
        SELECT message_id, number, handed_over_at, finished_at, outcome, code, answer
          FROM attempts WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, number
        """,
        list(messages),
    )
    steps = await tx.fetch(
        """
        SELECT message_id, at, what, reason, by_user
          FROM steps WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, step_id
        """,
        list(messages),
    )
    siblings = await tx.fetch(
        """
        SELECT notice_id, message_id, audience, state, reason
          FROM messages WHERE notice_id = ANY($1::uuid[]) ORDER BY message_id
        """,
        notices,
    )
    return [
        Chain(
            row,
            found[row["notice_id"]],
            [each for each in attempts if each["message_id"] == row["message_id"]],
            [each for each in steps if each["message_id"] == row["message_id"]],
            [
                each
                for each in siblings
                if each["notice_id"] == row["notice_id"] and each["message_id"] != row["message_id"]
            ],
        )
        for row in rows
    ]


async def find_client(tx: Connection, client_id: UUID) -> Row | None:
    """A client with its partner's zone and the stages that hold for it."""
    return await tx.fetchrow(
        """
        SELECT c.client_id, c.name, c.domain, c.serviced, c.period,
               coalesce(p.time_zone, 'UTC') AS time_zone,
               coalesce(r.stages, o.stages, '[]'::jsonb) AS stages
          FROM clients c
          LEFT JOIN partners p ON p.partner_id = c.partner_id
          LEFT JOIN policies o ON o.partner_id = c.partner_id
          LEFT JOIN client_policies r ON r.client_id = c.client_id
         WHERE c.client_id = $1
        """,
        client_id,
    )


async def find_zone(tx: Connection) -> str:
    """The zone of the caller's partner."""
    zone: str | None = await tx.fetchval("SELECT time_zone FROM partners")
    return zone or "UTC"


async def list_changes(tx: Connection, client_id: UUID) -> list[Row]:
    """The contract changes of a client as they are known now."""
    return await tx.fetch(
        """
        SELECT renewal_id, kind, status, starts, deadline
          FROM renewals WHERE client_id = $1 ORDER BY starts, renewal_id
        """,
        client_id,
    )


async def list_on(
    tx: Connection, client_id: UUID, begins: datetime, ends: datetime, limit: int
) -> list[UUID]:
    """Messages of a client with a part in a span of time: due, tried, or ended then."""
    rows = await tx.fetch(
        """
        SELECT m.message_id
          FROM messages m JOIN notices n ON n.notice_id = m.notice_id
         WHERE m.client_id = $1
           AND ((n.due_at < $3 AND n.due_until > $2)
                OR (m.due_at >= $2 AND m.due_at < $3)
                OR (m.settled_at >= $2 AND m.settled_at < $3)
                OR EXISTS (SELECT FROM attempts a
                            WHERE a.message_id = m.message_id
                              AND a.handed_over_at >= $2 AND a.handed_over_at < $3))
         ORDER BY m.due_at DESC, m.message_id
         LIMIT $4
        """,
        client_id,
        begins,
        ends,
        limit,
    )
    return [row["message_id"] for row in rows]


async def names_of(tx: Connection, rows: Iterable[Mapping[str, Any]]) -> dict[UUID, str]:
    """The names of the people whom messages name, as far as they are known now."""
    messages = list(rows)
    wanted = {row[key] for row in messages for key in ("recipient_id", "copied_user_id")}
    names: dict[UUID, str] = {}
    found = await tx.fetch(
        """
        SELECT contacts, renewal_manager FROM clients WHERE client_id = ANY($1::uuid[])
        """,
        list({row["client_id"] for row in messages}),
    )
    for row in found:
        for contact in json.loads(row["contacts"]):
            names[UUID(contact["contact_id"])] = contact["name"]
        if row["renewal_manager"]:
            manager = json.loads(row["renewal_manager"])
            names[UUID(manager["person_id"])] = manager["name"]
    for row in await tx.fetch("SELECT team FROM partners"):
        for person in json.loads(row["team"]):
            names[UUID(person["person_id"])] = person["name"]
    for row in await tx.fetch(
        "SELECT user_id, name FROM partner_users WHERE user_id = ANY($1::uuid[])",
        [each for each in wanted if each],
    ):
        names[row["user_id"]] = row["name"]
    return {key: name for key, name in names.items() if key in wanted}


def stages_of(text: str) -> tuple[domain.Stage, ...]:
    """Stages as they were kept."""
    return tuple(
        domain.Stage(each["name"], each["days_before_deadline"]) for each in json.loads(text)
    )
