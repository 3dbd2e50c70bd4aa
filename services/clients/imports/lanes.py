"""One or two connections, each with the clients in its part of all ids, that work at a time."""

from collections.abc import Callable, Coroutine
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from services.clients import store
from shared.chassis.background import to_their_ends
from shared.chassis.database import Connection
from shared.chassis.imports import Context, Counts

T = TypeVar("T")
Lanes: TypeAlias = tuple[Connection, ...]
Do: TypeAlias = Callable[[Connection], Coroutine[Any, Any, T]]


def lanes_of(tx: Connection, context: Context) -> Lanes:
    """The connections of an import."""
    return (tx,) if context.beside is None else (tx, context.beside)


async def begin(tx: Connection, context: Context) -> None:
    """Make room for the rows that are put aside."""
    await on_each(lanes_of(tx, context), store.make_staging)


async def on_each(lanes: Lanes, do: Do[T]) -> list[T]:
    """Do something on each connection at a time."""
    return await to_their_ends(*map(do, lanes))


async def by_line(lanes: Lanes, do: Do[list[store.Unknown]]) -> list[store.Unknown]:
    """Take out rows everywhere; return them as they stand in the file."""
    return sorted(chain.from_iterable(await on_each(lanes, do)))


async def counted(lanes: Lanes, do: Do[store.Compared]) -> Counts:
    """Compare rows everywhere; return how they stand to what is known."""
    return sum((Counts(*each) for each in await on_each(lanes, do)), Counts())
