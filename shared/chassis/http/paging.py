"""Pages by key: each says where the next begins, however the list grows meanwhile."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from shared.chassis.http.models import BIGGEST, SMALLEST
from shared.chassis.http.problems import Invalid

T = TypeVar("T")
Row = TypeVar("Row")
Value = str | int | date | datetime | UUID | Decimal | None

LONGEST_CURSOR = 1000
DEFAULT_LIMIT, HIGHEST_LIMIT = 50, 200


class Page(BaseModel, Generic[T]):
    """A part of a list, and the cursor of the next part; null at the end."""

    items: list[T]
    next: str | None = Field(
        default=None, description="Send it as `cursor` for what follows; null at the end."
    )


class Cursor:
    """The place in a list where a page ended. It is no secret, and proves nothing."""

    @staticmethod
    def encode(*values: Value) -> str:
        """Make a cursor of the last row's sort key."""
        plain = [None if value is None else _text(value) for value in values]
        written = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @staticmethod
    def decode(cursor: str, *types: type) -> tuple[Any, ...]:
        """Read a sort key of these types. Raises ``Invalid`` for a cursor that is not ours."""
        try:
            if len(cursor) > LONGEST_CURSOR:
                raise ValueError("too long")  # noqa: TRY301 - one answer for all
            written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            return _typed(json.loads(written), types)
        except (ValueError, TypeError, RecursionError, InvalidOperation, binascii.Error) as error:
            raise Invalid("cursor", "the `next` of the page before", cursor) from error


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _typed(parts: Any, types: Sequence[type]) -> tuple[Any, ...]:
    if not isinstance(parts, list) or len(parts) != len(types):
        raise ValueError("another number of parts")
    return tuple(
        None if part is None else _READERS[kind](part)
        for part, kind in zip(parts, types, strict=True)
    )


def _read_text(part: str) -> str:
    if not isinstance(part, str) or "\0" in part:
        raise ValueError("no text")
    part.encode()  # a lone surrogate cannot be stored
    return part


def _read_int(part: str) -> int:
    value = int(part)
    if not SMALLEST <= value <= BIGGEST:
        raise ValueError("too large")
    return value


def _read_decimal(part: str) -> Decimal:
    value = Decimal(part)
    if not value.is_finite() or abs(value.adjusted()) > 30:  # noqa: PLR2004 - no amount is larger
        raise ValueError("no amount")
    return value


def _read_instant(part: str) -> datetime:
    value = datetime.fromisoformat(part)
    if value.tzinfo is None:
        raise ValueError("no zone")
    return value


_READERS: dict[type, Callable[[str], Any]] = {
    str: _read_text,
    int: _read_int,
    date: date.fromisoformat,
    datetime: _read_instant,
    UUID: UUID,
    Decimal: _read_decimal,
}


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is asked for, and in which order."""

    limit: int
    sort: str
    descending: bool
    cursor: str | None

    @property
    def fetch(self) -> int:
        """How many rows to ask for: one more than the page, to know whether there are more."""
        return self.limit + 1

    def after(self, *types: type) -> tuple[Any, ...] | None:
        """The sort key to go on after, or None for the first page."""
        if self.cursor is None:
            return None
        order, *key = Cursor.decode(self.cursor, str, *types)
        if order != self._order:
            raise Invalid("cursor", f"a cursor of the list sorted by {self._order}", self.cursor)
        return tuple(key)

    def page(
        self, rows: Sequence[Row], key: Callable[[Row], Sequence[Value]], view: Callable[[Row], T]
    ) -> Page[T]:
        """Make the page of up to ``fetch`` rows; ``key`` gives a row's sort key."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        following = Cursor.encode(self._order, *key(shown[-1])) if more else None
        return Page(items=[view(row) for row in shown], next=following)

    @property
    def _order(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort


def paging(*fields: str, default: str) -> Callable[..., Paging]:
    """Accept `limit`, `cursor` and `sort` by these fields, each also with a minus: descending.

    Use it as ``Annotated[Paging, Depends(paging("name", "deadline", default="name"))]``.
    """
    orders = tuple(order for field in fields for order in (field, f"-{field}"))
    if default not in orders:
        raise ValueError(f"{default!r} is not among {orders}")

    def ask(
        limit: Annotated[
            int, Query(ge=1, le=HIGHEST_LIMIT, description="The most items of a page.")
        ] = DEFAULT_LIMIT,
        cursor: Annotated[
            str | None, Query(max_length=LONGEST_CURSOR, description="The `next` of a page.")
        ] = None,
        sort: Any = default,
    ) -> Paging:
        return Paging(limit, sort.removeprefix("-"), sort.startswith("-"), cursor)

    described = Query(description="The order; with a minus, from the last to the first.")
    ask.__annotations__["sort"] = Annotated[Literal[orders], described]
    return ask
