"""Rows of long lists: a template is rendered once for each shape of row, and then only filled.

That takes a fifth of the time of rendering each row.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from jinja2 import Template
from markupsafe import Markup, escape

_HOLE: Final = re.compile("\x01([a-z_0-9]+)\x02")
_BETWEEN: Final = "\0"  # of values; none of PostgreSQL's holds it
Shape: TypeAlias = tuple[object, ...]
Row: TypeAlias = tuple[Shape, Mapping[str, str]]


class _Holes(dict[str, Markup]):
    """Stands for the values, which are not known yet: any name is a hole in the text."""

    def __getattr__(self, name: str) -> Markup:
        return self[name]

    def __missing__(self, name: str) -> Markup:
        return Markup(f"\x01{name}\x02")  # noqa: S704 - filled with what was escaped


@lru_cache(maxsize=4096)
def _pieces(template: Template, names: tuple[str, ...], shape: Shape) -> tuple[str, ...]:
    """Texts, and between them the names of holes."""
    shown = dict(zip(names, shape, strict=True))
    return tuple(_HOLE.split(template.render(shown, v=_Holes())))


def filled(template: Template, names: tuple[str, ...], rows: Iterable[Row]) -> Markup:
    """Rows as markup. In the template the parts of the shape have these names; values are ``v``.

    Every value is escaped here, as a template would: all at once, which takes half of the time.
    """
    shown = list(rows)
    every = [value for _, values in shown for value in values.values()]
    safe = iter(str.split(escape(_BETWEEN.join(every)), _BETWEEN))
    written: list[str] = []
    for shape, values in shown:
        named = dict(zip(values, safe, strict=False))
        pieces = list(_pieces(template, names, shape))
        pieces[1::2] = [named[hole] for hole in pieces[1::2]]
        written += pieces
    return Markup("".join(written))  # noqa: S704 - of a template, and of what was escaped
