"""One system and one Chromium for all browser tests; a context of its own for each."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, async_playwright

from shared.chassis.clock import ManualClock
from tests.browser import portfolio
from tests.browser.portfolio import Somebody
from tests.browser.site import EVERYTHING, Site, bring_in, site
from tests.browser.visits import Visits
from tests.conftest import Templates, emptied

FLAGS = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, if it is there without the windows that nobody sees."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is missing. On Debian: apt-get install chromium-headless-shell")
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *as_root])
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
async def partner_tools(kafka: str, postgres: str, _templates: Templates) -> AsyncIterator[Site]:
    """Everything runs, knows the portfolio, and has sent what was due on its day."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="partner-tools-")))
        connection = await asyncpg.connect(postgres)
        stack.push_async_callback(connection.close)
        databases = {name: await _templates.clone(connection, name) for name in EVERYTHING}
        clock = ManualClock(datetime(2026, 1, 15, 12, tzinfo=UTC))
        servers = await emptied(kafka)
        made = await stack.enter_async_context(site(servers, databases, folder, clock))
        await bring_in(made, portfolio.write(folder / "files"))
        portfolio.write_sign_ins(folder / "issuer")
        yield made


@pytest.fixture(scope="package")
def signed_in() -> dict[Somebody, Any]:
    """The cookies of people who are signed in."""
    return {}


@pytest.fixture
async def visits(
    partner_tools: Site, chromium: Browser, signed_in: dict[Somebody, Any]
) -> AsyncIterator[Visits]:
    """Opens pages for people; whatever happens there that must not fails the test."""
    made = Visits(partner_tools, chromium, signed_in)
    yield made
    await made.close()
    made.watch.check()
