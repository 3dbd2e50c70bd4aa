"""What an import leaves behind: in the database, and in its report."""

import json
import multiprocessing
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.databases import Addresses
from shared.chassis.clock import ManualClock
from shared.chassis.commands.importing import summary
from shared.chassis.database import Connection, Pool, open_pool
from shared.chassis.imports import (
    Batch,
    Context,
    Counts,
    Problem,
    Report,
    Table,
    UnusableError,
    ahead,
    run,
)
from tests.chassis.gadgets.imports import SHOPS, apply_shops
from tests.chassis.test_imports_reading import HEADER, write

CONTEXT = Context(ManualClock(datetime(2026, 1, 15, tzinfo=UTC)), None)


@pytest.fixture
async def pool(gadgets_at: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(gadgets_at.dsn) as opened:
        yield opened


async def imported(pool: Pool, folder: Path, table: Table = SHOPS, **options: Any) -> Report:
    return await run("gadgets", [table], folder, pool, CONTEXT, **options)


async def shops(pool: Pool) -> list[int]:
    return [row["id"] for row in await pool.fetch("SELECT id FROM shops ORDER BY id")]


UNUSABLE: dict[str, tuple[str | bytes, str]] = {
    "no header": ("", "has no header line; expected Record ID, Shop name"),
    "blank header": ("\n1,a,,,\n", "has no header line"),
    "no such columns": ("Record ID;Colour\n1;2\n", "has no column 'Shop name'"),
    "a column twice": (f"{HEADER},Name,NAME\n", "is there 2 times"),
    "utf-16": (f"{HEADER}\n".encode("utf-16"), "is in UTF-16; expected UTF-8"),
    "open quote in the header": ('"Record ID\n', "has no column"),
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_a_file_that_cannot_be_used_stops_the_import_before_it_begins(
    tmp_path: Path, pool: Pool, case: str
) -> None:
    content, reason = UNUSABLE[case]
    write(tmp_path, f"{HEADER}\n1,a,,,\n")
    second = replace(SHOPS, file="more.csv")
    write(tmp_path, content, "more.csv")
    with pytest.raises(UnusableError, match=reason):
        await run("gadgets", [SHOPS, second], tmp_path, pool, CONTEXT)
    assert await shops(pool) == []


async def test_a_required_file_has_to_be_there_and_others_may_be_left_out(
    tmp_path: Path, pool: Pool
) -> None:
    with pytest.raises(UnusableError, match=r"has no shops\.csv; expected: A shop in each row"):
        await imported(pool, tmp_path)
    with pytest.raises(UnusableError, match="is no folder"):
        await imported(pool, tmp_path / "nowhere")
    optional = replace(SHOPS, required=False)
    with pytest.raises(UnusableError, match="holds none of"):
        await imported(pool, tmp_path, optional)
    write(tmp_path, f"{HEADER}\n1,a,,,\n", "MORE.CSV")
    report = await run(
        "gadgets", [optional, replace(SHOPS, file="more.csv")], tmp_path, pool, CONTEXT
    )
    assert report.notes == ["shops.csv is not there, so nothing is read for it"]
    assert await shops(pool) == [1]


async def test_the_same_files_again_change_nothing(tmp_path: Path, pool: Pool) -> None:
    write(tmp_path, HEADER + "".join(f"\n{n},a,,,1" for n in range(1, 26)))
    first = (await imported(pool, tmp_path)).files[0]
    second = (await imported(pool, tmp_path)).files[0]
    write(tmp_path, HEADER + "".join(f"\n{n},{'b' if n > 20 else 'a'},,,1" for n in range(1, 31)))
    third = (await imported(pool, tmp_path)).files[0]
    assert (first.rows, first.created, first.changed, first.unchanged) == (25, 25, 0, 0)
    assert (second.rows, second.created, second.changed, second.unchanged) == (25, 0, 0, 25)
    assert (third.rows, third.created, third.changed, third.unchanged) == (30, 5, 5, 20)


async def test_rows_that_only_the_service_or_the_database_can_judge_are_refused_alone(
    tmp_path: Path, pool: Pool
) -> None:
    rows = {5: "5,a,9,,1", 12: "12,a,,,666", 17: "17,a,,,666"}
    write(tmp_path, "\n".join([HEADER, *(rows.get(n, f"{n},a,1,,1") for n in range(1, 31))]))
    report = await imported(pool, tmp_path)
    assert await shops(pool) == [n for n in range(1, 31) if n not in rows]
    assert [(p.line, p.column, p.value, p.expected) for p in report.problems] == [
        (6, "Region", "9", "a region that there is: 1, 2 or 3"),
        (13, "", "", "a row that keeps the rule shops_turnover_check"),
        (18, "", "", "a row that keeps the rule shops_turnover_check"),
    ]
    assert (report.files[0].created, report.files[0].bad, report.exit_code) == (27, 3, 1)


async def test_a_long_file_is_read_by_a_process_of_its_own_and_reported_alike(
    tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {5: "x,a,1,,1", 12: "12,a,,,666", 17: "17,a,9,,1", 20: '20,"a,1,,1', 23: "5,a"}
    write(tmp_path, "\n".join([HEADER, *(rows.get(n, f"{n},a,1,,1") for n in range(1, 41))]))
    here = await imported(pool, tmp_path, dry_run=True)
    monkeypatch.setattr(ahead, "LONG", 0)
    there = await imported(pool, tmp_path)
    assert [p.line for p in there.problems] == [6, 13, 18, 21, 24]
    assert there.problems == here.problems
    assert replace(there.files[0], seconds=0) == replace(here.files[0], seconds=0)
    assert multiprocessing.active_children() == []


async def test_what_a_reader_fails_with_is_raised_and_its_end_is_told(
    tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LONG", 0)
    write(tmp_path, f"{HEADER}\n1,a,,,")

    def failing(_: object) -> Iterator[Batch]:
        yield from ()
        raise OSError("the disk fails")

    def dying(_: object) -> Iterator[Batch]:
        yield from ()
        os._exit(1)

    for read, expected in ((failing, "the disk fails"), (dying, "has ended")):
        monkeypatch.setattr(ahead, "read_batches", read)
        with pytest.raises((OSError, RuntimeError), match=expected):
            await imported(pool, tmp_path)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("options", "bad", "stays"),
    [
        ({}, True, True),
        ({"strict": True}, True, False),
        ({"strict": True}, False, True),
        ({"dry_run": True}, False, False),
        ({"dry_run": True, "strict": True}, True, False),
    ],
)
async def test_strict_is_all_or_nothing_and_a_dry_run_nothing(
    tmp_path: Path, pool: Pool, options: dict[str, Any], bad: bool, stays: bool
) -> None:
    rows = [f"{n},a,,,1" for n in range(1, 26)] + (["x,a,,,"] if bad else [])
    report = await imported(pool, write(tmp_path, "\n".join([HEADER, *rows])), **options)
    assert report.files[0].created == 25
    assert report.committed is stays
    assert await shops(pool) == (list(range(1, 26)) if stays else [])


async def test_two_imports_into_a_database_do_not_run_at_a_time(tmp_path: Path, pool: Pool) -> None:
    write(tmp_path, f"{HEADER}\n1,a,,,\n")

    async def apply(tx: Connection, batch: Batch, context: Context) -> Counts:
        with pytest.raises(UnusableError, match="another import"):
            await imported(pool, tmp_path)
        return await apply_shops(tx, batch, context)

    await imported(pool, tmp_path, replace(SHOPS, apply=apply))
    assert await shops(pool) == [1]
    await imported(pool, tmp_path)


async def test_an_import_that_breaks_off_leaves_whole_batches_alone(
    tmp_path: Path, pool: Pool
) -> None:
    write(tmp_path, HEADER + "".join(f"\n{n},a,,,1" for n in range(1, 26)))

    async def apply(tx: Connection, batch: Batch, context: Context) -> Counts:
        done = await apply_shops(tx, batch, context)
        if 15 in batch["id"]:
            raise RuntimeError("the machine fails")
        return done

    for strict, left in ((True, []), (False, list(range(1, 11)))):
        with pytest.raises(RuntimeError):
            await imported(pool, tmp_path, replace(SHOPS, apply=apply), strict=strict)
        assert await shops(pool) == left


async def test_the_report_can_be_read_by_machines_and_by_people(tmp_path: Path, pool: Pool) -> None:
    rows = [f"{n},a,,,1" for n in range(1, 6)] + ["x,a,,,"] * 25
    report = await imported(pool, write(tmp_path, "\n".join([HEADER, *rows])), strict=True)
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert (written["exit_code"], written["committed"], written["strict"]) == (1, False, True)
    assert written["files"][0]["rows"] == 30
    assert len(written["problems"]) == 25
    assert written["problems"][0] == {
        "file": "shops.csv",
        "line": 7,
        "column": "Record ID",
        "value": "x",
        "expected": "a whole number, 1 or more",
    }
    told = summary(report).splitlines()
    assert told[0].split() == ["file", "rows", "created", "changed", "unchanged", "bad", "seconds"]
    assert told[1].split()[:6] == ["shops.csv", "30", "5", "0", "0", "25"]
    assert "shops.csv:7: Record ID: 'x'; expected a whole number, 1 or more" in told
    assert "and 5 more; --report FILE has them" in told
    assert told[-1] == "strict: nothing was changed, since not every row was good"


def test_problems_are_counted_where_there_are_too_many_to_keep() -> None:
    report = Report("gadgets", dry_run=False, strict=False)
    one = Problem("f", 1, "c", "v", "e")
    report.add([one] * 99_990)
    report.add([one] * 30)
    assert (len(report.problems), report.problems_not_kept) == (100_000, 20)
