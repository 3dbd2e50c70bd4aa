"""What one person does appears for the others within two seconds, and disturbs nothing."""

import asyncio
import re
from time import monotonic

from playwright.async_api import Page, Route, expect

from tests.browser.portfolio import ACME, ERA, OWN, POC, Company
from tests.browser.site import Site
from tests.browser.steps import ACT, act, dialog, find, panel, row, search
from tests.browser.visits import Visits
from tests.journeys.system import Person

SOON = 2.0
TRIES = 6
SCRIPT_SECONDS = 0.4  # how much later each script comes than the one before it


async def test_what_one_does_appears_in_the_other_browser_within_two_seconds(
    visits: Visits,
) -> None:
    client = OWN["Shared"]
    mine = await visits.open(find(ACT, client))
    theirs = await visits.open(find(ACT, client), ERA)
    await act(mine, client, "Renewal details")
    waits = []
    for number in range(TRIES):
        to_partner = number % 2 == 0
        await panel(mine).get_by_text("Edit renewal owner").click()
        box = dialog(mine)
        await box.get_by_label("Renewal communication owner").select_option(
            label="Partner" if to_partner else "HubSpot"
        )
        if to_partner:
            await box.get_by_label("Select partner point of contact").select_option(label=POC.name)
        await box.get_by_role("button", name="Save").click()
        await expect(box).to_have_count(0)
        answered = monotonic()

        shown = expect(row(theirs, client))
        await (shown.to_contain_text if to_partner else shown.not_to_contain_text)(POC.name)
        waits.append(monotonic() - answered)
    assert max(waits) < SOON, waits


async def test_a_page_whose_scripts_come_one_after_the_other_still_hears_what_changes(
    visits: Visits,
) -> None:
    page = await visits.open(None)
    asked: list[str] = []

    async def later(route: Route) -> None:
        asked.append(route.request.url)
        await asyncio.sleep(SCRIPT_SECONDS * len(asked))
        await route.continue_()

    await page.route("**/*.js", later)
    async with page.expect_request("**/stream?*"):
        await page.goto(visits.site.url + ACT)
    assert asked


async def test_an_open_menu_the_focus_and_the_place_stay_as_they_are(visits: Visits) -> None:
    changed, watched = OWN["Hubspots"], ACME
    page = await visits.open(ACT, ERA, size=(1000, 500))
    button = row(page, watched).get_by_role("button", name="Actions")
    await button.scroll_into_view_if_needed()
    await row(page, watched).hover()
    await button.click()
    item = page.get_by_role("link", name="Renewal details").locator("visible=true")
    await item.focus()
    place = await page.evaluate("scrollY")
    assert place > 0
    await page.evaluate("document.activeElement.mark = 'the same element'")

    await choose_partner(await visits.open(find(ACT, changed)), changed)

    await expect(row(page, changed)).to_contain_text(POC.name)
    await expect(item).to_be_visible()
    await expect(item).to_be_focused()
    assert await page.evaluate("document.activeElement.mark") == "the same element"
    assert await page.evaluate("scrollY") == place


async def test_what_somebody_is_writing_is_not_taken_away(visits: Visits) -> None:
    changed = OWN["Dialogs"]
    page = await visits.open(find(ACT, ACME), ERA)
    await act(page, ACME, "End services")
    reason = dialog(page).get_by_role("textbox", name=re.compile("reason", re.IGNORECASE))
    await reason.fill("I am not done wri")

    async with page.expect_response(re.compile(re.escape(ACT))):
        await choose_partner(await visits.open(find(ACT, changed)), changed)

    await expect(reason).to_have_value("I am not done wri")
    await expect(reason).to_be_focused()


async def choose_partner(page: Page, client: Company) -> None:
    """Make the partner the owner of a client's renewals."""
    await act(page, client, "Renewal details")
    await panel(page).get_by_text("Edit renewal owner").click()
    box = dialog(page)
    await box.get_by_label("Renewal communication owner").select_option(label="Partner")
    await box.get_by_label("Select partner point of contact").select_option(label=POC.name)
    await box.get_by_role("button", name="Save").click()
    await expect(box).to_have_count(0)


async def test_the_number_in_alerts_is_the_number_of_rows_while_things_happen(
    visits: Visits,
) -> None:
    numbers, rows = await visits.open("/dashboard", ERA), await visits.open(ACT, ERA)
    lines = rows.locator("tbody tr")
    await expect(row(rows, OWN["Flows"])).to_be_visible()
    there = await lines.count()

    for client, services, change in (
        (OWN["Flows"], "end", -1),
        (OWN["Moves"], "end", -2),
        (OWN["Flows"], "resume", -1),
        (OWN["Turns"], "end", -2),
        (OWN["Moves"], "resume", -1),
        (OWN["Turns"], "resume", 0),
    ):
        await say(visits.site, client, services)
        alerts = numbers.get_by_role("region", name="Alerts")
        await expect(alerts).to_contain_text(re.compile(rf"(?<!\d){there + change}(?!\d)"))
        await expect(lines).to_have_count(there + change)


async def say(site: Site, client: Company, services: str) -> None:
    """End or resume services, as any other program of the partner would."""
    person = Person(ERA.id, ERA.partner_id)
    async with site.http("clients", person) as clients:
        now = await clients.get(f"/clients/{client.id}")
        answer = await clients.post(
            f"/clients/{client.id}/services/{services}",
            json={"reason": "As agreed.", "confirm": True} if services == "end" else None,
            headers={"If-Match": now.headers["ETag"]},
        )
        assert answer.is_success, answer.text


async def test_a_refresh_that_comes_late_takes_nothing_away_that_was_opened_meanwhile(
    visits: Visits,
) -> None:
    page = await visits.open("/dashboard")
    let_go = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    await page.route(re.compile("/dashboard"), hold, times=1)
    async with page.expect_request(re.compile("/dashboard")) as held:
        while not held.is_done():  # within a second of a change that was real it is passed over
            await page.evaluate("document.body.dispatchEvent(new Event('changed'))")
            await page.wait_for_timeout(200)
    await search(page, ACME.name)
    await expect(page.get_by_role("row")).to_have_count(2)  # one is the head

    let_go.set()
    answer = await (await held.value).response()
    assert answer is not None
    await answer.finished()
    await page.evaluate("new Promise((done) => setTimeout(done, 300))")  # there it would be shown
    await expect(page.get_by_role("row")).to_have_count(2)
