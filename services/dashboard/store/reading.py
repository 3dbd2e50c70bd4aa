"""What a page is read in: one partner's rows, of the model that serves, as of one moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

from services.dashboard.store.partners import State
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
     WHERE state = 'serving';
    """
# What a statement of a script finds is not told, but how many rows it found is.
_HOLDS: Final = """
    SELECT
     WHERE current_schema() = '{model}'
       AND {mark:d} = (SELECT coalesce(sum(changed), 0) FROM public.marks)
    """


@asynccontextmanager
async def entered(
    tx: Connection, partner_id: UUID, statement_seconds: float, state: State | None = None
) -> AsyncIterator[bool]:
    """Begin a transaction that sees one partner's rows and no others, and end it.

    Role, partner and model hold until then. The model is chosen in the snapshot that all its
    reads have, so that no page is of two. Gives whether the partner's data stand in it as in
    ``state``.
    """
    script = _BEGIN.format(
        partner_id=UUID(str(partner_id)), milliseconds=int(statement_seconds * 1000)
    )
    if state is not None:
        script += _HOLDS.format(model=state.model, mark=state.mark)
    try:
        found = await tx.execute(script)
        yield state is not None and found == "SELECT 1"
    except BaseException:
        with suppress(Exception):  # then the pool has it back already, or it is lost
            await tx.execute("ROLLBACK")
        raise
    await tx.execute("COMMIT")
