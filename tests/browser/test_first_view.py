"""What the first look at the page costs: bytes, requests, and nothing that jumps."""

from typing import Any

from playwright.async_api import CDPSession, Page, expect

from tests.browser.portfolio import ACME
from tests.browser.steps import ACT, row
from tests.browser.visits import Visits, accessible, accessible_in_both_themes

MOST_BYTES = 100_000
SLOW = {
    "offline": False,
    "latency": 20,
    "downloadThroughput": 800 * 1024,
    "uploadThroughput": 100 * 1024,
}
SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => list.getEntries().forEach((each) => window.shifts.push(
        [each.value, each.hadRecentInput, ...each.sources.map(
            (source) => source.node?.outerHTML?.slice(0, 120))])))
        .observe({type: "layout-shift", buffered: true});
"""


class Traffic:
    """What came over the network, in bytes as they were transferred."""

    def __init__(self, session: CDPSession) -> None:
        self.bytes: dict[str, float] = {}
        self._urls: dict[str, str] = {}
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", self._finished)

    def _received(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["response"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        url = self._urls.get(event["requestId"], event["requestId"])
        self.bytes[url] = self.bytes.get(url, 0) + event["encodedDataLength"]

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.bytes.values())


async def measured(page: Page) -> Traffic:
    """Watch a page whose browser has kept nothing yet."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await page.context.add_init_script(SHIFTS)
    return Traffic(session)


async def slowed(page: Page) -> None:
    """Make a page come piece by piece, and its browser paint what it has so far."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    await session.send("Network.emulateNetworkConditions", SLOW)


async def test_the_first_view_is_less_than_100_kilobytes_scripts_included(visits: Visits) -> None:
    for path in ("/dashboard", ACT, f"/dashboard?panel=client:{ACME.id}"):
        page = await visits.open(None)
        traffic = await measured(page)
        await page.goto(visits.site.url + path)
        await expect(page.get_by_role("table").first).to_be_visible()

        assert len(traffic.bytes) >= 4, traffic.bytes
        assert traffic.total < MOST_BYTES, traffic.bytes


async def test_what_was_loaded_once_is_not_loaded_again(visits: Visits) -> None:
    page = await visits.open("/dashboard")
    traffic = await measured(page)

    await page.goto(f"{visits.site.url}/renewals")

    again = {url: size for url, size in traffic.bytes.items() if "/static/" in url and size}
    assert again == {}


async def test_nothing_jumps_while_the_page_opens_and_it_can_be_used_at_once(
    visits: Visits,
) -> None:
    page = await visits.open(None)
    await measured(page)
    await slowed(page)
    for path in ("/dashboard", ACT, "/dashboard/tier"):
        await page.goto(visits.site.url + path)
        await expect(page.get_by_role("main")).to_be_visible()
        shifts = await page.evaluate("window.shifts")
        assert sum(value for value, *_ in shifts) == 0, shifts
    await page.goto(visits.site.url + ACT)
    await row(page, ACME).get_by_role("link").first.click()
    await expect(page.locator("#panel:modal")).to_be_visible()
    assert (
        sum(value for value, recent, *_ in await page.evaluate("window.shifts") if not recent) == 0
    )


async def test_the_reference_of_the_events_opens_for_a_stranger(visits: Visits) -> None:
    page = await visits.open("/reference", None)
    await expect(page.get_by_role("heading", name="Partner Tools: the events")).to_be_visible()
    margin = await page.locator("body").evaluate("(each) => getComputedStyle(each).margin")
    assert margin == "0px"  # its style sheet is there
    # The colours of 5,000 elements take a quarter of a minute, and each section has the same.
    await accessible(page, rules={"color-contrast": {"enabled": False}})
    await accessible_in_both_themes(page, "#tiers-state-v1")
