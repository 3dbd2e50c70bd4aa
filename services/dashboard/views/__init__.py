"""How values read as HTML and CSV; pure. Templates are compiled once."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from services.dashboard.views import formats, frame
from services.dashboard.views.assets import static


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("services.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters |= {
        "age": formats.age,
        "amount": formats.amount,
        "change": formats.change,
        "counted": formats.counted,
        "day": formats.day,
        "days_left": formats.days_left,
        "instant": formats.instant,
        "money": formats.money,
        "moneys": formats.moneys,
        "person_role": formats.person_role,
        "shorten": formats.shorten,
    }
    environment.globals |= {
        "static": static,
        "formats": formats,
        "sidebar": frame.SIDEBAR,
        "without": frame.without,
    }
    parts: Any = environment.get_template("parts.html.j2").module
    parts.icon, parts.field = lru_cache(maxsize=64)(parts.icon), _kept_choices(parts.field)
    environment.globals["ui"] = parts
    return environment


def _kept_choices(field: Callable[..., str]) -> Callable[..., str]:
    """Write a field once for each choice: a list of choices is the same on page after page."""
    kept = lru_cache(maxsize=512, typed=True)(field)

    def written(*said: str, options: Iterable[Sequence[str]] | None = None, **other: Any) -> str:
        if options is None:
            return field(*said, **other)
        return kept(*said, options=tuple(map(tuple, options)), **other)

    return written


def template(name: str) -> Template:
    """A compiled template."""
    return _environment().get_template(name)


def render(name: str, **shown: Any) -> str:
    """Fill a template. Macros stand in ``ui``; a name that is not given is an error."""
    return _environment().get_template(name).render(shown)
