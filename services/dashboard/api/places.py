"""Where a page of a list begins, as its address says it."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from services.dashboard.store.places import Place
from services.dashboard.views.frame import without
from shared.chassis.http import Cursor, Invalid

AHEAD: Final = ">"
BACK: Final = "<"


def place_of(cursor: str, order: str, sort: Iterable[tuple[str, type]]) -> Place | None:
    """The place in a list in this order; None for the first page. Raises Invalid."""
    if not cursor:
        return None
    kinds = [kind for _, kind in sort]
    ordered, way, *key, ident = Cursor.decode(cursor, str, str, *kinds, UUID)
    if ordered != order or way not in (AHEAD, BACK) or None in (*key, ident):
        raise Invalid("cursor", "a page of the list in this order", cursor)
    return Place(tuple(key), ident, backwards=way == BACK)


def address_of(here: str, order: str, place: Place | None) -> str:
    """The address of the page that begins at a place; empty where there is none."""
    if place is None:
        return ""
    way = BACK if place.backwards else AHEAD
    return without(here, cursor=Cursor.encode(order, way, *place.key, place.ident))
