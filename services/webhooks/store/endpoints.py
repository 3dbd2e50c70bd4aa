"""Endpoints, as their partners keep them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.webhooks.domain import Endpoint
from shared.chassis.database import Connection


async def find_endpoint(tx: Connection, endpoint_id: UUID) -> Endpoint | None:
    """One of the partner's."""
    row = await tx.fetchrow("SELECT * FROM endpoints WHERE endpoint_id = $1", endpoint_id)
    return _endpoint(row) if row else None


async def lock_endpoint(
    tx: Connection, endpoint_id: UUID, *, to_remove: bool = False
) -> Endpoint | None:
    """One of the partner's, held until commit."""
    lock = "UPDATE" if to_remove else "NO KEY UPDATE"
    row = await tx.fetchrow(
        f"SELECT * FROM endpoints WHERE endpoint_id = $1 FOR {lock}",  # noqa: S608 - as above
        endpoint_id,
    )
    return _endpoint(row) if row else None


async def list_endpoints(
    tx: Connection, *, after: tuple[datetime, UUID] | None, descending: bool, limit: int
) -> list[Endpoint]:
    """The partner's, by when they were made."""
    sign, order = ("<", "DESC") if descending else (">", "ASC")
    rows = await tx.fetch(
        f"""
        SELECT * FROM endpoints
         WHERE $1::timestamptz IS NULL OR (created_at, endpoint_id) {sign} ($1, $2)
         ORDER BY created_at {order}, endpoint_id {order}
         LIMIT $3
        """,  # noqa: S608 - one of two words
        *(after or (None, None)),
        limit,
    )
    return [_endpoint(row) for row in rows]


async def count_endpoints(tx: Connection) -> int:
    """How many the partner has."""
    count: int = await tx.fetchval("SELECT count(*) FROM endpoints")
    return count


async def add_endpoint(tx: Connection, made: Endpoint) -> None:
    """Keep a new one."""
    await tx.execute(
        """
        INSERT INTO endpoints (endpoint_id, partner_id, url, description, types, secret, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        made.endpoint_id,
        made.partner_id,
        made.url,
        made.description,
        made.types,
        made.secret,
        made.created_at,
    )


async def save_endpoint(tx: Connection, after: Endpoint) -> None:
    """Keep a change of one that is held."""
    await tx.execute(
        """
        UPDATE endpoints
           SET url = $2, description = $3, types = $4, active = $5::text IS NULL, off_reason = $5,
               secret = $6, secret_before = $7, secret_before_until = $8, version = $9
         WHERE endpoint_id = $1
        """,
        after.endpoint_id,
        after.url,
        after.description,
        after.types,
        after.off_reason,
        after.secret,
        after.secret_before,
        after.secret_before_until,
        after.version,
    )


async def remove_endpoint(tx: Connection, endpoint_id: UUID) -> None:
    """Forget one that is held for that, and all that was or was to be sent to it."""
    await tx.execute(
        "SELECT FROM queues WHERE endpoint_id = $1 ORDER BY key FOR UPDATE", endpoint_id
    )
    await tx.execute("DELETE FROM endpoints WHERE endpoint_id = $1", endpoint_id)


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        row["endpoint_id"],
        row["partner_id"],
        row["url"],
        row["description"],
        tuple(row["types"]),
        row["secret"],
        row["created_at"],
        row["off_reason"],
        row["secret_before"],
        row["secret_before_until"],
        row["version"],
    )
