"""Databases of the tests' own services, made once and emptied for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local import databases
from deploy.local.databases import Addresses
from shared.chassis.database import Pool, migrate, open_pool, protect
from tests.chassis.depot import TABLES
from tests.chassis.gadgets import running as gadgets
from tests.chassis.gadgets.running import Service
from tests.conftest import PASSWORD


@asynccontextmanager
async def service_database(
    superuser_dsn: str, service: str, tables: str
) -> AsyncIterator[tuple[Addresses, asyncpg.Connection]]:
    """A database with the chassis' tables and these; beside its addresses, its owner."""
    superuser = await asyncpg.connect(superuser_dsn)
    await databases.create_roles(superuser, service, password=PASSWORD)
    name = f"test_{service}_{uuid4().hex[:8]}"
    await databases.create_database(superuser, name, owner=service)
    address = databases.addresses(superuser_dsn, name, service, password=PASSWORD)
    await migrate(address.owner_dsn, service, Path("no-migrations-of-its-own"))
    owner = await asyncpg.connect(address.owner_dsn)
    await owner.execute(tables)
    await protect(owner, service)
    yield address, owner
    await owner.close()
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


@pytest.fixture(scope="session")
async def _depot(postgres: str) -> AsyncIterator[tuple[Addresses, asyncpg.Connection]]:
    async with service_database(postgres, "depot", TABLES) as found:
        yield found


@pytest.fixture
async def depot_at(_depot: tuple[Addresses, asyncpg.Connection]) -> Addresses:
    """The depot's database, empty."""
    address, owner = _depot
    await owner.execute(
        "TRUNCATE effects, things, outbox, inbox, dead_letters, idempotency_keys RESTART IDENTITY"
    )
    return address


@pytest.fixture
async def pool(depot_at: Addresses) -> AsyncIterator[Pool]:
    """A pool on the depot's database, which is empty."""
    async with open_pool(depot_at.dsn, application_name="depot") as pool:
        yield pool


@pytest.fixture(scope="session")
async def _gadgets(postgres: str) -> AsyncIterator[tuple[Addresses, asyncpg.Connection]]:
    async with service_database(postgres, "gadgets", gadgets.TABLES) as found:
        yield found


@pytest.fixture
async def gadgets_at(_gadgets: tuple[Addresses, asyncpg.Connection]) -> Addresses:
    """The gadgets' database, empty."""
    address, owner = _gadgets
    await owner.execute(
        "TRUNCATE gadgets, shops, outbox, inbox, dead_letters, idempotency_keys RESTART IDENTITY"
    )
    return address


@pytest.fixture
async def service(gadgets_at: Addresses) -> AsyncIterator[Service]:
    """The gadgets service, in this process, on an empty database."""
    app = gadgets.make_app(gadgets.settings_for(gadgets_at.dsn))
    async with gadgets.serving(app) as http:
        yield Service(app, http, gadgets_at.dsn, gadgets_at.owner_dsn)
