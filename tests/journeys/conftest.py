"""A whole system for a journey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.chassis.clock import ManualClock
from tests.conftest import MakeDatabase
from tests.journeys.system import SERVICES, System, system


@pytest.fixture
async def partner_tools(
    fresh_topics: str, database: MakeDatabase, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[System]:
    """The system, on fresh topics and databases, with no service running yet."""
    databases = {name: await database(name) for name in SERVICES}
    async with system(fresh_topics, databases, tmp_path, clock) as made:
        yield made
