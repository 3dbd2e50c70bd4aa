"""Without JavaScript everything can be read, and forms work."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.portfolio import ACME, OWN, POC, PRODUCT, TOMORROW
from tests.browser.steps import ACT, row
from tests.browser.test_accessibility import VIEWS
from tests.browser.visits import Visits


@pytest.mark.parametrize("path", VIEWS.values(), ids=VIEWS)
async def test_every_view_can_be_read(visits: Visits, path: str) -> None:
    page = await visits.open(path, javascript=False)

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    if "panel=" in path:
        await expect(page.locator("dialog#panel")).to_be_visible()


async def test_from_the_list_to_the_details_by_links_alone(visits: Visits) -> None:
    page = await visits.open("/dashboard", javascript=False)
    await page.get_by_role("searchbox").fill(ACME.name)
    await page.get_by_role("searchbox").press("Enter")
    await row(page, ACME).get_by_role("link", name=re.compile(ACME.domain)).first.click()

    details = page.locator("dialog#panel")
    await expect(details).to_contain_text(PRODUCT)
    await details.get_by_role("link", name="Close").click()
    await expect(details).to_be_hidden()
    await expect(row(page, ACME)).to_be_visible()


async def test_the_owner_is_edited_by_a_form_alone(visits: Visits) -> None:
    client = OWN["Plain"]
    page = await visits.open(f"{ACT}?panel=renewal:{client.renewal(TOMORROW)}", javascript=False)
    await page.get_by_role("link", name="Edit renewal owner").click()
    await page.get_by_label("Renewal communication owner").select_option(label="Partner")
    await page.get_by_label("Select partner point of contact").select_option(label=POC.name)
    await page.get_by_role("button", name="Save").click()

    await expect(page).to_have_url(re.compile(re.escape(ACT)))
    await page.goto(f"{visits.site.url}{ACT}?q={client.name}")
    await expect(row(page, client)).to_contain_text(POC.name)


async def test_services_are_ended_and_resumed_by_forms_alone(visits: Visits) -> None:
    client = OWN["Formal"]
    page = await visits.open(f"/clients/{client.id}/end-services", javascript=False)
    await page.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill("By post.")
    if await page.get_by_role("checkbox").count():
        await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="End services").click()

    await expect(page.get_by_text("Services ended for").first).to_be_visible()
    await page.get_by_role("button", name=re.compile("Undo|Resume")).first.click()
    await page.goto(f"{visits.site.url}/dashboard?q={client.name}")
    await expect(row(page, client)).to_be_visible()
