"""The files of an import: what each holds, who applies it, and what became of its rows."""

import csv
import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shared.chassis.clock import Clock
from shared.chassis.database import Connection
from shared.chassis.imports.columns import Column

LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one place of a file. ``line`` is where the row begins, counted from 1."""

    file: str
    line: int
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        column = f" {self.column}:" if self.column else ""
        return f"{self.file}:{self.line}:{column} {self.value!r}; expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a batch did."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.created + other.created,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What those who apply rows may need beside them.

    ``beside`` is a second connection, for two processors: it is there for an import that puts
    its rows aside first (it has a ``begin``), unless one transaction holds everything.
    """

    clock: Clock
    settings: Any
    beside: Connection | None = None


class Batch:
    """Good rows of a file, by column.

    ``batch["record_id"]`` is the list of that field's values, ready for ``unnest``; ``rows`` are
    the same as tuples in the order of the table's columns. ``refuse`` takes a row out again, for
    a reason that only the database shows, such as a client that there is not.
    """

    def __init__(self, table: "Table", lines: Sequence[int], columns: dict[str, list[Any]]) -> None:
        self.table, self.lines, self.columns = table, lines, columns
        self.problems: list[Problem] = []
        self._refused: set[int] = set()

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, field_name: str) -> list[Any]:
        return self.columns[field_name]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as tuples, in the order of the table's columns."""
        return list(zip(*(self.columns[each.field] for each in self.table.columns), strict=True))

    def refuse(self, row: int, field_name: str, expected: str) -> None:
        """Report a row, counted from 0 in this batch. Who calls it leaves the row out."""
        self._refused.add(row)
        column = self.table.column(field_name)
        value = shown(self.columns[field_name][row])
        self.problems.append(
            Problem(self.table.file, self.lines[row], column.name, value, expected)
        )

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return len(self._refused)

    def part(self, start: int, end: int) -> "Batch":
        """Some of the rows, as a batch of their own."""
        cut = {name: values[start:end] for name, values in self.columns.items()}
        return Batch(self.table, self.lines[start:end], cut)


Apply: TypeAlias = Callable[[Connection, Batch, Context], Awaitable[Counts]]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file that an import reads.

    ``apply`` gets the good rows, batch by batch, each in a transaction, and says what it did
    with those that it did not refuse. ``required`` files have to be there.
    """

    file: str
    description: str
    columns: Sequence[Column]
    apply: Apply = field(repr=False)
    required: bool = True
    batch: int = 5000

    def column(self, field_name: str) -> Column:
        """The column of a field."""
        return next(column for column in self.columns if column.field == field_name)


def shown(value: Any) -> str:
    """A value as it can be printed."""
    text = "" if value is None else str(value)
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def template(table: Table) -> str:
    """The file with its header and an example line."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerow([column.sample for column in table.columns])
    return written.getvalue()


def describe(tables: Sequence[Table]) -> str:
    """What each file holds, column by column."""
    lines: list[str] = []
    for table in tables:
        presence = "required" if table.required else "may be left out"
        lines += [f"{table.file} ({presence}): {table.description}"]
        for column in table.columns:
            marks = [
                word for word, on in (("key", column.key), ("optional", not column.required)) if on
            ]
            note = f" [{', '.join(marks)}]" if marks else ""
            lines.append(f"  {column.name}{note}: {column.description}")
            also = f"; also {', '.join(column.aliases)}" if column.aliases else ""
            example = column.example or column.kind.example
            lines.append(f"      {column.kind.expected}, such as {example!r}{also}")
        lines.append("")
    return "\n".join(lines)
