"""The page with the real clients and renewals services behind it, and their events on the way.

No broker: what a service records in its outbox is handed to the inboxes of the others by a task of
this process, in order. It can be held up, and a service can be away.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI

from deploy.local.databases import Addresses
from services.clients import main as clients
from services.dashboard import main as dashboard
from services.dashboard.senders.owners import Owners
from services.renewals import main as renewals
from services.renewals.imports import TABLES
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from shared.chassis.imports import Context, run
from shared.contracts import clients as from_clients
from shared.contracts import ids, notifications
from shared.contracts.event import Event
from tests import tokens
from tests.clients import portfolio as files
from tests.clients.conftest import settings_for as clients_settings
from tests.conftest import NOON, MakeDatabase
from tests.dashboard.conftest import SERVING
from tests.dashboard.conftest import settings_for as dashboard_settings
from tests.dashboard.signing_in import sign_in
from tests.deliver import deliver, pending
from tests.renewals.conftest import settings_for as renewals_settings

NORTH, SOUTH = files.NORTH, files.SOUTH
ANN, BEN, CAT, DAN = files.ANN, files.BEN, files.CAT, files.DAN
ACME, BOLT, DELTA = files.ACME, files.BOLT, files.DELTA
HAL = ids.user_id(77, 1)  # of HubSpot
START = "2026-03-05"
ACME_RENEWAL = ids.renewal_id(ACME, "renewal", START)
DELTA_RENEWAL = ids.renewal_id(DELTA, "renewal", START)
QUOTES = (
    "Partner Hub ID,Record ID,Renewal start,Option,Product,Renewal MRR,Currency,Default\n"
    f"{NORTH},1,{START},Same again,Marketing Hub Professional,890.00,USD,yes\n"
    f"{NORTH},1,{START},Bigger,Marketing Hub Professional,1200.00,USD,no\n"
    f"{NORTH},1,{START},Bigger,Service Hub Starter,20.00,USD,no\n"
)
PAUSE = 0.005
SERVICES = ("clients", "renewals", "dashboard")


class _Door(httpx2.AsyncBaseTransport):
    """Leads to a service, unless it is away."""

    def __init__(self, app: FastAPI) -> None:
        self._there = httpx2.ASGITransport(app=app)
        self.fails: Exception | httpx2.Response | None = None
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if isinstance(self.fails, Exception):
            raise self.fails
        if self.fails is not None:
            return self.fails
        return await self._there.handle_async_request(request)


@dataclass
class Person:
    """Somebody at the page."""

    http: httpx2.AsyncClient
    headers: dict[str, str]

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.http.get(path, headers=self.headers | headers)

    async def post(self, path: str, *, htmx: bool = False, **form: Any) -> httpx2.Response:
        return await self.send(path, form, htmx=htmx)

    async def send(
        self, path: str, form: Mapping[str, Any], *, htmx: bool = False
    ) -> httpx2.Response:
        more = {"HX-Request": "true"} if htmx else {}
        return await self.http.post(path, data=dict(form), headers=self.headers | more)


@dataclass
class World:
    """Everything that is there. ``flowing`` lets events through."""

    clock: ManualClock
    apps: dict[str, FastAPI]
    doors: dict[str, _Door]
    http: httpx2.AsyncClient
    hearing: dict[str, Pool]
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock)

    def pool(self, service: str) -> Pool:
        pool: Pool = self.apps[service].state.pool
        return pool

    async def person(
        self, user: UUID = ANN, hub: int = NORTH, role: Role = "admin", name: str = "Ann Lee"
    ) -> Person:
        headers = await sign_in(self.pool("dashboard"), user, ids.partner_id(hub), role, name=name)
        return Person(self.http, headers)

    async def call(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """Ask a service or do something there behind the page's back, as Ann."""
        headers = tokens.bearer(ANN, files.OURS)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.apps[service]), base_url="http://s.test"
        ) as http:
            if method != "GET":
                asked = path.rpartition("/services")[0] or path
                headers["If-Match"] = (await http.get(asked, headers=headers)).headers["ETag"]
            answer = await http.request(method, path, json=body, headers=headers)
            assert answer.is_success, answer.text
            return answer.json()

    async def hear(self, *events: Event) -> None:
        """Let the dashboard hear of something that no service here says."""
        for event in events:
            inbox = next(each for each in dashboard.INBOXES if each.topic == event.TOPIC)
            await deliver(inbox, self.hearing["dashboard"], event)

    async def hubspot_is_told(self, client_id: UUID, *, seconds: float = 31) -> None:
        """Let the notice of ended services go out."""
        at = self.clock.now() + timedelta(seconds=seconds)
        await self.hear(
            notifications.ReminderSent(
                version=1, occurred_at=at, message_id=ids.deadline_event_id(client_id, "x", "y"),
                client_id=client_id, partner_id=files.OURS, kind="services_ended",
                stage="services_ended", audience="hubspot", accepted_at=at,
            )
        )  # fmt: skip

    async def settled(self) -> None:
        """Bring every event where it belongs, whether or not they flow."""
        async with self._moving:
            while await self._move():
                pass

    async def _move(self) -> int:
        moved = 0
        for service in ("clients", "renewals"):
            moved += await self._carry(service)
        return moved

    async def _carry(self, service: str) -> int:
        """Hand what a service said to all who hear it."""
        pool = self.pool(service)
        last = await pool.fetchval("SELECT max(id) FROM outbox")  # what comes now is for the next
        records = await pending(pool)
        for name, inboxes in (("renewals", renewals.INBOXES), ("dashboard", dashboard.INBOXES)):
            for inbox in inboxes:
                batch = [record for record in records if record.topic == inbox.topic]
                if batch:
                    await inbox.receive(batch, self.hearing[name])
        if records:
            await pool.execute("DELETE FROM outbox WHERE id <= $1", last)
        return len(records)

    async def _flow(self) -> None:
        while True:
            await self.flowing.wait()
            async with self._moving:
                moved = await self._move()
            if not moved:
                await asyncio.sleep(PAUSE)


@asynccontextmanager
async def world(database: MakeDatabase, clock: ManualClock) -> AsyncIterator[World]:
    """North with Acme, Bolt and Crest, South with Delta, as the services themselves tell it."""
    async with _opened(await database.filled(_fill, *SERVICES), clock) as made:
        flow = asyncio.create_task(made._flow())
        made.flowing.set()
        yield made
        flow.cancel()


async def _fill(addresses: Mapping[str, Addresses]) -> None:
    clock = ManualClock(NOON)
    async with _opened(addresses, clock) as made:
        with TemporaryDirectory() as folder:
            partners, quotes = Path(folder, "files"), Path(folder, "quotes")
            await files.bring(made.pool("clients"), partners, files.two_partners(), clock)
            await made.settled()
            quotes.mkdir()
            (quotes / "quotes.csv").write_text(QUOTES)
            settings = renewals_settings("postgresql://localhost/none", import_wait=0)
            await run("renewals", TABLES, quotes, made.pool("renewals"), Context(clock, settings))
            await made.settled()


@asynccontextmanager
async def _opened(addresses: Mapping[str, Addresses], clock: ManualClock) -> AsyncIterator[World]:
    """The services, started on these databases."""
    dsns = {name: each.dsn for name, each in addresses.items()}
    apps = {
        "clients": clients.create_app(
            clients_settings(dsns["clients"]), clock, verifier=tokens.verifier()
        ),
        "renewals": renewals.create_app(
            renewals_settings(dsns["renewals"]), clock, verifier=tokens.verifier()
        ),
        "dashboard": dashboard.create_app(
            dashboard_settings(dsns["dashboard"]), clock, verifier=tokens.verifier()
        ),
    }
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        doors = {name: _Door(apps[name]) for name in ("clients", "renewals")}
        https = [
            await stack.enter_async_context(
                httpx2.AsyncClient(transport=door, base_url=f"http://{name}.test")
            )
            for name, door in doors.items()
        ]
        apps["dashboard"].state.owners = Owners(*https)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=apps["dashboard"]),
                base_url=apps["dashboard"].state.settings.public_url,
            )
        )
        hearing = {"renewals": apps["renewals"].state.pool}
        hearing["dashboard"] = await stack.enter_async_context(
            open_pool(dsns["dashboard"], application_name="test hearing", search_path=SERVING)
        )
        yield World(clock, apps, doors, http, hearing)


__all__ = ["World", "from_clients", "world"]
