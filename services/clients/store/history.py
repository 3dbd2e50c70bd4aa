"""Who changed what, when, from what, to what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json, to_json

from services.clients.domain import Change
from shared.chassis.database import Connection


class Line(NamedTuple):
    """A change of a client or a partner (``subject_id``), to be kept."""

    subject_id: UUID
    partner_id: UUID
    change: Change[Any]


@dataclass(frozen=True, slots=True)
class Past:
    """A change as it was kept. ``actor_id`` is None where an import said so."""

    version: int
    change: str
    occurred_at: datetime
    actor_id: UUID | None
    actor_name: str | None
    before: Any
    after: Any


async def save_history(
    tx: Connection, lines: Sequence[Line], actor_id: UUID | None, at: datetime
) -> None:
    """Keep changes that one person, or an import (None), made at one time."""
    await tx.execute(
        """
        INSERT INTO history (subject_id, partner_id, version, change, before, after, actor_id,
                             occurred_at)
        SELECT told.*, $7, $8
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::jsonb[], $6::jsonb[])
               AS told
        """,
        [line.subject_id for line in lines],
        [line.partner_id for line in lines],
        [line.change.version for line in lines],
        [line.change.what for line in lines],
        [_json(line.change.before) for line in lines],
        [_json(line.change.after) for line in lines],
        actor_id,
        at,
    )


def _json(value: Any) -> str | None:
    return None if value is None else to_json(value).decode()


async def list_history(
    tx: Connection,
    subject_id: UUID,
    *,
    after: int | None = None,
    descending: bool = True,
    limit: int = 50,
) -> list[Past]:
    """List what became of a client or a partner, by version; ``after`` one, if given."""
    way, than = ("DESC", "<") if descending else ("ASC", ">")
    rows = await tx.fetch(
        f"""
        SELECT h.version, h.change, h.occurred_at, h.actor_id, u.name AS actor_name,
               h.before, h.after
          FROM history AS h
          LEFT JOIN users AS u ON u.user_id = h.actor_id
         WHERE h.subject_id = $1 AND ($2::bigint IS NULL OR h.version {than} $2)
         ORDER BY h.version {way}
         LIMIT $3
        """,  # noqa: S608 - our own words
        subject_id,
        after,
        limit,
    )
    return [
        Past(
            version=row["version"],
            change=row["change"],
            occurred_at=row["occurred_at"],
            actor_id=row["actor_id"],
            actor_name=row["actor_name"],
            before=row["before"] and from_json(row["before"]),
            after=row["after"] and from_json(row["after"]),
        )
        for row in rows
    ]
