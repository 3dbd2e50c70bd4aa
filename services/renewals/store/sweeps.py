"""What the sweep reads and writes: many due renewals in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.chassis.database import Connection


@dataclass(slots=True)
class Written:
    """What a sweep writes, by column."""

    armed: list[tuple[UUID, int, str | None, datetime | None]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)


async def lock_due(tx: Connection, now: datetime, limit: int) -> list[Any]:
    """Hold contract changes with a stage to look at, passing over those another sweep holds.

    Who changes one holds the same row, so what `list_due` reads afterwards stands until commit.
    """
    return await tx.fetch(
        """
        SELECT renewal_id, version, next_stage
          FROM watches
         WHERE next_stage_at <= $1
         ORDER BY next_stage_at
         LIMIT $2
           FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )


async def list_due(tx: Connection, renewals: Sequence[UUID]) -> dict[UUID, Any]:
    """What is told of contract changes that are held, and what is set for their clients, as rows.

    Amounts come as text and products as JSON, since they only pass through.
    """
    rows = await tx.fetch(
        """
        SELECT r.renewal_id, r.client_id, r.partner_id, r.kind, r.status, r.starts, r.currency,
               r.current_mrr::text AS current_mrr, r.renewal_mrr::text AS renewal_mrr, r.products,
               c.client_version, c.renewals_version, c.serviced, c.owner, c.notified_user_id,
               c.point_of_contact_id, c.stages
          FROM renewals r
          JOIN clients c ON c.client_id = r.client_id
         WHERE r.renewal_id = ANY($1)
        """,
        renewals,
    )
    return {row["renewal_id"]: row for row in rows}


async def save_sweep(tx: Connection, written: Written) -> set[UUID]:
    """Note what became of stages, and when to look again.

    Returns the renewals whose stage is told for the first time, which is all of them unless a
    stage was told before.
    """
    renewals, starts, stages, partners, outcomes, due_at, at = zip(*written.records, strict=True)
    rows = await tx.fetch(
        """
        INSERT INTO stage_records (renewal_id, starts, stage, partner_id, outcome, due_at, at)
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[],
                             $6::timestamptz[], $7::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING renewal_id, outcome
        """,
        renewals,
        starts,
        stages,
        partners,
        outcomes,
        due_at,
        at,
    )
    return {row["renewal_id"] for row in rows if row["outcome"] == "fired"}


async def save_next(tx: Connection, written: Written) -> None:
    """Keep versions and the next stages of renewals that are held."""
    ids, versions, stages, at = zip(*written.armed, strict=True)
    await tx.execute(
        """
        UPDATE watches w
           SET version = n.version, next_stage = n.stage, next_stage_at = n.at
          FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::timestamptz[])
            AS n (id, version, stage, at)
         WHERE w.renewal_id = n.id
        """,
        ids,
        versions,
        stages,
        at,
    )
