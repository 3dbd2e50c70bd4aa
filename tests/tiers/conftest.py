"""A database of the tiers service for each test, and its application on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest

from deploy.local.databases import Addresses
from services.tiers.main import create_app
from services.tiers.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from shared.contracts import ids
from tests import tokens
from tests.conftest import MakeDatabase

PARTNER = ids.partner_id(1)


@pytest.fixture
async def address(database: MakeDatabase) -> Addresses:
    return await database("tiers")


@pytest.fixture
async def pool(address: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(address.dsn, application_name="test tiers") as pool:
        yield pool


def settings_for(dsn: str, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "run_days": False,
        "start_timeout": 0,
        "database_pool": 4,
        "import_wait": 0,
    }
    return Settings(**(given | other))


@dataclass
class Asking:
    """Asks the service over HTTP, as somebody of a partner."""

    client: httpx2.AsyncClient
    partner: UUID = PARTNER
    role: Role = "member"

    def of(self, hub: int) -> "Asking":
        """The same service, asked by somebody of another partner."""
        return Asking(self.client, ids.partner_id(hub), self.role)

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        headers = tokens.bearer(ids.user_id(1, 1), self.partner, self.role)
        return await self.client.get(path, params=params or None, headers=headers)

    async def json(self, path: str, **params: Any) -> Any:
        """What a good answer says."""
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pages(self, path: str, **params: Any) -> list[Any]:
        """All items of a list, page by page."""
        found: list[Any] = []
        page = await self.json(path, **params)
        while page["next"]:
            found += page["items"]
            page = await self.json(path, **params, cursor=page["next"])
        return [*found, *page["items"]]


@pytest.fixture
async def ask(address: Addresses, clock: ManualClock) -> AsyncIterator[Asking]:
    """The service, asked by a member of the first partner."""
    app = create_app(settings_for(address.dsn), clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tiers.test") as http:
            yield Asking(http)
