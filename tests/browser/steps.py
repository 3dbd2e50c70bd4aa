"""What a person does on the page, in the words of the guide."""

import re
from datetime import date
from typing import Final
from urllib.parse import quote, quote_plus

from playwright.async_api import Locator, Page, expect

from tests.browser.portfolio import Company

ACT: Final = "/renewals/to-act-on"


def row(page: Page, company: Company) -> Locator:
    """A client's row in the list."""
    return page.get_by_role("row").filter(has_text=company.domain)


def find(path: str, company: Company) -> str:
    """The address of a list with one client in it."""
    return f"{path}?q={quote_plus(company.name)}"


async def search(page: Page, words: str) -> None:
    """Type into the list's search, and wait for what is found."""
    box = page.get_by_role("searchbox")
    await box.fill(words)
    await box.press("Enter")
    await expect(page).to_have_url(_asking_for(words))


def _asking_for(words: str) -> re.Pattern[str]:
    return re.compile(rf"[?&]q=({re.escape(quote(words))}|{re.escape(quote_plus(words))})(&|$)")


async def act(page: Page, company: Company, item: str) -> None:
    """Hover over the client, click the Actions dropdown menu, and select an item."""
    await menu(page, company)
    await page.get_by_role("link", name=item).locator("visible=true").click()


async def menu(page: Page, company: Company) -> None:
    """Hover over the client and open the Actions dropdown menu."""
    line = row(page, company)
    await line.hover()
    await line.get_by_role("button", name="Actions").click()


def panel(page: Page) -> Locator:
    """The right panel, once it is open."""
    return page.locator("#panel:modal")


def dialog(page: Page) -> Locator:
    """The dialog box, once it is open."""
    return page.locator("#dialog:modal")


async def see_day(within: Locator, day: date) -> None:
    """See a date."""
    await expect(within.locator(f'time[datetime="{day.isoformat()}"]').first).to_be_visible()
