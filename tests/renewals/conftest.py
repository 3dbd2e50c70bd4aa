"""A database of the renewals service for each test."""

from collections.abc import AsyncIterator

import pytest

from shared.chassis.database import Pool
from tests.conftest import MakeDatabase, open_service_pool


@pytest.fixture
async def pool(database: MakeDatabase) -> AsyncIterator[Pool]:
    async with open_service_pool(database, "renewals") as pool:
        yield pool
