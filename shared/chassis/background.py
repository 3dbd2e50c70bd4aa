"""Work that goes on beside the requests, and outlives its failures."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

LONGEST_SECONDS = 30.0
GRACE_SECONDS = 5.0

log = structlog.get_logger(__name__)


def backoff(
    first: float = 0.2, longest: float = LONGEST_SECONDS, *, factor: float = 2.0
) -> Iterator[float]:
    """Seconds to wait before each further try: growing, and never the same in two processes."""
    delay = first
    while True:
        yield delay * random.uniform(0.7, 1.0)  # noqa: S311 -- jitter, no secret
        delay = min(delay * factor, longest)


async def finishing(work: Coroutine[Any, Any, T], *, grace: float = GRACE_SECONDS) -> T:
    """Do the work; when cancelled, let it end within the grace (seconds), then cancel it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=grace)
        task.cancel()
        await asyncio.wait({task})
        raise


async def together(*work: Coroutine[Any, Any, Any]) -> None:
    """Do these at a time; where one fails the others are cancelled, then its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def to_their_ends(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Do these at a time, and return what each did; one that fails cuts no other short.

    For statements of which the connection is used on: a cancel may come late, and hit the next.
    """
    ended = await asyncio.gather(*work, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return [each for each in ended if not isinstance(each, BaseException)]


async def repeat(fn: Callable[[], Awaitable[int]], *, idle: float, name: str) -> None:
    """Call the function for ever: at once while it finds work, else after idle seconds.

    The function returns how much it did. A failure is logged, and tried again after a while.
    When cancelled, the call at hand may end first.
    """
    waits = backoff()
    while True:
        try:
            done = await finishing(_call(fn))
        except Exception:
            delay = next(waits)
            log.exception("failed", job=name, retry_in_seconds=round(delay, 1))
            await asyncio.sleep(delay)
            continue
        waits = backoff()
        if not done:
            await asyncio.sleep(idle)


async def _call(fn: Callable[[], Awaitable[int]]) -> int:
    return await fn()


def end_process() -> None:
    """Ask this process to stop, so that whoever started it starts it anew."""
    os.kill(os.getpid(), signal.SIGTERM)


@asynccontextmanager
async def running(
    work: Coroutine[Any, Any, object], name: str, *, end: Callable[[], None] = end_process
) -> AsyncIterator[None]:
    """Run something that should never end; when it does, the process is told to end too."""

    def look(ended: asyncio.Task[object]) -> None:
        if ended.cancelled():
            return
        log.critical("ended_by_itself", task=name, exc_info=ended.exception())
        end()

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(look)
    try:
        yield
    finally:
        task.remove_done_callback(look)
        task.cancel()
        await asyncio.wait({task})
