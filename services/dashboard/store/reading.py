"""What a page is read in: one partner's rows, of the model that serves, as of one moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

import asyncpg

from shared.chassis.database import Connection

# One round trip; as the second statement of a prepared pair it would be one more. No value here
# is anybody's text.
_BEGIN: Final = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT set_config('search_path', model || ', public', true),
           set_config('app.partner', '{partner_id}', true),
           set_config('statement_timeout', '{milliseconds:d}ms', true),
           set_config('role', 'dashboard_tenant', true)
      FROM builds
     WHERE state = 'serving'
    """
_LOST: Final = (asyncpg.InterfaceError, asyncpg.PostgresError, OSError)


@asynccontextmanager
async def entered(
    tx: Connection, partner_id: UUID, statement_seconds: float
) -> AsyncIterator[Connection]:
    """Begin a transaction that sees one partner's rows and no others, and end it.

    Role, partner and model hold until then. The model is chosen in the snapshot that all its
    reads have, so that no page is of two.
    """
    milliseconds = int(statement_seconds * 1000)
    try:
        await tx.execute(_BEGIN.format(partner_id=UUID(str(partner_id)), milliseconds=milliseconds))
        yield tx
    except BaseException:
        with suppress(*_LOST):  # then the pool has it back already, or there is nothing to end
            await tx.execute("ROLLBACK")
        raise
    await tx.execute("COMMIT")
