"""The clients service on a real database: its pool, and its application in this process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from services.clients.main import create_app
from services.clients.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.identity import Role
from tests import tokens
from tests.clients import portfolio
from tests.clients.importing import Importing
from tests.clients.portfolio import ANN, OURS
from tests.conftest import MakeDatabase, open_service_pool


@pytest.fixture
async def pool(database: MakeDatabase) -> AsyncIterator[Pool]:
    async with open_service_pool(database, "clients") as opened:
        yield opened


@pytest.fixture
def importing(pool: Pool, tmp_path: Path, clock: ManualClock) -> Importing:
    return Importing(pool, tmp_path, clock)


def settings_for(dsn: str, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "start_timeout": 0,
        "database_pool": 4,
    }
    return Settings(**(given | other))


@dataclass
class Service:
    """The application with two partners' clients, and one who calls it: Ann, admin of North."""

    app: FastAPI
    http: httpx2.AsyncClient
    clock: ManualClock

    @property
    def pool(self) -> Pool:
        opened: Pool = self.app.state.pool
        return opened

    async def get(self, path: str, **how: Any) -> httpx2.Response:
        return await self.ask("GET", path, **how)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: UUID = ANN,
        partner: UUID = OURS,
        role: Role = "admin",
        version: int | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """Ask as this user; with a version, on condition that it is the present one."""
        sent = tokens.bearer(user, partner, role)
        if key is not None:
            sent["Idempotency-Key"] = key
        if version is not None:
            sent["If-Match"] = f'"{version}"'
        return await self.http.request(method, path, json=body, headers=sent)

    async def version(self, client_id: UUID) -> int:
        found = (await self.get(f"/clients/{client_id}")).json()
        return int(found["version"])

    async def forget_events(self) -> None:
        """Let only what follows be among the published events."""
        await self.pool.execute("DELETE FROM outbox")


@pytest.fixture
async def service(
    database: MakeDatabase, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[Service]:
    address = await database("clients")
    app = create_app(settings_for(address.dsn), clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        await portfolio.bring(app.state.pool, tmp_path, portfolio.two_partners(), clock)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://clients.test") as http:
            made = Service(app, http, clock)
            await made.forget_events()
            yield made
