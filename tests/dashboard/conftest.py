"""A database of the dashboard for each test, empty or with a portfolio in it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest

from deploy.local.databases import Addresses
from services.dashboard.main import create_app
from services.dashboard.settings import Settings
from services.dashboard.store import reading
from shared.chassis.clock import ManualClock
from shared.chassis.database import Connection, Pool, open_pool
from tests import tokens
from tests.conftest import MakeDatabase
from tests.dashboard import entering, portfolio, visiting
from tests.dashboard.signing_in import SESSION_KEY

if TYPE_CHECKING:
    from tests.dashboard.owning import World

SERVING = "model_a, public"


@pytest.fixture
async def address(database: MakeDatabase, request: pytest.FixtureRequest) -> Addresses:
    """The database: empty, or for a test that asks for ``filled`` with the portfolio in it."""
    if "filled" in request.fixturenames:
        return (await database.filled(fill, "dashboard"))["dashboard"]
    return await database("dashboard")


async def fill(made: Mapping[str, Addresses]) -> None:
    """Tell the dashboard of the portfolio."""
    async with open_pool(made["dashboard"].dsn, max_size=1, search_path=SERVING) as pool:
        await portfolio.tell(pool)


@pytest.fixture
async def pool(address: Addresses) -> AsyncIterator[Pool]:
    """The empty database, as handlers of the serving model have it."""
    async with open_pool(
        address.dsn, application_name="test dashboard", search_path=SERVING
    ) as pool:
        yield pool


@pytest.fixture
def filled(pool: Pool) -> Pool:
    """The database with the portfolio of `tests/dashboard/portfolio.py`, put in by the handlers."""
    return pool


@asynccontextmanager
async def seen_by(pool: Pool, partner_id: UUID) -> AsyncIterator[Connection]:
    """What a partner's page is read in."""
    async with pool.acquire() as tx, reading.entered(tx, partner_id, 5.0):
        yield tx


def settings_for(dsn: str, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "session_key": SESSION_KEY,
        "run_relay": False,
        "run_consumers": False,
        "start_timeout": 0,
        "database_pool": 6,
    }
    return Settings(**(given | other))


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[str]:
    """The address of the demo's issuer, which believes anybody."""
    async with entering.local_issuer(tmp_path) as url:
        yield url


@pytest.fixture
async def page(
    provider: str, address: Addresses, filled: Pool, clock: ManualClock
) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole page with the portfolio in it, started, at whose issuer one can sign in."""
    jwks = f"{provider}/jwks.json"
    settings = settings_for(address.dsn, oidc_issuer=provider, oidc_jwks_url=jwks)
    async with visiting.running(create_app(settings, clock)) as http:
        yield http


@pytest.fixture
def visitor(page: httpx2.AsyncClient) -> visiting.Visitor:
    """Somebody who came to the page and is not signed in."""
    return visiting.Visitor(page)


@pytest.fixture
async def there(database: MakeDatabase, clock: ManualClock) -> AsyncIterator["World"]:
    """The page with the real clients and renewals services behind it."""
    from tests.dashboard.owning import world  # it imports from here

    async with world(database, clock) as made:
        yield made
