"""The CSV files that the clients service owns, and what an import of them does."""

from services.clients.imports.files import (
    COMPANIES,
    CONTACTS,
    PARTNERS,
    SUBSCRIPTIONS,
    TABLES,
    TEAM,
    USERS,
)
from services.clients.imports.lanes import begin
from services.clients.imports.merging import finish

__all__ = [
    "COMPANIES",
    "CONTACTS",
    "PARTNERS",
    "SUBSCRIPTIONS",
    "TABLES",
    "TEAM",
    "USERS",
    "begin",
    "finish",
]
