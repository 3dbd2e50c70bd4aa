"""Messages, and the stages of contract changes whose time has come."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter

from services.dashboard.domain.messages import Blocked, Message
from services.dashboard.domain.timeline import Change, Told
from shared.chassis.database import Connection
from shared.contracts.clients import ClientSnapshot
from shared.contracts.renewals import Stage

# The one place that says which messages wait for somebody to mend them: those of the list, and
# the number in Alerts. Once services ended, only that HubSpot does not hear of it still matters.
OPEN: Final = "m.state = 'blocked' AND (c.serviced OR m.kind = 'services_ended')"

_COLUMNS: Final = """m.message_id, m.client_id, m.renewal_id, m.starts, m.kind, m.stage, m.audience,
        m.recipient_id, m.copied_user_id, m.rule, m.state, m.reason, m.attempts, m.at"""


_stages: Final[TypeAdapter[tuple[Stage, ...] | None]] = TypeAdapter(tuple[Stage, ...] | None)


@dataclass(frozen=True, slots=True)
class Subject:
    """A contract change with its client's people and stages, for its line of stages."""

    client_id: UUID
    change: Change
    client: ClientSnapshot | None
    stages: tuple[Stage, ...] | None


async def find_subject(tx: Connection, renewal_id: UUID) -> Subject | None:
    """A contract change; None where the partner has none of this id."""
    row = await tx.fetchrow(
        """
        SELECT r.client_id, r.kind, r.status, r.starts, r.deadline, c.document, c.stages
          FROM renewals r
          LEFT JOIN clients c ON c.client_id = r.client_id
         WHERE r.renewal_id = $1
        """,
        renewal_id,
    )
    if row is None:
        return None
    return Subject(
        client_id=row["client_id"],
        change=Change(row["kind"], row["status"], row["starts"], row["deadline"]),
        client=row["document"] and ClientSnapshot.model_validate_json(row["document"]),
        stages=row["stages"] and _stages.validate_json(row["stages"]),
    )


async def find_client(tx: Connection, client_id: UUID) -> ClientSnapshot | None:
    """A client with its people; None where nothing was heard of them."""
    document = await tx.fetchval("SELECT document FROM clients WHERE client_id = $1", client_id)
    return document and ClientSnapshot.model_validate_json(document)


async def list_messages(
    tx: Connection, client_id: UUID, *, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Message]:
    """A client's messages, the latest first; ``before`` is the last of the page before."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM messages m
         WHERE m.client_id = $1
           AND ($2::timestamptz IS NULL OR (m.at, m.message_id) < ($2, $3::uuid))
         ORDER BY m.at DESC, m.message_id DESC
         LIMIT $4
        """,  # noqa: S608 - a constant
        client_id,
        before[0] if before else None,
        before[1] if before else None,
        limit,
    )
    return [Message(**dict(row)) for row in rows]


async def list_of_renewal(
    tx: Connection, client_id: UUID, renewal_id: UUID, starts: date
) -> list[Message]:
    """What became of the messages about a contract change with this start."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM messages m
         WHERE m.client_id = $1 AND m.renewal_id = $2 AND m.starts = $3
         ORDER BY m.at, m.message_id
        """,  # noqa: S608 - a constant
        client_id,
        renewal_id,
        starts,
    )
    return [Message(**dict(row)) for row in rows]


async def list_told(tx: Connection, renewal_id: UUID, starts: date) -> dict[str, Told]:
    """The stages of a contract change with this start whose time has come, by their names."""
    rows = await tx.fetch(
        "SELECT stage, told_at, superseded_by FROM stages WHERE renewal_id = $1 AND starts = $2",
        renewal_id,
        starts,
    )
    return {row["stage"]: Told(row["told_at"], row["superseded_by"]) for row in rows}


async def list_blocked(
    tx: Connection, *, limit: int, after: tuple[date, UUID] | None = None
) -> list[Blocked]:
    """Messages that nobody can get, by deadline; ``after`` is the last of the page before."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}, c.domain, c.name, c.record_id, c.serviced, r.deadline
          FROM messages m
          JOIN clients c ON c.client_id = m.client_id
          LEFT JOIN renewals r ON r.renewal_id = m.renewal_id
         WHERE {OPEN}
           AND ($1::date IS NULL OR (coalesce(r.deadline, $4), m.message_id) > ($1, $2::uuid))
         ORDER BY coalesce(r.deadline, $4), m.message_id
         LIMIT $3
        """,  # noqa: S608 - constants
        after[0] if after else None,
        after[1] if after else None,
        limit,
        date.max,
    )
    return [Blocked(**dict(row)) for row in rows]
