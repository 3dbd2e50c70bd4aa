"""One filled system for all tests of this folder; at the end the hidden partner is untouched."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from shared.chassis.clock import ManualClock
from tests.conftest import emptied
from tests.journeys.system import system
from tests.security.operations import SERVICES
from tests.security.world import World, fill, live, opened

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="package")
async def _filled(
    kafka: str, postgres: str, _templates: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """Databases with four partners in them, and what the sample says of those."""
    folder = tmp_path_factory.mktemp("filled")
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(postgres)
        stack.push_async_callback(connection.close)
        databases = {}
        for name in SERVICES:
            made = databases[name] = await _templates.clone(connection, name)
            stack.push_async_callback(connection.execute, f"DROP DATABASE {made.name} WITH (FORCE)")
        clock = ManualClock(NOON)
        async with system(await emptied(kafka), databases, folder, clock) as running:
            told = await fill(running, folder / "files")
        yield databases, clock, told


@pytest.fixture(scope="package")
def world(_filled: Any) -> Iterator[World]:
    """The services, answering. Whatever a test does, the hidden partner's data stays."""
    with opened(*_filled) as made:
        live(made)
        yield made
        for service in SERVICES:
            assert made.checksums(service, made.hidden) == made.before[service], service
