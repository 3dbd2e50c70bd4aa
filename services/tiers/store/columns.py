"""Rows turned into columns, as ``unnest`` takes them."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

T = TypeVar("T")


def columns(
    rows: Collection[T], values: Callable[[T], tuple[Any, ...]], *, width: int = 1
) -> list[list[Any]]:
    """A list for each column; ``width`` is their number where there are no rows."""
    found = [list(column) for column in zip(*map(values, rows), strict=True)]
    return found or [[] for _ in range(width)]
