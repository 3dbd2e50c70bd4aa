"""A database, a mail sink and a sender for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from prometheus_client import CollectorRegistry

from services.notifications import jobs, senders
from services.notifications.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.conftest import MakeDatabase, open_service_pool
from tests.notifications.sink import Sink, serving

MakeLane: TypeAlias = Callable[..., jobs.Lane]


@pytest.fixture
async def pool(database: MakeDatabase) -> AsyncIterator[Pool]:
    async with open_service_pool(database, "notifications") as pool:
        yield pool


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as sink:
        yield sink


@pytest.fixture
def settings(sink: Sink) -> Settings:
    return make_settings(sink)


def make_settings(sink: Sink, **other: Any) -> Settings:
    return Settings(
        **{
            "database_url": "postgresql://nobody@localhost/none",
            "kafka_servers": "localhost:1",
            "oidc_issuer": "https://issuer.test",
            "oidc_jwks_url": "https://issuer.test/jwks",
            "smtp_port": sink.port,
            "smtp_connections": 4,
            "smtp_command_timeout": 5,
            "smtp_data_timeout": 5,
            "smtp_connect_timeout": 2,
        }
        | other
    )


@pytest.fixture
async def make_lane(pool: Pool, clock: ManualClock, settings: Settings) -> AsyncIterator[MakeLane]:
    """Make a sender of its own: another process, as far as the ledger can tell."""
    relays: list[senders.Relay] = []

    def make(**other: Any) -> jobs.Lane:
        mine = settings.model_copy(update=other)
        relay = senders.Relay(mine)
        relays.append(relay)
        return jobs.Lane(pool, clock, relay, mine, jobs.Figures(CollectorRegistry()))

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
