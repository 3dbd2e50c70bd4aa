"""What a page is read in: one partner's rows, of the model that serves, as of one moment."""

from uuid import UUID

from shared.chassis.database import Connection


async def enter(tx: Connection, partner_id: UUID, statement_seconds: float) -> None:
    """Make a transaction, its first statement ahead, see one partner's rows and no others.

    Role, partner and model hold until it ends. The model is chosen in the snapshot that all its
    reads have, so that no page is of two.
    """
    await tx.execute(
        """
        SELECT set_config('search_path', model || ', public', true),
               set_config('app.partner', $1, true),
               set_config('statement_timeout', $2, true),
               set_config('role', 'dashboard_tenant', true)
          FROM builds
         WHERE state = 'serving'
        """,
        str(partner_id),
        f"{int(statement_seconds * 1000)}ms",
    )
