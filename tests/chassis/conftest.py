"""The depot's database, made once and emptied for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local import databases
from deploy.local.databases import Addresses
from shared.chassis.database import Pool, migrate, open_pool
from tests.chassis.depot import TABLES


@pytest.fixture(scope="session")
async def _depot(postgres: str) -> AsyncIterator[tuple[Addresses, asyncpg.Connection]]:
    superuser = await asyncpg.connect(postgres)
    await databases.create_roles(superuser, "depot", password="secret")
    name = f"test_depot_{uuid4().hex[:8]}"
    await databases.create_database(superuser, name, owner="depot")
    address = databases.addresses(postgres, name, "depot", password="secret")
    await migrate(address.owner_dsn, "depot", Path("no-migrations-of-its-own"))
    owner = await asyncpg.connect(address.owner_dsn)
    await owner.execute(TABLES)
    yield address, owner
    await owner.close()
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


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
