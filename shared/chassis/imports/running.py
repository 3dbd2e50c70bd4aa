"""Runs an import: files in their order, batches in transactions, and a report at the end."""

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import asyncpg
from asyncpg.exceptions._base import DataError as UnsendableError

from shared.chassis.database import Connection, Pool
from shared.chassis.imports.ahead import Next, reading
from shared.chassis.imports.progress import Progress
from shared.chassis.imports.reading import Source, UnusableError, find
from shared.chassis.imports.tables import Batch, Context, Counts, Problem, Table, shown

OK, SOME_BAD, UNUSABLE = 0, 1, 2
TWO = 2  # connections: the import's own, and one beside
MOST_PROBLEMS_KEPT = 100_000
_LOCK = 0x0A51_0001  # advisory lock: one import at a time in a database

# What a single row may cause and another of its batch may not.
_ROW_FAULTS = (asyncpg.DataError, UnsendableError, asyncpg.IntegrityConstraintViolationError)


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    file: str
    rows: int = 0
    bad: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """What became of an import. ``committed`` is False where nothing of it stays."""

    service: str
    dry_run: bool
    strict: bool
    committed: bool = False
    seconds: float = 0.0
    files: list[FileReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problems_not_kept: int = 0

    @property
    def exit_code(self) -> int:
        """0 where every row was good, 1 where some were not."""
        return SOME_BAD if self.problems else OK

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        content: dict[str, Any] = asdict(self) | {"exit_code": self.exit_code}
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def add(self, problems: Sequence[Problem]) -> None:
        """Keep problems, up to a number that fits into memory; count the others."""
        room = MOST_PROBLEMS_KEPT - len(self.problems)
        self.problems.extend(problems[:room])
        self.problems_not_kept += max(0, len(problems) - room)


class Ending:
    """For an import whose rows belong together: what becomes of them once all files are read.

    ``apply`` of each table then only puts its rows aside; the function that gets this does the
    work, and says here what became of them. ``wanted`` is False where nothing will stay anyway.
    """

    def __init__(self, report: Report, sources: Sequence[Source], progress: Progress) -> None:
        self._report, self._progress = report, progress
        self._sources = {source.table.file: source for source in sources}
        self._files = {done.file: done for done in report.files}

    @property
    def wanted(self) -> bool:
        """Whether what is done now can stay: not so with ``strict`` and a bad row."""
        return not (self._report.strict and self._report.problems)

    def has(self, file: str, field_name: str) -> bool:
        """Whether there is such a file, with this column."""
        source = self._sources.get(file)
        return source is not None and field_name in source.layout.places

    def bad(self, file: str) -> int:
        """How many rows of a file were refused so far."""
        return self._files[file].bad if file in self._files else 0

    def refuse(self, file: str, line: int, field_name: str, value: Any, expected: str) -> None:
        """Report a row that was put aside, by the line where it begins, and leave it out."""
        column = self._sources[file].table.column(field_name)
        self._files[file].bad += 1
        self._report.add([Problem(file, line, column.name, shown(value), expected)])

    def count(self, file: str, counts: Counts) -> None:
        """Say what became of rows of a file; a file that there is not has none."""
        if done := self._files.get(file):
            done.created += counts.created
            done.changed += counts.changed
            done.unchanged += counts.unchanged

    @contextmanager
    def showing(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show progress through so many things; call it with how many are done by now."""
        begun, done = perf_counter(), 0

        def move(now: int) -> None:
            nonlocal done
            done = now
            self._progress.move(now, now, 0)

        self._progress.begin(what, total)
        yield move
        self._progress.end(done, 0, perf_counter() - begun)


Begin: TypeAlias = Callable[[Connection, Context], Awaitable[None]]
Finish: TypeAlias = Callable[[Connection, Context, Ending], Awaitable[None]]


async def run(
    service: str,
    tables: Sequence[Table],
    folder: Path,
    pool: Pool,
    context: Context,
    *,
    dry_run: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
    begin: Begin | None = None,
    finish: Finish | None = None,
) -> Report:
    """Import a folder's files; their rows are applied in batches, each in a transaction.

    With ``strict`` one bad row undoes all; a ``dry_run`` always does. Both hold one transaction
    over everything, so that later files see what earlier ones brought. ``begin`` is called
    before the first file and ``finish`` after the last, on the connection that all rows were
    applied on; with a ``begin`` the context has a second one. Raises UnusableError, before
    anything is changed, for files that cannot be read.
    """
    progress = progress or Progress.silent()
    report = Report(service, dry_run, strict)
    sources, report.notes = find(folder, tables)
    report.notes += [note for source in sources for note in source.layout.notes]
    begun = perf_counter()
    one = dry_run or strict
    beside = _beside(pool, wanted=begin is not None and not one)
    async with pool.acquire() as tx, _alone(tx), beside as other, _working_hard():
        context = replace(context, beside=other)
        whole = tx.transaction() if one else None
        if whole:
            await whole.start()
        try:
            if begin:
                await begin(tx, context)
            await _import_files(sources, tx, context, report, progress)
            if finish:
                await finish(tx, context, Ending(report, sources, progress))
        except BaseException:
            if whole:
                await whole.rollback()
            raise
        report.committed = not dry_run and not (strict and report.problems)
        if whole:
            await (whole.commit() if report.committed else whole.rollback())
    report.seconds = round(perf_counter() - begun, 3)
    return report


@asynccontextmanager
async def _beside(pool: Pool, *, wanted: bool) -> AsyncIterator[Connection | None]:
    """A second connection, so that two transactions go on at a time; None where there is none."""
    if wanted and pool.get_max_size() >= TWO:
        async with pool.acquire() as other:
            yield other
    else:
        yield None


@asynccontextmanager
async def _working_hard() -> AsyncIterator[None]:
    """Let Python do nothing beside.

    It looks for cycles seldom: rows make none, and looking took a third of the time. The thread
    that talks to the database is soon let in while another one reads or decides.
    """
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(200_000, 50, 100)
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)


@asynccontextmanager
async def _alone(tx: Connection) -> AsyncIterator[None]:
    """Keep other imports into the same database out. Raises UnusableError where one runs."""
    if not await tx.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        raise UnusableError("another import into this database is running; wait for its end")
    try:
        yield
    finally:
        if not tx.is_closed():
            await tx.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _import_files(
    sources: Sequence[Source], tx: Connection, context: Context, report: Report, progress: Progress
) -> None:
    """Import one after another; all are opened now, so that each has a batch when it is due."""
    async with AsyncExitStack() as readers:
        opened = [await readers.enter_async_context(reading(each)) for each in sources]
        for source, read_next in zip(sources, opened, strict=True):
            await _import_file(source, read_next, tx, context, report, progress)


async def _import_file(
    source: Source,
    read_next: Next,
    tx: Connection,
    context: Context,
    report: Report,
    progress: Progress,
) -> None:
    """Apply batch after batch; while the database takes one, the next one is read."""
    done = FileReport(source.table.file)
    report.files.append(done)
    begun, applied = perf_counter(), _Applied()
    progress.begin(source.table.file, source.path.stat().st_size)
    read = await read_next()
    while (batch := read.batch) is not None:
        ahead = asyncio.ensure_future(read_next())
        try:
            await _apply(batch, tx, context, applied)
        except BaseException:
            ahead.cancel()
            raise
        report.add(_in_order(read.problems, applied.take_problems()))
        progress.move(read.position, read.rows, read.bad + applied.bad)
        read = await ahead
    report.add(_in_order(read.problems))
    done.rows, done.bad = read.rows, read.bad + applied.bad
    counts = applied.counts
    done.created, done.changed, done.unchanged = counts.created, counts.changed, counts.unchanged
    done.seconds = round(perf_counter() - begun, 3)
    progress.end(done.rows, done.bad, done.seconds)


@dataclass(slots=True)
class _Applied:
    """What became of the rows of a file that were read without a problem."""

    counts: Counts = field(default_factory=Counts)
    bad: int = 0
    problems: list[Problem] = field(default_factory=list)

    def take_problems(self) -> list[Problem]:
        """The problems since the last call."""
        taken, self.problems = self.problems, []
        return taken


def _in_order(*problems: Sequence[Problem]) -> list[Problem]:
    return sorted(chain(*problems), key=lambda problem: problem.line)


async def _apply(batch: Batch, tx: Connection, context: Context, applied: _Applied) -> None:
    if len(batch):
        async with tx.transaction():
            await _apply_or_halve(batch, tx, context, applied)


async def _apply_or_halve(
    batch: Batch, tx: Connection, context: Context, applied: _Applied
) -> None:
    """Apply a batch; one that the database refuses is halved, down to the row at fault."""
    try:
        async with tx.transaction():  # a savepoint
            counts = await batch.table.apply(tx, batch, context)
    except _ROW_FAULTS as error:
        if len(batch) == 1:
            applied.bad += 1
            applied.problems.append(_refused_by_database(batch, error))
            return
        middle = len(batch) // 2
        await _apply_or_halve(batch.part(0, middle), tx, context, applied)
        await _apply_or_halve(batch.part(middle, len(batch)), tx, context, applied)
        return
    applied.counts += counts
    applied.bad += batch.refused
    applied.problems.extend(batch.problems)


def _refused_by_database(batch: Batch, error: Exception) -> Problem:
    constraint = getattr(error, "constraint_name", None)
    expected = f"a row that keeps the rule {constraint}" if constraint else "values that fit"
    return Problem(batch.table.file, batch.lines[0], "", "", expected)
