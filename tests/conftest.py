"""A PostgreSQL to destroy, a database per test, and a real Kafka for the whole run.

Servers that the environment names are used as they are (``TEST_DATABASE_URL``, a superuser's;
``TEST_KAFKA_SERVERS``); else this run starts its own, and stops them: in containers where
``TEST_BACKEND=containers`` asks for that, else without Docker.
"""

import asyncio
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # none

from deploy.local import databases, ports
from deploy.local.databases import Addresses
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from shared.chassis import telemetry
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, migrate, open_pool
from tests import backends

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

SERVICES = Path(__file__).parent.parent / "services"
ROOM_BYTES = 4 * 1024**3
PASSWORD = "not-a-secret"
TOGETHER = ("tests/browser/", "tests/faults/", "tests/operations/", "tests/security/")
LONG = (*TOGETHER, "tests/deploy/test_demo", "tests/deploy/test_local")
Fill: TypeAlias = Callable[[Mapping[str, Addresses]], Awaitable[None]]
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder that servers can live in whoever they run as; gone after the run.

    In memory where there is room: making 144 partitions anew takes a quarter of the time there.
    """
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own in it
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES
    where = memory if roomy and os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="partner-tools-tests-", dir=where))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[str]:
    """The superuser's DSN of a server on which databases may be made and dropped."""
    if named := os.environ.get("TEST_DATABASE_URL"):
        yield named
        return
    if backends.wanted():
        with backends.postgres() as dsn:
            yield dsn
        return
    [port] = ports.free_ports(1)
    server = Postgres(scratch / "postgres", port=port, throw_away=True)
    server.start()
    yield server.dsn
    server.stop()  # killed, it would leave its shared memory behind


@pytest.fixture(scope="session")
def kafka(scratch: Path) -> Iterator[str]:
    """The bootstrap servers of a real broker that outlives the test. It has no topics yet."""
    if named := os.environ.get("TEST_KAFKA_SERVERS"):
        yield named
        return
    if backends.wanted():
        with backends.kafka() as servers:
            yield servers
        return
    port, controller_port = ports.free_ports(2)
    broker = Kafka(scratch / "kafka", port=port, controller_port=controller_port, quick=True)
    broker.start()
    yield broker.servers
    broker.kill()


@pytest.fixture
async def fresh_topics(kafka: str) -> str:
    """The same servers, with every topic of the registry there and empty."""
    return await emptied(kafka)


async def emptied(kafka: str) -> str:
    """Make every topic of the registry anew on these servers."""
    from aiokafka.admin import AIOKafkaAdminClient

    from shared.chassis.kafka import ensure_topics
    from shared.contracts import topics

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        names = {topic.name for topic in topics.REGISTRY}
        await admin.delete_topics(sorted(names & set(await admin.list_topics())))
        while names & set(await admin.list_topics()):  # the broker hears of it a little later
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
    await ensure_topics(kafka, topics.REGISTRY)
    return kafka


class Templates:
    """Migrated databases, empty or with a story in them: made when first asked for, then cloned."""

    def __init__(self, superuser_dsn: str) -> None:
        self._dsn = superuser_dsn
        self._run = secrets.token_hex(4)
        self._made: dict[str, asyncio.Task[Addresses]] = {}
        self._filled: dict[tuple[Fill, tuple[str, ...]], asyncio.Task[dict[str, Addresses]]] = {}

    async def clone(self, connection: databases.Connection, service: str) -> Addresses:
        return await self._clone(connection, service, await self._empty(service), "test")

    async def clones(
        self, connection: databases.Connection, fill: Fill, services: tuple[str, ...]
    ) -> dict[str, Addresses]:
        told = fill, services
        if told not in self._filled:
            self._filled[told] = asyncio.create_task(self._fill(fill, services))
        return {
            service: await self._clone(connection, service, template, "test")
            for service, template in (await self._filled[told]).items()
        }

    async def drop(self) -> None:
        made = [await each for each in self._made.values()]
        filled = [found for each in self._filled.values() for found in (await each).values()]
        async with self._connection() as connection:
            for template in made + filled:
                await connection.execute(f"DROP DATABASE {template.name} WITH (FORCE)")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[databases.Connection]:
        connection = await asyncpg.connect(self._dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def _empty(self, service: str) -> Addresses:
        if service not in self._made:
            self._made[service] = asyncio.create_task(self._make(service))
        return await self._made[service]

    async def _make(self, service: str) -> Addresses:
        name = f"template_{service}_{self._run}"
        async with self._connection() as connection:
            await databases.create_roles(connection, service, password=PASSWORD)
            await databases.create_database(connection, name, owner=service)
        address = databases.addresses(self._dsn, name, service, password=PASSWORD)
        await migrate(address.owner_dsn, service, SERVICES / service / "migrations")
        return address

    async def _fill(self, fill: Fill, services: tuple[str, ...]) -> dict[str, Addresses]:
        async with self._connection() as connection:
            made = {
                service: await self._clone(connection, service, await self._empty(service), "story")
                for service in services
            }
        await fill(made)
        return made

    async def _clone(
        self, connection: databases.Connection, service: str, template: Addresses, kind: str
    ) -> Addresses:
        name = f"{kind}_{service}_{secrets.token_hex(6)}"
        await databases.create_database(connection, name, owner=service, template=template.name)
        return databases.addresses(self._dsn, name, service, password=PASSWORD)


class MakeDatabase:
    """Makes fresh, migrated databases, which are gone after the test."""

    def __init__(self, connection: databases.Connection, templates: Templates) -> None:
        self._connection, self._templates = connection, templates
        self._names: list[str] = []

    async def __call__(self, service: str) -> Addresses:
        """One of a service: ``await database("clients")``.

        A name that is no service's gets a database with the chassis' tables alone.
        """
        made = await self._templates.clone(self._connection, service)
        self._names.append(made.name)
        return made

    async def filled(self, fill: Fill, *services: str) -> dict[str, Addresses]:
        """One of each service, with what ``fill`` puts into them.

        It is run once for all tests; those who ask for the same get copies of what it left.
        """
        made = await self._templates.clones(self._connection, fill, services)
        self._names += [each.name for each in made.values()]
        return made

    async def drop(self) -> None:
        for name in self._names:
            await self._connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def _templates(postgres: str) -> AsyncIterator[Templates]:
    templates = Templates(postgres)
    yield templates
    await templates.drop()


@pytest.fixture
async def database(postgres: str, _templates: Templates) -> AsyncIterator[MakeDatabase]:
    """Makes databases for this test."""
    connection = await asyncpg.connect(postgres)
    make = MakeDatabase(connection, _templates)
    yield make
    await make.drop()
    await connection.close()


@asynccontextmanager
async def open_service_pool(database: MakeDatabase, service: str) -> AsyncIterator[Pool]:
    """A pool on a fresh database, as the service itself opens it. For a ``pool`` fixture."""
    address = await database(service)
    async with open_pool(address.dsn, application_name=f"test {service}") as pool:
        yield pool


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still at noon UTC on 15 January 2026, a Thursday."""
    return ManualClock(NOON)


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    """Log as services do; structlog's own default draws each stack, which takes seconds."""
    telemetry.configure_logging("tests", "warning")


class _Spread(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Gives each worker whole files; what shares something that starts slowly stays together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_collection_finish() -> None:
    """Look for garbage no more in what stays to the end, which took a second each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How tests are given to workers."""
    return _Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes the longest in one piece, so that no worker waits for it at the end.

    The first of those that share a system has the time to start it, on a slow machine too.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        if item.nodeid.startswith(TOGETHER) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a worker tell what was logged whatever characters are in it."""
    report = yield
    report.sections = [
        (name, written.encode("utf-8", "backslashreplace").decode())
        for name, written in report.sections
    ]
    return report
