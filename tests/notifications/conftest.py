"""A database, a mail sink and a sender for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from deploy.local.databases import Addresses
from services.notifications import jobs, senders
from services.notifications.main import create_app
from services.notifications.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from tests import tokens
from tests.notifications.sink import Sink, serving

MakeLane: TypeAlias = Callable[..., jobs.Lane]


TABLES = (
    "attempts",
    "steps",
    "messages",
    "notices",
    "renewals",
    "client_policies",
    "clients",
    "policies",
    "partner_users",
    "partners",
    "outbox",
    "inbox",
    "dead_letters",
    "idempotency_keys",
)


@pytest.fixture(scope="package")
async def address(postgres: str, _templates: Any) -> AsyncIterator[Addresses]:
    """One database for all tests of this folder; each finds it empty."""
    connection = await asyncpg.connect(postgres)
    made = await _templates.clone(connection, "notifications")
    yield made
    await connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="package")
async def _kept(address: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(address.dsn, application_name="test notifications") as pool:
        yield pool


@pytest.fixture
async def pool(_kept: Pool) -> Pool:
    await _kept.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    return _kept


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as sink:
        yield sink


@pytest.fixture
def settings(sink: Sink) -> Settings:
    return make_settings(sink)


def make_settings(sink: Sink, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": "postgresql://nobody@localhost/none",
        "kafka_servers": "localhost:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "https://issuer.test/jwks",
        "run_relay": False,
        "run_consumers": False,
        "run_sender": False,
        "run_upkeep": False,
        "start_timeout": 0,
        "database_pool": 4,
        "smtp_port": sink.port,
        "smtp_connections": 4,
        "smtp_command_timeout": 5,
        "smtp_data_timeout": 5,
        "smtp_connect_timeout": 2,
        "ended_notice_delay": 0,
    }
    return Settings(**(given | other))


@pytest.fixture
async def make_lane(pool: Pool, clock: ManualClock, settings: Settings) -> AsyncIterator[MakeLane]:
    """Make a sender of its own: another process, as far as the ledger can tell."""
    relays: list[senders.Relay] = []

    def make(figures: jobs.Figures | None = None, **other: Any) -> jobs.Lane:
        mine = settings.model_copy(update=other)
        relay = senders.Relay(mine)
        relays.append(relay)
        shown = figures or jobs.Figures(CollectorRegistry())
        return jobs.Lane(pool, clock, relay, mine, shown)

    yield make
    for relay in relays:
        await relay.close()


@pytest.fixture
def send(make_lane: MakeLane) -> Callable[..., Awaitable[None]]:
    """Send all that is due now."""
    lanes: dict[str, jobs.Lane] = {}

    async def until_idle(**other: Any) -> None:
        lane = lanes.setdefault(repr(other), make_lane(**other))
        while await lane.step():
            pass

    return until_idle


@dataclass
class Asking:
    """Asks the service over HTTP, as somebody of a partner."""

    client: httpx2.AsyncClient
    partner: UUID
    role: Role = "admin"

    def by(self, role: Role) -> "Asking":
        """The same partner, another role."""
        return Asking(self.client, self.partner, role)

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.client.get(path, params=params or None, headers=self.headers)

    async def post(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.post(path, headers=self.headers | headers)

    @property
    def headers(self) -> dict[str, str]:
        return tokens.bearer(uuid4(), self.partner, self.role)

    async def json(self, path: str, **params: Any) -> Any:
        """What a good answer says."""
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def http(
    pool: Pool, address: Addresses, clock: ManualClock, sink: Sink
) -> AsyncIterator[httpx2.AsyncClient]:
    """The service over HTTP, without its consumers, relay and sender."""
    settings = make_settings(sink, database_url=address.dsn)
    app = create_app(settings, clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://n.test") as client:
            yield client
