"""A database, a receiver, endpoints and couriers for each test."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from deploy.local.databases import Addresses
from services.webhooks import jobs, senders
from services.webhooks.handlers import from_renewals
from services.webhooks.main import create_app
from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.chassis.identity import Role
from shared.contracts.event import Event
from tests import tokens
from tests.deliver import deliver
from tests.webhooks.events import NOON, PARTNER
from tests.webhooks.receiver import Receiver, receiving

MakeCourier: TypeAlias = Callable[..., jobs.Courier]
TABLES = ("endpoints", "erased", "outbox", "inbox", "dead_letters", "idempotency_keys")


@pytest.fixture(scope="package")
async def address(postgres: str, _templates: Any) -> AsyncIterator[Addresses]:
    """One database for all tests of this folder; each finds it empty."""
    connection = await asyncpg.connect(postgres)
    made = await _templates.clone(connection, "webhooks")
    yield made
    await connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="package")
async def _kept(address: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(address.dsn, application_name="test webhooks") as pool:
        yield pool


@pytest.fixture
async def pool(_kept: Pool) -> Pool:
    await _kept.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    return _kept


def settings_for(dsn: str, **other: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "run_courier": False,
        "run_upkeep": False,
        "start_timeout": 0,
        "database_pool": 4,
        "secrets_key": "0123456789" * 4,
        "allowed_hosts": "example.com",
        "allow_loopback": True,
        "idle": 0.02,
        "connect_timeout": 5.0,
        "total_timeout": 10.0,
        "lease": 20.0,
    }
    return Settings(**(given | other))


@pytest.fixture
def settings(address: Addresses) -> Settings:
    return settings_for(address.dsn)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def make_courier(
    pool: Pool, clock: ManualClock, settings: Settings
) -> AsyncIterator[MakeCourier]:
    """Make a courier of its own: another process, as far as the queues can tell."""
    posters: list[senders.Poster] = []

    def make(registry: CollectorRegistry | None = None, **other: Any) -> jobs.Courier:
        mine = settings.model_copy(update=other)
        poster = senders.Poster(mine)
        posters.append(poster)
        figures = jobs.Figures(registry or CollectorRegistry())
        return jobs.Courier(pool, clock, poster, mine, figures)

    yield make
    for poster in posters:
        await poster.close()


@pytest.fixture
def send(make_courier: MakeCourier) -> Callable[..., Awaitable[None]]:
    """Send all that is due now."""
    couriers: dict[str, jobs.Courier] = {}

    async def until_idle(**other: Any) -> None:
        if repr(other) not in couriers:
            couriers[repr(other)] = make_courier(**other)
        await settle(couriers[repr(other)])

    return until_idle


async def settle(courier: jobs.Courier) -> None:
    while await courier.step():
        pass


@pytest.fixture
def hear(pool: Pool) -> Callable[..., Awaitable[None]]:
    """Let the service hear facts about renewals."""

    async def heard(*events: Event) -> None:
        await deliver(from_renewals, pool, *events)

    return heard


@dataclass
class Asking:
    """Asks the service over HTTP, as somebody of a partner."""

    client: httpx2.AsyncClient
    partner: UUID = PARTNER
    role: Role = "admin"

    def by(self, role: Role) -> "Asking":
        return replace(self, role=role)

    def of(self, partner: UUID) -> "Asking":
        return replace(self, partner=partner)

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = tokens.bearer(uuid4(), self.partner, self.role)
        return await self.client.request(method, path, json=body, headers=bearer | named)

    async def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What a good answer says."""
        answer = await self(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def endpoint(self, url: str, **other: Any) -> Any:
        """A new endpoint."""
        return await self.json("POST", "/endpoints", {"url": url} | other)

    async def deliveries(self, **wanted: str) -> list[Any]:
        """Those there are, in their order."""
        asked = "&".join(f"{name}={value}" for name, value in wanted.items())
        found: list[Any] = (await self.json("GET", f"/deliveries?sort=seq&{asked}"))["items"]
        return found


@pytest.fixture
async def ask(pool: Pool, settings: Settings, clock: ManualClock) -> AsyncIterator[Asking]:
    """The service over HTTP, without its consumers and its courier, asked by an admin."""
    app = create_app(settings, clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://w.test") as client:
            yield Asking(client)


@pytest.fixture
def settings_environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """What a process of its own is told, to send at the time at which the clock stands."""
    wall = datetime.now(UTC)  # noqa: TID251 - the other process goes by it
    shift = tmp_path / "clock"
    shift.write_text(f"-{int((wall - NOON).total_seconds()) - 60}")
    told = {
        "DATABASE_URL": settings.database_url,
        "SECRETS_KEY": settings.secrets_key,
        "ALLOW_LOOPBACK": "true",
        "TOTAL_TIMEOUT": "0.9",
        "LEASE": "1",
        "IDLE": "0.05",
    }
    return (
        os.environ
        | {f"WEBHOOKS_{name}": value for name, value in told.items()}
        | {
            "KAFKA_SERVERS": settings.kafka_servers,
            "OIDC_ISSUER": settings.oidc_issuer,
            "OIDC_JWKS_URL": settings.oidc_jwks_url,
            "CLOCK_FILE": str(shift),
        }
    )
