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

    Amounts come as text and products as JSON, since they only pass through.
    """
    return await tx.fetch(
        """
        SELECT renewal_id, client_id, partner_id, kind, status, starts, currency,
               current_mrr::text AS current_mrr, renewal_mrr::text AS renewal_mrr, products,
               version, next_stage
          FROM renewals
         WHERE next_stage_at <= $1
         ORDER BY next_stage_at
         LIMIT $2
           FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )


async def list_owners(tx: Connection, clients: Sequence[UUID]) -> dict[UUID, Any]:
    """What is set for clients, as rows; read after their renewals are held."""
    rows = await tx.fetch(
        """
        SELECT client_id, client_version, renewals_version, serviced, owner, notified_user_id,
               point_of_contact_id, stages
          FROM clients
         WHERE client_id = ANY($1)
        """,
        clients,
    )
    return {row["client_id"]: row for row in rows}


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
        UPDATE renewals r
           SET version = n.version, next_stage = n.stage, next_stage_at = n.at
          FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::timestamptz[])
            AS n (id, version, stage, at)
         WHERE r.renewal_id = n.id
        """,
        ids,
        versions,
        stages,
        at,
    )
