"""Templates, each rendered once: what differs from mail to mail is filled in afterwards."""

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HOLE = re.compile("\x01([a-z_]+)\x02")
Shape: TypeAlias = tuple[tuple[str, object], ...]


class _Holes(dict[str, str]):
    """Stands for the values that are not known yet: any name is a hole in the text."""

    def __getattr__(self, name: str) -> str:
        return f"\x01{name}\x02"

    def __missing__(self, name: str) -> str:
        return f"\x01{name}\x02"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),  # noqa: S701 - by form
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@lru_cache(maxsize=1)
def _shared_environment() -> Environment:
    return _environment()


@lru_cache(maxsize=2048)
def _pieces(name: str, shape: Shape) -> tuple[str, ...]:
    """A template for messages of one shape: texts, and between them the names of holes."""
    rendered = _shared_environment().get_template(name).render(dict(shape), v=_Holes())
    lines = (line.rstrip() for line in rendered.strip("\n").split("\n"))
    return tuple(_HOLE.split("\r\n".join(lines)))


def filled(name: str, shape: Shape, values: Mapping[str, str]) -> str:
    """A template with the values in its holes; in HTML they are escaped.

    A value whose name ends in ``_rows`` is markup that was made by a template already.
    """
    pieces = list(_pieces(name, shape))
    if name.endswith(".html.j2"):
        for at in range(1, len(pieces), 2):
            hole = pieces[at]
            pieces[at] = values[hole] if hole.endswith("_rows") else escape(values[hole])
    else:
        for at in range(1, len(pieces), 2):
            pieces[at] = values[pieces[at]]
    return "".join(pieces)
