"""A database of the renewals service for each test, and its application on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest

from deploy.local.databases import Addresses
from services.renewals.main import create_app
from services.renewals.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from tests import tokens
from tests.conftest import MakeDatabase
from tests.renewals.portfolio import ANN, PARTNER


@pytest.fixture
async def address(database: MakeDatabase) -> Addresses:
    """Where this test's database is."""
    return await database("renewals")


@pytest.fixture
async def pool(address: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(address.dsn, application_name="test renewals") as pool:
        yield pool


def settings_for(dsn: str, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "run_sweep": False,
        "start_timeout": 0,
        "database_pool": 4,
    }
    return Settings(**(given | other))


@dataclass
class Asking:
    """Asks the service over HTTP, as a user of a partner."""

    client: httpx2.AsyncClient
    user: UUID = ANN
    partner: UUID = PARTNER
    role: Role = "admin"

    def by(self, role: Role, partner: UUID = PARTNER) -> "Asking":
        """The same service, asked by somebody else."""
        return Asking(self.client, self.user, partner, role)

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.client.get(path, params=params, headers=self._headers)

    async def put(self, path: str, body: Any, *, version: int | None = None) -> httpx2.Response:
        """Put a thing, by default over the version that there is."""
        if version is None:
            version = int((await self.get(path)).headers["ETag"].strip('"'))
        headers = {**self._headers, "If-Match": f'"{version}"'}
        return await self.client.put(path, json=body, headers=headers)

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return await self.client.post(path, json=body, headers={**self._headers, **headers})

    @property
    def _headers(self) -> dict[str, str]:
        return tokens.bearer(self.user, self.partner, self.role)


@pytest.fixture
async def ask(address: Addresses, clock: ManualClock) -> AsyncIterator[Asking]:
    """The service, asked by an admin of the partner."""
    app = create_app(settings_for(address.dsn), clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://renewals.test") as http:
            yield Asking(http)


def fields(response: httpx2.Response) -> list[str]:
    """The fields that an answer of problem details names."""
    assert response.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]
