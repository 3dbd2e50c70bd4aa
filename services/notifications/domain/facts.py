"""What a fact about a contract change means for the messages about it."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a contract change stands at a version. A status of None: as it was, it only moved."""

    renewal_id: UUID
    client_id: UUID
    partner_id: UUID
    version: int
    starts: date
    status: str | None = None
    deadline: date | None = None

    def after(self, earlier: "Fact | None") -> "Fact":
        """The fact, with what an earlier one said and this one does not."""
        if earlier is None:
            return self
        return replace(
            self,
            status=self.status or earlier.status,
            deadline=self.deadline or earlier.deadline,
        )
