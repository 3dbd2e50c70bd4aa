"""What is staged on two connections, each of which has the clients in one half of all ids.

Ids are like random numbers, so that the halves are of one size; and all that belongs to a client
is where the client is, so that the halves are compared and made without asking one another.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from shared.chassis.background import to_their_ends, together
from shared.chassis.database import Connection

FLOWING = 64  # pieces on their way from one connection to another
UPPER: Final = "8"  # the first digit from which on an id is in the upper half
_FIRST_UPPER: Final = UUID(int=2**127)


async def stage_halves(
    tx: Connection, other: Connection, table: str, columns: dict[str, Sequence[Any]]
) -> None:
    """Put rows of clients aside, those of the upper half on the other connection."""
    lower: list[tuple[Any, ...]] = []
    upper: list[tuple[Any, ...]] = []
    rows = zip(*columns.values(), strict=True)
    for client_id, row in zip(columns["client_id"], rows, strict=True):
        (upper if client_id >= UPPER else lower).append(row)
    async with other.transaction():  # both or none, so that a bad row is looked for in both
        await to_their_ends(
            *(
                _copy(each, table, list(columns), half)
                for each, half in ((tx, lower), (other, upper))
                if half
            )
        )


async def _copy(
    tx: Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    await tx.copy_records_to_table(table, records=rows, columns=columns)


async def gather_known(tx: Connection, other: Connection) -> None:
    """Have on the first connection all clients that are not simply new.

    They may lose something to one another across the halves, and are few in most imports.
    """
    losing = await tx.fetch(
        "SELECT client_id FROM touched WHERE moved AND client_id >= $1", _FIRST_UPPER
    )
    await _note(other, [(row["client_id"], False, True) for row in losing])
    rows = await other.fetch(
        """
        DELETE FROM touched
         WHERE moved OR NOT created
        RETURNING client_id, created, moved
        """
    )
    await _note(tx, [tuple(row) for row in rows])
    await bring(tx, other, [row["client_id"] for row in rows])


async def _note(tx: Connection, touched: Sequence[tuple[Any, ...]]) -> None:
    if touched:
        await tx.execute(
            """
            INSERT INTO touched AS t (client_id, created, moved)
            SELECT *
              FROM unnest($1::uuid[], $2::boolean[], $3::boolean[])
                ON CONFLICT (client_id) DO UPDATE
               SET moved = t.moved OR excluded.moved
            """,
            *zip(*touched, strict=True),
        )


async def bring(tx: Connection, other: Connection, client_ids: Sequence[UUID]) -> None:
    """Stage on the first connection, too, what the other has staged of clients."""
    if client_ids:
        for table in ("staged_clients", "staged_contacts", "staged_subscriptions"):
            flow: asyncio.Queue[bytes] = asyncio.Queue(FLOWING)
            await together(_read(other, table, client_ids, flow), _write(tx, table, flow))


async def _read(
    tx: Connection, table: str, client_ids: Sequence[UUID], flow: asyncio.Queue[bytes]
) -> None:
    query = f"SELECT * FROM {table} WHERE client_id = ANY($1)"  # noqa: S608 - our own names
    await tx.copy_from_query(query, client_ids, output=flow.put, format="binary")
    await flow.put(b"")


async def _write(tx: Connection, table: str, flow: asyncio.Queue[bytes]) -> None:
    await tx.copy_to_table(table, source=_until_empty(flow), format="binary")


async def _until_empty(flow: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while data := await flow.get():
        yield data
