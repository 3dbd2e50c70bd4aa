"""Looks at a topic from outside: what arrived, how often, in which order."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts import topics

Kept: TypeAlias = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]


class VoidError(Exception):
    """The run lost, doubled or reordered something: its figures count for nothing."""


@dataclass(slots=True)
class Seen:
    """What a consumer found between the start of a run and its end."""

    ids: Counter[bytes] = field(default_factory=Counter)
    backwards: int = 0
    last_at: float = 0.0
    _versions: dict[bytes, int] = field(default_factory=dict)

    def note(self, record: "ConsumerRecord[bytes, bytes]", *, ordered: bool) -> None:
        """Count a record by its id; with ``ordered``, hold its version against its subject's."""
        identity = next(value for name, value in record.headers if name == "ce_id")
        self.ids[identity] = self.ids.get(identity, 0) + 1
        if ordered and self.ids[identity] == 1:
            found = dict(record.headers)
            subject, version = found["ce_subject"], int(found["ce_aggregateversion"])
            self.backwards += version <= self._versions.get(subject, 0)
            self._versions[subject] = version

    def hold(self, expected: int) -> None:
        """Raise VoidError unless everything arrived, once, in order."""
        doubled = sum(self.ids.values()) - len(self.ids)
        if len(self.ids) != expected or doubled or self.backwards:
            raise VoidError(
                f"{expected} were due: {len(self.ids)} arrived, {doubled} twice, "
                f"{self.backwards} out of order"
            )


async def ends(servers: str, topic: str) -> dict[TopicPartition, int]:
    """Where a topic ends now."""
    [declared] = [each for each in topics.REGISTRY if each.name == topic]
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(declared.partitions)]
        consumer.assign(partitions)
        return dict(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def watch(
    servers: str,
    since: dict[TopicPartition, int],
    expected: int,
    *,
    ordered: bool = True,
    timeout: float = 120.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Seen:
    """Read from ``since`` until as many distinct ids as expected are there, or time is up."""
    seen = Seen()
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        # What it takes from the machine, the service lacks: it asks for much at a time.
        fetch_min_bytes=512 * 1024,
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign(list(since))
        for partition, offset in since.items():
            consumer.seek(partition, offset)
        until = perf_counter() + timeout
        while len(seen.ids) < expected and perf_counter() < until:
            batches = await consumer.getmany(timeout_ms=200, max_records=5000)
            for records in batches.values():
                for record in records:
                    seen.note(record, ordered=ordered)
            if batches:
                seen.last_at = perf_counter()
            progress(len(seen.ids))
    finally:
        await consumer.stop()
    return seen


async def records_of(
    servers: str, since: dict[TopicPartition, int], count: int
) -> Sequence["ConsumerRecord[bytes, bytes]"]:
    """The first records behind ``since``, to send them again elsewhere."""
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        consumer.assign(list(since))
        for partition, offset in since.items():
            consumer.seek(partition, offset)
        found: list[ConsumerRecord[bytes, bytes]] = []
        until = asyncio.get_running_loop().time() + 30
        while len(found) < count and asyncio.get_running_loop().time() < until:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
        return found[:count]
    finally:
        await consumer.stop()
