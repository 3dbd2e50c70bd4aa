"""axe finds nothing, light and dark; and the points of WCAG 2.2 AA that axe cannot see."""

import re
from typing import Final

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.portfolio import ACME, BLOCKED, EVE, HAL, HOSTILE_CLIENT, MAX, SAM, WIDE
from tests.browser.steps import ACT, act, dialog, find, panel, search
from tests.browser.visits import Theme, Visits, accessible_in_both_themes

# Whatever can be looked at, by address. A panel has an address, too.
VIEWS: Final = {
    "clients": "/dashboard",
    "clients that are searched for": "/dashboard?q=many&sort=-mrr",
    "clients that there are none of": "/dashboard?q=nothing-like-that",
    "tier": "/dashboard/tier",
    "team": "/dashboard/team",
    "renewals": "/renewals",
    "renewals to act on": ACT,
    "blocked messages": "/alerts/blocked",
    "settings": "/settings",
    "renewal options": f"/renewals/{ACME.renewal()}/options",
    "client details": f"/dashboard?panel=client:{ACME.id}",
    "details of a blocked client": f"/dashboard?panel=client:{BLOCKED.id}",
    "details that there are none of": f"/dashboard?panel=client:{HAL.id}",
    "renewal details": f"{ACT}?panel=renewal:{ACME.renewal()}",
    "long names": f"{ACT}?q=wide&panel=renewal:{WIDE.renewal()}",
}
DIALOGS: Final = {
    "end services": f"/clients/{ACME.id}/end-services",
    "edit renewal owner": f"/clients/{ACME.id}/owner",
    "decide": f"/renewals/{ACME.renewal()}/decision",
}
THEMES: Final[tuple[Theme, Theme]] = ("light", "dark")


@pytest.mark.parametrize("path", VIEWS.values(), ids=VIEWS)
async def test_axe_finds_nothing(visits: Visits, path: str) -> None:
    page = await visits.open(path)
    await expect(page.get_by_role("main")).to_be_attached()

    await accessible_in_both_themes(page)


@pytest.mark.parametrize("path", DIALOGS.values(), ids=DIALOGS)
async def test_axe_finds_nothing_where_the_dialog_is_a_page(visits: Visits, path: str) -> None:
    page = await visits.open(path)

    await accessible_in_both_themes(page)


async def test_axe_finds_nothing_in_menus_and_dialogs(visits: Visits) -> None:
    page = await visits.open(find(ACT, ACME))
    await page.get_by_role("button", name="Actions for").hover()
    await page.get_by_role("button", name="Actions for").click()
    await accessible_in_both_themes(page)

    await page.get_by_role("link", name="End services").locator("visible=true").click()
    await expect(dialog(page)).to_be_visible()
    await accessible_in_both_themes(page)
    await page.keyboard.press("Escape")

    await act(page, ACME, "Renewal details")
    await panel(page).get_by_text("Edit renewal owner").click()
    await expect(dialog(page)).to_be_visible()
    await accessible_in_both_themes(page)
    await dialog(page).get_by_label("Renewal communication owner").select_option(label="Partner")
    await accessible_in_both_themes(page)


async def test_axe_finds_nothing_where_there_is_nothing_yet(visits: Visits) -> None:
    page = await visits.open("/dashboard", EVE)
    for path in ("/dashboard", "/renewals", ACT, "/dashboard/tier", "/dashboard/team", "/settings"):
        await page.goto(visits.site.url + path)
        await accessible_in_both_themes(page)


async def test_axe_finds_nothing_for_who_may_only_read(visits: Visits) -> None:
    for person in (MAX, SAM):
        page = await visits.open("/settings", person)
        await accessible_in_both_themes(page)
        await page.goto(f"{visits.site.url}{ACT}?panel=renewal:{ACME.renewal()}")
        await accessible_in_both_themes(page)


async def test_axe_finds_nothing_in_hostile_texts(visits: Visits) -> None:
    page = await visits.open(f"/dashboard?panel=client:{HOSTILE_CLIENT.id}", HAL)

    await accessible_in_both_themes(page)


EVERY_VIEW: Final = ("/dashboard", ACT, "/renewals", "/dashboard/tier", "/settings")


async def test_targets_are_24_pixels_in_each_direction(visits: Visits) -> None:
    page = await visits.open()
    for path in EVERY_VIEW:
        await page.goto(visits.site.url + path)
        small = await page.evaluate(
            """() => [...document.querySelectorAll("button, summary, select, input, nav a, th a")]
                .filter((each) => each.checkVisibility() && each.type !== "hidden")
                .filter((each) => !each.matches("input[type=checkbox], input[type=radio]"))
                .map((each) => [each.outerHTML.slice(0, 120), each.getBoundingClientRect()])
                .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
                .map(([html, box]) => `${html} ${box.width} x ${box.height}`)"""
        )
        assert small == [], path


async def test_columns_are_sorted_by_links_in_their_heads_which_say_so(visits: Visits) -> None:
    page = await visits.open(ACT)
    head = page.get_by_role("columnheader", name=re.compile("^Renewal MRR"))

    await head.get_by_role("link").click()
    await expect(head).to_have_attribute("aria-sort", re.compile("(a|de)scending"))
    first = await head.get_attribute("aria-sort")
    await head.get_by_role("link").click()

    other = "ascending" if first == "descending" else "descending"
    await expect(head).to_have_attribute("aria-sort", other)
    await expect(page.locator("th[aria-sort]")).to_have_count(1)


async def test_tables_have_captions_and_their_heads_a_scope(visits: Visits) -> None:
    page = await visits.open()
    for path in ("/dashboard", ACT, "/renewals", "/dashboard/tier"):
        await page.goto(visits.site.url + path)
        assert await page.locator("table").count() > 0
        await expect(page.locator("table:not(:has(> caption))")).to_have_count(0)
        await expect(page.locator("th:not([scope])")).to_have_count(0)


async def test_how_many_there_are_is_told_to_who_cannot_see(visits: Visits) -> None:
    page = await visits.open()

    await search(page, ACME.name)

    await expect(page.get_by_role("status").filter(has_text=re.compile(r"\b1\b"))).to_have_count(1)


async def test_what_a_colour_says_a_text_says_too(visits: Visits) -> None:
    page = await visits.open(f"{ACT}?panel=renewal:{ACME.renewal()}")

    for each in await page.locator(".badge").all():
        assert (await each.inner_text()).strip() or not await each.is_visible()
    for meter in await page.locator("meter").all():
        assert await meter.get_attribute("aria-label")


async def test_nothing_moves_for_who_wants_no_motion(visits: Visits) -> None:
    page = await visits.open(ACT, reduced_motion="reduce")
    await search(page, ACME.name)
    await act(page, ACME, "Renewal details")
    await expect(panel(page)).to_be_visible()

    moving = await page.evaluate(
        """() => document.getAnimations({subtree: true})
            .filter((each) => each.effect.getComputedTiming().duration > 20).length"""
    )
    assert moving == 0
    slow = await page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((each) => {
            const style = getComputedStyle(each);
            const longest = Math.max(...[...style.transitionDuration.split(","),
                ...style.animationDuration.split(",")].map(parseFloat));
            return longest > 0.02;
        }).map((each) => each.outerHTML.slice(0, 100))"""
    )
    assert slow == []


async def fits(page: Page) -> None:
    """Nothing makes the page scroll sideways, and nothing is cut off at its edge."""
    wide = await page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("body *")]
                .filter((each) => each.getBoundingClientRect().right > width + 1)
                .map((each) => each.outerHTML.slice(0, 120)).slice(0, 5)
                .concat(`${document.documentElement.scrollWidth} > ${width}`);
        }"""
    )
    assert wide == [], page.url


@pytest.mark.parametrize(
    "size",
    [(320, 640), (640, 400), (1280, 800)],
    ids=["320 pixels wide", "1280 pixels at 200 percent", "1280 pixels wide"],
)
async def test_everything_fits(visits: Visits, size: tuple[int, int]) -> None:
    page = await visits.open(None, size=size)
    for path in VIEWS.values():
        await page.goto(visits.site.url + path)
        await fits(page)
        assert await _overflowing(page) == [], page.url


async def _overflowing(page: Page) -> list[str]:
    """What is wider than where it stands, and can be neither scrolled nor read."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll("dialog[open], main, main *, dialog[open] *")]
            .filter((each) => each.checkVisibility())
            .filter((each) => {
                const style = getComputedStyle(each);
                return each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
                    && style.overflowX === "hidden" && style.textOverflow !== "ellipsis"
                    && style.position !== "absolute";
            })
            .map((each) => each.outerHTML.slice(0, 120))"""
    )
    return found


async def test_a_table_becomes_cards_where_there_is_no_room(visits: Visits) -> None:
    page = await visits.open(f"{ACT}?q={ACME.name}", size=(320, 640))

    line: Locator = page.locator("tbody tr").first
    cells = [await each.bounding_box() for each in await line.locator("td:visible").all()]
    places = [each for each in cells if each]
    assert len({round(each["y"]) for each in places}) > 2
    assert all(each["x"] + each["width"] <= 320 for each in places)


async def test_texts_can_be_enlarged_to_twice_their_size(visits: Visits) -> None:
    page = await visits.open(ACT)
    await page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")

    await fits(page)


async def test_light_and_dark_follow_the_system_and_can_be_chosen(visits: Visits) -> None:
    async def background(page: Page) -> str:
        colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    found = {theme: await background(await visits.open(theme=theme)) for theme in THEMES}
    assert found["light"] != found["dark"]

    page = await visits.open(theme="light")
    await page.get_by_role("button", name=re.compile("Ada Person")).click()
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await background(page) == found["dark"]
    await page.goto(f"{visits.site.url}/renewals")
    assert await background(page) == found["dark"]


async def test_the_page_says_what_language_and_what_page_it_is(visits: Visits) -> None:
    page = await visits.open()
    titles = set()
    for path in EVERY_VIEW:
        await page.goto(visits.site.url + path)
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        titles.add(await page.title())
    assert len(titles) == len(EVERY_VIEW)
