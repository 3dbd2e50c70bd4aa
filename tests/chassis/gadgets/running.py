"""Gadgets to try: the application in this process, and who calls it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
from fastapi import FastAPI

from shared.chassis.clock import ManualClock
from shared.chassis.settings import ServiceSettings
from tests import tokens
from tests.chassis.gadgets.main import create_app

OURS, THEIRS, ANN, BOB = uuid4(), uuid4(), uuid4(), uuid4()
ADMIN = tokens.bearer(ANN, OURS)


@dataclass
class Service:
    app: FastAPI
    http: httpx2.AsyncClient
    dsn: str
    owner_dsn: str

    async def sql(self, statement: str, *values: Any) -> Any:
        conn = await asyncpg.connect(self.dsn)
        try:
            return await conn.fetch(statement, *values)
        finally:
            await conn.close()


def settings_for(dsn: str, **other: Any) -> ServiceSettings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "start_timeout": 0,
        "database_pool": 2,
    }
    return ServiceSettings(**(given | other))


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx2.ASGITransport(app=app)
        yield await stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url="http://gadgets.test")
        )


def make_app(settings: ServiceSettings, **other: Any) -> FastAPI:
    """The application, at a time that stands still."""
    return create_app(settings, ManualClock(datetime(2026, 1, 15, tzinfo=UTC)), **other)


TABLES = """
    CREATE TABLE gadgets (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        partner_id uuid NOT NULL,
        name text NOT NULL,
        weight bigint NOT NULL DEFAULT 0,
        version integer NOT NULL DEFAULT 1);
    CREATE TABLE shops (
        id bigint PRIMARY KEY, name text NOT NULL,
        turnover numeric CHECK (turnover <> 666) NOT NULL);
"""


async def make(service: Service, name: str = "Cog", **headers: str) -> httpx2.Response:
    """Make a gadget, as our admin."""
    return await service.http.post("/gadgets", json={"name": name}, headers=ADMIN | headers)
