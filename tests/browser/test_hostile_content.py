"""Texts that mean harm do none, on the page, in files and in mails, however they came in."""

import csv
import io
import re

import pytest
from playwright.async_api import Page, expect

from tests.browser import hostile
from tests.browser.portfolio import HAL, HOSTILE_CLIENT
from tests.browser.steps import ACT, panel
from tests.browser.visits import Visits

SIGNS = "=+-@\t\r"
COUNT = len(hostile.WORDS) + 1


def clients() -> list[str]:
    """The ids of the hostile clients."""
    from shared.contracts import ids

    return [str(ids.client_id(HOSTILE_CLIENT.hub, HOSTILE_CLIENT.record + n)) for n in range(COUNT)]


async def harmless(page: Page) -> None:
    """Nothing that a text says became a part of the page."""
    await expect(page.locator("img:not([src^='/static/'])")).to_have_count(0)
    await expect(page.locator("script:not([src^='/static/'])")).to_have_count(0)
    await expect(page.locator("[onerror], [onclick], [onload], [style]")).to_have_count(0)
    assert "49</td>" not in await page.content()
    fits = await page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert fits, f"{page.url} scrolls sideways"


async def test_every_view_shows_them_as_texts(visits: Visits) -> None:
    page = await visits.open(None, HAL)
    for path in ("/dashboard", ACT, "/renewals", "/dashboard/tier", "/dashboard/team", "/settings"):
        await page.goto(visits.site.url + path)
        await expect(page.get_by_role("main")).to_be_visible()
        await harmless(page)
    await page.goto(f"{visits.site.url}{ACT}")
    await expect(page.locator("tbody tr")).to_have_count(COUNT)
    await expect(page.get_by_text("<script>alert(2)</script>").first).to_be_attached()


@pytest.mark.parametrize("size", [(1280, 800), (320, 640)], ids=["wide", "narrow"])
async def test_every_panel_shows_them_as_texts(visits: Visits, size: tuple[int, int]) -> None:
    page = await visits.open(None, HAL, size=size)
    renewals = await visits.site.fetch(
        "renewals", "SELECT renewal_id FROM renewals WHERE partner_id = $1", HAL.partner_id
    )
    paths = [f"/dashboard?panel=client:{each}" for each in clients()]
    paths += [f"{ACT}?panel=renewal:{each['renewal_id']}" for each in renewals]
    for path in paths:
        await page.goto(visits.site.url + path)
        await expect(panel(page)).to_be_visible()
        await harmless(page)
    for path in (
        *(f"/renewals/{each['renewal_id']}/options" for each in renewals[:2]),
        *(f"/clients/{each}/end-services" for each in clients()[:2]),
        *(f"/clients/{each}/owner" for each in clients()[:2]),
    ):
        await page.goto(visits.site.url + path)
        await harmless(page)


async def test_what_turns_the_writing_turns_its_own_text_alone(visits: Visits) -> None:
    page = await visits.open(ACT, HAL)

    turned = page.locator("bdi").filter(has_text=re.compile("abc"))
    assert await turned.count() > 0
    loose = await page.evaluate(
        r"""() => {
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walk.nextNode()) {
                const text = walk.currentNode;
                if (/[\u202a-\u202e\u2066-\u2069]/.test(text.data)
                    && !text.parentElement.closest("bdi, option, title"))
                    found.push(text.parentElement.outerHTML.slice(0, 120));
            }
            return found;
        }"""
    )
    assert loose == []


@pytest.mark.parametrize("path", ["/dashboard/clients.csv", "/renewals.csv", f"{ACT}.csv"])
async def test_no_cell_of_a_file_is_taken_for_a_formula(visits: Visits, path: str) -> None:
    page = await visits.open("/dashboard", HAL)

    answer = await page.context.request.get(visits.site.url + path)

    body = await answer.body()
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert len(rows) == COUNT + 1
    cells = [cell for row in rows for cell in row]
    assert [each for each in cells if each[:1] in tuple(SIGNS) and not is_number(each)] == []
    assert any(each.startswith("'=HYPERLINK") for each in cells)


def is_number(cell: str) -> bool:
    """Whether a cell is an amount."""
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", cell) is not None


async def test_a_reason_that_means_harm_is_shown_and_mailed_as_a_text(visits: Visits) -> None:
    site = visits.site
    page = await visits.open(f"/clients/{clients()[0]}/end-services", HAL)
    main = page.get_by_role("main")
    await main.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill(hostile.MARKUP)
    if await main.get_by_role("checkbox").count():
        await main.get_by_role("checkbox").check()
    await main.get_by_role("button", name="End services").click()
    await expect(page).not_to_have_url(re.compile("end-services"))
    await page.goto(f"{site.url}/dashboard?panel=client:{clients()[0]}")
    await expect(panel(page)).to_be_visible()
    await harmless(page)


async def test_mails_hold_them_as_texts(visits: Visits) -> None:
    await visits.site.quiet(but_deferred=True)
    mails = [each for each in visits.site.letters() if "<img" in each.subject]
    assert mails
    for each in mails:
        assert "\n" not in each.subject
        html = each.mail.get_body(("html",))
        assert html is not None
        written = html.get_content()
        assert "<script" not in written
        assert "<img" not in written
        assert "&lt;script&gt;" in written
        plain = each.mail.get_body(("plain",))
        assert plain is not None
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", plain.get_content())
