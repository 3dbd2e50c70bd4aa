"""Reads a file ahead: while the database takes one batch, the next one is read.

A long file is read by a process of its own, so that reading has a processor for itself.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe
from typing import Any, NamedTuple, TypeAlias

from shared.chassis.imports.reading import Source, read_batches
from shared.chassis.imports.tables import Batch, Problem

LONG = 1_000_000  # bytes from which on a process, which takes some 20 ms to start, is worth it
_processes = multiprocessing.get_context("fork")  # what a column accepts are functions


class Read(NamedTuple):
    """A batch, None at the end of the file, with what was found on the way to it."""

    batch: Batch | None
    problems: list[Problem]
    position: int
    rows: int
    bad: int


Next: TypeAlias = Callable[[], Awaitable[Read]]


@asynccontextmanager
async def reading(source: Source) -> AsyncIterator[Next]:
    """Give a function that returns what is read next."""
    if source.path.stat().st_size < LONG:
        batches = read_batches(source)
        yield lambda: asyncio.to_thread(_read, source, batches)
        return
    ours, theirs = _processes.Pipe(duplex=False)
    reader = _processes.Process(target=_read_all, args=(source, ours, theirs), daemon=True)
    reader.start()
    theirs.close()
    try:
        yield lambda: asyncio.to_thread(_receive, source, ours)
    finally:
        reader.kill()
        await asyncio.to_thread(reader.join)
        ours.close()


def _read(source: Source, batches: Iterator[Batch]) -> Read:
    batch = next(batches, None)
    problems, source.problems = source.problems, []
    return Read(batch, problems, source.tell(), source.rows, source.bad)


def _read_all(source: Source, theirs: Pipe, ours: Pipe) -> None:
    """The reader's life: it sends batch after batch, and ends where nobody wants more."""
    signal.set_wakeup_fd(-1)  # who gives up is the import, to which this signal belongs
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    theirs.close()
    batches, more = read_batches(source), True
    while more:
        told: Any
        try:
            read = _read(source, batches)
            told, more = _plain(read), read.batch is not None
        except Exception as error:  # noqa: BLE001 - it is raised by who asked
            told, more = error, False
        try:
            ours.send(told)
        except BrokenPipeError:
            return


def _plain(read: Read) -> tuple[Any, ...]:
    batch = read.batch
    return (None if batch is None else (batch.lines, batch.columns), *read[1:])


def _receive(source: Source, ours: Pipe) -> Read:
    try:
        told = ours.recv()
    except EOFError as error:
        raise RuntimeError(f"the process that read {source.path} has ended") from error
    if isinstance(told, Exception):
        raise told
    batch, *found = told
    return Read(batch and Batch(source.table, *batch), *found)
