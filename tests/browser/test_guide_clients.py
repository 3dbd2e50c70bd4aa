"""The guide, sentence by sentence: view your clients."""

import re

from playwright.async_api import expect

from tests.browser.portfolio import (
    ACME,
    ADA,
    MAX,
    NAMES,
    NORTHWIND,
    OWN,
    PRODUCT,
    TWO,
    ZONE,
)
from tests.browser.steps import ACT, act, dialog, find, menu, panel, row, search
from tests.browser.visits import Visits, sign_in


async def test_in_your_account_navigate_to_partner_dashboard(visits: Visits) -> None:
    page = await visits.open(None, None)

    await sign_in(page, visits.site, ADA)

    await expect(page).to_have_url(f"{visits.site.url}/dashboard")
    sidebar = page.get_by_role("navigation", name="Main")
    await expect(sidebar.get_by_role("link", name="Dashboard")).to_have_attribute(
        "aria-current", re.compile("page|true")
    )
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    frame = page.get_by_role("banner")
    await expect(frame.get_by_text(NAMES[NORTHWIND]).first).to_be_visible()
    await expect(frame.get_by_text(ZONE)).to_be_visible()
    await expect(frame.get_by_role("button", name=ADA.name)).to_be_visible()


async def test_in_the_alerts_section_view_the_number_of_upcoming_renewal_decisions(
    visits: Visits,
) -> None:
    page = await visits.open()
    alerts = page.get_by_role("region", name="Alerts")

    link = alerts.get_by_role("link", name=re.compile("renewal decision"))
    told = re.search(r"\d+", await link.inner_text())
    assert told
    await link.click()

    await expect(page).to_have_url(re.compile(re.escape(ACT)))
    shown = 0
    while True:
        shown += await page.get_by_role("row").filter(has=page.get_by_role("cell")).count()
        further = page.get_by_role("link", name="Next")
        if not await further.count():
            break
        here = page.url
        await further.click()
        await expect(page).not_to_have_url(here)
    assert shown == int(told[0])


async def test_in_the_clients_section_view_your_clients_products_relationship_usage_and_revenue(
    visits: Visits,
) -> None:
    page = await visits.open()
    clients = page.get_by_role("region", name="Clients")
    for column in ("Client", "Products", "Relationship", "Usage", "MRR"):
        await expect(
            clients.get_by_role("columnheader", name=re.compile(column)).first
        ).to_be_visible()

    await search(page, ACME.name)

    acme = row(page, ACME)
    for told in (ACME.domain, ACME.name, PRODUCT, "Sales Hub Starter", "medium", "845.50", "USD"):
        await expect(acme.get_by_text(told).first).to_be_visible()
    await expect(acme).to_contain_text(re.compile("sold", re.IGNORECASE))
    await expect(acme).to_contain_text(re.compile("managed", re.IGNORECASE))


async def test_revenue_in_two_currencies_stands_side_by_side(visits: Visits) -> None:
    page = await visits.open()

    await search(page, TWO.name)

    tulip = row(page, TWO)
    for amount, currency in (("800.00", "USD"), ("410.00", "EUR")):
        await expect(tulip).to_contain_text(amount)
        await expect(tulip).to_contain_text(currency)
    await expect(tulip).not_to_contain_text("1,210")


async def test_hover_over_the_client_and_click_the_actions_dropdown_menu(visits: Visits) -> None:
    page = await visits.open(find("/dashboard", ACME))

    await menu(page, ACME)

    items = page.get_by_role("listitem").locator("visible=true").get_by_role("link")
    told = [" ".join(each.split()) for each in await items.all_inner_texts()]
    assert [each.removesuffix(" (new tab)") for each in told][-4:] == [
        "Client details",
        "Company in CRM",
        "Go to client's portal",
        "End services",
    ]
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name="Company in CRM")).to_have_count(0)


async def test_client_details_view_company_information_subscriptions_and_tiers_in_the_right_panel(
    visits: Visits,
) -> None:
    page = await visits.open(find("/dashboard", ACME))

    await act(page, ACME, "Client details")

    details = panel(page)
    await expect(details.get_by_role("heading", name=ACME.name)).to_be_visible()
    for told in ("Software", "Berlin", "Germany", "+49 30 1234"):
        await expect(details.get_by_text(told).first).to_be_visible()
    for told in (PRODUCT, "Sales Hub Starter", "800.00", "45.50"):
        await expect(details.get_by_text(told).first).to_be_visible()
    for told in ("9,300 of 10,000", "20,000 of 100,000"):
        await expect(details.get_by_text(told).first).to_be_visible()
    await expect(details.get_by_text(ACME.decision_maker).first).to_be_visible()
    await expect(page).to_have_url(re.compile(rf"panel=client(:|%3A){ACME.id}"))

    await page.keyboard.press("Escape")
    await expect(details).to_have_count(0)
    await expect(page).not_to_have_url(re.compile("panel="))


async def test_client_details_have_an_address_of_their_own(visits: Visits) -> None:
    page = await visits.open(f"/dashboard?panel=client:{ACME.id}")

    await expect(panel(page).get_by_role("heading", name=ACME.name)).to_be_visible()


async def test_company_in_crm_click_to_access_the_company_record_of_your_client(
    visits: Visits,
) -> None:
    page = await visits.open(find("/dashboard", ACME))
    await menu(page, ACME)

    link = page.get_by_role("link", name="Company in CRM").locator("visible=true")

    await expect(link).to_have_attribute(
        "href", f"https://app.hubspot.com/contacts/{NORTHWIND}/record/0-2/{ACME.record}"
    )
    await expect(link).to_have_attribute("target", "_blank")


async def test_go_to_clients_portal_click_to_access_the_clients_hubspot_account(
    visits: Visits,
) -> None:
    page = await visits.open(find("/dashboard", ACME))
    await menu(page, ACME)

    link = page.get_by_role("link", name="Go to client's portal").locator("visible=true")

    await expect(link).to_have_attribute(
        "href", f"https://app.hubspot.com/reports-dashboard/{ACME.account}"
    )
    await expect(link).to_have_attribute("target", "_blank")


async def test_end_services_inform_hubspot_that_you_no_longer_provide_services_to_this_client(
    visits: Visits,
) -> None:
    client = OWN["Ends"]
    page = await visits.open(find("/dashboard", client))

    await act(page, client, "End services")
    asked = dialog(page)
    await expect(asked.get_by_role("heading", name="End services")).to_be_visible()
    await expect(asked).to_contain_text(client.name)
    await asked.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill("They left.")
    box = asked.get_by_role("checkbox")
    if await box.count():
        await box.check()
    await asked.get_by_role("button", name="End services").click()

    await expect(asked).to_have_count(0)
    await expect(row(page, client)).to_have_count(0)
    [services] = await visits.site.fetch(
        "clients",
        "SELECT active FROM clients WHERE client_id = $1",
        client.id,
    )
    assert services["active"] is False


async def test_a_member_sees_why_services_cannot_be_ended_by_them(visits: Visits) -> None:
    page = await visits.open(find("/dashboard", ACME), MAX)

    await menu(page, ACME)

    item = page.get_by_role("link", name="End services").locator("visible=true")
    if await item.count():
        visits.watch.expect("403")
        await item.click()
        await expect(page.get_by_text(re.compile("admin")).first).to_be_visible()


async def test_services_can_be_resumed_while_nothing_was_sent(visits: Visits) -> None:
    client = OWN["Resumes"]
    page = await visits.open(find("/dashboard", client))
    await act(page, client, "End services")
    asked = dialog(page)
    await asked.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill("By mistake.")
    box = asked.get_by_role("checkbox")
    if await box.count():
        await box.check()
    await asked.get_by_role("button", name="End services").click()
    await expect(row(page, client)).to_have_count(0)

    await page.get_by_role("button", name=re.compile("Undo|Resume")).first.click()

    await page.goto(visits.site.url + find("/dashboard", client))
    await expect(row(page, client)).to_be_visible()
