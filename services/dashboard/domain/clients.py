"""A client as the list has it, and how many e-mails its contact tier lets it send."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client in the list. ``mrrs`` has each currency with its amount, the main one first.

    ``owner`` is the effective renewal owner: hubspot or partner. Two with the same content are
    equal, and read the same.
    """

    client_id: UUID
    domain: str
    name: str
    products: tuple[str, ...]
    sold: bool
    managed: bool
    serviced: bool
    apps_used: int | None
    mrrs: tuple[tuple[str, Decimal], ...]
    record_id: int | None
    account_id: int | None
    owner: str


def email_limit(contacts: int, products: Sequence[str]) -> int:
    """How many e-mails a month go with a contact tier: ten for each contact, five for Starter."""
    marketing = [each for each in products if "marketing" in each.lower()] or products
    starter = bool(marketing) and all("starter" in each.lower() for each in marketing)
    return contacts * (5 if starter else 10)
