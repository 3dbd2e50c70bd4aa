"""What the kit's tests do with a real Kafka: say, as a service does; read, as anybody may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.chassis import outbox
from shared.chassis.relay import Relay
from shared.contracts import topics
from shared.contracts.consumer.reading import Erased, Reader, Told
from shared.contracts.event import Event, Tombstone

READ = Reader()


@asynccontextmanager
async def consuming(
    servers: str, *names: str, group: str | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def read_all(servers: str, *names: str) -> list[Any]:
    """All records of some topics up to their present ends."""
    found: list[Any] = []
    async with consuming(servers) as consumer:
        parts = [TopicPartition(name, number) for name in names for number in range(12)]
        ends = await consumer.end_offsets(parts)
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        async with asyncio.timeout(60):
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    return found


async def go_on(servers: str, group: str, *names: str, until: int) -> list[Told | Erased]:
    """What a group hears from where it stands, until so many messages or nothing more comes."""
    heard: list[Told | Erased] = []
    async with consuming(servers, *names, group=group) as consumer, asyncio.timeout(60):
        while len(heard) < until:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for each in records:
                    message = READ.read(each.topic, each.key, each.value, each.headers)
                    assert isinstance(message, Told | Erased)
                    heard.append(message)
            await consumer.commit()
    return heard


class Owner:
    """A service that records and relays, and nothing else."""

    def __init__(self, dsn: str, servers: str) -> None:
        self.dsn, self.servers = dsn, servers

    async def says(self, *events: Event | Tombstone) -> None:
        """Record events in one transaction, and have them sent."""
        connection = await asyncpg.connect(self.dsn)
        async with connection.transaction():
            await outbox.record(connection, *events)
        await connection.close()
        await self.sends()

    async def sends(self) -> None:
        """Run the relay until the outbox is empty."""
        relay = asyncio.create_task(Relay(self.dsn, self.servers, source="/test").run())
        connection = await asyncpg.connect(self.dsn)
        async with asyncio.timeout(30):
            while await connection.fetchval("SELECT count(*) FROM outbox"):
                await asyncio.sleep(0.02)
        await connection.close()
        relay.cancel()
        await asyncio.wait({relay})


TOLD = [topic.name for topic in topics.REGISTRY if topic.kind != "dead-letters"]
