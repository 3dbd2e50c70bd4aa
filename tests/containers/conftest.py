"""One system of containers for all of these tests. `make test-containers` runs them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.containers.people import Visitor
from tests.containers.stack import Stack, clone, run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, and leave the first the time to build and start all there is."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("containers")
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker that answers."""
    found = run("docker", "info", "--format", "{{.ServerVersion}}")
    if found.returncode:
        pytest.fail(f"No Docker answers here: {found.stderr.strip()}")


@pytest.fixture(scope="session")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What `docker compose --profile demo up --wait` makes of a clean clone."""
    made = Stack(clone(tmp_path_factory.mktemp("clone") / "partner-tools"))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture
async def visitor(stack: Stack) -> AsyncIterator[Visitor]:
    """An admin of the sample's first partner."""
    async with httpx2.AsyncClient(timeout=30) as http:
        yield await Visitor.enter(stack, http)
