"""Takes a picture of each view, light and dark: `python -m tests.browser.screenshots`.

It starts a small system of its own with the sample portfolio of the demo, on a day that stands
still, so that the same page gives the same picture; and leaves nothing of it running.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.local import databases, ports
from deploy.local.issuer import read_people
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.sample import portfolio
from shared.chassis import telemetry
from shared.chassis.clock import ManualClock
from shared.chassis.database import migrate
from shared.chassis.kafka import ensure_topics
from shared.chassis.settings import migrations_of
from shared.contracts import topics
from tests.browser.site import EVERYTHING, Site, bring_in, site
from tests.browser.visits import sign_in_as

ROOT: Final = Path(__file__).parent.parent.parent
IMAGES: Final = ROOT / "docs" / "images"
NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
SIZE: Final = {"width": 1280, "height": 690}  # a little less, so that each is small
BIGGEST: Final = 150_000
PASSWORD: Final = "not-a-secret"
ACT: Final = "/renewals/to-act-on"

Steps: TypeAlias = Callable[[Page], Awaitable[None]]


async def nothing(_: Page) -> None:
    """The page is to be seen as it opens."""


async def client_details(page: Page) -> None:
    """The first client's panel."""
    await page.locator("tbody tr td a.name").first.click()
    await expect(page.locator("#panel:modal")).to_be_visible()


async def edit_owner(page: Page) -> None:
    """The dialog above the panel."""
    await client_details(page)
    await page.locator("#panel").get_by_text("Edit renewal owner").click()
    box = page.locator("#dialog:modal")
    await box.get_by_label("Renewal communication owner").select_option(label="Partner")


async def end_services(page: Page) -> None:
    """The dialog that asks whether services end."""
    await menu(page)
    await page.get_by_role("link", name="End services").locator("visible=true").click()
    await expect(page.locator("#dialog:modal")).to_be_visible()


async def menu(page: Page) -> None:
    """The menu of a row."""
    line = page.locator("tbody tr").nth(2)
    await line.hover()
    await line.get_by_role("button", name="Actions").click()


async def options(page: Page) -> None:
    """The page with the options of the first renewal that has some."""
    for link in await page.locator("tbody tr td a.name").all():
        address = await link.get_attribute("hx-get") or ""
        await page.goto(f"{_origin(page)}/renewals/{address.rpartition('/')[2]}/options")
        if await page.get_by_text("Two-year term").count():
            return
        await page.go_back()


def _origin(page: Page) -> str:
    return "/".join(page.url.split("/")[:3])


VIEWS: Final[dict[str, tuple[str, Steps]]] = {
    "clients": ("/dashboard", nothing),
    "actions": ("/dashboard", menu),
    "client-details": ("/dashboard", client_details),
    "end-services": ("/dashboard", end_services),
    "partner-tier": ("/dashboard/tier", nothing),
    "hubspot-team": ("/dashboard/team", nothing),
    "renewals": ("/renewals", nothing),
    "renewals-to-act-on": (ACT, nothing),
    "renewal-details": (ACT, client_details),
    "edit-renewal-owner": (ACT, edit_owner),
    "renewal-options": (ACT, options),
    "blocked-messages": ("/alerts/blocked", nothing),
    "settings": ("/settings", nothing),
}


@asynccontextmanager
async def sample(folder: Path) -> AsyncIterator[Site]:
    """The demo's portfolio in a system of its own."""
    port, controller_port, postgres_port = ports.free_ports(3)
    kafka = Kafka(folder / "kafka", port=port, controller_port=controller_port, quick=True)
    postgres = Postgres(folder / "postgres", port=postgres_port, throw_away=True)
    try:
        kafka.launch()
        postgres.start()
        made = await databases.create_service_databases(postgres.dsn, password=PASSWORD)
        for name in EVERYTHING:
            await migrate(made[name].owner_dsn, name, migrations_of(name))
        await asyncio.to_thread(kafka.wait)
        await ensure_topics(kafka.servers, topics.REGISTRY)
        clock = ManualClock(NOW)
        async with site(kafka.servers, made, folder, clock) as found:
            files = folder / "sample"
            portfolio.write(files, seed=1, size=250, partners=3, today=clock.today("UTC"), spoil=0)
            shutil.copy(files / "people.json", folder / "issuer")
            await bring_in(found, files)
            yield found
    finally:
        for server in (kafka, postgres):
            server.kill()


async def take(found: Site, browser: Browser, folder: Path, wanted: set[str]) -> list[str]:
    """Take the pictures; returns what is wrong with them."""
    person = next(each for each in read_people(found.folder / "issuer" / "people.json"))
    wrong = []
    for theme in ("light", "dark"):
        how: dict[str, Any] = {"color_scheme": theme, "viewport": SIZE, "reduced_motion": "reduce"}
        context = await browser.new_context(**how)
        page = await context.new_page()
        await sign_in_as(page, f"{found.url}/", person.name)
        for name, (path, steps) in VIEWS.items():
            if wanted and name not in wanted:
                continue
            await page.goto(found.url + path)
            await steps(page)
            target = folder / f"{name}-{theme}.png"
            await page.screenshot(path=target, animations="disabled", caret="hide")
            if (size := target.stat().st_size) > BIGGEST:
                wrong.append(f"{target.name} has {size:,} bytes, more than {BIGGEST:,}")
        await context.close()
    return wrong


async def main() -> int:
    """Return 0 once all pictures are there."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.screenshots", description=__doc__
    )
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("views", nargs="*", choices=[[], *VIEWS], help="all, unless some are named")
    asked = parser.parse_args()
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        sys.stderr.write(
            "Chromium is missing. On Debian: apt-get install chromium-headless-shell\n"
        )
        return 1
    telemetry.configure_logging("screenshots", "error")
    asked.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="partner-tools-"))
    folder.chmod(0o755)
    try:
        async with sample(folder) as found, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=program,
                args=["--no-sandbox", "--disable-quic"],
            )
            wrong = await take(found, browser, asked.folder, set(asked.views))
            await browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
