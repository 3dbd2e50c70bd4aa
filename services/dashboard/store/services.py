"""Whether the partner services a client, and whether HubSpot was told that it no longer does."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class ServicesRow:
    """A client's services. ``told_at`` is when HubSpot's people were first told of their end."""

    client_id: UUID
    domain: str
    name: str
    active: bool
    version: int
    period: int
    ended_at: datetime | None
    told_at: datetime | None

    @property
    def can_be_undone(self) -> bool:
        """Whether services ended and nobody outside was told of it yet."""
        return not self.active and self.told_at is None


async def find_services(tx: Connection, client_id: UUID) -> ServicesRow | None:
    """A client's services; None where the partner has no such client.

    The version is the clients service's, also where only the end itself was heard yet. Only what
    was told since the present end counts, since services may have ended before.
    """
    row = await tx.fetchrow(
        """
        SELECT c.client_id, c.domain, c.name, c.active,
               greatest(c.version, c.services_version) AS version, c.period, c.ended_at,
               (SELECT min(m.at)
                  FROM messages m
                 WHERE m.client_id = c.client_id AND m.kind = 'services_ended'
                   AND m.state IN ('sent', 'in_doubt') AND m.at >= c.ended_at) AS told_at
          FROM clients c
         WHERE c.client_id = $1 AND c.version > 0
        """,
        client_id,
    )
    return ServicesRow(**dict(row)) if row else None
