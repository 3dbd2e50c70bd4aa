"""The guide, sentence by sentence: manage client renewals."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.portfolio import (
    ACME,
    LATER,
    MANAGER,
    OWN,
    POC,
    PRODUCT,
    START,
    TODAY,
    TOMORROW,
    ZONE,
    Company,
)
from tests.browser.steps import ACT, act, dialog, find, menu, panel, row, search, see_day
from tests.browser.visits import Visits
from tests.journeys.portfolio import NOTICE

OWNER = "Renewal communication owner"
NOTIFIED = "Select partner user to be notified"
CONTACT = "Select partner point of contact for renewals"


async def details(visits: Visits, company: Company) -> Page:
    """Open the renewal details of a client."""
    page = await visits.open(find(ACT, company))
    await act(page, company, "Renewal details")
    await expect(panel(page).get_by_role("heading").first).to_be_visible()
    return page


async def edit_owner(page: Page, owner: str, chooser: str = "", person: str = "") -> None:
    """Click Edit renewal owner, choose, and save."""
    await (
        panel(page)
        .get_by_role("link", name="Edit renewal owner")
        .or_(panel(page).get_by_role("button", name="Edit renewal owner"))
        .click()
    )
    box = dialog(page)
    await box.get_by_label(OWNER).select_option(label=owner)
    if chooser:
        await box.get_by_label(chooser).select_option(label=person)
    await box.get_by_role("button", name="Save").click()
    await expect(box).to_have_count(0)


async def test_in_the_left_sidebar_menu_click_renewals_to_view_all_your_client_renewals(
    visits: Visits,
) -> None:
    page = await visits.open()

    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Renewals").click()

    await expect(page).to_have_url(f"{visits.site.url}/renewals")
    tabs = page.get_by_role("navigation", name="Renewals")
    await expect(tabs.get_by_role("link", name="All renewals")).to_have_attribute(
        "aria-current", "page"
    )
    await search(page, LATER.name)
    await expect(row(page, LATER)).to_be_visible()


async def test_to_view_and_manage_only_upcoming_renewals_click_the_renewals_to_act_on_tab(
    visits: Visits,
) -> None:
    page = await visits.open("/renewals")

    await page.get_by_role("link", name="Renewals to act on").first.click()

    await expect(page).to_have_url(f"{visits.site.url}{ACT}")
    await search(page, LATER.name)
    await expect(row(page, LATER)).to_have_count(0)
    await page.goto(visits.site.url + find(ACT, ACME))
    await expect(row(page, ACME)).to_be_visible()


async def acme_to_act_on(visits: Visits) -> Locator:
    page = await visits.open(find(ACT, ACME))
    return row(page, ACME)


@pytest.mark.parametrize(
    "column",
    [
        "Client",
        "Renewal owner",
        "Product renewals",
        "Renewal deadline",
        "Current MRR",
        "Renewal MRR",
    ],
)
async def test_in_the_table_view_the_following_information(visits: Visits, column: str) -> None:
    page = await visits.open(ACT)

    await expect(page.get_by_role("columnheader", name=re.compile(f"^{column}"))).to_be_visible()


async def test_client_the_clients_domain(visits: Visits) -> None:
    await expect((await acme_to_act_on(visits)).get_by_text(ACME.domain)).to_be_visible()


async def test_renewal_owner_the_party_responsible_for_relaying_the_details(visits: Visits) -> None:
    line = await acme_to_act_on(visits)

    await expect(line.get_by_text("HubSpot").first).to_be_visible()
    await expect(line).to_contain_text(re.compile("default|inherit", re.IGNORECASE))


async def test_product_renewals_the_products_that_require_a_renewal_decision(
    visits: Visits,
) -> None:
    line = await acme_to_act_on(visits)

    await expect(line.get_by_text(PRODUCT).first).to_be_visible()
    await expect(line.get_by_text("Sales Hub Starter").first).to_be_visible()


async def test_renewal_deadline_is_45_days_before_renewal_start_date(visits: Visits) -> None:
    line = await acme_to_act_on(visits)

    await see_day(line, START - timedelta(days=45))
    await expect(line).to_contain_text("15 days")
    await expect(line.page.get_by_text(ZONE).first).to_be_visible()


async def test_current_mrr_the_current_monthly_recurring_revenue(visits: Visits) -> None:
    await expect((await acme_to_act_on(visits)).get_by_text("845.50").first).to_be_visible()


async def test_renewal_mrr_the_renewal_monthly_recurring_revenue(visits: Visits) -> None:
    line = await acme_to_act_on(visits)

    await expect(line.get_by_text("850.00").first).to_be_visible()
    await expect(line.get_by_text("+4.50").first).to_be_visible()


async def test_hover_over_the_client_click_actions_and_select_renewal_details(
    visits: Visits,
) -> None:
    page = await details(visits, ACME)

    await expect(panel(page)).to_contain_text(ACME.name)
    await expect(page).to_have_url(re.compile(rf"panel=renewal(:|%3A){ACME.renewal()}"))


async def test_view_the_current_renewal_communication_owner(visits: Visits) -> None:
    page = await details(visits, ACME)

    await expect(panel(page).get_by_text(OWNER).first).to_be_visible()
    await expect(panel(page).get_by_text("HubSpot").first).to_be_visible()


async def test_click_edit_renewal_owner_and_in_the_dialog_box_select_one_of_the_options(
    visits: Visits,
) -> None:
    page = await details(visits, ACME)

    await panel(page).get_by_text("Edit renewal owner").click()

    box = dialog(page)
    options = box.get_by_label(OWNER).get_by_role("option")
    await expect(options).to_have_count(3)
    told = await options.all_inner_texts()
    assert [each.partition(" (")[0] for each in told] == ["Default setting", "HubSpot", "Partner"]


async def test_default_setting_the_owner_will_be_the_default_owner_of_your_partner_settings(
    visits: Visits,
) -> None:
    client = OWN["Inherits"]
    page = await details(visits, client)
    await edit_owner(page, "HubSpot")
    await expect(panel(page)).not_to_contain_text(re.compile("inherited", re.IGNORECASE))

    await panel(page).get_by_text("Edit renewal owner").click()
    await expect(dialog(page)).to_contain_text(re.compile("at the moment", re.IGNORECASE))
    await page.keyboard.press("Escape")
    await edit_owner(page, "Default setting")

    [chosen] = await visits.site.fetch(
        "renewals", "SELECT owner FROM clients WHERE client_id = $1", client.id
    )
    assert chosen["owner"] == "default"


async def test_hubspot_to_copy_a_user_click_select_partner_user_to_be_notified(
    visits: Visits,
) -> None:
    page = await details(visits, OWN["Copied"])

    await edit_owner(page, "HubSpot", NOTIFIED, POC.name)

    await expect(panel(page)).to_contain_text(POC.name)


async def test_partner_click_select_partner_point_of_contact_for_renewals(visits: Visits) -> None:
    page = await details(visits, OWN["Partners"])

    await edit_owner(page, "Partner", CONTACT, POC.name)

    await expect(panel(page)).to_contain_text(POC.name)
    await page.keyboard.press("Escape")
    await expect(row(page, OWN["Partners"])).to_contain_text("Partner")


async def test_only_active_users_are_offered_and_a_point_of_contact_is_required(
    visits: Visits,
) -> None:
    page = await details(visits, OWN["Dialogs"])
    await panel(page).get_by_text("Edit renewal owner").click()
    box = dialog(page)
    await box.get_by_label(OWNER).select_option(label="Partner")

    await expect(box.get_by_label(CONTACT)).to_be_visible()
    people = await box.get_by_label(CONTACT).get_by_role("option").all_inner_texts()
    assert POC.name in people
    assert "Gone Person" not in people

    await box.get_by_role("button", name="Save").click()
    await expect(box).to_be_visible()


async def test_view_the_hubspot_renewal_manager_for_this_client(visits: Visits) -> None:
    page = await details(visits, ACME)

    manager = panel(page).get_by_role("region", name="HubSpot renewal manager")
    await expect(manager.get_by_text("Manager of HubSpot").first).to_be_visible()


async def test_to_send_an_email_to_the_renewal_manager_click_send_email(visits: Visits) -> None:
    page = await details(visits, ACME)

    link = panel(page).get_by_role("link", name=re.compile("Send email"))

    await expect(link).to_have_attribute("href", re.compile(rf"^mailto:{re.escape(MANAGER)}"))


async def test_view_the_details_of_the_renewal_including_the_number_of_days_to_the_renewal(
    visits: Visits,
) -> None:
    page = await details(visits, ACME)

    shown = panel(page)
    await see_day(shown, START)
    await see_day(shown, START - NOTICE)
    await expect(shown).to_contain_text("60 days")
    await expect(shown).to_contain_text("15 days")
    await expect(shown).to_contain_text(ZONE)


async def test_to_view_more_details_on_the_renewal_options_in_a_new_page_click_view_options(
    visits: Visits,
) -> None:
    page = await details(visits, ACME)

    async with page.context.expect_page() as opening:
        await panel(page).get_by_role("link", name=re.compile("View renewal options")).click()
    options = await opening.value

    await expect(options).to_have_url(f"{visits.site.url}/renewals/{ACME.renewal()}/options")
    for told in ("Renew as is", "More contacts", PRODUCT, "1,600.00"):
        await expect(options.get_by_text(told).first).to_be_visible()


async def test_to_access_your_clients_hubspot_account_select_go_to_clients_portal(
    visits: Visits,
) -> None:
    page = await visits.open(find(ACT, ACME))
    await menu(page, ACME)

    link = page.get_by_role("link", name="Go to client's portal").locator("visible=true")

    await expect(link).to_have_attribute(
        "href", f"https://app.hubspot.com/reports-dashboard/{ACME.account}"
    )
    await expect(link).to_have_attribute("target", "_blank")


async def test_to_remove_a_client_from_your_upcoming_renewals_select_end_services(
    visits: Visits,
) -> None:
    client = OWN["Renewals"]
    page = await visits.open(find(ACT, client))
    await act(page, client, "End services")

    await end_services(page, "The contract is cancelled.")

    await expect(row(page, client)).to_have_count(0)


async def end_services(page: Page, reason: str) -> None:
    """Confirm in the dialog box."""
    box = dialog(page)
    await box.get_by_role("textbox", name=re.compile("reason", re.IGNORECASE)).fill(reason)
    if await box.get_by_role("checkbox").count():
        await box.get_by_role("checkbox").check()
    await box.get_by_role("button", name="End services").click()
    await expect(box).to_have_count(0)


async def test_all_notices_and_reminders_are_sent_to_whom_the_page_says(visits: Visits) -> None:
    """HubSpot: the client's decision maker, with a copy; Partner: the point of contact alone.

    And once services have ended, nobody of the partner hears of the client.
    """
    site = visits.site
    assert TODAY + timedelta(days=8) == TOMORROW - NOTICE
    copied, partners, ended = OWN["Stays"], OWN["Left"], OWN["Elsewhere"]
    page = await details(visits, copied)
    await edit_owner(page, "HubSpot", NOTIFIED, POC.name)
    page = await details(visits, partners)
    await edit_owner(page, "Partner", CONTACT, POC.name)
    page = await details(visits, ended)
    await edit_owner(page, "Partner", CONTACT, POC.name)
    await page.goto(site.url + find(ACT, ended))
    await act(page, ended, "End services")
    await end_services(page, "We part.")
    await site.quiet()
    before = len(site.letters())

    site.clock.advance(timedelta(days=1))
    await site.quiet()

    poc = "poc@northwind.example"
    told = site.letters()[before:]

    def went_to(address: str) -> list[tuple[str, ...]]:
        return [each.to for each in told if address in each.to]

    assert went_to(copied.decision_maker) == [(copied.decision_maker, poc)]
    assert went_to(partners.decision_maker) == []
    assert went_to(ended.decision_maker) == [(ended.decision_maker,)]
    asked_to_act = [each.subject for each in told if each.to == (poc,)]
    assert any(f"with {partners.name}:" in each for each in asked_to_act)
    assert not any(ended.name in each for each in asked_to_act)
