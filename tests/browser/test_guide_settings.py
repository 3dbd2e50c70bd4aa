"""The guide, sentence by sentence: your partner settings."""

from playwright.async_api import expect

from tests.browser.portfolio import EVE
from tests.browser.visits import Visits

OWNER = "Renewal communication owner"
CONTACT = "Select partner point of contact for renewals"


async def test_learn_how_to_set_your_default_renewal_communication_owner(visits: Visits) -> None:
    page = await visits.open(person=EVE)
    await page.get_by_role("link", name="Settings").click()
    settings = page.get_by_role("region", name="Default renewal owner")
    await expect(settings).to_contain_text("Now: HubSpot")

    await settings.get_by_label(OWNER).select_option(label="Partner")
    await settings.get_by_label(CONTACT).select_option(label=EVE.name)
    await settings.get_by_role("button", name="Save").click()

    await expect(settings).to_contain_text("Now: Partner")
    [held] = await visits.site.fetch(
        "renewals",
        "SELECT owner, point_of_contact_id FROM partners WHERE partner_id = $1",
        EVE.partner_id,
    )
    assert (held["owner"], held["point_of_contact_id"]) == ("partner", EVE.id)
