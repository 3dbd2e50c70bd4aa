"""What stands around every page: where one is, whose data it is, who looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup

from services.dashboard.views import formats

FRESH: Final = timedelta(seconds=60)
THEMES: Final = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Tab:
    """A place among others, as a link."""

    at: str
    label: str
    href: str


SIDEBAR: Final = (
    Tab("dashboard", "Dashboard", "/dashboard"),
    Tab("renewals", "Renewals", "/renewals"),
    Tab("settings", "Settings", "/settings"),
)
DASHBOARD: Final = (
    Tab("dashboard/clients", "Clients", "/dashboard"),
    Tab("dashboard/tier", "Partner Tier", "/dashboard/tier"),
    Tab("dashboard/team", "HubSpot Team", "/dashboard/team"),
)
RENEWALS: Final = (
    Tab("renewals/all", "All renewals", "/renewals"),
    Tab("renewals/to-act-on", "Renewals to act on", "/renewals/to-act-on"),
)
TABS: Final = {"dashboard": DASHBOARD, "renewals": RENEWALS}


@dataclass(frozen=True, slots=True)
class Frame:
    """All that the layout shows beside the content. ``at`` is such as 'dashboard/clients'.

    ``here`` is the address of the page, ``again`` the same with what was just done. ``since`` is
    an instant before the page was read: what changed from then on, it may not show.
    """

    at: str
    title: str
    here: str
    again: str
    partner: str
    zone: str
    person: str
    role: str
    theme: str
    staff: bool = False
    live: bool = True
    as_of: str = ""
    fresh: bool = True
    panel: Markup | None = None
    told: Markup | None = None
    close: str = ""
    since: str = ""

    @property
    def section(self) -> str:
        """The entry of the sidebar that one is in."""
        return self.at.partition("/")[0]

    @property
    def heading(self) -> str:
        """The first heading: of pages with tabs, what they are tabs of."""
        if not self.tabs:
            return self.title
        return next(entry.label for entry in SIDEBAR if entry.at == self.section)

    @property
    def tabs(self) -> tuple[Tab, ...]:
        """The tabs of that entry; none on a page of its own."""
        known = TABS.get(self.section, ())
        return known if any(tab.at == self.at for tab in known) else ()


def told_as_of(as_of: datetime | None, now: datetime, zone: str) -> tuple[str, bool]:
    """How old the data is, in words that change seldom, and whether it is as new as can be."""
    if as_of is None:
        return "Nothing was heard yet", False
    if now - as_of <= FRESH:
        return "Up to date", True
    local = formats.instant(as_of, zone)
    return f"As of {local}, {formats.age(now - as_of)}", False


@lru_cache(maxsize=256)  # a page links to itself in many ways
def _parts(address: str) -> tuple[str, Sequence[tuple[str, str]]]:
    path, _, query = address.partition("?")
    return path, parse_qsl(query)


def put(address: str, name: str, value: str) -> str:
    """An address of this site with another value of a parameter, in the place that it has."""
    path, parts = _parts(address)
    return f"{path}?{urlencode([(n, value if n == name else v) for n, v in parts], safe=':')}"


def without(address: str, *names: str, **new: str) -> str:
    """An address of this site without some parameters, and with others in their place."""
    path, parts = _parts(address)
    gone = {*names, *new}
    kept = [(name, value) for name, value in parts if name not in gone]
    written = urlencode(kept + [each for each in new.items() if each[1]], safe=":")
    path = "/" + path.lstrip("/\\")
    return f"{path}?{written}" if written else path
