"""The guide, sentence by sentence: your partner tier, and your HubSpot team."""

import re

from playwright.async_api import expect

from tests.browser.portfolio import CAM, CONSULTANT
from tests.browser.visits import Visits


async def test_click_the_partner_tier_tab(visits: Visits) -> None:
    page = await visits.open()

    await page.get_by_role("link", name="Partner Tier").click()

    await expect(page).to_have_url(f"{visits.site.url}/dashboard/tier")


async def test_view_your_current_credited_tier(visits: Visits) -> None:
    page = await visits.open("/dashboard/tier")

    tier = page.get_by_role("region", name=re.compile("Credited tier", re.IGNORECASE))
    await expect(tier).to_contain_text("Gold")
    await expect(tier.locator('time[datetime="2025-07-15"]')).to_be_visible()


async def test_view_your_current_performance(visits: Visits) -> None:
    page = await visits.open("/dashboard/tier")

    shown = page.get_by_role("region", name=re.compile("Current performance", re.IGNORECASE))
    await expect(shown).to_contain_text(re.compile("sold", re.IGNORECASE))
    await expect(shown).to_contain_text(re.compile("managed", re.IGNORECASE))
    await expect(shown).to_contain_text("USD")


async def test_view_your_median_app_usage(visits: Visits) -> None:
    page = await visits.open("/dashboard/tier")

    shown = page.get_by_role("region", name=re.compile("Median app usage", re.IGNORECASE))
    await expect(shown).to_contain_text(re.compile(r"\d"))


async def test_view_your_partner_certified_status(visits: Visits) -> None:
    page = await visits.open("/dashboard/tier")

    shown = page.get_by_role("region", name=re.compile("certified", re.IGNORECASE))
    await expect(shown.locator('time[datetime="2026-06-30"]')).to_be_visible()


async def test_the_figures_of_each_chart_stand_in_a_table_too(visits: Visits) -> None:
    page = await visits.open("/dashboard/tier")

    parts = page.locator("main section").filter(has=page.locator("svg[role=img]"))
    assert await parts.count() > 0
    for part in await parts.all():
        assert await part.locator("table").count() > 0


async def test_click_the_hubspot_team_tab(visits: Visits) -> None:
    page = await visits.open()

    await page.get_by_role("link", name="HubSpot Team").click()

    await expect(page).to_have_url(f"{visits.site.url}/dashboard/team")


async def test_view_your_channel_account_manager_and_channel_consultant_with_a_description(
    visits: Visits,
) -> None:
    page = await visits.open("/dashboard/team")

    for told in (
        "Channel Account Manager",
        "Cam of HubSpot",
        "Your first contact at HubSpot.",
        "Channel Consultant",
        "Cory of HubSpot",
        "Helps you to service your clients.",
    ):
        await expect(page.get_by_text(told, exact=True).first).to_be_visible()


async def test_click_send_email_to_send_them_an_email_from_your_default_email_client(
    visits: Visits,
) -> None:
    page = await visits.open("/dashboard/team")

    links = page.get_by_role("main").get_by_role("link", name=re.compile("Send email"))

    found = [await each.get_attribute("href") or "" for each in await links.all()]
    assert {each.partition("?")[0] for each in found} == {f"mailto:{CAM}", f"mailto:{CONSULTANT}"}
