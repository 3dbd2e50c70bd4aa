"""Everything can be done with the keyboard alone, and one always sees where one is."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.portfolio import ACME, ADA, EVE, OWN, POC, TOMORROW
from tests.browser.steps import ACT, dialog, panel, row
from tests.browser.visits import Visits

FURTHEST = 80  # how often Tab is pressed at most


async def focused(page: Page) -> Locator:
    """Where one is."""
    return page.locator(":focus")


async def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Go on until the target has the focus; see the focus all the way."""
    for _ in range(FURTHEST):
        if await target.count() and await target.first.evaluate(
            "(each) => each === document.activeElement"
        ):
            await seen(page)
            return
        await page.keyboard.press(key)
    pytest.fail(f"{target} is not reached by {key}")


async def seen(page: Page) -> None:
    """The focus has a mark, and nothing lies over it."""
    told = await page.evaluate(
        """() => {
            const each = document.activeElement;
            const style = getComputedStyle(each);
            const box = each.getBoundingClientRect();
            const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return {
                what: each.outerHTML.slice(0, 120),
                marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                free: there !== null && (each.contains(there) || there.contains(each)
                    || each.labels?.[0]?.contains(there) === true),
            };
        }"""
    )
    assert told["marked"], f"no mark of the focus: {told['what']}"
    assert told["free"], f"something lies over the focus: {told['what']}"


async def test_the_first_stop_leads_past_the_sidebar_to_the_content(visits: Visits) -> None:
    page = await visits.open()

    await page.keyboard.press("Tab")
    await expect(await focused(page)).to_have_text("Skip to the content")
    await seen(page)
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(re.compile("#main$"))
    await page.keyboard.press("Tab")
    inside = await page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert inside


async def test_every_stop_on_the_way_through_a_list_is_seen(visits: Visits) -> None:
    page = await visits.open(ACT, size=(1280, 500))
    stops = 0
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement === document.body"):
            break
        await seen(page)
        stops += 1
    assert stops > 30


async def test_a_row_shows_its_actions_when_the_focus_comes(visits: Visits) -> None:
    page = await visits.open(f"{ACT}?q={ACME.name}")
    button = row(page, ACME).get_by_role("button", name="Actions")

    await tab_to(page, button)
    await expect(button).to_have_css("opacity", "1")
    await page.keyboard.press("Enter")
    item = page.get_by_role("link", name="Renewal details").locator("visible=true")
    await expect(item).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(item).to_have_count(0)
    await expect(button).to_be_focused()


async def test_details_open_and_close_and_the_focus_comes_back(visits: Visits) -> None:
    page = await visits.open(f"{ACT}?q={ACME.name}")
    button = row(page, ACME).get_by_role("button", name="Actions")
    await tab_to(page, button)
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Renewal details").locator("visible=true"))
    await page.keyboard.press("Enter")
    await expect(panel(page)).to_be_visible()
    inside = await page.evaluate("document.activeElement.closest('dialog')?.id")
    assert inside == "panel"

    await page.keyboard.press("Escape")

    await expect(panel(page)).to_have_count(0)
    await expect(button).to_be_focused()


async def test_the_owner_is_edited_without_a_mouse(visits: Visits) -> None:
    client = OWN["Keyboard"]
    page = await visits.open(f"{ACT}?q={client.name}")
    await tab_to(page, row(page, client).get_by_role("button", name="Actions"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Renewal details").locator("visible=true"))
    await page.keyboard.press("Enter")
    await expect(panel(page)).to_be_visible()
    edit = panel(page).get_by_role("link", name="Edit renewal owner")
    await tab_to(page, edit)
    await page.keyboard.press("Enter")
    await expect(dialog(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog(page)).to_have_count(0)
    await expect(edit).to_be_focused()

    await page.keyboard.press("Enter")
    box = dialog(page)
    await tab_to(page, box.get_by_label("Renewal communication owner"))
    await page.keyboard.type("Partner")
    await tab_to(page, box.get_by_label("Select partner point of contact for renewals"))
    await page.keyboard.type(POC.name)
    await tab_to(page, box.get_by_role("button", name="Save"))
    await page.keyboard.press("Enter")

    await expect(box).to_have_count(0)
    await expect(panel(page)).to_contain_text(POC.name)
    await page.keyboard.press("Escape")
    await expect(row(page, client)).to_contain_text("Partner")


async def test_a_renewal_is_decided_without_a_mouse(visits: Visits) -> None:
    client = OWN["Chosen"]
    page = await visits.open(f"{ACT}?panel=renewal:{client.renewal(TOMORROW)}")
    await expect(panel(page)).to_be_visible()
    await tab_to(page, panel(page).get_by_role("link", name="Decide"))
    await page.keyboard.press("Enter")
    box = dialog(page)
    await expect(box).to_be_visible()
    await tab_to(page, box.get_by_role("radio").first)
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowUp")
    await expect(box.get_by_label("Request cancellation")).to_be_checked()
    await tab_to(page, box.get_by_role("textbox", name="Reason"))
    await page.keyboard.type("They said so.")
    await tab_to(page, box.get_by_role("button", name="Save the decision"))
    await page.keyboard.press("Enter")

    await expect(box).to_have_count(0)
    await expect(panel(page)).to_contain_text("They said so.")


async def test_the_settings_are_changed_without_a_mouse(visits: Visits) -> None:
    page = await visits.open("/settings", EVE)
    owner = page.get_by_role("region", name="Default renewal owner")
    for choice in ("Partner", "HubSpot"):
        await tab_to(page, owner.get_by_label("Renewal communication owner"))
        await page.keyboard.type(choice)
        if choice == "Partner":
            await tab_to(page, owner.get_by_label("Select partner point of contact for renewals"))
            await page.keyboard.type(EVE.name)
        await tab_to(page, owner.get_by_role("button", name="Save"))
        await page.keyboard.press("Enter")
        await expect(owner).to_contain_text(f"Now: {choice}")

    stages = page.get_by_role("region", name="When people are told")
    first = stages.get_by_role("checkbox").first
    ticked = await first.is_checked()
    await tab_to(page, first)
    await page.keyboard.press("Space")
    await tab_to(page, stages.get_by_label("Send hour"))
    await page.keyboard.type("0830")
    await tab_to(page, stages.get_by_role("button", name="Save"))
    await page.keyboard.press("Enter")

    await expect(stages.get_by_label("Send hour")).to_have_value("08:30")
    await page.reload()
    await expect(stages.get_by_label("Send hour")).to_have_value("08:30")
    await expect(first).to_be_checked(checked=not ticked)


async def test_services_are_ended_without_a_mouse(visits: Visits) -> None:
    client = OWN["Decided"]
    page = await visits.open(f"/dashboard?q={client.name}")
    await tab_to(page, row(page, client).get_by_role("button", name="Actions"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="End services").locator("visible=true"))
    await page.keyboard.press("Enter")
    box = dialog(page)
    await expect(box).to_be_visible()
    await tab_to(page, box.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)))
    await page.keyboard.type("No hands.")
    if await box.get_by_role("checkbox").count():
        await tab_to(page, box.get_by_role("checkbox"))
        await page.keyboard.press("Space")
    await tab_to(page, box.get_by_role("button", name="End services"))
    await page.keyboard.press("Enter")

    await expect(box).to_have_count(0)
    await expect(row(page, client)).to_have_count(0)


async def test_the_focus_stays_in_a_dialog(visits: Visits) -> None:
    page = await visits.open(f"{ACT}?panel=renewal:{ACME.renewal()}")
    await expect(panel(page)).to_be_visible()
    for _ in range(25):
        await page.keyboard.press("Tab")
        where = await page.evaluate(
            "document.activeElement === document.body ? '' : document.activeElement.closest('dialog')?.id ?? 'outside'"  # noqa: E501
        )
        assert where in {"panel", ""}


async def test_search_sort_and_pages_without_a_mouse(visits: Visits) -> None:
    page = await visits.open()
    box = page.get_by_role("searchbox")
    await tab_to(page, box)
    await page.keyboard.type("many")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("q=many"))
    head = page.get_by_role("columnheader", name=re.compile("MRR")).get_by_role("link")
    await tab_to(page, head)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("sort="))
    await tab_to(page, page.get_by_role("link", name="Next"))
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("cursor="))


async def test_the_menu_of_the_account_without_a_mouse(visits: Visits) -> None:
    page = await visits.open()
    button = page.get_by_role("button", name=ADA.name)
    await tab_to(page, button)
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="Sign out", exact=True))
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
