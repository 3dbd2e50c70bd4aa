"""Open pages are told that something changed: soon, all of them, and nobody else's."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import httpx2
import pytest
from fastapi import FastAPI

from deploy.local import ports
from deploy.local.databases import Addresses
from deploy.local.settings import ROOT
from services.dashboard.main import create_app
from services.dashboard.store import signals
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.browser.site import answering
from tests.dashboard.conftest import settings_for
from tests.dashboard.people import ADMIN, BRIGHTWATER, MEMBER, NORDLICHT, OTHER_ADMIN
from tests.dashboard.signing_in import SESSION_KEY, sign_in
from tests.dashboard.test_sessions import deactivate

SOON = 2.0  # what is promised
BOUND = 20.0  # what a slow machine may take for what is not


@dataclass
class Place:
    """The page behind a socket."""

    app: FastAPI
    url: str


@asynccontextmanager
async def placed(address: Addresses, clock: ManualClock) -> AsyncIterator[Place]:
    [port] = ports.free_ports(1)
    url = f"http://{ports.LOOPBACK}:{port}"
    app = create_app(settings_for(address.dsn, public_url=url, session_streams=3), clock)
    async with app.router.lifespan_context(app), answering(app, port):
        yield Place(app, url)


@pytest.fixture
async def place(address: Addresses, filled: Pool, clock: ManualClock) -> AsyncIterator[Place]:
    async with placed(address, clock) as made:
        await hears(filled)
        yield made


@dataclass
class Tab:
    """An open page."""

    status: int = 0
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)
    told: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def is_told(self, seconds: float = BOUND) -> float:
        """Wait for a word; returns for how long."""
        started = monotonic()
        async with asyncio.timeout(seconds):
            assert await self.told.get() == "changed"
        return monotonic() - started


@asynccontextmanager
async def opened(
    place: Place, headers: dict[str, str], path: str = "/stream"
) -> AsyncIterator[Tab]:
    tab = Tab()

    async def read() -> None:
        try:
            async with (
                httpx2.AsyncClient(timeout=BOUND) as http,
                http.stream("GET", place.url + path, headers=headers) as answer,
            ):
                tab.status, tab.headers = answer.status_code, answer.headers
                if tab.status != 200:
                    return
                async for line in answer.aiter_lines():
                    tab.begun.set()
                    if line.startswith("event: "):
                        tab.told.put_nowait(line.removeprefix("event: "))
                    assert (
                        line in ("", "id: 1", "event: changed", "data: ", "data:") or line[0] == ":"
                    )
        except httpx2.RemoteProtocolError:
            pass  # cut by the end of the server
        finally:
            tab.begun.set()
            tab.over.set()

    reading = asyncio.create_task(read())
    try:
        async with asyncio.timeout(BOUND):
            await tab.begun.wait()
        yield tab
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def hears(pool: Pool) -> int:
    """Wait until the page listens; returns the connection that it does so on."""
    until = monotonic() + BOUND
    while monotonic() < until:
        for row in await pool.fetch(
            """
            SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'dashboard'
               AND query = 'SELECT 1'
            """
        ):
            return int(row["pid"])
        await asyncio.sleep(0.02)
    raise AssertionError("the page does not listen")


async def change(pool: Pool, *partners: object) -> None:
    async with pool.acquire() as tx:
        await signals.tell(tx, partners)  # type: ignore[arg-type]  # they are UUIDs


async def test_an_open_page_is_told_within_two_seconds_and_no_other_partners(
    place: Place, filled: Pool
) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    theirs = await sign_in(filled, OTHER_ADMIN, NORDLICHT)
    async with opened(place, ours) as one, opened(place, ours) as two, opened(place, theirs) as far:
        assert one.headers["content-type"].startswith("text/event-stream")
        assert one.headers["x-accel-buffering"] == "no"
        assert one.headers["cache-control"] == "no-store"
        assert "content-encoding" not in one.headers

        await change(filled, BRIGHTWATER)

        assert max(await one.is_told(), await two.is_told()) < SOON
        await change(filled, NORDLICHT)
        await far.is_told()
        assert far.told.empty()
        assert one.told.empty()


async def test_many_changes_at_once_are_few_words(place: Place, filled: Pool) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    async with opened(place, ours) as tab:
        for _ in range(100):
            await change(filled, BRIGHTWATER)
        await tab.is_told()
        await asyncio.sleep(0.6)  # the pause between two words, twice
        assert tab.told.qsize() <= 4


async def test_a_page_is_told_also_after_the_connection_that_listens_was_cut(
    place: Place, filled: Pool
) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    async with opened(place, ours) as tab:
        before = await hears(filled)
        await filled.execute("SELECT pg_terminate_backend($1)", before)
        await tab.is_told()  # of what may have been missed meanwhile
        while await hears(filled) == before:
            await asyncio.sleep(0.02)
        while not tab.told.empty():
            tab.told.get_nowait()

        await change(filled, BRIGHTWATER)
        assert await tab.is_told() < SOON


async def test_a_page_that_comes_back_is_told_that_it_may_have_missed_something(
    place: Place, filled: Pool
) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    async with opened(place, ours | {"Last-Event-ID": "1"}) as tab:
        await tab.is_told()
    async with opened(place, ours) as fresh:
        assert fresh.told.empty()


async def test_what_changed_before_a_page_listens_is_told_to_it_then(
    place: Place, filled: Pool
) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    async with httpx2.AsyncClient() as http:
        page = await http.get(f"{place.url}/dashboard", headers=ours)
    [path] = re.findall(r'hx-sse:connect="(/stream[^"]*)"', page.text)
    later = re.sub(r"\d+$", "99999999999", path)
    async with opened(place, ours) as open_page:
        await change(filled, BRIGHTWATER)
        await open_page.is_told()

    async with opened(place, ours, path) as tab, opened(place, ours, later) as newer:
        await tab.is_told()
        assert newer.told.empty()


async def test_nobody_listens_who_is_not_signed_in(place: Place) -> None:
    async with opened(place, {}) as tab:
        assert tab.status == 401
        async with asyncio.timeout(BOUND):
            await tab.over.wait()


async def test_a_page_is_told_and_left_when_its_session_ends(place: Place, filled: Pool) -> None:
    ours, others = [await sign_in(filled, who, BRIGHTWATER) for who in (ADMIN, MEMBER)]
    async with opened(place, ours) as tab, opened(place, others) as other:
        async with httpx2.AsyncClient() as http:
            await http.post(f"{place.url}/session/sign-out-everywhere", headers=ours)
        await tab.is_told()
        async with asyncio.timeout(BOUND):
            await tab.over.wait()
        assert not other.over.is_set()


async def test_a_page_is_left_when_its_user_is_deactivated(place: Place, filled: Pool) -> None:
    theirs = await sign_in(filled, MEMBER, BRIGHTWATER, "member")
    async with opened(place, theirs) as tab:
        await deactivate(filled, MEMBER)
        await change(filled, BRIGHTWATER)
        async with asyncio.timeout(BOUND):
            await tab.over.wait()


async def test_beyond_some_pages_of_one_session_the_oldest_is_left(
    place: Place, filled: Pool
) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    async with opened(place, ours) as first, opened(place, ours), opened(place, ours) as third:
        assert not first.over.is_set()
        async with opened(place, ours):
            async with asyncio.timeout(BOUND):
                await first.over.wait()
            assert not third.over.is_set()


async def test_sessions_that_are_gone_leave_nothing_in_memory(place: Place, filled: Pool) -> None:
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    hub = place.app.state.hub
    async with opened(place, ours):
        assert len(hub._of_session) == 1
    async with asyncio.timeout(BOUND):
        while hub._of_session:
            await asyncio.sleep(0.02)


async def test_the_process_ends_at_once_when_asked_to_though_pages_are_open(
    address: Addresses, filled: Pool
) -> None:
    [port] = ports.free_ports(1)
    url = f"http://{ports.LOOPBACK}:{port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.dashboard", "serve"),
        cwd=ROOT,
        env=os.environ
        | {
            "DASHBOARD_DATABASE_URL": address.dsn,
            "DASHBOARD_HTTP_PORT": str(port),
            "DASHBOARD_PUBLIC_URL": url,
            "DASHBOARD_SESSION_KEY": SESSION_KEY,
            "DASHBOARD_RUN_CONSUMERS": "false",
            "DASHBOARD_RUN_RELAY": "false",
            "KAFKA_SERVERS": "127.0.0.1:1",
            "OIDC_ISSUER": "http://127.0.0.1:1",
            "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks.json",
        },
    )
    ours = await sign_in(filled, ADMIN, BRIGHTWATER)
    try:
        await answers(url)
        place = Place(FastAPI(), url)
        async with opened(place, ours) as one, opened(place, ours) as two:
            assert (one.status, two.status) == (200, 200)
            started = monotonic()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            assert monotonic() - started < 4.0, "uvicorn alone would wait 5 s and cut"
            await one.over.wait()
            await two.over.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(url: str) -> None:
    until = monotonic() + 60
    async with httpx2.AsyncClient() as http:
        while monotonic() < until:
            try:
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx2.ConnectError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the page does not start")
