"""Messages, and the stages of contract changes whose time has come."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.dashboard.domain.messages import Blocked, Message
from shared.chassis.database import Connection

# The one place that says which messages wait for somebody to mend them: those of the list, and
# the number in Alerts. Once services ended, only that HubSpot does not hear of it still matters.
OPEN: Final = "m.state = 'blocked' AND (c.serviced OR m.kind = 'services_ended')"

_COLUMNS: Final = """m.message_id, m.client_id, m.renewal_id, m.starts, m.kind, m.stage, m.audience,
        m.recipient_id, m.copied_user_id, m.rule, m.state, m.reason, m.attempts, m.at"""


@dataclass(frozen=True, slots=True)
class ToldStage:
    """A stage whose time has come; ``superseded_by`` names the one that overtook it."""

    stage: str
    told_at: datetime
    superseded_by: str | None


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


async def list_of_renewal(tx: Connection, client_id: UUID, renewal_id: UUID) -> list[Message]:
    """What became of the messages about a contract change, for each start that it had."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM messages m
         WHERE m.client_id = $1 AND m.renewal_id = $2
         ORDER BY m.at, m.message_id
        """,  # noqa: S608 - a constant
        client_id,
        renewal_id,
    )
    return [Message(**dict(row)) for row in rows]


async def list_told_stages(tx: Connection, renewal_id: UUID, starts: date) -> list[ToldStage]:
    """The stages of a contract change with this start whose time has come."""
    rows = await tx.fetch(
        """
        SELECT stage, told_at, superseded_by
          FROM stages
         WHERE renewal_id = $1 AND starts = $2
         ORDER BY told_at, stage
        """,
        renewal_id,
        starts,
    )
    return [ToldStage(**dict(row)) for row in rows]


async def list_blocked(
    tx: Connection, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Blocked]:
    """Messages that nobody can get, the oldest first; ``after`` is the last of the page before."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}, c.domain, c.name, c.record_id, c.serviced, r.deadline
          FROM messages m
          JOIN clients c ON c.client_id = m.client_id
          LEFT JOIN renewals r ON r.renewal_id = m.renewal_id
         WHERE {OPEN}
           AND ($1::timestamptz IS NULL OR (m.at, m.message_id) > ($1, $2::uuid))
         ORDER BY m.at, m.message_id
         LIMIT $3
        """,  # noqa: S608 - constants
        after[0] if after else None,
        after[1] if after else None,
        limit,
    )
    return [Blocked(**dict(row)) for row in rows]
