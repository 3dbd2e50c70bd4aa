"""What people of other companies write into fields is shown as text, wherever it is shown."""

import csv
import io
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import override

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.views.csv import COMPUTES, cell, lines
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients
from tests.dashboard import portfolio
from tests.dashboard.looking import Sight, looking
from tests.dashboard.people import ADMIN, BRIGHTWATER, NOW, named
from tests.deliver import deliver

MARKUP = "</bdi></td><evil onclick=alert(1)><script>alert(1)</script><img src=x onerror=alert(1)>"
QUOTES = '"\'><evil autofocus onfocus=alert(1) x="{{ 7*7 }}{% raw %}&lt;b&gt;'
BACKWARDS = "\u202egnp.exe\u2066 abc \u200f"
FORMULA = '=HYPERLINK("http://evil.example","x")'
LONG = "ü" * 10_000
HOLES = "\x01label\x02 \x01id\x02"
KEPT = {"client_id", "partner_id", "currency"}
HOSTILE = {"markup": MARKUP, "quotes": QUOTES, "backwards": BACKWARDS, "formula": FORMULA,
           "long": LONG, "holes": HOLES, "blank": " ", "line": "a\r\nb\tc"}  # fmt: skip


def spoiled(value: Any, text: str) -> Any:
    """The same with this text in every text."""
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        told = {name: spoiled(each, text) for name, each in fields.items() if name not in KEPT}
        return value.model_copy(update=told)
    if isinstance(value, tuple):
        return tuple(spoiled(each, text) for each in value)
    return text if isinstance(value, str) else value


class Reader(HTMLParser):
    """Which elements there are, and whether every text that turns round is in a <bdi>."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "path", "circle", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.loose: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.inside.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    @override
    def handle_data(self, data: str) -> None:
        if "\u202e" in data and not {"bdi", "option", "title"} & set(self.inside):
            self.loose.append(data)


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_texts_are_shown_harmlessly_in_list_panel_and_file(
    sight: Sight, kind: str
) -> None:
    text, plain = HOSTILE[kind], portfolio.client_snapshot(named("orchard"), version=50)
    ended = clients.ServicesEnded(
        version=51, occurred_at=NOW, client_id=plain.client_id, partner_id=BRIGHTWATER, period=1,
        ended_at=NOW, ended_by=ADMIN, reason=text,
    )  # fmt: skip
    await deliver(handlers.from_clients_state, sight.pool, spoiled(plain, text))
    await deliver(handlers.from_clients, sight.pool, ended)

    ident = plain.client_id
    for path in (f"/dashboard?services=ended&panel=client:{ident}", f"/panels/clients/{ident}"):
        html = await sight.read(path)
        reader = Reader()
        reader.feed(html)
        assert "evil" not in reader.elements
        assert not {name for name in reader.attributes if name.startswith("on")}
        assert "autofocus" not in reader.attributes
        assert reader.loose == []
        assert len(html) < 120_000

    answer = await sight.get("/dashboard/clients.csv?services=ended")
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    [row] = [row for row in read if row["Domain"] != "opal.example"]
    shown = "'" + text if text.startswith(COMPUTES) else text
    assert (row["Name"], row["Domain"], row["Apps used"]) == (shown, shown, "9")


@pytest.mark.parametrize("kind", ["markup", "quotes", "backwards", "formula", "long", "line"])
async def test_what_is_typed_into_the_search_is_shown_harmlessly(sight: Sight, kind: str) -> None:
    answer = await sight.http.get(
        "/dashboard",
        params={"q": HOSTILE[kind][:200], "product": HOSTILE[kind]},
        headers=sight.headers,
    )

    assert answer.status_code == 200
    reader = Reader()
    reader.feed(answer.text)
    assert "evil" not in reader.elements
    assert not {name for name in reader.attributes if name.startswith("on")}
    assert reader.loose == []


@pytest.mark.parametrize("query", ["q=%00", "q=%ff%fe", "product=%00", "columns=%00", "sort=%00"])
async def test_bytes_that_are_no_text_break_nothing(sight: Sight, query: str) -> None:
    answer = await sight.get(f"/dashboard?{query}")

    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("sign", COMPUTES)
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(sign: str) -> None:
    assert cell(f"{sign}SUM(1)") == f"'{sign}SUM(1)"


def test_what_is_in_a_cell_is_read_again_as_it_was() -> None:
    texts = ["plain", 'with "quotes"', "two\r\nlines", "a,b;c", "ünïcödé \u202e", "", " blank "]

    [read] = csv.reader(io.StringIO(lines([texts]), newline=""))
    assert read == texts
