"""Rows turned into columns, as ``unnest`` takes them."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

T = TypeVar("T")


def columns(rows: Collection[T], values: Callable[[T], tuple[Any, ...]]) -> list[list[Any]]:
    """A list for each column of the rows, of which there is at least one."""
    return [list(column) for column in zip(*map(values, rows), strict=True)]
