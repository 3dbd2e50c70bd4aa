import asyncio
import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.databases import Addresses
from services.notifications.main import create_app
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from shared.contracts.event import Event
from tests import tokens
from tests.deliver import record_of
from tests.notifications.conftest import make_settings
from tests.notifications.portfolio import usual
from tests.notifications.sink import Sink

pytestmark = [pytest.mark.delivery, pytest.mark.timeout(180)]


async def say(servers: str, *events: Event) -> None:
    """Publish as the relays of other services do."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        for event in events:
            record = record_of(event)
            await producer.send_and_wait(
                record.topic, key=record.key, value=record.value, headers=list(record.headers)
            )
    finally:
        await producer.stop()


async def heard(servers: str, topic: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    """What is on a topic, once there is so much: type and data."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found: list[tuple[str, dict[str, Any]]] = []
        while len(found) < count:
            record = await consumer.getone()
            types = [value.decode() for name, value in record.headers if name == "ce_type"]
            found.append((types[0], json.loads(record.value)))
        return found
    finally:
        await consumer.stop()


def figure(app: Any, name: str, labels: dict[str, str] | None = None) -> float | None:
    value: float | None = app.state.registry.get_sample_value(name, labels)
    return value


async def test_from_event_to_mail_and_back_to_an_event(
    pool: Pool, address: Addresses, sink: Sink, clock: ManualClock, fresh_topics: str
) -> None:
    story = usual()
    await say(fresh_topics, *story.everything(), story.due())
    settings = make_settings(
        sink,
        database_url=address.dsn,
        kafka_servers=fresh_topics,
        run_consumers=True,
        run_relay=True,
        run_sender=True,
        run_upkeep=True,
        upkeep_idle=0.05,
    )
    app = create_app(settings, clock, verifier=tokens.verifier())

    async with app.router.lifespan_context(app), asyncio.timeout(60):
        said = await heard(fresh_topics, told.EVENTS, 2)
        while figure(app, "oldest_due_unsent_seconds") != 0:
            await asyncio.sleep(0.02)

    assert sink.recipients == ["dora@acme.example", "rita@hubspot.example"]
    assert {kind for kind, _ in said} == {told.ReminderSent.TYPE}
    assert {data["audience"] for _, data in said} == {"client", "hubspot"}
    assert not [data for _, data in said if "@" in json.dumps(data)]
    assert figure(app, "message_attempts_total", {"outcome": "accepted"}) == 2
    assert figure(app, "mail_relay_away") == 0
    states = {row["state"] for row in await pool.fetch("SELECT state FROM messages")}
    assert states == {"accepted"}
