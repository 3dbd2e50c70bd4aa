"""Whoever acts on what was heard knows how old that is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from deploy.local.databases import Addresses
from shared.chassis import kafka as chassis_kafka
from shared.chassis.database import Pool
from shared.chassis.freshness import Freshness
from shared.chassis.inbox import Inbox
from shared.chassis.relay import Relay
from tests.chassis.depot import Counted, Settings, counted, depot, make_topic, say, until

pytestmark = pytest.mark.delivery


@asynccontextmanager
async def watching(
    servers: str, inboxes: Sequence[Inbox], *, most_seconds: float = 30
) -> AsyncIterator[Freshness]:
    freshness = Freshness(inboxes, most_seconds=most_seconds)
    task = asyncio.create_task(freshness.watch(servers))
    try:
        yield freshness
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task


async def publish(depot_at: Addresses, pool: Pool, servers: str, cls: type[Counted]) -> None:
    await say(pool, *[counted(number, cls=cls) for number in range(50)])
    relay = asyncio.create_task(Relay(depot_at.dsn, servers, source="/depot").run())
    await until(lambda: pool.fetchval("SELECT count(*) = 0 FROM outbox"))
    relay.cancel()
    await asyncio.wait({relay})


async def fresh(freshness: Freshness) -> bool:
    return freshness.stale is None


async def test_a_service_is_stale_until_it_heard_all_that_was_said_before(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    await publish(depot_at, pool, kafka, cls)
    inbox = depot(cls)
    async with watching(kafka, [inbox]) as freshness:
        await asyncio.sleep(1.5)
        assert "before the start" in str(freshness.stale)
        async with chassis_kafka.consuming(Settings(kafka), [inbox], pool):
            await until(lambda: fresh(freshness))
            assert await pool.fetchval("SELECT count(*) FROM effects") == 50


async def test_topics_that_hold_nothing_are_heard_at_once(kafka: str) -> None:
    async with watching(kafka, [depot(await make_topic(kafka))]) as freshness:
        await until(lambda: fresh(freshness), seconds=5)


async def test_a_service_gets_stale_while_nobody_hears_what_is_said(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    inbox = depot(cls)
    async with watching(kafka, [inbox], most_seconds=2) as freshness:
        await until(lambda: fresh(freshness))
        await publish(depot_at, pool, kafka, cls)
        await asyncio.sleep(4)
        assert "behind" in str(freshness.stale)
        async with chassis_kafka.consuming(Settings(kafka), [inbox], pool):
            await until(lambda: fresh(freshness))


async def test_how_new_what_was_heard_is_is_known_topic_by_topic(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    silent, loud = await make_topic(kafka), await make_topic(kafka)
    await publish(depot_at, pool, kafka, loud)
    quiet, behind = depot(silent), depot(loud)
    async with watching(kafka, [quiet, behind]) as freshness:

        async def heard_of_one() -> bool:
            return set(freshness.behind) == {quiet.topic}

        await until(heard_of_one)
        assert "before the start" in str(freshness.stale)
        async with chassis_kafka.consuming(Settings(kafka), [behind], pool):
            await until(lambda: fresh(freshness))
        assert set(freshness.behind) == {quiet.topic, behind.topic}
        assert all(0 <= seconds < 30 for seconds in freshness.behind.values())


async def test_a_consumer_that_stopped_itself_makes_the_service_stale_at_once(kafka: str) -> None:
    inbox = depot(await make_topic(kafka))
    async with watching(kafka, [inbox]) as freshness:
        await until(lambda: fresh(freshness))
        inbox.stopped = "too many dead letters"
        assert "too many dead letters" in str(freshness.stale)


async def test_a_service_without_kafka_is_stale_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox = Inbox("depot", "depot.events.v1")
    async with watching("127.0.0.1:1", [inbox]) as freshness:
        await asyncio.sleep(0.5)
        assert freshness.stale is not None
