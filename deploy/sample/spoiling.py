"""Spoils rows in ten ways, and knows exactly what an import has to report of each."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any, TypeAlias

from deploy.sample.files import Sheet

UNKNOWN_COMPANY = "999999999999999"
CUT_AT = 4  # fields that are left of a row that was cut

Row: TypeAlias = list[Any]
Way: TypeAlias = Callable[[Sheet, Row, Row], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the import of the clients service has to report: where, and what stands there."""

    file: str
    line: int
    column: str
    value: str
    way: str


def _put(column: str, value: str) -> Way:
    def spoil(sheet: Sheet, row: Row, _before: Row) -> tuple[str, str]:
        row[sheet.columns.index(column)] = value
        return column, value

    return spoil


def _repeat(_sheet: Sheet, row: Row, before: Row) -> tuple[str, str]:
    row[1] = before[1]
    return "Partner Hub ID + Record ID", f"{row[0]} + {row[1]}"


def _cut(_sheet: Sheet, row: Row, _before: Row) -> tuple[str, str]:
    del row[CUT_AT:]
    return "", f"{CUT_AT} fields"


WAYS: dict[str, dict[str, Way]] = {
    "companies.csv": {
        "a name that is missing": _put("Company name", ""),
        "more apps than there are": _put("Apps used", "18"),
        "neither yes nor no": _put("Sold", "perhaps"),
    },
    "contacts.csv": {
        "an address without a domain": _put("Email", "nobody-at-nowhere"),
        "a company that there is not": _put("Associated Company ID", UNKNOWN_COMPANY),
        "a row that was cut": _cut,
    },
    "subscriptions.csv": {
        "an amount that is no number": _put("MRR", "about 12"),
        "a date that there is not": _put("Term end", "2026-02-30"),
        "a currency in a word": _put("Currency", "DOLLARS"),
        "an id that another row has": _repeat,
    },
}


class Spoiler:
    """Writes rows, every ``nth`` of a file spoiled in the next of its ways; 0 spoils none.

    Rows that belong to a spoiled company have to be reported too, since it is not there. They are
    not spoiled a second time: a row has one fault.
    """

    def __init__(self, nth: int) -> None:
        self._nth = nth
        self._ways = {file: cycle(ways.items()) for file, ways in WAYS.items()}
        self._waiting = dict.fromkeys(WAYS, 0)
        self._before: dict[str, Row] = {}
        self.expected: list[Expected] = []

    def company(self, sheet: Sheet, row: Row) -> bool:
        """Write a company; False where it was spoiled, so that nothing can belong to it."""
        return self._write(sheet, row)

    def belonging(self, sheet: Sheet, row: Row, *, company: Any, there: bool) -> None:
        """Write a row that belongs to a company."""
        if there:
            self._write(sheet, row)
            return
        self._waiting[sheet.name] += 1
        line = sheet.write(row)
        told = Expected(
            sheet.name, line, "Associated Company ID", str(company), "its company is spoiled"
        )
        self.expected.append(told)

    def _write(self, sheet: Sheet, row: Row) -> bool:
        self._waiting[sheet.name] += 1
        if not self._nth or self._waiting[sheet.name] < self._nth or not self._before:
            return self._keep(sheet, row)
        before = self._before.get(sheet.name)
        if before is None or before[0] != row[0]:
            return self._keep(sheet, row)
        self._waiting[sheet.name] = 0
        way, spoil = next(self._ways[sheet.name])
        column, value = spoil(sheet, row, before)
        self.expected.append(Expected(sheet.name, sheet.write(row), column, value, way))
        return False

    def _keep(self, sheet: Sheet, row: Row) -> bool:
        sheet.write(row)
        self._before[sheet.name] = row
        return True

    def report(self) -> dict[str, Any]:
        """What is expected, as it stands in ``spoiled.json``."""
        return {
            "service": "clients",
            "folder": "clients",
            "ways": [way for ways in WAYS.values() for way in ways],
            "problems": [asdict(each) for each in self.expected],
        }
