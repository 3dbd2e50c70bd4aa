"""How the columns' values are read: by the same checks as those of requests."""

from typing import Any

from services.clients.domain import values
from shared.chassis.imports import Column, Kind, integer

ROLE_OF_TEAM = "channel_account_manager"

TEXT = Kind(values.text, "one line of text", "text")
PRODUCT = Kind(
    values.product,
    f"a product's name of at most {values.LONGEST_PRODUCT} characters",
    "Marketing Hub Professional",
)
LINES = Kind(values.lines, "text", "text")
EMAIL = Kind(values.email, "one e-mail address, such as ana@example.com", "ana@example.com")
HOST = Kind(values.host, "a domain name, such as example.com", "example.com")
CURRENCY = Kind(values.currency, "an ISO 4217 code of a currency in use, such as USD", "USD")
TIME_ZONE = Kind(values.time_zone, "an IANA time zone, such as Europe/Berlin", "Europe/Berlin")
ROLE = Kind(values.role, "a role, such as channel_account_manager", ROLE_OF_TEAM)
ID = integer(1, values.BIGGEST_ID, example="101")
COUNT = integer(0, values.BIGGEST_ID, example="2000")
EMPLOYEES = integer(0, 2**31 - 1, example="250")
APPS = integer(0, values.MOST_APPS, example="5")


def _roles(value: str) -> list[str]:
    return sorted({values.role(part) for part in value.split(";") if part.strip()})


ROLES = Kind(_roles, "roles with ; between them, such as decision_maker;billing", "decision_maker")


def hub() -> Column:
    """The column that says whose row it is."""
    return Column(
        "Partner Hub ID", "hub", ID, "The partner's HubSpot account.", example="1001", key=True
    )


def record(what: str) -> Column:
    """The column with the id that the partner's CRM gave."""
    return Column("Record ID", "record", ID, f"The {what} in the partner's CRM.", key=True)


def company() -> Column:
    """The column that says which client something belongs to."""
    return Column(
        "Associated Company ID",
        "company",
        ID,
        "Record ID of the company, in companies.csv or imported before.",
        aliases=("Primary Associated Company ID", "Associated Company IDs (Primary)"),
    )


def optional(name: str, field: str, kind: Kind, description: str, **more: Any) -> Column:
    """A column that may be missing: what is known is then kept. An empty cell clears it."""
    return Column(name, field, kind, description, required=False, **more)
