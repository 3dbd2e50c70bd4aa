"""What the sweep reads and writes: many due renewals in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.chassis.database import Connection


class Gone(NamedTuple):
    """What became of a stage, of all renewals of a kind."""

    starts: date
    stage: str
    partner_id: UUID
    outcome: str
    due_at: datetime


@dataclass(slots=True)
class Swept:
    """What is the same for many renewals: the stages that are over, and when to look again.

    ``told`` is whether one of the stages is told, with the renewal's next version.
    """

    told: bool
    gone: Sequence[Gone]
    next_stage: str | None
    next_at: datetime | None
    renewals: list[str] = field(default_factory=list)


async def lock_due(tx: Connection, now: datetime, limit: int) -> list[Any]:
    """Hold contract changes with a stage to look at, passing over those another sweep holds.

    Who changes one holds the same row, so what `list_due` reads afterwards stands until commit.
    """
    return await tx.fetch(
        """
        SELECT renewal_id::text AS renewal_id, version, next_stage
          FROM watches
         WHERE next_stage_at <= $1
         ORDER BY next_stage_at
         LIMIT $2
           FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )


async def list_due(tx: Connection, renewals: Sequence[str]) -> dict[str, Any]:
    """What is told of contract changes that are held, and what is set for their clients, as rows.

    Ids and amounts come as text and products as JSON, since they only pass through; stages come
    with commas between them.
    """
    rows = await tx.fetch(
        """
        SELECT r.renewal_id::text AS renewal_id, r.client_id::text AS client_id, r.partner_id,
               r.kind, r.status, r.starts, r.currency,
               r.current_mrr::text AS current_mrr, r.renewal_mrr::text AS renewal_mrr, r.products,
               c.client_version, c.renewals_version, c.serviced, c.owner, c.notified_user_id,
               c.point_of_contact_id, array_to_string(c.stages, ',') AS stages
          FROM renewals r
          JOIN clients c ON c.client_id = r.client_id
         WHERE r.renewal_id = ANY($1::uuid[])
        """,
        renewals,
    )
    return {row["renewal_id"]: row for row in rows}


async def save_sweep(tx: Connection, swept: Sequence[Swept], at: datetime) -> set[str]:
    """Note what became of stages; return the renewals whose stage was told before, if any."""
    gone = [(n, *stage) for n, each in enumerate(swept) for stage in each.gone]
    if not gone:
        return set()
    rows = await tx.fetch(
        """
        INSERT INTO stage_records (renewal_id, starts, stage, partner_id, outcome, due_at, at)
        SELECT renewal_id, starts, stage, partner_id, outcome, due_at, $9
          FROM unnest($1::uuid[], $2::int[]) AS swept (renewal_id, part)
          JOIN unnest($3::int[], $4::date[], $5::text[], $6::uuid[], $7::text[], $8::timestamptz[])
            AS gone (part, starts, stage, partner_id, outcome, due_at) USING (part)
            ON CONFLICT DO NOTHING
        RETURNING CASE outcome WHEN 'fired' THEN renewal_id::text END AS fired
        """,
        *_renewals(swept),
        *zip(*gone, strict=True),
        at,
    )
    told = {renewal for each in swept if each.told for renewal in each.renewals}
    return told.difference(row["fired"] for row in rows)


async def save_next(tx: Connection, swept: Sequence[Swept]) -> None:
    """Keep versions and the next stages of renewals that are held."""
    parts = [(n, each.told, each.next_stage, each.next_at) for n, each in enumerate(swept)]
    await tx.execute(
        """
        UPDATE watches w
           SET version = w.version + next.told::int, next_stage = next.stage,
               next_stage_at = next.at
          FROM unnest($1::uuid[], $2::int[]) AS swept (id, part)
          JOIN unnest($3::int[], $4::boolean[], $5::text[], $6::timestamptz[])
            AS next (part, told, stage, at) USING (part)
         WHERE w.renewal_id = swept.id
        """,
        *_renewals(swept),
        *zip(*parts, strict=True),
    )


async def find_oldest_due(tx: Connection, now: datetime) -> datetime | None:
    """Since when the stage that is due for longest waits, of those that are due."""
    found: datetime | None = await tx.fetchval(
        "SELECT min(next_stage_at) FROM watches WHERE next_stage_at <= $1", now
    )
    return found


def _renewals(swept: Sequence[Swept]) -> tuple[list[str], list[int]]:
    """All renewals, and of each in which part it is."""
    ids = [renewal for each in swept for renewal in each.renewals]
    return ids, [n for n, each in enumerate(swept) for _ in each.renewals]
