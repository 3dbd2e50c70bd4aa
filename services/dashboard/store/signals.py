"""Word between processes that a partner's page is not what it was."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from shared.chassis.database import Connection

CHANNEL: Final = "dashboard_changes"


async def tell(tx: Connection, partner_ids: Collection[UUID]) -> None:
    """Say once this commits that partners' pages changed; of a model that does not serve, nothing.

    PostgreSQL says it once per partner and transaction, however often it is told.
    """
    if partner_ids:
        await tx.execute(
            """
            SELECT pg_notify($1, partner_id::text)
              FROM unnest($2::uuid[]) AS told (partner_id)
             WHERE EXISTS (SELECT FROM public.builds
                            WHERE state = 'serving' AND model = current_schema())
            """,
            CHANNEL,
            list(partner_ids),
        )
