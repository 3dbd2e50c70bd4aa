"""Facts that were published once, published again: the same records, with the same ids."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.chassis import envelope, outbox
from shared.chassis.access import Access
from shared.chassis.database import Pool
from shared.chassis.partitions import partition_hash
from shared.contracts.topics import Topic

BATCH = 500
ROOM = 5_000  # rows of the outbox beyond which a replay waits: what is new goes out meanwhile
_IDLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Which records. All that is said has to hold; the offsets are those of one partition."""

    partition: int | None = None
    first: int | None = None
    last: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    key: str | None = None
    types: tuple[str, ...] = ()

    def holds(self, message: envelope.Message) -> bool:
        """Whether a record between the ends is meant."""
        return (self.key is None or message.key == self.key) and (
            not self.types or message.type in self.types
        )


async def replay(
    pool: Pool,
    access: Access,
    topic: Topic,
    wanted: Range,
    *,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Put records of a topic into the outbox once more, as they are; return how many.

    They go the way of everything else, so a key's copies keep their order and come before
    whatever is recorded of it from now on. Only what is in the topic when this begins is read.
    Raises ValueError for a state topic: an older snapshot, said again, would stay for good.
    """
    if topic.kind != "events":
        raise ValueError(
            f"{topic.name} is not replayed: the last record of a key is the truth about it, and "
            "an older one would take its place. Whoever lacks it reads it from the beginning"
        )

    @cache
    def say_once() -> None:
        say(f"{ROOM} records wait for the relay; going on once they are sent ...")

    count = 0
    async with reading(access, topic, wanted) as batches:
        async for messages in batches:
            chosen = [each for each in messages if wanted.holds(each)]
            count += len(chosen)
            if chosen and not dry_run:
                await _wait_for_room(pool, say_once)
                async with pool.acquire() as tx, tx.transaction():
                    await outbox.insert(tx, [_row(each) for each in chosen])
    return count


def _row(message: envelope.Message) -> outbox.Row:
    record = message.record
    return outbox.Row(
        record.topic,
        message.key,
        record.value,
        outbox.raw_headers(record.headers),
        message.id,
    )


async def _wait_for_room(pool: Pool, say: Callable[[], None]) -> None:
    while (
        await pool.fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting", ROOM)
        >= ROOM
    ):
        say()
        await asyncio.sleep(_IDLE_SECONDS)


@asynccontextmanager
async def reading(
    access: Access, topic: Topic, wanted: Range
) -> AsyncIterator[AsyncIterator[Sequence[envelope.Message]]]:
    """The records of a topic that are there now and between the ends of a range, in batches."""
    consumer = AIOKafkaConsumer(
        **access.options("replay"), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield _batches(consumer, _places(topic, wanted), wanted)
    finally:
        await consumer.stop()


def _places(topic: Topic, wanted: Range) -> list[TopicPartition]:
    """The partitions that may hold what is wanted; a key is in one of them."""
    if wanted.partition is not None:
        return [TopicPartition(topic.name, wanted.partition)]
    if wanted.key is not None:
        number = partition_hash(wanted.key.encode()) % topic.partitions
        return [TopicPartition(topic.name, number)]
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


async def _batches(
    consumer: Any, places: list[TopicPartition], wanted: Range
) -> AsyncIterator[Sequence[envelope.Message]]:
    begins = dict(await consumer.beginning_offsets(places))
    ends = dict(await consumer.end_offsets(places))
    for moment, offsets, keep in ((wanted.since, begins, max), (wanted.until, ends, min)):
        if moment is not None:
            asked = dict.fromkeys(places, int(moment.timestamp() * 1000))
            for place, found in (await consumer.offsets_for_times(asked)).items():
                at = ends[place] if found is None else found.offset
                offsets[place] = keep(offsets[place], at)
    for place in places:
        if wanted.first is not None:
            begins[place] = max(begins[place], wanted.first)
        if wanted.last is not None:
            ends[place] = min(ends[place], wanted.last + 1)
    open_ = [place for place in places if begins[place] < ends[place]]
    consumer.assign(open_)
    for place in open_:
        consumer.seek(place, begins[place])
    while open_:
        for place, records in (
            await consumer.getmany(*open_, timeout_ms=500, max_records=BATCH)
        ).items():
            yield [envelope.read(each) for each in records if each.offset < ends[place]]
        open_ = [place for place in open_ if await consumer.position(place) < ends[place]]
