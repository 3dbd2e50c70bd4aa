"""What is set for a client about who relays its contract changes."""

from dataclasses import dataclass
from uuid import UUID

from shared.chassis.database import Connection
from shared.contracts.renewals import OwnerChoice


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """A client's own choice, if it has one, at the version that the renewals service knows."""

    client_id: UUID
    domain: str
    name: str
    active: bool
    choice: OwnerChoice | None
    version: int

    @property
    def label(self) -> str:
        """How the client is called."""
        return self.domain or self.name or "Client without a name"


async def find_owner(tx: Connection, client_id: UUID) -> OwnerRow | None:
    """A client's choice; None where the partner has no such client."""
    row = await tx.fetchrow(
        """
        SELECT client_id, domain, name, active, owner, owner_version
          FROM clients
         WHERE client_id = $1 AND version > 0
        """,
        client_id,
    )
    if row is None:
        return None
    return OwnerRow(
        row["client_id"],
        row["domain"],
        row["name"],
        row["active"],
        OwnerChoice.model_validate_json(row["owner"]) if row["owner"] else None,
        row["owner_version"],
    )
