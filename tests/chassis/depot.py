"""A service that counts what it hears: the smallest that shows a loss, a double, a wrong order."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from deploy.local.databases import Addresses
from shared.chassis import kafka, outbox
from shared.chassis.access import Access
from shared.chassis.database import Connection, Pool
from shared.chassis.inbox import Inbox
from shared.chassis.relay import Relay
from shared.contracts.event import Event
from shared.contracts.topics import Topic

TABLES = """
    CREATE TABLE effects (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        thing_id uuid NOT NULL, number int NOT NULL, version int NOT NULL
    );
    CREATE TABLE things (thing_id uuid PRIMARY KEY, version int NOT NULL);
    GRANT SELECT, INSERT, UPDATE, DELETE ON effects, things TO depot;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO depot;
"""
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


class Counted(Event):
    """Something was counted."""

    TOPIC: ClassVar[str] = "depot.events.v1"
    TYPE: ClassVar[str] = "depot.Counted.v1"
    KEY: ClassVar[str] = "thing_id"
    SUBJECT: ClassVar[str] = "thing_id"

    thing_id: UUID
    number: int


class Recounted(Counted):
    """Something was counted again."""

    TYPE: ClassVar[str] = "depot.Recounted.v1"


class Unheard(Counted):
    """Something that nobody handles."""

    TYPE: ClassVar[str] = "depot.Unheard.v1"


def counted(
    number: int, thing: UUID | None = None, *, cls: type[Counted] = Counted, version: int = 1
) -> Counted:
    return cls(thing_id=thing or uuid4(), number=number, version=version, occurred_at=NOON)


def on_topic(topic: str) -> type[Counted]:
    """The same event on a topic of the test's own."""
    return type("Counted", (Counted,), {"TOPIC": topic, "__module__": __name__})


class BadNumberError(Exception):
    """A bug that shows with one number."""


def depot(cls: type[Counted] = Counted, *, bad: Sequence[int] = (), **options: Any) -> Inbox:
    """An inbox that notes each number it hears, one by one; the bad ones it cannot handle."""
    inbox = Inbox("depot", cls.TOPIC, **options)

    @inbox.on(cls)
    async def note(event: Counted, tx: Connection) -> None:
        if event.number in bad:
            raise BadNumberError(f"{event.number} is one too many")
        await tx.execute(
            "INSERT INTO effects (thing_id, number, version) VALUES ($1, $2, $3)",
            event.thing_id,
            event.number,
            event.version,
        )

    return inbox


async def heard(source: Pool | Connection) -> list[int]:
    """The numbers that had an effect, in the order of the effects."""
    rows = await source.fetch("SELECT number FROM effects ORDER BY id")
    return [row["number"] for row in rows]


async def make_topic(servers: str, *, partitions: int = 3, **config: str) -> type[Counted]:
    """A topic of the test's own; returns the event that goes by it."""
    name = f"depot.{uuid4().hex[:8]}.v1"
    topic = Topic(name, "depot", "events", "for a test", partitions, config)
    await kafka.ensure_topics(servers, [topic])
    return on_topic(name)


async def make_dead_letter_topic(servers: str) -> None:
    topic = Topic("depot.dead-letters.v1", "depot", "dead-letters", "for tests", 1)
    await kafka.ensure_topics(servers, [topic])


async def say(pool: Pool, *events: Event) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await outbox.record(tx, *events)


async def read_topic(servers: str, topic: str, count: int, *, seconds: float = 20) -> list[Any]:
    """All records of a topic, as an independent consumer sees them; at least so many."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    found: list[Any] = []
    try:
        parts = consumer.partitions_for_topic(topic)
        if parts is None:
            await consumer._client._wait_on_metadata(topic)
            parts = consumer.partitions_for_topic(topic)
        assert parts
        consumer.assign([TopicPartition(topic, part) for part in parts])
        async with asyncio.timeout(seconds):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        for records in (await consumer.getmany(timeout_ms=300)).values():
            found += records
    finally:
        await consumer.stop()
    return found


@dataclass(frozen=True)
class Settings:
    """What `consuming` asks of a service's settings."""

    kafka_servers: str
    start_timeout: float = 10
    kafka_session_timeout: float = 6

    @property
    def kafka(self) -> Access:
        return Access.to(self.kafka_servers)


@contextmanager
def process(*arguments: str, crash_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The depot as a process of its own; gone afterwards."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.chassis.depot_process", *arguments],
        env=os.environ | {"CRASH_AT": crash_at},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def exit_code(started: subprocess.Popen[bytes], *, seconds: float = 30) -> int:
    """Wait until a process has ended."""
    return await asyncio.to_thread(started.wait, seconds)


def firsts(numbers: Iterable[int]) -> list[int]:
    """The first copies, in the order in which they came."""
    return list(dict.fromkeys(numbers))


def numbers_in(records: Iterable[Any]) -> list[int]:
    return [Counted.model_validate_json(record.value).number for record in records]


async def until(condition: Any, *, seconds: float = 20) -> None:
    """Wait until an async condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.03)


@asynccontextmanager
async def relaying(depot_at: Addresses, servers: str, **options: Any) -> AsyncIterator[Relay]:
    relay = Relay(depot_at.dsn, servers, source="/depot", **options)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task


async def waiting(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM outbox")
    return count


async def sent(pool: Pool, *, seconds: float = 20) -> None:
    async def empty() -> bool:
        return not await waiting(pool)

    await until(empty, seconds=seconds)


def in_order(records: list[Any]) -> bool:
    """Whether the first copies of each key come by rising version."""
    versions: dict[bytes, list[int]] = defaultdict(list)
    for record in records:
        versions[record.key].append(Counted.model_validate_json(record.value).version)
    return all(firsts(each) == sorted(set(each)) for each in versions.values())


async def write(pool: Pool, cls: type[Counted], thing: UUID) -> None:
    """The write rule: lock the aggregate, save it, then record with the version that it got."""
    async with pool.acquire() as tx, tx.transaction():
        version = await tx.fetchval(
            """
            INSERT INTO things (thing_id, version) VALUES ($1, 1)
            ON CONFLICT (thing_id) DO UPDATE SET version = things.version + 1
            RETURNING version
            """,
            thing,
        )
        await asyncio.sleep(0.001)
        await outbox.record(tx, counted(0, thing, cls=cls, version=version))
