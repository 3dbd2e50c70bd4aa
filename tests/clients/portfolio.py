"""A small portfolio as CSV files, imported as a person would import it."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.clients import imports
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.imports import Context, Report, run
from shared.contracts import ids

NORTH, SOUTH = 1001, 1002
OURS, THEIRS = ids.partner_id(NORTH), ids.partner_id(SOUTH)
ANN, BEN, CAT = (ids.user_id(NORTH, number) for number in (11, 12, 13))
DAN = ids.user_id(SOUTH, 21)
ACME, BOLT, CREST = (ids.client_id(NORTH, record) for record in (1, 2, 3))
DELTA = ids.client_id(SOUTH, 1)
EVE, FAY = ids.contact_id(NORTH, 501), ids.contact_id(NORTH, 502)
MARKETING, SALES = ids.subscription_id(NORTH, 901), ids.subscription_id(NORTH, 902)

Row = dict[str, Any]


def partner(hub: int, **other: Any) -> Row:
    return {"Hub ID": hub, "Partner name": f"Agency {hub}", "Time zone": "Europe/Berlin"} | other


def user(hub: int, number: int, name: str, **other: Any) -> Row:
    return {
        "Partner Hub ID": hub,
        "User ID": number,
        "First Name": name,
        "Last Name": "Lee",
        "Email": f"{name.lower()}@agency{hub}.example",
        "Role": "admin",
        "Status": "active",
    } | other


def member_of_team(hub: int, **other: Any) -> Row:
    return {
        "Partner Hub ID": hub,
        "Name": "Cam Manager",
        "Email": "cam@hubspot.example.com",
        "Role": "Channel Account Manager",
        "Description": "Helps with\nplans",
    } | other


def company(hub: int, record: int, name: str, **other: Any) -> Row:
    return {
        "Partner Hub ID": hub,
        "Record ID": record,
        "Company name": name,
        "Company Domain Name": f"{name.split(maxsplit=1)[0].lower()}.example.com",
        "Industry": "Software",
        "City": "Dublin",
        "Country/Region": "Ireland",
        "Phone Number": "+353 1 555 0100",
        "Number of Employees": 40,
        "Customer Hub ID": 500_000 + record,
        "Sold": "yes",
        "Managed": "yes",
        "Sold date": "2025-06-01",
        "Renewal manager name": "Remy Moss",
        "Renewal manager email": "remy@hubspot.example.com",
        "Contact tier": "Professional 10,000",
        "Contacts limit": 10_000,
        "Contacts used": 9_300,
        "Email send limit": "",
        "Emails sent": 20_000,
        "Apps used": 5,
        "Usage period end": "2025-12-31",
    } | other


def contact(hub: int, record: int, of: int, name: str, **other: Any) -> Row:
    return {
        "Partner Hub ID": hub,
        "Record ID": record,
        "First Name": name,
        "Last Name": "Ruiz",
        "Email": f"{name.lower()}@client.example.com",
        "Job Title": "Head of Marketing",
        "Phone Number": "+34 555 0100",
        "Associated Company ID": of,
        "Roles": "decision_maker;primary",
    } | other


def subscription(hub: int, record: int, of: int, **other: Any) -> Row:
    return {
        "Partner Hub ID": hub,
        "Record ID": record,
        "Associated Company ID": of,
        "Product": "Marketing Hub Professional",
        "MRR": "890.00",
        "Currency": "USD",
        "Term start": "2025-03-05",
        "Term end": "2026-03-04",
    } | other


Files = dict[str, list[Row]]


def two_partners() -> Files:
    """North with three clients, Acme, Bolt and Crest, and South with one, Delta."""
    return {
        "partners.csv": [partner(NORTH), partner(SOUTH, **{"Time zone": "America/New_York"})],
        "partner_users.csv": [
            user(NORTH, 11, "Ann"),
            user(NORTH, 12, "Ben", Role="member"),
            user(NORTH, 13, "Cat", Role="member", Status="deactivated"),
            user(SOUTH, 21, "Dan"),
        ],
        "hubspot_team.csv": [member_of_team(NORTH), member_of_team(SOUTH)],
        "companies.csv": [
            company(NORTH, 1, "Acme GmbH"),
            company(NORTH, 2, "Bolt Ltd", Managed="no", **{"Apps used": 2}),
            company(
                NORTH,
                3,
                "Crest SA",
                Sold="no",
                **{"Sold date": "", "Apps used": "", "Usage period end": ""},
            ),
            company(SOUTH, 1, "Delta Inc"),
        ],
        "contacts.csv": [
            contact(NORTH, 501, 1, "Eve"),
            contact(NORTH, 502, 1, "Fay", Roles="billing"),
            contact(SOUTH, 501, 1, "Gil"),
        ],
        "subscriptions.csv": [
            subscription(NORTH, 901, 1),
            subscription(NORTH, 902, 1, Product="Sales Hub Starter", MRR="45.50"),
            subscription(NORTH, 903, 2, Currency="EUR", MRR="2000"),
            subscription(NORTH, 904, 3, MRR="100.00"),
            subscription(SOUTH, 901, 1),
        ],
    }


def write(folder: Path, files: Files, **how: Any) -> Path:
    """Write files; each has the columns of its first row."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), restval="", **how)
            writer.writeheader()
            writer.writerows(rows)
    return folder


async def bring(
    pool: Pool,
    folder: Path,
    files: Files | None,
    clock: Clock,
    *,
    dry_run: bool = False,
    strict: bool = False,
) -> Report:
    """Import files, as `python -m services.clients import` does."""
    return await run(
        "clients",
        imports.TABLES,
        write(folder, files) if files is not None else folder,
        pool,
        Context(clock, None),
        begin=imports.begin,
        finish=imports.finish,
        dry_run=dry_run,
        strict=strict,
    )


def without(rows: Iterable[Row], *columns: str) -> list[Row]:
    """The rows of a file that does not have these columns."""
    return [{key: value for key, value in row.items() if key not in columns} for row in rows]
