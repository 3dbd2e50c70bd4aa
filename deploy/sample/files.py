"""The CSV files of a portfolio, written as they come, and rows spoiled on purpose."""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

CLIENTS: dict[str, tuple[str, ...]] = {
    "partners.csv": ("Hub ID", "Partner name", "Time zone"),
    "partner_users.csv": (
        "Partner Hub ID",
        "User ID",
        "First Name",
        "Last Name",
        "Email",
        "Role",
        "Status",
    ),
    "hubspot_team.csv": ("Partner Hub ID", "Name", "Email", "Role", "Description"),
    "companies.csv": (
        "Partner Hub ID",
        "Record ID",
        "Company name",
        "Company Domain Name",
        "Industry",
        "City",
        "Country/Region",
        "Phone Number",
        "Number of Employees",
        "Customer Hub ID",
        "Sold",
        "Managed",
        "Sold date",
        "Renewal manager name",
        "Renewal manager email",
        "Contact tier",
        "Contacts limit",
        "Contacts used",
        "Email send limit",
        "Emails sent",
        "Apps used",
        "Usage period end",
    ),
    "contacts.csv": (
        "Partner Hub ID",
        "Record ID",
        "First Name",
        "Last Name",
        "Email",
        "Job Title",
        "Phone Number",
        "Associated Company ID",
        "Roles",
    ),
    "subscriptions.csv": (
        "Partner Hub ID",
        "Record ID",
        "Associated Company ID",
        "Product",
        "MRR",
        "Currency",
        "Term start",
        "Term end",
    ),
}
RENEWALS: dict[str, tuple[str, ...]] = {
    "renewal_settings.csv": (
        "Partner Hub ID",
        "Default renewal owner",
        "Notified user ID",
        "Point of contact user ID",
        "Send hour",
        "Stages",
    ),
    "renewal_owners.csv": (
        "Partner Hub ID",
        "Record ID",
        "Renewal owner",
        "Notified user ID",
        "Point of contact user ID",
    ),
    "quotes.csv": (
        "Partner Hub ID",
        "Record ID",
        "Renewal start",
        "Option",
        "Product",
        "Renewal MRR",
        "Currency",
        "Default",
    ),
}
TIERS: dict[str, tuple[str, ...]] = {
    "certifications.csv": ("Partner Hub ID", "Certified on", "Expires on"),
    "credited_tiers.csv": ("Partner Hub ID", "Credited tier", "Since"),
    "currency_rates.csv": ("Date", "From", "To", "Rate"),
}
MOVED = {"subscriptions.csv": CLIENTS["subscriptions.csv"]}
DEACTIVATED = {"partner_users.csv": CLIENTS["partner_users.csv"]}

FOLDERS = {
    "clients": CLIENTS,
    "renewals": RENEWALS,
    "tiers": TIERS,
    "moved": MOVED,
    "deactivated": DEACTIVATED,
}


class Sheet:
    """One CSV file. It is written row by row, so that no portfolio is too large for memory."""

    def __init__(self, file: TextIO, name: str, columns: Sequence[str]) -> None:
        self._file, self.name, self.columns = file, name, columns
        self._writer = csv.writer(file, lineterminator="\n")
        self.rows = 0
        self.line = 1  # where the next row begins
        self.write(columns)
        self.rows = 0

    def write(self, row: Sequence[Any]) -> int:
        """Write a row; returns the line where it begins, the header being line 1."""
        begins = self.line
        self._writer.writerow(row)
        self.rows += 1
        self.line += 1 + sum(each.count("\n") for each in row if isinstance(each, str))
        return begins

    def write_part(self, row: Sequence[Any], fields: int) -> int:
        """Write the first fields of a row and no more, as a file cut by hand would have it."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row[:fields])
        begins = self.line
        self._file.write(line.getvalue())
        self.rows += 1
        self.line += 1
        return begins


class Folder:
    """All files of a portfolio, open for writing."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._stack = ExitStack()
        self._sheets: dict[tuple[str, str], Sheet] = {}

    def __enter__(self) -> Self:
        for name, files in FOLDERS.items():
            (self.path / name).mkdir(parents=True, exist_ok=True)
            for file, columns in files.items():
                opened = self._stack.enter_context(
                    (self.path / name / file).open("w", encoding="utf-8", newline="")
                )
                self._sheets[name, file] = Sheet(opened, file, columns)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, stack)

    def sheet(self, folder: str, file: str) -> Sheet:
        """One of the files."""
        return self._sheets[folder, file]

    def write_json(self, file: str, content: Any) -> None:
        """Write a JSON file beside the folders."""
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (self.path / file).write_text(text + "\n", encoding="utf-8")
