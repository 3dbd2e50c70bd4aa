"""When something is not there: a service, a page, a right, or a fast network."""

import asyncio
import re

from playwright.async_api import Route, expect

from tests.browser.portfolio import ACME, EVE, HAL, MAX, SAM
from tests.browser.steps import ACT, act, dialog, find, panel, row
from tests.browser.visits import Visits


async def test_without_the_owning_service_the_page_is_readable_and_says_what_is_not_possible(
    visits: Visits,
) -> None:
    page = await visits.open(find(ACT, ACME))
    visits.watch.expect("503|50[024]")
    await visits.site.stop("renewals", "clients")
    try:
        await page.reload()
        await expect(row(page, ACME)).to_be_visible()
        await act(page, ACME, "Renewal details")
        await panel(page).get_by_text("Edit renewal owner").click()
        box = dialog(page)
        await box.get_by_label("Renewal communication owner").select_option(label="HubSpot")
        await box.get_by_role("button", name="Save").click()
        await expect(box).to_contain_text("The renewals service cannot be reached")
        await expect(box).to_contain_text("Nothing was changed")

        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await act(page, ACME, "End services")
        await box.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill("Away.")
        if await box.get_by_role("checkbox").count():
            await box.get_by_role("checkbox").check()
        await box.get_by_role("button", name="End services").click()
        await expect(box).to_contain_text("The clients service cannot be reached")
        await expect(
            box.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE))
        ).to_have_value("Away.")
    finally:
        await visits.site.start("renewals", "clients")


async def test_without_the_tiers_service_the_tier_is_shown_as_it_was_heard(visits: Visits) -> None:
    await visits.site.stop("tiers")
    try:
        page = await visits.open("/dashboard/tier")
        await expect(page.get_by_text("Gold").first).to_be_visible()
        await expect(page.get_by_role("main")).to_contain_text(re.compile("cannot be|missing"))
    finally:
        await visits.site.start("tiers")


async def test_a_page_that_there_is_not_says_so_and_leads_back(visits: Visits) -> None:
    visits.watch.expect("404")
    page = await visits.open("/nothing/here")

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.get_by_role("main").get_by_role("link").first.click()
    await expect(page).to_have_url(f"{visits.site.url}/dashboard")


async def test_what_is_another_partners_is_not_there(visits: Visits) -> None:
    visits.watch.expect("404")
    page = await visits.open(f"/renewals/{ACME.renewal()}/options", HAL)
    await expect(page.get_by_text(ACME.domain)).to_have_count(0)
    await page.goto(f"{visits.site.url}/dashboard?panel=client:{ACME.id}")
    await expect(panel(page)).to_contain_text("There is no such thing")


async def test_who_may_not_is_told_who_may(visits: Visits) -> None:
    visits.watch.expect("403")
    page = await visits.open(f"/clients/{ACME.id}/end-services", MAX)
    await expect(page.get_by_role("main")).to_contain_text(re.compile("admin"))
    page = await visits.open("/settings", MAX)
    await expect(page.get_by_role("main")).to_contain_text(re.compile("admin"))
    page = await visits.open(f"/clients/{ACME.id}/owner", SAM)
    await expect(page.get_by_role("main")).to_contain_text("Only people of the partner")


async def test_a_slow_network_shows_that_something_is_going_on(visits: Visits) -> None:
    page = await visits.open(find(ACT, ACME))
    goes_on = asyncio.Event()

    async def wait(route: Route) -> None:
        await goes_on.wait()
        await route.continue_()

    await page.route("**/panels/**", wait)
    await act(page, ACME, "Renewal details")

    busy = page.locator(".htmx-request, [aria-busy=true]")
    await expect(busy.first).to_be_attached()
    shown = await busy.first.evaluate(
        """(each) => {
            const marks = [each, ...each.querySelectorAll("*"), document.documentElement,
                document.body];
            return marks.some((mark) => ["", "::before", "::after"].some((part) =>
                getComputedStyle(mark, part || undefined).animationName !== "none"
                || getComputedStyle(mark, part || undefined).cursor === "progress"));
        }"""
    )
    assert shown, "nothing on the page says that it waits"
    goes_on.set()
    await expect(panel(page)).to_be_visible()


async def test_a_partner_without_clients_is_told_what_will_be_here(visits: Visits) -> None:
    page = await visits.open("/dashboard", EVE)
    for path, told in (
        ("/dashboard", "clients"),
        ("/renewals", "No renewals yet"),
        (ACT, "Nothing to act on"),
        ("/alerts/blocked", "Nothing is blocked"),
        ("/dashboard/team", "Nobody is named yet"),
    ):
        await page.goto(visits.site.url + path)
        await expect(page.locator(".empty").first).to_contain_text(told)


async def test_the_page_without_its_server_says_that_it_may_be_old(visits: Visits) -> None:
    page = await visits.open(ACT)
    await expect(row(page, ACME)).to_be_visible()
    visits.watch.expect("ERR_CONNECTION_REFUSED|ERR_|net::|Failed|failed|htmx|fetch")
    await visits.site.stop("dashboard")
    try:
        await (
            page.get_by_role("columnheader", name=re.compile("Client")).get_by_role("link").click()
        )
        await expect(page.get_by_text("could not be brought up to date")).to_be_visible()
        await expect(row(page, ACME)).to_be_visible()
    finally:
        await visits.site.start("dashboard")
