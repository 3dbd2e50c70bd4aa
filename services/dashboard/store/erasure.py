"""What is forgotten, since its owner erased it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.chassis.database import Connection

# In the order in which handlers take tables, so that nobody waits for another in a circle.
_OF_CLIENTS: Final = ("clients", "renewals", "stages", "messages", "changes")


async def erase(tx: Connection, key: UUID) -> set[UUID]:
    """Forget all about a client or a partner, for good; returns the partners concerned.

    The key is kept, and nothing but that: what other topics say of it later is forgotten as well.
    """
    await tx.execute("INSERT INTO erased SELECT $1 ON CONFLICT DO NOTHING", key)
    return await _forget(tx, [key])


async def forget_erased(tx: Connection) -> int:
    """Forget what came late about those that were erased; returns whether there was any."""
    # Held, so that who is told of anew just now is remembered after this and not before.
    rows = await tx.fetch("SELECT key FROM erased ORDER BY key FOR UPDATE")
    return len(await _forget(tx, [row["key"] for row in rows])) if rows else 0


async def find_unknown(tx: Connection, before: datetime) -> set[UUID]:
    """Clients and partners of whom no snapshot came, and nothing new since an instant.

    Facts stay in their topics for ever: of who was erased long ago they are all that is left. Of
    who is new they may be all that came so far.
    """
    rows = await tx.fetch(
        """
        WITH unknown AS (
            SELECT client_id AS key FROM clients WHERE version = 0
             UNION
            SELECT client_id FROM (SELECT client_id FROM stages
                                    UNION SELECT client_id FROM messages
                                    UNION SELECT client_id FROM changes) AS told
             WHERE client_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM clients c WHERE c.client_id = told.client_id)
             UNION
            SELECT partner_id FROM (SELECT partner_id FROM clients
                                     UNION SELECT partner_id FROM changes) AS told
             WHERE NOT EXISTS (SELECT FROM partners p
                                WHERE p.partner_id = told.partner_id AND p.version > 0)
             UNION
            SELECT partner_id FROM partners WHERE version = 0
        )
        SELECT key FROM unknown
         WHERE NOT EXISTS (SELECT FROM changes
                            WHERE coalesce(client_id, partner_id) = key AND at >= $1)
        """,
        before,
    )
    return {row["key"] for row in rows}


async def forget_unknown(tx: Connection, suspects: set[UUID], before: datetime) -> int:
    """Forget those of the suspects that are still unknown; returns how many.

    Nobody writes meanwhile, so that nobody becomes known between the look and the end of it.
    """
    await tx.execute("LOCK TABLE partners, clients IN SHARE ROW EXCLUSIVE MODE")
    still = suspects & await find_unknown(tx, before)
    if still:
        await _forget(tx, still)
    return len(still)


async def erase_renewals(tx: Connection, key: UUID) -> set[UUID]:
    """Forget what the renewals service says of a client, or what a partner has set there."""
    await tx.execute("DELETE FROM renewals WHERE client_id = $1", key)
    rows = await tx.fetch(
        """
        WITH of_client AS (
            UPDATE clients
               SET renewals_version = 0, owner = NULL, owner_version = 0, stages = NULL,
                   stages_version = 0
             WHERE client_id = $1
            RETURNING partner_id
        ), of_partner AS (
            UPDATE partners SET policy_version = 0, policy = NULL
             WHERE partner_id = $1
            RETURNING partner_id
        )
        SELECT partner_id FROM of_client UNION SELECT partner_id FROM of_partner
        """,
        key,
    )
    return {row["partner_id"] for row in rows}


async def erase_tier(tx: Connection, key: UUID) -> set[UUID]:
    """Forget where a partner stood."""
    rows = await tx.fetch(
        """
        UPDATE partners SET tier_version = 0, tier = NULL WHERE partner_id = $1
        RETURNING partner_id
        """,
        key,
    )
    return {row["partner_id"] for row in rows}


async def _forget(tx: Connection, keys: Iterable[UUID]) -> set[UUID]:
    wanted = list(keys)
    rows = await tx.fetch(
        "DELETE FROM partners WHERE partner_id = ANY($1::uuid[]) RETURNING partner_id", wanted
    )
    found: set[UUID] = {row["partner_id"] for row in rows}
    for table in _OF_CLIENTS:
        rows = await tx.fetch(
            f"""
            DELETE FROM {table}
             WHERE client_id = ANY($1::uuid[]) OR partner_id = ANY($1::uuid[])
            RETURNING partner_id
            """,  # noqa: S608 - a constant
            wanted,
        )
        found |= {row["partner_id"] for row in rows}
    return found
