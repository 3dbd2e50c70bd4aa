"""Where a page of a list begins, as its address says it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Generic, TypeVar, cast
from uuid import UUID

from pydantic import Field

from services.dashboard.store.places import Place
from services.dashboard.views.frame import without
from shared.chassis.http import Cursor, Invalid

S = TypeVar("S", bound=str)
AHEAD: Final = ">"
BACK: Final = "<"


@dataclass(frozen=True, slots=True)
class Order(Generic[S]):
    """By what a list is sorted, and where the page begins, as the address says it.

    A list says what it can be sorted by, and what it is sorted by unless the address says so.
    """

    SORTS: ClassVar[Mapping[str, Sequence[tuple[str, type]]]]
    DEFAULT: ClassVar[str]

    sort: Annotated[str, Field(max_length=30)] = ""
    cursor: Annotated[str, Field(max_length=1000)] = ""

    @property
    def field(self) -> S:
        """What the list is sorted by."""
        field = self.sort.removeprefix("-")
        return cast("S", field if field in self.SORTS else self.DEFAULT)

    @property
    def descending(self) -> bool:
        """Whether the last comes first."""
        return self.sort == f"-{self.field}"

    @property
    def order(self) -> str:
        """The sort as the address has it, whatever was asked."""
        return f"{'-' if self.descending else ''}{self.field}"

    def place(self) -> Place | None:
        """Where the page begins; None for the first. Raises Invalid."""
        return _place_of(self.cursor, self.order, self.SORTS[self.field])

    def address(self, here: str, place: Place | None) -> str:
        """The address of the page that begins at a place; empty where there is none."""
        if place is None:
            return ""
        way = BACK if place.backwards else AHEAD
        return without(here, cursor=Cursor.encode(self.order, way, *place.key, place.ident))


def _place_of(cursor: str, order: str, sort: Iterable[tuple[str, type]]) -> Place | None:
    if not cursor:
        return None
    kinds = [kind for _, kind in sort]
    ordered, way, *key, ident = Cursor.decode(cursor, str, str, *kinds, UUID)
    if ordered != order or way not in (AHEAD, BACK) or None in (*key, ident):
        raise Invalid("cursor", "a page of the list in this order", cursor)
    return Place(tuple(key), ident, backwards=way == BACK)
