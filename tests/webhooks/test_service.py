"""The whole service on a real Kafka: two replicas, a receiver, and what the logs say."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.databases import Addresses
from services.webhooks.main import create_app
from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock
from shared.contracts import clients, registry, topics
from shared.contracts.event import Event, Tombstone
from tests import tokens
from tests.deliver import record_of
from tests.webhooks.conftest import Asking, settings_for
from tests.webhooks.events import NOON, ONE, due
from tests.webhooks.receiver import Receiver

CLIENTS = [due(ONE, number).renewal_id for number in range(1, 9)]  # any ids will do


def test_every_fact_tells_its_partner() -> None:
    for topic in topics.REGISTRY:
        if topic.kind == "events":
            for event in registry.of_topic(topic.name):
                assert "partner_id" in event.model_fields, event


def test_a_lease_that_ends_before_an_attempt_may_is_refused() -> None:
    with pytest.raises(ValueError, match="has to be longer"):
        settings_for("postgresql://nobody@localhost/none", lease=1, total_timeout=1)


def test_that_endpoints_may_be_on_this_machine_is_said_loudly_and_only_then(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for allowed in (False, True):
        caplog.clear()
        create_app(
            settings_for("postgresql://nobody@localhost/none", allow_loopback=allowed), clock
        )
        assert ("WEBHOOKS_ALLOW_LOOPBACK" in caplog.text) is allowed


async def say(servers: str, *events: Event | Tombstone) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        for event in events:
            record = record_of(event)
            await producer.send(
                record.topic, key=record.key, value=record.value, headers=list(record.headers)
            )
        await producer.flush()
    finally:
        await producer.stop()


@pytest.mark.delivery
@pytest.mark.timeout(180)
async def test_from_the_topic_to_the_receiver_through_two_replicas(
    ask: Asking,
    address: Addresses,
    receiver: Receiver,
    clock: ManualClock,
    fresh_topics: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = await ask.endpoint(receiver.url)
    settings: Settings = settings_for(
        address.dsn,
        kafka_servers=fresh_topics,
        run_consumers=True,
        run_relay=True,
        run_courier=True,
        run_upkeep=True,
        upkeep_idle=0.05,
    )
    couriers = settings.model_copy(update={"run_consumers": False, "run_relay": False})
    apps: list[Any] = [
        create_app(each, clock, verifier=tokens.verifier()) for each in (couriers, settings)
    ]
    events = [due(client, number) for number in range(1, 5) for client in CLIENTS]
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        await say(fresh_topics, *events)
        while len(receiver.got) < len(events):
            await asyncio.sleep(0.02)
        stone = Tombstone(
            topic=clients.STATE,
            key=str(CLIENTS[0]),
            owner="clients",
            occurred_at=NOON,
            version=90,
        )
        await say(fresh_topics, stone)
        while len(await ask.deliveries(client_id=str(CLIENTS[0]))):
            await asyncio.sleep(0.02)

    assert len(receiver.got) == len(events)
    for client in CLIENTS:
        assert [got.version for got in receiver.of(client)] == [1, 2, 3, 4]
    said = capsys.readouterr().out
    assert made["secret"].removeprefix("whsec_") not in said
