"""What the model holds in short, partner by partner, to compare one making of it with another."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.dashboard.store import builds
from shared.chassis.database import Pool

_OF_PARTNERS: Final = ("partners", "clients", "renewals", "stages", "messages", "changes")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What there is of a partner: how many rows, and a digest of all of them."""

    partner_id: UUID
    rows: int
    digest: str


async def sum_up(pool: Pool) -> list[Checksum]:
    """The content of the model that serves, by partner; in whatever order it arrived."""
    found: dict[UUID, list[tuple[str, int, str]]] = defaultdict(list)
    async with (
        pool.acquire() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        await builds.enter(tx, await builds.find_serving(tx))
        for table in _OF_PARTNERS:
            rows = await tx.fetch(
                f"""
                SELECT partner_id, count(*) AS rows,
                       sum(hashtextextended(each::text, 0)::numeric)::text AS digest
                  FROM {table} AS each
                 GROUP BY partner_id
                """  # noqa: S608 - a constant
            )
            for row in rows:
                found[row["partner_id"]].append((table, row["rows"], row["digest"]))
    return [
        Checksum(
            partner_id,
            sum(rows for _, rows, _ in parts),
            hashlib.sha256(repr(parts).encode()).hexdigest()[:16],
        )
        for partner_id, parts in sorted(found.items())
    ]
