"""Reads a CSV file in batches, in constant memory, and tells where each row begins."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from shared.chassis.imports.columns import Column
from shared.chassis.imports.tables import Batch, Problem, Table, shown

DELIMITERS = (",", ";", "\t")
_UNDECODED = re.compile(r"[\ud800-\udfff]")  # what surrogateescape makes of a byte
_SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)


class UnusableError(Exception):
    """The input cannot be used at all; the text says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one file is written: its delimiter, and in which place each field stands."""

    delimiter: str
    header_line: int
    width: int
    places: dict[str, int]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Source:
    """A file with the table that it holds."""

    table: Table
    path: Path
    layout: Layout
    problems: list[Problem] = field(default_factory=list)
    rows: int = 0
    bad: int = 0
    tell: Callable[[], int] = int  # how many bytes were read


def find(folder: Path, tables: Sequence[Table]) -> tuple[list[Source], list[str]]:
    """Look at every file before the first row of any is used. Raises UnusableError."""
    if not folder.is_dir():
        raise UnusableError(f"{folder} is no folder; give one that holds {_names(tables)}")
    present = {path.name.casefold(): path for path in sorted(folder.iterdir()) if path.is_file()}
    sources, notes = [], []
    for table in tables:
        path = present.get(table.file.casefold())
        if path is not None:
            sources.append(Source(table, path, look_at(path, table)))
        elif table.required:
            raise UnusableError(f"{folder} has no {table.file}; expected: {table.description}")
        else:
            notes.append(f"{table.file} is not there, so nothing is read for it")
    if not sources:
        raise UnusableError(f"{folder} holds none of {_names(tables)}")
    return sources, notes


def _names(tables: Iterable[Table]) -> str:
    return ", ".join(table.file for table in tables)


def look_at(path: Path, table: Table) -> Layout:
    """Find out how a file is written. Raises UnusableError where a column is missing."""
    with path.open("rb") as raw:
        start = raw.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnusableError(f"{path} is in UTF-16; expected UTF-8 (in Excel: 'CSV UTF-8')")
    with _opened(path) as lines:
        delimiters, line = list(DELIMITERS), 1
        first = lines.readline()
        if separated := _SEP_LINE.fullmatch(first):
            delimiters, line, first = [separated[1]], 2, lines.readline()
        if not first.strip():
            raise UnusableError(f"{path} has no header line; expected {_header(table)}")
        rest = [first, *(lines.readline() for _ in range(9))]  # a header may have quoted newlines
    found = [_layout(path, table, rest, delimiter, line) for delimiter in delimiters]
    layout = max(found, key=lambda each: len(each.places))
    missing = [
        column.name
        for column in table.columns
        if column.required and column.field not in layout.places
    ]
    if missing:
        raise UnusableError(
            f"{path} has no column {', '.join(map(repr, missing))}; expected {_header(table)}"
        )
    return layout


def _header(table: Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _layout(path: Path, table: Table, lines: list[str], delimiter: str, line: int) -> Layout:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        names = [_folded(name) for name in next(reader)]
    except csv.Error as error:
        raise UnusableError(f"{path}:{line}: the header cannot be read: {error}") from error
    places: dict[str, int] = {}
    for column in table.columns:
        for name in (column.name, *column.aliases):
            at = [place for place, each in enumerate(names) if each == _folded(name)]
            if len(at) > 1:
                raise UnusableError(f"{path}:{line}: column {name!r} is there {len(at)} times")
            if at and column.field not in places:
                places[column.field] = at[0]
    used = set(places.values())
    unknown = [name for place, name in enumerate(names) if place not in used and name]
    notes = (f"{path.name}: not used: {', '.join(unknown)}",) if unknown else ()
    return Layout(delimiter, line + reader.line_num - 1, len(names), places, notes)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Lines:
    """The physical lines of a file; remembers those of the row at hand, to take them back."""

    def __init__(self, file: TextIO) -> None:
        self._next = file.__next__
        self._back: list[str] = []
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else self._next()
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Keep the row's first line alone; the others will be read again."""
        self._back.extend(reversed(self.taken[1:]))
        del self.taken[1:]


class _WidthError(csv.Error):
    """A row with another number of fields than the header."""


def read_rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Give each row with the line where it begins; what is no row becomes a problem.

    A quote that is never closed would swallow the rows behind it: where a row of several lines
    does not come out right, but its second line alone would, the first line is the bad one.
    """
    width, delimiter = source.layout.width, source.layout.delimiter
    with _opened(source.path) as file:
        lines = _Lines(file)
        source.tell = file.buffer.tell
        for _ in range(source.layout.header_line):
            next(lines)
        lines.taken.clear()
        at = source.layout.header_line + 1
        while True:
            try:
                for row in csv.reader(lines, delimiter=delimiter, strict=True):
                    if row:
                        if len(row) != width:
                            _cut_empty_tail(row, width)
                        yield at, row
                    at += len(lines.taken)
                    lines.taken.clear()
            except csv.Error as error:
                at = _report(source, lines, at, error)
            else:
                # The last batch is asked about once the file is closed.
                source.tell = partial(int, file.buffer.tell())
                return


def _cut_empty_tail(row: list[str], width: int) -> None:
    """Take away what a delimiter at the end of the line adds. Raises _WidthError."""
    if len(row) < width or any(row[width:]):
        raise _WidthError(f"{len(row)} fields")
    del row[width:]


def _expected_of(error: csv.Error, width: int) -> str:
    if isinstance(error, _WidthError):
        return f"{width} fields, as the header has"
    if "field larger" in str(error):
        return f"fields of at most {csv.field_size_limit()} characters, with quotes closed"
    return "a field in double quotes, closed before the next delimiter, with inner quotes doubled"


def _report(source: Source, lines: _Lines, at: int, error: csv.Error) -> int:
    """Put a row that is none among the problems; return the line to go on with."""
    expected = _expected_of(error, source.layout.width)
    value = str(error) if isinstance(error, _WidthError) else lines.taken[0].rstrip("\r\n")
    if len(lines.taken) > 1 and _is_row(lines.taken[1], source.layout):
        value, expected = lines.taken[0].rstrip("\r\n"), "a quote that is closed"
        lines.give_back()
    source.rows += 1
    source.bad += 1
    source.problems.append(Problem(source.table.file, at, "", _shown_bytes(value), expected))
    at += len(lines.taken)
    lines.taken.clear()
    return at


def _is_row(line: str, layout: Layout) -> bool:
    try:
        [row] = csv.reader([line], delimiter=layout.delimiter, strict=True)
    except (csv.Error, ValueError):
        return False
    return len(row) == layout.width


def read_batches(source: Source) -> Iterator[Batch]:
    """Give the good rows, batch by batch; the others are added to the source's problems."""
    seen: dict[Any, int] = {}
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, row in read_rows(source):
        lines.append(line)
        rows.append(row)
        if len(rows) >= source.table.batch:
            yield _checked(source, lines, rows, seen)
            lines, rows = [], []
    if rows:
        yield _checked(source, lines, rows, seen)


def _checked(
    source: Source, lines: list[int], rows: list[list[str]], seen: dict[Any, int]
) -> Batch:
    """Read the texts of a batch column by column, and leave out the rows that are not right."""
    table, places = source.table, source.layout.places
    texts = list(zip(*rows, strict=True))
    source.rows += len(rows)
    bad: dict[int, Problem] = {}
    columns: dict[str, list[Any]] = {}
    for column in table.columns:
        place = places.get(column.field)
        if place is None:
            columns[column.field] = [column.default] * len(rows)
            continue
        wrong: dict[int, tuple[str, str]] = {}
        columns[column.field] = _read_column(column, texts[place], wrong)
        for at, (value, expected) in wrong.items():
            bad[at] = problem = Problem(table.file, lines[at], column.name, value, expected)
            source.problems.append(problem)
    _find_repeated(source, lines, columns, seen, bad)
    source.bad += len(bad)
    if not bad:
        return Batch(table, lines, columns)
    good = [at for at in range(len(rows)) if at not in bad]
    kept = {name: [values[at] for at in good] for name, values in columns.items()}
    return Batch(table, [lines[at] for at in good], kept)


def _read_column(
    column: Column, texts: Sequence[str], wrong: dict[int, tuple[str, str]]
) -> list[Any]:
    """Read a column's texts, each different one once."""
    stripped = list(map(str.strip, texts))
    read: dict[str, Any] = {}
    refused: dict[str, str] = {}
    parse = column.kind.parse
    for text in set(stripped):
        if not text:
            if column.required:
                refused[text] = column.kind.expected
            read[text] = column.default
            continue
        try:
            read[text] = parse(text)
        except ValueError:
            read[text], refused[text] = None, column.kind.expected
        else:
            if not text.isascii() and _UNDECODED.search(text):
                refused[text] = "text in UTF-8"
    if refused:
        for at, text in enumerate(stripped):
            if text in refused:
                wrong[at] = (_shown_bytes(text), refused[text])
    return list(map(read.__getitem__, stripped))


def _shown_bytes(text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    return shown(raw.decode("utf-8", "backslashreplace"))


def _find_repeated(
    source: Source,
    lines: list[int],
    columns: dict[str, list[Any]],
    seen: dict[Any, int],
    bad: dict[int, Problem],
) -> None:
    """Refuse a row whose key an earlier good row of the file has."""
    keys = [column for column in source.table.columns if column.key]
    if not keys:
        return
    values: Iterable[Any] = (
        columns[keys[0].field]
        if len(keys) == 1
        else zip(*(columns[key.field] for key in keys), strict=True)
    )
    name = " + ".join(key.name for key in keys)
    for at, value in enumerate(values):
        if at in bad:
            continue
        line = lines[at]
        before = seen.setdefault(value, line)
        if before != line:
            told = " + ".join(map(str, value)) if isinstance(value, tuple) else value
            expected = f"a value that no other row has; line {before} has it too"
            bad[at] = problem = Problem(source.table.file, line, name, shown(told), expected)
            source.problems.append(problem)
