"""What stands in the ledger, as tests ask for it."""

from collections import Counter
from typing import Any
from uuid import UUID

from shared.chassis.database import Pool


async def messages(pool: Pool, **where: Any) -> list[Any]:
    """Messages by due time, stage and audience."""
    rows = await pool.fetch(
        "SELECT * FROM messages ORDER BY due_at, stage, audience NULLS FIRST, message_id"
    )
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


async def states(pool: Pool) -> Counter[tuple[str, str]]:
    """How many messages there are of each stage and state."""
    return Counter((row["stage"], row["state"]) for row in await messages(pool))


async def only(pool: Pool, **where: Any) -> Any:
    """The one message there is."""
    [found] = await messages(pool, **where)
    return found


async def attempts(pool: Pool, message_id: UUID) -> list[tuple[int, str | None]]:
    """The attempts at a message: number and outcome."""
    rows = await pool.fetch(
        "SELECT number, outcome FROM attempts WHERE message_id = $1 ORDER BY number", message_id
    )
    return [tuple(row) for row in rows]


async def steps(pool: Pool, message_id: UUID) -> list[tuple[str, str]]:
    """What else happened to a message."""
    rows = await pool.fetch(
        "SELECT what, reason FROM steps WHERE message_id = $1 ORDER BY step_id", message_id
    )
    return [tuple(row) for row in rows]
