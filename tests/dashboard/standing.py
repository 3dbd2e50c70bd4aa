"""The page as a whole, with a real tiers service beside it that has heard of the same portfolio."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI

from deploy.local.databases import Addresses
from services.dashboard import main
from services.dashboard.handlers import INBOXES
from services.dashboard.senders.tiers import Tiers
from services.tiers import jobs
from services.tiers.handlers import from_state
from services.tiers.main import create_app as create_tiers
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from shared.contracts import clients, tiers
from tests import tokens
from tests.conftest import MakeDatabase
from tests.dashboard import portfolio, signing_in
from tests.dashboard.conftest import SERVING, settings_for
from tests.dashboard.people import ADMIN, BRIGHTWATER, NOW
from tests.deliver import deliver, published
from tests.tiers.conftest import settings_for as tiers_settings

PUBLIC_URL = "http://dashboard.test"
STORY = (  # from when on each client is known to the tiers service
    ("orchard", date(2025, 6, 10)),
    ("harbor", date(2025, 6, 10)),
    ("saffron", date(2025, 7, 1)),
    ("lumen", date(2025, 8, 20)),
    ("mosaic", date(2025, 9, 30)),
    ("kestrel", date(2025, 10, 12)),
    ("north", date(2025, 11, 3)),
    ("quill", date(2025, 12, 1)),
    ("plain", date(2025, 12, 20)),
)


@dataclass
class Page:
    """The page, as somebody sees it who is signed in."""

    app: FastAPI
    pool: Pool
    tiers: FastAPI
    tiers_pool: Pool
    headers: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, user: UUID, partner: UUID, role: Role = "admin") -> None:
        self.headers = await signing_in.sign_in(self.pool, user, partner, role)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """A page; htmx's own headers make it a part."""
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http:
            return await http.get(path, headers=self.headers | headers)

    async def read(self, path: str) -> str:
        """The HTML of a page that is there."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@asynccontextmanager
async def standing(
    database: MakeDatabase, clock: ManualClock, *, told: bool = True, **other: Any
) -> AsyncIterator[Page]:
    """The page of Brightwater's admin; ``told`` False: nothing was heard of anything yet."""
    names = "dashboard", "tiers"
    dsns = await database.filled(_fill, *names) if told else {n: await database(n) for n in names}
    dashboard, service = dsns["dashboard"], dsns["tiers"]
    made = create_tiers(tiers_settings(service.dsn), clock, verifier=tokens.verifier())
    app = main.create_app(
        settings_for(dashboard.dsn, public_url=PUBLIC_URL, **other),
        clock,
        verifier=tokens.verifier(),
    )
    async with (
        _pools(dashboard, service) as (pool, tiers_pool),
        made.router.lifespan_context(made),
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=made), base_url="http://tiers.test"
        ) as http,
    ):
        app.state.tiers = Tiers(http)
        page = Page(app, pool, made, tiers_pool)
        await page.sign_in(ADMIN, BRIGHTWATER)
        yield page


@asynccontextmanager
async def _pools(*addresses: Addresses) -> AsyncIterator[tuple[Pool, Pool]]:
    first, second = addresses
    async with (
        open_pool(first.dsn, search_path=SERVING) as pool,
        open_pool(second.dsn) as other,
    ):
        yield pool, other


async def _fill(made: Mapping[str, Addresses]) -> None:
    async with _pools(made["dashboard"], made["tiers"]) as (pool, tiers_pool):
        await _tell(pool, tiers_pool)


async def _tell(pool: Pool, tiers_pool: Pool) -> None:
    """The portfolio to both services, and to the page what the tiers service makes of it."""
    await portfolio.tell(pool)
    clock = ManualClock(NOW)
    state = portfolio.said()[clients.STATE]
    await tiers_pool.execute(
        "INSERT INTO certifications VALUES ($1, '2025-01-03', '2026-12-03')", BRIGHTWATER
    )
    known = {each.client_id: each for each in state if isinstance(each, clients.ClientSnapshot)}
    partners = [each for each in state if isinstance(each, clients.PartnerSnapshot)]
    begun = datetime(2025, 6, 1, 12, tzinfo=UTC)
    await deliver(
        from_state, tiers_pool,
        *(each.model_copy(update={"occurred_at": begun}) for each in partners),
    )  # fmt: skip
    for short, day in STORY:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        clock.set(at)
        await jobs.move_days(tiers_pool, clock)
        snapshot = known.pop(portfolio.CLIENTS[short])
        await deliver(from_state, tiers_pool, snapshot.model_copy(update={"occurred_at": at}))
    clock.set(NOW)
    await jobs.move_days(tiers_pool, clock)
    others = [
        each.model_copy(update={"occurred_at": NOW})
        for each in known.values()
        if each.partner_id != BRIGHTWATER
    ]
    await deliver(from_state, tiers_pool, *others)
    await _pass_on(pool, tiers_pool)


async def pass_on(page: Page) -> None:
    """Hand the page what the tiers service said of where partners stand."""
    await _pass_on(page.pool, page.tiers_pool)


async def _pass_on(pool: Pool, tiers_pool: Pool) -> None:
    [inbox] = [each for each in INBOXES if each.topic == tiers.STATE]
    said = await published(tiers_pool, tiers.PartnerTierSnapshot)
    newer = [each.model_copy(update={"version": each.version + 1000}) for each in said]
    await deliver(inbox, pool, *newer)
