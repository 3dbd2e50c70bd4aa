"""What stands around every page, what the browser loads beside it, and how values read."""

import gzip
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.local.databases import Addresses
from services.dashboard.views import formats, frame, render, template
from services.dashboard.views.assets import ASSETS, FOLDER, JOINED, STYLES
from services.dashboard.views.rows import filled_row, hole
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.dashboard.looking import Sight, link, looking, words
from tests.dashboard.people import CLIENTS, NOW

TEMPLATES = Path(frame.__file__).parent.parent / "templates"
PANEL = f"/dashboard?panel=client:{CLIENTS['orchard']}"
PAGES = ("/dashboard", "/dashboard/tier", "/dashboard/team", "/renewals", "/renewals/to-act-on",
         "/alerts/blocked", "/settings", PANEL)  # fmt: skip
MOST_BYTES = 100_000


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


def test_what_others_wrote_is_as_they_published_it() -> None:
    told = re.findall(r"^([0-9a-f]{64})  (\S+)$", (FOLDER / "NOTICE").read_text(), re.MULTILINE)

    assert {name for _, name in told} == {"htmx.min.js", "hx-sse.min.js"}
    for digest, name in told:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_every_style_sheet_and_script_is_sent_and_none_is_forgotten() -> None:
    assert {path.stem for path in FOLDER.glob("*.css")} == set(STYLES)
    assert {path.name for path in FOLDER.glob("*.js")} == {*JOINED["app.js"], *JOINED["htmx.js"]}
    assert gzip.decompress(ASSETS["app.css"].zipped) == ASSETS["app.css"].body


def test_no_style_sheet_loads_anything_from_elsewhere() -> None:
    styles = ASSETS["app.css"].body.decode()

    assert "url(" not in styles
    assert "@import" not in styles


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html.j2")), ids=lambda path: path.stem)
def test_no_template_has_a_style_or_a_script_in_it(path: Path) -> None:
    written = path.read_text()

    for forbidden in (
        r"\sstyle=",
        r"<style",
        r"\son[a-z]+=",
        r"hx-on",
        r"js:",
        r"<script(?! src=)",
    ):
        assert not re.search(forbidden, written), forbidden
    assert len(written.splitlines()) <= 400


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_stands_in_the_frame(sight: Sight, path: str) -> None:
    html = await sight.read(path)

    for label in ("Dashboard", "Renewals", "Settings"):
        assert link(html, label).startswith(f"/{label.lower()}")
    for text in (
        "Brightwater Digital",
        "America/New_York",
        "Some One",
        "Partner admin",
        "Sign out",
    ):
        assert text in words(html)
    assert html.count("<h1>") == 1
    assert re.search(r'<a class="skip" href="#main">', html)
    assert re.search(r'<p id="as-of"[^>]* role="status"', html)
    assert html.partition('id="content"')[0].count('aria-current="page"') == 1
    identities = re.findall(r'\sid="([^"]+)"', html)
    assert len(identities) == len(set(identities))


async def test_the_first_view_is_small(sight: Sight) -> None:
    """With nothing zipped but what is zipped once, at the start."""
    html = await sight.read("/dashboard")

    scripts = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
    sent = {path: await sight.get(path, **{"Accept-Encoding": "gzip"}) for path in set(scripts)}
    zipped = sum(int(answer.headers["content-length"]) for answer in sent.values())
    assert len(html.encode()) + zipped < MOST_BYTES
    assert all("immutable" in answer.headers["cache-control"] for answer in sent.values())


async def test_light_or_dark_is_chosen_by_a_form_and_kept(sight: Sight) -> None:
    assert '<html lang="en" data-theme="system">' in await sight.read("/dashboard")

    answer = await sight.http.post(
        "/theme", data={"theme": "dark", "back": "/renewals?q=a"}, headers=sight.headers
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/renewals?q=a")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    html = await sight.read("/dashboard", Cookie=f"{sight.headers['Cookie']}; {cookie}")
    assert '<html lang="en" data-theme="dark">' in html
    assert re.search(r'value="dark" aria-pressed="true"', html)


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_the_choice_of_colours_leads_nowhere_else(sight: Sight, back: str) -> None:
    answer = await sight.http.post(
        "/theme", data={"theme": "dark", "back": back}, headers=sight.headers
    )

    assert re.fullmatch(r"/[^/\\].*", answer.headers["location"])


async def test_a_page_from_the_history_is_whole_also_where_htmx_asks(sight: Sight) -> None:
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}

    assert (await sight.read("/dashboard", **headers)).startswith("<!doctype html>")


async def test_the_age_of_the_data_is_told_by_itself(sight: Sight) -> None:
    html = await sight.read("/as-of")

    assert re.match(r'<p id="as-of"', html)


@pytest.mark.parametrize(
    ("minutes", "told", "fresh"),
    [
        (0, "Up to date", True),
        (1, "Up to date", True),
        (2, "As of 15 Jan 2026, 12:58, 2 minutes ago", False),
        (75, "As of 15 Jan 2026, 11:45, 1 hour ago", False),
        (4000, "As of 12 Jan 2026, 18:20, 2 days ago", False),
    ],
)
def test_how_old_the_data_is_is_told_in_words_that_change_seldom(
    minutes: int, told: str, fresh: bool
) -> None:
    as_of = NOW - timedelta(minutes=minutes)

    assert frame.told_as_of(as_of, NOW, "Europe/Berlin") == (told, fresh)
    assert frame.told_as_of(None, NOW, "UTC") == ("Nothing was heard yet", False)


@pytest.mark.parametrize(
    ("address", "without", "new", "found"),
    [
        ("/x?a=1&b=2", ("a",), {}, "/x?b=2"),
        ("/x?a=1", ("a",), {}, "/x"),
        ("/x?a=1", (), {"a": "2", "c": ""}, "/x?a=2"),
        ("/x", (), {"panel": "client:1"}, "/x?panel=client:1"),
        ("//evil.example/x", (), {}, "/evil.example/x"),
        ("/x?q=%26%3C", (), {"s": "a&b"}, "/x?q=%26%3C&s=a%26b"),
    ],
)
def test_an_address_is_changed_in_its_parameters_alone(
    address: str, without: tuple[str, ...], new: dict[str, str], found: str
) -> None:
    assert frame.without(address, *without, **new) == found


def test_values_read_as_people_write_them() -> None:
    assert formats.day(date(2026, 1, 9)) == "9 Jan 2026"
    assert formats.instant(datetime(2026, 1, 9, 23, 30, tzinfo=UTC), "Asia/Tokyo") == (
        "10 Jan 2026, 08:30"
    )
    assert formats.money(Decimal("1234567.5"), "USD") == "1,234,567.50\u00a0USD"
    assert formats.change(Decimal("-12.5")) == "−12.50"
    assert formats.change(Decimal(0)) == "0.00"
    assert [formats.days_left(n) for n in (-2, -1, 0, 1, 1200)] == [
        "2 days ago", "1 day ago", "today", "1 day left", "1,200 days left"
    ]  # fmt: skip
    assert [formats.band(n) for n in (None, 0, 3, 4, 6, 7, 17)] == [
        "", "low", "low", "medium", "medium", "high", "high"
    ]  # fmt: skip
    assert formats.nearness(95, 100) == ("95 % used, 5 left", "warn")
    assert formats.nearness(101, 100) == ("1 over the limit", "bad")
    assert formats.nearness(0, 0) == ("no limit told", "quiet")
    assert formats.shorten("x" * 300) == "x" * 199 + "…"
    assert formats.person_role("some_new_role") == "Some new role"


def test_a_name_that_a_template_was_not_given_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("as_of.html.j2", told="x")


def test_values_that_look_like_places_of_a_row_are_only_text() -> None:
    row = template("clients/row.html.j2")
    names = ("columns", "serviced", "name", "products", "more", "band", "mrrs", "crm", "portal")
    values = dict.fromkeys(("id", "href", "label"), f"{hole('id')}<b>")

    html = filled_row(row, names, (((), True, False, 0, False, "", 0, False, False), values))
    assert f"{hole('id')}&lt;b&gt;" in html
    assert "<b>" not in html


def test_a_value_that_would_push_others_out_of_place_is_refused() -> None:
    row = template("clients/row.html.j2")
    names = ("columns", "serviced", "name", "products", "more", "band", "mrrs", "crm", "portal")
    values = {"id": "1", "href": "/a\0/b", "label": "c"}

    with pytest.raises(ValueError, match="NUL"):
        filled_row(row, names, (((), True, False, 0, False, "", 0, False, False), values))
