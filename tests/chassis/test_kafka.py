"""From a real Kafka to the tables: each effect once, whatever dies, leaves or is poisoned."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from deploy.local import ports
from deploy.local.databases import Addresses
from shared.chassis import kafka as chassis
from shared.chassis.access import Access
from shared.chassis.database import Pool, open_pool
from shared.chassis.failures import KafkaUnavailableError
from shared.chassis.inbox import Inbox
from shared.chassis.kafka import consuming, ensure_topics
from shared.contracts.topics import Topic
from tests.chassis.depot import (
    Counted,
    Settings,
    counted,
    depot,
    exit_code,
    heard,
    make_topic,
    process,
    until,
)
from tests.deliver import Delivered, record_of

pytestmark = pytest.mark.delivery
KILLED = -signal.SIGKILL


async def send(servers: str, *records: Delivered) -> None:
    """Put records into Kafka as they are, however bad; a few keys, so that order matters."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    for record in records:
        headers = list(record.headers)
        await producer.send(record.topic, record.value, record.key, headers=headers)
    await producer.stop()


def records(cls: type[Counted], numbers: Sequence[int], *, keys: int = 5) -> list[Delivered]:
    things = [uuid4() for _ in range(keys)]
    return [record_of(counted(n, things[n % keys], cls=cls, version=n + 1)) for n in numbers]


async def has(pool: Pool, count: int) -> bool:
    return len(await heard(pool)) >= count


async def each_once(pool: Pool, numbers: Sequence[int]) -> bool:
    """Whether each number had one effect, in the order of its key."""
    rows = await pool.fetch("SELECT thing_id, number FROM effects ORDER BY id")
    by_key: dict[Any, list[int]] = {}
    for row in rows:
        by_key.setdefault(row["thing_id"], []).append(row["number"])
    once = Counter(row["number"] for row in rows) == Counter(numbers)
    return once and all(each == sorted(each) for each in by_key.values())


async def done_with(servers: str, inbox: Inbox, count: int) -> bool:
    return await committed(servers, inbox) == count


async def committed(servers: str, inbox: Inbox) -> int:
    """How many records of its topic a group has done with."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=inbox.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(inbox.topic)
        parts = [TopicPartition(inbox.topic, n) for n in consumer.partitions_for_topic(inbox.topic)]
        consumer.assign(parts)
        return sum([await consumer.committed(part) or 0 for part in parts])
    finally:
        await consumer.stop()


async def test_what_is_heard_has_its_effect_and_is_committed(pool: Pool, kafka: str) -> None:
    cls = await make_topic(kafka)
    inbox = depot(cls)
    await send(kafka, *records(cls, range(1_200)))
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: has(pool, 1_200))
        await until(lambda: asyncio.sleep(0, inbox.counts.handled == 1_200))
    assert await each_once(pool, range(1_200))
    assert await committed(kafka, inbox) == 1_200


async def test_a_crash_in_a_batch_loses_and_doubles_nothing(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    async def crash_and_go_on(point: str, numbers: range) -> None:
        cls, bad = await make_topic(kafka), numbers[150]
        await send(kafka, *records(cls, numbers))
        with process("consume", depot_at.dsn, kafka, cls.TOPIC, str(bad), crash_at=point) as dying:
            assert await exit_code(dying) == KILLED
        inbox = depot(cls, bad=[bad])
        async with consuming(Settings(kafka), [inbox], pool):
            await until(lambda: done_with(kafka, inbox, 300), seconds=40)

    points = {
        "inbox.in_batch": range(300),
        "inbox.between_halves": range(300, 600),
        "inbox.after_commit": range(600, 900),
    }
    await asyncio.gather(*(crash_and_go_on(*each) for each in points.items()))
    assert await each_once(pool, [n for n in range(900) if n not in (150, 450, 750)])
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 3


async def test_poison_in_a_real_topic_is_set_aside_and_the_rest_goes_on(
    pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka, partitions=1)
    said = records(cls, range(500))
    for at, name, value in ((17, "ce_id", None), (180, "ce_type", b"\xff\xfe")):
        said[at].headers = [(n, value if n == name else v) for n, v in said[at].headers]
    said[333].value = b"{not json"
    said[20].headers = [*said[20].headers, ("reply_to", b"elsewhere"), ("content-type", b"\xff")]
    inbox = depot(cls, bad=[421])
    await send(kafka, *said)
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: has(pool, 496))
    assert await each_once(pool, [n for n in range(500) if n not in (17, 180, 333, 421)])
    offsets = [row[0] for row in await pool.fetch('SELECT "offset" FROM dead_letters ORDER BY 1')]
    assert offsets == [17, 180, 333, 421]
    assert await committed(kafka, inbox) == 500


async def test_replicas_that_come_and_go_share_the_work_without_a_double(
    pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka, partitions=6)
    said = records(cls, range(6_000), keys=40)
    told = 0

    def slow() -> Inbox:
        inbox = Inbox("depot", cls.TOPIC)
        note = depot(cls)._each[cls.TYPE]

        @inbox.on(cls)
        async def slowly(event: Counted, tx: Any) -> None:
            await asyncio.sleep(0.005)
            await note(event, tx)

        return inbox

    @asynccontextmanager
    async def replica() -> AsyncIterator[Inbox]:
        inbox = slow()
        broker = chassis.make_broker(Access.to(kafka))
        chassis.subscribe(
            broker, inbox, pool, asyncio.Event(), max_records=20, heartbeat_interval_ms=200
        )
        await broker.start()
        try:
            yield inbox
        finally:
            await broker.stop()

    async def talk() -> None:
        nonlocal told
        while not over.is_set():
            assert told < len(said), "the second replica never got its share"
            await send(kafka, *said[told : told + 20])
            told += 20
            await asyncio.sleep(0.1)

    async def works(inbox: Inbox) -> bool:
        return inbox.counts.batches > 0

    over = asyncio.Event()
    async with replica() as first, asyncio.TaskGroup() as group:
        group.create_task(talk())
        for _ in range(2):
            async with replica() as second:
                await until(lambda: works(second), seconds=30)
        over.set()
    assert first.counts.handled
    async with replica():
        await until(lambda: has(pool, told), seconds=30)
    assert await each_once(pool, range(told))


class Door:
    """A TCP door in front of PostgreSQL, which can be shut."""

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        self._there = (address.hostname or "", address.port or 5432)
        [self.port] = ports.free_ports(1)
        self.dsn = dsn.replace(f":{address.port}/", f":{self.port}/")
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self._open.clear()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(*self._there)
        self._open |= {writer, onward}
        for source, sink in ((reader, onward), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(task)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.transport.abort()


async def test_without_postgresql_consumers_wait_and_set_nothing_aside(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    inbox, door = depot(cls), Door(depot_at.dsn)
    await door.open()
    async with open_pool(door.dsn, application_name="depot") as through:
        broker = chassis.make_broker(Access.to(kafka))
        chassis.subscribe(
            broker,
            inbox,
            through,
            asyncio.Event(),
            patience=1.5,
            session_timeout_ms=6_000,
            max_poll_interval_ms=3_000,
        )
        await broker.start()
        try:
            await send(kafka, *records(cls, range(50)))
            await until(lambda: has(pool, 50))
            await door.shut()
            await send(kafka, *records(cls, range(50, 100)))
            await asyncio.sleep(5)
            assert inbox.waiting
            tries = inbox.counts.waits
            assert 2 <= tries <= 40, "it neither gives up nor spins"
            await door.open()
            await until(lambda: has(pool, 100), seconds=30)
            await until(lambda: asyncio.sleep(0, not inbox.waiting))
        finally:
            await broker.stop()
    await door.shut()
    assert await each_once(pool, range(100))
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_a_consumer_that_can_handle_nothing_stops_and_the_fixed_one_goes_on(
    pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka, partitions=1)
    broken, fixed = depot(cls, bad=range(100)), depot(cls)
    await send(kafka, *records(cls, range(100)))
    async with consuming(Settings(kafka), [broken], pool) as broker:
        await until(lambda: asyncio.sleep(0, broken.stopped))
        subscriber: Any = broker.subscribers[0]
        await until(lambda: asyncio.sleep(0, subscriber.consumer is None))
        dead = await pool.fetchval("SELECT count(*) FROM dead_letters")
        assert dead == 5
        async with consuming(Settings(kafka), [fixed], pool):  # it left its group to this one
            await until(lambda: has(pool, 95))
    assert await heard(pool) == list(range(5, 100))
    assert await committed(kafka, fixed) == 100


async def test_a_topic_that_is_read_again_from_its_beginning_has_no_second_effect(
    pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    inbox = depot(cls)
    await send(kafka, *records(cls, range(200)))
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: has(pool, 200))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=inbox.group, enable_auto_commit=False
    )
    await consumer.start()
    parts = [TopicPartition(cls.TOPIC, n) for n in range(3)]
    consumer.assign(parts)
    await consumer.commit({part: OffsetAndMetadata(0, "") for part in parts})
    await consumer.stop()
    again = depot(cls)
    async with consuming(Settings(kafka), [again], pool):
        await until(lambda: asyncio.sleep(0, again.counts.repeated == 200))
    assert await each_once(pool, range(200))


async def test_the_lag_is_known_once_something_was_fetched(
    pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chassis, "_LAG_SECONDS", 0.05)
    cls = await make_topic(kafka)
    inbox = depot(cls)
    await send(kafka, *records(cls, range(10)))
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: has(pool, 10))
        await until(lambda: asyncio.sleep(0, inbox.lag == 0))


async def test_kafka_that_stays_away_at_start_is_told_in_a_line(pool: Pool) -> None:
    [port] = ports.free_ports(1)
    with pytest.raises(KafkaUnavailableError, match=f"Kafka at 127.0.0.1:{port} did not answer"):
        async with consuming(Settings(f"127.0.0.1:{port}", 0.7), [depot()], pool):
            pytest.fail("nothing listens there")


async def test_a_missing_topic_is_told_at_start_with_the_command_that_makes_it(
    pool: Pool, kafka: str
) -> None:
    inbox = Inbox("depot", "no.such.topic")
    with pytest.raises(KafkaUnavailableError, match=r"lacks no\.such\.topic; create .*`topics`"):
        async with consuming(Settings(kafka, 0.1), [inbox], pool):
            pytest.fail("the topic is not there")


async def test_topics_are_created_once_and_what_differs_is_said_and_left(kafka: str) -> None:
    name = f"depot.{uuid4().hex[:8]}.v1"
    wanted = Topic(name, "depot", "state", "", 2, {"cleanup.policy": "compact"})
    assert await ensure_topics(kafka, [wanted]) == [f"{name}: created"]
    assert await ensure_topics(kafka, [wanted]) == []
    other = Topic(name, "depot", "state", "", 3, {"cleanup.policy": "delete"})
    assert await ensure_topics(kafka, [other]) == [
        f"{name}: has 2 partitions, should have 3",
        f"{name}: cleanup.policy is compact, should be delete",
    ]
    assert await ensure_topics(kafka, [wanted]) == []


async def test_processes_that_create_the_same_topics_at_once_agree(kafka: str) -> None:
    topics = [Topic(f"depot.{uuid4().hex[:8]}.v1", "depot", "events", "") for _ in range(5)]
    lines = await asyncio.gather(*(ensure_topics(kafka, topics) for _ in range(3)))
    assert sorted(line for each in lines for line in each) == sorted(
        f"{topic.name}: created" for topic in topics
    )


def test_whoever_must_log_in_is_told_to_both_libraries_alike() -> None:
    plain = Access.to("a:1")
    assert plain.options("admin")["security_protocol"] == "PLAINTEXT"
    assert plain.security().use_ssl is False
    secret = Access(
        servers="a:1", protocol="SASL_SSL", username="tiers", password="p", client="tiers"
    )
    options = secret.options("relay")
    assert options["client_id"] == "tiers.relay"
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("tiers", "p")
    assert options["ssl_context"].check_hostname
    assert type(secret.security()).__name__ == "SASLScram512"
    assert Access.to(secret) is secret
