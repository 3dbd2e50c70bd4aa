"""Partner settings in the browser: what a choice would do is told while it is made."""

import re

from playwright.async_api import expect

from tests.browser.portfolio import ACME, POC
from tests.browser.steps import ACT, row
from tests.browser.visits import Visits


async def test_the_effect_of_another_default_is_told_while_it_is_chosen(visits: Visits) -> None:
    page = await visits.open("/settings")
    chosen = page.get_by_label("Renewal communication owner")

    await chosen.select_option(label="Partner")

    contact = page.get_by_label("Select partner point of contact for renewals")
    await expect(contact).to_be_visible()
    await expect(page.get_by_label("Select partner user to be notified")).to_be_hidden()
    await contact.select_option(label=POC.name)
    effect = page.get_by_text(re.compile(r"This moves \d+ clients and leaves \d+"))
    await expect(effect).to_be_visible()

    await chosen.select_option(label="HubSpot")
    await expect(page.get_by_text("This moves no client")).to_be_visible()


async def test_renewals_are_found_while_one_types(visits: Visits) -> None:
    page = await visits.open(ACT)
    everything = page.locator("tbody tr")
    assert await everything.count() > 1

    await page.get_by_role("searchbox").press_sequentially(ACME.name, delay=20)

    await expect(everything).to_have_count(1)
    await expect(row(page, ACME)).to_be_visible()
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await expect(page.get_by_role("searchbox")).to_have_value(ACME.name)
