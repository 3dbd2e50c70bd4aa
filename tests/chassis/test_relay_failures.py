"""From the outbox to a real Kafka while something dies, disagrees or is away."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from deploy.local import ports
from deploy.local.databases import Addresses
from deploy.local.kafka import Kafka
from shared.chassis.database import Pool
from shared.chassis.kafka import ensure_topics
from shared.chassis.relay import LostLeadError, Relay, _Flight
from shared.contracts.topics import Topic
from tests.chassis.depot import (
    Counted,
    counted,
    depot,
    exit_code,
    in_order,
    make_topic,
    numbers_in,
    on_topic,
    process,
    read_topic,
    relaying,
    say,
    sent,
    until,
    waiting,
    write,
)

pytestmark = pytest.mark.delivery
KILLED = -signal.SIGKILL


async def test_a_crash_before_sending_loses_nothing(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    await say(pool, *[counted(number, cls=cls) for number in range(20)])
    with process("relay", depot_at.dsn, kafka, crash_at="outbox.before_send") as relay:
        assert await exit_code(relay) == KILLED
    assert await waiting(pool) == 20
    async with relaying(depot_at, kafka):
        await sent(pool)
    assert sorted(numbers_in(await read_topic(kafka, cls.TOPIC, 20))) == list(range(20))


async def test_a_crash_after_kafkas_acknowledgement_doubles_records_but_no_effect(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    await say(pool, *[counted(number, cls=cls) for number in range(20)])
    with process("relay", depot_at.dsn, kafka, crash_at="outbox.after_produce") as relay:
        assert await exit_code(relay) == KILLED
    async with relaying(depot_at, kafka):
        await sent(pool)
    records = await read_topic(kafka, cls.TOPIC, 40)
    assert Counter(numbers_in(records)) == dict.fromkeys(range(20), 2)
    await depot(cls).receive(records, pool)
    assert await pool.fetchval("SELECT count(*) FROM effects") == 20


async def test_a_paused_leader_that_wakes_breaks_no_order(
    depot_at: Addresses, pool: Pool, kafka: str, postgres: str
) -> None:
    cls = await make_topic(kafka)
    things = [uuid4() for _ in range(10)]
    stop = asyncio.Event()

    async def writer(start: int) -> None:
        while not stop.is_set():
            await write(pool, cls, things[start])

    with process("relay", depot_at.dsn, kafka) as leader:
        await until(lambda: leading(pool))
        writers = [asyncio.create_task(writer(start)) for start in range(10)]
        async with relaying(depot_at, kafka) as relay:
            await asyncio.sleep(0.7)
            assert relay.progress.shards == 0
            leader.send_signal(signal.SIGSTOP)
            await cut(postgres, "relay /depot", but=relay)
            await until(lambda: asyncio.sleep(0, relay.progress.shards == 16))
            await asyncio.sleep(0.5)
            leader.send_signal(signal.SIGCONT)
            await asyncio.sleep(1)
            stop.set()
            await asyncio.gather(*writers)
            await sent(pool)
    total = await pool.fetchval("SELECT sum(version) FROM things")
    records = await read_topic(kafka, cls.TOPIC, total)
    distinct = {(r.key, Counted.model_validate_json(r.value).version) for r in records}
    assert len(distinct) == total
    assert in_order(records)


async def leading(pool: Pool) -> int:
    """How many shards of the depot somebody leads."""
    count: int = await pool.fetchval(
        """
        SELECT count(*) FROM pg_locks
         WHERE locktype = 'advisory' AND classid = $1
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        0x0A52,
    )
    return count


async def cut(postgres: str, application: str, *, but: Relay) -> None:
    """Cut the connection that holds the locks."""
    assert but.progress.shards == 0
    superuser = await asyncpg.connect(postgres)
    await superuser.execute(
        """
        SELECT pg_terminate_backend(l.pid)
          FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.classid = $1 AND a.application_name = $2
        """,
        0x0A52,
        application,
    )
    await superuser.close()


async def test_a_relay_that_loses_its_connection_starts_over(
    depot_at: Addresses, pool: Pool, kafka: str, postgres: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.shards))
        superuser = await asyncpg.connect(postgres)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'relay /depot' AND datname = $1",
            depot_at.name,
        )
        await superuser.close()
        await say(pool, counted(1, cls=cls))
        await sent(pool)
        assert relay.progress.failures >= 1
    assert numbers_in(await read_topic(kafka, cls.TOPIC, 1)) == [1]


async def set_limit(servers: str, topic: str, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    config = {"max.message.bytes": str(size)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    await admin.close()


async def test_a_batch_that_kafka_refuses_is_sent_once_it_is_taken_and_in_order(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    refused, other = await make_topic(kafka), await make_topic(kafka)
    things = [uuid4() for _ in range(10)]
    await set_limit(kafka, refused.TOPIC, 100)
    async with relaying(depot_at, kafka) as relay:
        await say(
            pool,
            *[counted(n, things[n % 10], cls=refused, version=n // 10 + 1) for n in range(100)],
            *[counted(n, cls=other) for n in range(50)],
        )
        await until(lambda: asyncio.sleep(0, relay.progress.failures >= 2))
        assert await waiting(pool) == 100, "the other topic is not held up"
        await set_limit(kafka, refused.TOPIC, 1_048_588)
        await sent(pool)
    records = await read_topic(kafka, refused.TOPIC, 100)
    assert sorted(set(numbers_in(records))) == list(range(100))
    assert in_order(records)


def answer(error: Exception | None) -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if error:
        future.set_exception(error)
    else:
        future.set_result(None)
    return future


async def test_nothing_is_dropped_behind_an_event_of_its_key_that_kafka_has_not(
    depot_at: Addresses, pool: Pool
) -> None:
    one, other = uuid4(), uuid4()
    await say(pool, *[counted(number, thing) for thing in (one, other) for number in range(3)])
    relay = Relay(depot_at.dsn, "nowhere:1", source="/depot")
    rows = await pool.fetch("SELECT * FROM outbox ORDER BY id")
    flight = _Flight(rows, read_at=0.0, batch_of=[0, 1, 0, 0, 0, 1])
    flight.acks = [answer(None), answer(KafkaError("too large"))]
    async with pool.acquire() as conn:
        await relay._delete(conn, flight)
    left = await pool.fetch("SELECT id FROM outbox ORDER BY id")
    assert [rows.index(row) for row in rows if row["id"] in {each["id"] for each in left}] == [
        1,
        2,
        5,
    ]


async def test_whoever_finds_its_rows_deleted_by_another_starts_over(
    depot_at: Addresses, pool: Pool
) -> None:
    await say(pool, counted(1), counted(2))
    relay = Relay(depot_at.dsn, "nowhere:1", source="/depot")
    flight = _Flight(await pool.fetch("SELECT * FROM outbox"), read_at=0.0, batch_of=[0, 0])
    flight.acks = [answer(None)]
    await pool.execute("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)")
    async with pool.acquire() as conn:
        with pytest.raises(LostLeadError, match="another relay of /depot was here"):
            await relay._delete(conn, flight)


async def test_rows_that_were_read_long_ago_are_read_again_before_they_are_sent(
    depot_at: Addresses, pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = await make_topic(kafka)
    await say(pool, counted(1, cls=cls))
    build, reads = Relay._build, []

    async def pause(self: Relay, *arguments: Any) -> _Flight:
        flight = await build(self, *arguments)
        reads.append(flight)
        if len(reads) == 1:
            flight.read_at -= 6  # as if the process had stood still
        return flight

    monkeypatch.setattr(Relay, "_build", pause)
    async with relaying(depot_at, kafka):
        await sent(pool)
    assert len(reads) == 2
    assert reads[0].acks == []


async def test_nothing_is_lost_while_kafka_is_down(
    depot_at: Addresses, pool: Pool, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chassis.relay.GRACE_SECONDS", 0.5)
    port, controller_port = ports.free_ports(2)
    broker = Kafka(scratch / "killed", port=port, controller_port=controller_port, quick=True)
    broker.start()
    try:
        cls = await make_topic(broker.servers)
        things = [uuid4() for _ in range(100)]

        def round_(version: int) -> list[Counted]:
            first = version * 100
            return [counted(first + n, things[n], cls=cls, version=version) for n in range(100)]

        async with relaying(depot_at, broker.servers, shards=range(8)) as relay:
            async with relaying(depot_at, broker.servers, shards=range(8, 16)):
                await say(pool, *round_(1))
                await sent(pool)
                broker.kill()
                await say(pool, *round_(2))
                await asyncio.sleep(0.5)
                begun = monotonic()
            assert monotonic() - begun < 5, "the other one ends although it cannot send"
            for version in range(3, 102):
                await say(pool, *round_(version))
            assert await waiting(pool) == 10_000
            await asyncio.to_thread(broker.start)
            async with relaying(depot_at, broker.servers, shards=range(8, 16)):
                await sent(pool, seconds=40)
            assert relay.progress.waiting is None
        records = await read_topic(broker.servers, cls.TOPIC, 10_100)
    finally:
        broker.kill()
    assert len(set(numbers_in(records))) == 10_100
    assert in_order(records)


async def test_an_event_for_a_missing_topic_waits_and_says_what_creates_it(
    depot_at: Addresses, pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chassis.relay.METADATA_SECONDS", 0.3)
    name = f"depot.{uuid4().hex[:8]}.v1"
    await say(pool, counted(1, cls=on_topic(name)))
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.waiting))
        assert f"nothing of {name}; if it is missing, `topics`" in str(relay.progress.waiting)
        await ensure_topics(kafka, [Topic(name, "depot", "events", "", 1)])
        await sent(pool)


async def test_a_relay_without_kafka_waits_and_says_so(depot_at: Addresses, pool: Pool) -> None:
    [port] = ports.free_ports(1)
    await say(pool, counted(1))
    async with relaying(depot_at, f"127.0.0.1:{port}") as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.failures >= 2))
        assert "Unable to bootstrap" in str(relay.progress.waiting)
    assert await waiting(pool) == 1
