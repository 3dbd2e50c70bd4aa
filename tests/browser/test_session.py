"""Signing in and out, and what is only there for who is signed in."""

import re

from playwright.async_api import expect

from tests.browser.portfolio import ADA, LEA, NAMES, NORTHWIND, SAM
from tests.browser.steps import ACT
from tests.browser.visits import Visits, sign_in


async def test_who_is_not_signed_in_comes_back_to_where_they_wanted(visits: Visits) -> None:
    page = await visits.open(None, None)

    await sign_in(page, visits.site, ADA, f"{ACT}?q=acme")

    await expect(page).to_have_url(f"{visits.site.url}{ACT}?q=acme")


async def test_signing_out_ends_the_session_in_this_browser(visits: Visits) -> None:
    page = await visits.open("/dashboard", LEA, fresh=True)
    await page.get_by_role("button", name=LEA.name).click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_text("signed out").first).to_be_visible()

    await page.goto(f"{visits.site.url}/dashboard")
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()


async def test_signing_out_everywhere_ends_every_session(visits: Visits) -> None:
    here = await visits.open("/dashboard", LEA, fresh=True)
    there = await visits.open("/dashboard", LEA, fresh=True)
    await here.get_by_role("button", name=LEA.name).click()
    await here.get_by_role("button", name="Sign out everywhere").click()
    await expect(here.get_by_text("signed out").first).to_be_visible()

    visits.watch.expect("401")
    await expect(there.get_by_role("heading", name="Who are you?")).to_be_visible()


async def test_hubspot_staff_reads_and_changes_nothing(visits: Visits) -> None:
    page = await visits.open("/dashboard", SAM)

    await expect(page.get_by_role("banner")).to_contain_text(NAMES[NORTHWIND])
    await page.goto(f"{visits.site.url}/settings")
    await expect(page.get_by_role("button", name=re.compile("^Save"))).to_have_count(0)
