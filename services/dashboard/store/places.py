"""Where a page of a list begins."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Behind a row, or, going backwards, before it: what it is sorted by, and its id."""

    key: tuple[Any, ...]
    ident: UUID
    backwards: bool = False
