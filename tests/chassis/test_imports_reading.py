"""What is read from CSV files as they come: good rows, bad rows, and where each stands."""

import contextlib
import csv
import io
import os
import pty
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.imports import (
    Problem,
    Table,
    boolean,
    choice,
    currency,
    day,
    describe,
    domain,
    email,
    instant,
    integer,
    money,
    template,
    time_zone,
)
from shared.chassis.imports.progress import Bar, Lines, Progress
from shared.chassis.imports.reading import find, read_batches
from tests.chassis.gadgets.imports import SHOPS

HEADER = "Record ID,Shop name,Region,Opened,Turnover"


def write(folder: Path, content: str | bytes, name: str = "shops.csv") -> Path:
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(raw)
    return folder


def read(folder: Path, table: Table = SHOPS) -> tuple[list[tuple[Any, ...]], list[Problem]]:
    [source], _ = find(folder, [table])
    rows = [row for batch in read_batches(source) for row in batch.rows]
    return rows, source.problems


def by_line(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line)


PLAIN = [(1, "Ann's", 2, date(2024, 2, 29), Decimal("12.50")), (2, "Bob", None, None, Decimal(0))]

SPELLINGS = {
    "plain": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,\n",
    "no newline at the end": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,",
    "windows": f"\ufeff{HEADER}\r\n1,Ann's,2,2024-02-29,12.50\r\n2,Bob,,,\r\n",
    "semicolons": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,\n".replace(",", ";"),
    "tabs": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,\n".replace(",", "\t"),
    "excel says so": "sep=;\r\n"
    + f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,\n".replace(",", ";"),
    "all quoted": '"Record ID","Shop name","Region","Opened","Turnover"\n'
    '"1","Ann\'s","2","2024-02-29","12.50"\n"2","Bob","","",""\n',
    "other order, case and blanks": "TURNOVER, shop  NAME ,record id,opened,region\n"
    " 12.50 ,Ann's, 1 ,2024-02-29 00:00,2\n,Bob,2,,\n",
    "alias and more columns": "Record ID,Name,Region,Opened,Turnover,Colour\n"
    "1,Ann's,2,2024-02-29,12.50,red\n2,Bob,,,,\n",
    "empty lines": f"{HEADER}\n\n1,Ann's,2,2024-02-29,12.50\n\n\n2,Bob,,,\n\n",
    "delimiter at the end": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50,\n2,Bob,,,,,\n",
    "continental money": f"{HEADER}\n1,Ann's,2,2024-02-29,12.50\n2,Bob,,,\n".replace(
        ",", ";"
    ).replace("12.50", "12,50"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_file_is_read_however_it_is_written(tmp_path: Path, spelling: str) -> None:
    assert read(write(tmp_path, SPELLINGS[spelling])) == (PLAIN, [])


def test_a_text_may_go_on_over_lines_and_hold_delimiters_and_quotes(tmp_path: Path) -> None:
    rows, problems = read(
        write(tmp_path, f'{HEADER}\r\n1,"a ""b"", c;\r\nd",,,\r\nx,Bad,,,\r\n2,e,,,\r\n')
    )
    assert [row[:2] for row in rows] == [(1, 'a "b", c;\r\nd'), (2, "e")]
    assert [(each.line, each.column, each.value) for each in problems] == [(4, "Record ID", "x")]


def test_what_is_not_used_is_said_once(tmp_path: Path) -> None:
    _, notes = find(write(tmp_path, f"{HEADER},Colour,Size\n"), [SHOPS])
    [source], _ = find(tmp_path, [SHOPS])
    assert notes == []
    assert source.layout.notes == ("shops.csv: not used: colour, size",)


BAD_ROWS = [
    ("x,n,,,", "Record ID", "x", "a whole number, 1 or more"),
    ("0,n,,,", "Record ID", "0", "a whole number, 1 or more"),
    ("1_0,n,,,", "Record ID", "1_0", "a whole number"),
    ("9223372036854775808,n,,,", "Record ID", "9223372036854775808", "a whole number"),
    (",n,,,", "Record ID", "", "a whole number, 1 or more"),
    ("7,,,,", "Shop name", "", "text of at most 40"),
    (f"7,{'n' * 41},,,", "Shop name", "n" * 41, "text of at most 40"),
    ("7,a\0b,,,", "Shop name", "a\\x00b", "text of at most 40"),
    ("7,n,one,,", "Region", "one", "a whole number"),
    ("7,n,,2026-02-30,", "Opened", "2026-02-30", "a date that there is, as YYYY-MM-DD"),
    ("7,n,,30.01.2026,", "Opened", "30.01.2026", "a date that there is"),
    ("7,n,,0001-01-01,", "Opened", "0001-01-01", "a date that there is"),
    ("7,n,,2026-01-01x,", "Opened", "2026-01-01x", "a date that there is"),
    ('7,n,,,"1,234"', "Turnover", "1,234", "an amount with at most two decimals"),
    ("7,n,,,-5", "Turnover", "-5", "an amount"),
    ("7,n,,,1.005", "Turnover", "1.005", "an amount"),
    ("7,n,,,9999999999999", "Turnover", "9999999999999", "an amount"),
    ("7,n,,,NaN", "Turnover", "NaN", "an amount"),
    ("7,n,,", "", "4 fields", "5 fields, as the header has"),
    ("7,n,,,,surplus", "", "6 fields", "5 fields, as the header has"),
    ('7,"n" x,,,', "", '7,"n" x,,,', "a field in double quotes, closed"),
    ('7,"never closed,,,', "", '7,"never closed,,,', "a quote that is closed"),
    ("1,twice,,,", "Record ID", "1", "a value that no other row has; line 2 has it too"),
]


@pytest.mark.parametrize(
    ("row", "column", "value", "expected"), BAD_ROWS, ids=[r[0] for r in BAD_ROWS]
)
def test_a_bad_row_is_told_with_its_place_and_costs_nothing_else(
    tmp_path: Path, row: str, column: str, value: str, expected: str
) -> None:
    rows, problems = read(write(tmp_path, f"{HEADER}\n1,a,,,\n{row}\n3,c,,,\n4,d,,,\n"))
    assert [good[0] for good in rows] == [1, 3, 4]
    [problem] = problems
    assert (problem.file, problem.line) == ("shops.csv", 3)
    assert (problem.column, problem.value) == (column, value)
    assert problem.expected.startswith(expected)


def test_bytes_that_are_no_text_are_shown_and_cost_their_row_alone(tmp_path: Path) -> None:
    rows, problems = read(
        write(tmp_path, HEADER.encode() + b"\n1,caf\xe9,,,\n2,caf\xc3\xa9,,,\n\xff,x,,,\n")
    )
    assert [row[:2] for row in rows] == [(2, "café")]
    assert [(each.line, each.value, each.expected) for each in by_line(problems)] == [
        (2, "caf\\xe9", "text in UTF-8"),
        (4, "\\xff", "a whole number, 1 or more"),
    ]


def test_every_bad_value_of_a_row_is_told(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path, f"{HEADER}\nx,,y,z,\n"))
    assert rows == []
    assert [each.column for each in problems] == ["Record ID", "Shop name", "Region", "Opened"]


def test_an_open_quote_at_the_very_end_costs_the_last_row(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path, f'{HEADER}\n1,a,,,\n2,"b,,,\n'))
    assert [row[0] for row in rows] == [1]
    assert [(each.line, each.value) for each in problems] == [(3, '2,"b,,,')]


def test_an_open_quote_far_from_any_other_costs_its_row_alone(tmp_path: Path) -> None:
    good = "".join(f"{number},{'n' * 30},,,\n" for number in range(10, 10_000))
    rows, problems = read(write(tmp_path, f'{HEADER}\n1,"a,,,\n{good}'))
    assert len(rows) == 9990
    assert [each.line for each in problems] == [2]


def test_a_field_without_end_is_refused_alone(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path, f'{HEADER}\n1,"{"n" * 200_000}",,,\n2,b,,,\n'))
    assert [row[0] for row in rows] == [2]
    assert [(each.line, each.expected) for each in problems] == [
        (2, "fields of at most 131072 characters, with quotes closed")
    ]


def test_bad_rows_among_many_are_found_exactly(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable
    lines, spoiled = [HEADER], {}
    for number in range(1, 3001):
        lines.append(
            f'{number},"Shop ""{number}"", Ltd",{number % 3 + 1},2026-01-{number % 28 + 1:02},1.00'
        )
        if number % 100 == 0:
            row = chance.choice(BAD_ROWS[:-1])[0]
            spoiled[len(lines)] = row
            lines[-1] = row
    rows, problems = read(write(tmp_path, "\n".join(lines)))
    assert [each.line for each in problems] == sorted(spoiled)
    assert len(rows) == 3000 - len(spoiled)


@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
                min_size=1,
                max_size=30,
            ),
            st.dates(date(1900, 1, 1), date(2199, 12, 31)),
            st.decimals(0, 10**9, places=2),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_whatever_was_written_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: Sequence[tuple[str, date, Decimal]],
    delimiter: str,
    newline: str,
    mark: bool,
) -> None:
    kept = [row for row in given_rows if row[0].strip()]
    made = io.StringIO()
    writer = csv.writer(made, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER.split(","))
    for number, (name, opened, turnover) in enumerate(kept, 1):
        writer.writerow([number, name, "", opened, turnover])
    raw = made.getvalue().encode("utf-8-sig" if mark else "utf-8")
    rows, problems = read(write(tmp_path_factory.mktemp("csv"), raw))
    assert problems == []
    assert rows == [
        (number, name.strip(), None, opened, turnover)
        for number, (name, opened, turnover) in enumerate(kept, 1)
    ]


def test_the_template_of_a_file_can_be_imported(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path, template(SHOPS)))
    assert (rows, problems) == ([(1, "Corner", None, None, Decimal(0))], [])


def test_the_description_names_every_column_with_an_example() -> None:
    told = describe([SHOPS, replace(SHOPS, file="more.csv", required=False)])
    assert "shops.csv (required): A shop in each row." in told
    assert "more.csv (may be left out)" in told
    for column in SHOPS.columns:
        assert f"{column.name}" in told
        assert column.kind.expected in told
    assert "also Name" in told


KINDS = [
    (integer(1, 9), ["1", "9"], [1, 9], ["0", "10", "+1", "1.0", "٣", "-1", "1e1"]),
    (money(), ["0", "7", "1.5", "1,234.50", "1.234,50", "1234,50", "12,345,678.90"],
     [Decimal(x) for x in ("0", "7", "1.5", "1234.50", "1234.50", "1234.50", "12345678.90")],
     ["1,23,4.00", "1 000", "$5", "1e3", "Infinity", ".5", "1.", "--1"]),
    (currency(), ["usd", "EUR"], ["USD", "EUR"], ["US", "USDX", "U$D", "€€€"]),
    (day(), ["2024-02-29", "2024-02-29 10:15", "2024-02-29T10:15:30Z"], [date(2024, 2, 29)] * 3,
     ["2023-02-29", "2024-2-9", "20240229", "2024-W01-1", "2024-02-29 25", "2024-02-29 10:15 PM"]),
    (instant(), ["2024-02-29 10:15", "2024-02-29T12:15:00+02:00"],
     [datetime(2024, 2, 29, 10, 15, tzinfo=UTC)] * 2, ["2024-02-29", "2024-02-29 24:30", "now"]),
    (boolean(), ["Yes", "TRUE", "1", "no", "False", "0"], [True] * 3 + [False] * 3, ["ja", "2"]),
    (choice({"Sold": 1, "Managed": 2}), ["sold", "MANAGED"], [1, 2], ["both"]),
    (choice(("a", "b")), ["A"], ["a"], ["c"]),
    (email(), ["Ann.O'Neil+x@Sub.Example.COM"], ["ann.o'neil+x@sub.example.com"],
     ["ann", "a@b", "a@b..com", "a b@c.com", "a@-b.com", "ann@example.com\n", ".a@b.com",
      "a@b.c1\r\nBcc: x", "x" * 65 + "@b.com", "a@" + "b" * 64 + ".com", "ä@b.com",
      "a@b.com,c@d.com", "<a@b.com>"]),
    (domain(), ["Example.COM", "a-b.co.uk"], ["example.com", "a-b.co.uk"],
     ["https://example.com", "example.com/", "example", "-a.com", "a..com", "a b.com"]),
    (time_zone(), ["Europe/Dublin"], ["Europe/Dublin"], ["Dublin", "../etc/passwd", "CEST"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "good", "read_as", "bad"), KINDS, ids=[k[0].expected[:25] for k in KINDS]
)
def test_each_kind_reads_what_it_should_and_nothing_else(
    kind: Any, good: list[str], read_as: list[Any], bad: list[str]
) -> None:
    assert [kind.parse(value) for value in good] == read_as
    assert kind.parse(kind.example) is not None
    for value in bad:
        with pytest.raises(ValueError):
            kind.parse(value)


def test_without_a_terminal_progress_is_a_line_for_each_file() -> None:
    stream = io.StringIO()
    with Progress.on(stream) as progress:
        assert isinstance(progress, Lines)
        progress.begin("shops.csv", 1000)
        progress.move(500, 10, 1)
        progress.end(20, 1, 2.0)
    assert stream.getvalue() == "shops.csv: 20 rows, 1 bad, 2.0 s 10 rows/s\n"


def test_a_long_file_is_heard_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.chassis.imports.progress.LINE_SECONDS", 0.0)
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("shops.csv", 1000)
    lines.move(500, 1234, 1)
    assert stream.getvalue() == "shops.csv: 50 %, 1,234 rows, 1 bad\n"


def test_on_a_terminal_progress_is_a_bar() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, Progress.on(terminal) as progress:
        assert isinstance(progress, Bar)
        progress.move(1, 1, 0)  # nothing has begun
        progress.begin("shops.csv", 1000)
        progress.move(500, 10, 0)
        progress.end(20, 0, 2.0)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal that was closed
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert b"shops.csv" in shown
    assert b"20 rows" in shown
