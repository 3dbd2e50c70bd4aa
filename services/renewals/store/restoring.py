"""What is put right in a database that came back from a backup."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from shared.chassis.database import Connection

_VERSIONS = (
    ("watches", "renewal_id", "version"),
    ("clients", "client_id", "renewals_version"),
    ("clients", "client_id", "owner_version"),
    ("clients", "client_id", "stages_version"),
    ("partners", "partner_id", "policy_version"),
)


async def lift_versions(tx: Connection, said: Mapping[UUID, int]) -> int:
    """Give whatever was said to have a greater version than it has one above that."""
    lifted = 0
    for table, key, version in _VERSIONS:
        done = await tx.execute(
            f"""
            UPDATE {table} AS t
               SET {version} = said.version + 1
              FROM unnest($1::uuid[], $2::integer[]) AS said (id, version)
             WHERE t.{key} = said.id AND t.{version} < said.version
            """,  # noqa: S608 - constants
            list(said),
            list(said.values()),
        )
        lifted += int(done.rpartition(" ")[2])
    return lifted


async def rearm_told(tx: Connection, since: datetime) -> int:
    """Let the sweep tell anew the latest stage of each renewal that was told since an instant.

    The event gets the id that it had. Gives how many renewals that are.
    """
    count: int = await tx.fetchval(
        """
        WITH again AS (
            SELECT DISTINCT ON (s.renewal_id) s.renewal_id, s.starts, s.stage, s.due_at
              FROM stage_records s
              JOIN renewals r ON r.renewal_id = s.renewal_id AND r.starts = s.starts
             WHERE s.outcome = 'fired' AND s.at >= $1 AND r.status <> 'withdrawn'
               AND (r.status IN ('pending', 'ended') OR s.stage = 'outcome')
             ORDER BY s.renewal_id, s.due_at DESC
        ), armed AS (
            UPDATE watches w
               SET next_stage = again.stage, next_stage_at = again.due_at
              FROM again
             WHERE w.renewal_id = again.renewal_id
        ), forgotten AS (
            DELETE FROM stage_records s
             USING again
             WHERE s.renewal_id = again.renewal_id AND s.starts = again.starts
               AND s.stage = again.stage
        )
        SELECT count(*) FROM again
        """,
        since,
    )
    return count
