"""Rows of a file that spreadsheets open: UTF-8 that says so, and no cell that computes."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

BOM: Final = "\ufeff"
COMPUTES: Final = ("=", "+", "-", "@", "\t", "\r")
ROWS: Final = 200


def cell(value: object) -> object:
    """A value for a cell. A text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return str(value)
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(COMPUTES) else text


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([cell(value) for value in row] for row in rows)
    return written.getvalue()


async def streamed(
    heads: Sequence[str], rows: AsyncIterator[Sequence[object]]
) -> AsyncIterator[str]:
    """A file in pieces, as its rows come."""
    yield BOM + lines([heads])
    waiting: list[Sequence[object]] = []
    async for row in rows:
        waiting.append(row)
        if len(waiting) == ROWS:
            yield lines(waiting)
            waiting.clear()
    yield lines(waiting)
