"""How new what a service has heard is, and so whether it may act on it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.chassis.background import backoff
from shared.chassis.inbox import Inbox
from shared.chassis.kafka import Access

log = structlog.get_logger(__name__)

Offsets: TypeAlias = Mapping[str, Mapping[int, int]]  # by topic and partition

_EAGER_SECONDS, _IDLE_SECONDS = 0.1, 1.0  # between looks, before and after it has caught up
_ANSWER_SECONDS = 5.0
_MOST_LOOKS = 60


@dataclass(frozen=True, slots=True)
class _Look:
    """Where the topics ended at a monotonic instant."""

    at: float
    ends: Offsets


class Freshness:
    """Follows how far the service's consumer groups are behind the ends of their topics.

    Whoever acts on what was heard asks `stale` first: a service that was away, or whose consumer
    stands still, would act on what is no longer true. It does not matter which of the service's
    processes hears: the groups' committed offsets count.
    """

    def __init__(self, inboxes: Sequence[Inbox], *, most_seconds: float) -> None:
        """``most_seconds`` is how far behind what was heard may be."""
        self._inboxes, self._most = inboxes, most_seconds
        self._heard_until: float | None = None
        self._looks: deque[_Look] = deque()

    @property
    def stale(self) -> str | None:
        """Why nothing should be done now, or None.

        After the start: until all is handled that the topics held then. Later: where a consumer
        of this process stopped itself, or what was said that long ago is not handled yet.
        """
        for inbox in self._inboxes:
            if inbox.stopped:
                return f"{inbox.group} is stopped: {inbox.stopped}"
        if self._heard_until is None:
            return "what was said before the start is not all heard yet"
        behind = monotonic() - self._heard_until
        return f"{behind:.0f} s behind" if behind > self._most else None

    async def watch(self, servers: str | Access) -> None:
        """Look again and again, for ever. For `background.running`."""
        waits = backoff(0.2, 5.0)
        while True:
            try:
                async with _asking(Access.to(servers)) as ask:
                    while True:
                        await self._look(ask)
                        waits = backoff(0.2, 5.0)
                        eager = self._heard_until is None
                        await asyncio.sleep(_EAGER_SECONDS if eager else _IDLE_SECONDS)
            except (KafkaError, OSError) as error:
                delay = next(waits)
                log.warning("cannot_tell_how_fresh", reason=repr(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    async def _look(self, ask: "_Ask") -> None:
        begun = monotonic()
        latest = self._looks[-1].at if self._looks else float("-inf")
        if begun - latest >= _IDLE_SECONDS and len(self._looks) < _MOST_LOOKS:
            ends = await ask.ends([inbox.topic for inbox in self._inboxes])
            self._looks.append(_Look(begun, ends))
        handled = {i.topic: await ask.handled(i.group, i.topic) for i in self._inboxes}
        while self._looks and _reached(self._looks[0].ends, handled):
            if self._heard_until is None:
                log.info("caught_up", topics=sorted(handled))
            self._heard_until = self._looks.popleft().at


def _reached(ends: Offsets, handled: Offsets) -> bool:
    return all(
        handled[topic].get(partition, 0) >= end
        for topic, partitions in ends.items()
        for partition, end in partitions.items()
    )


class _Ask:
    """Questions to Kafka."""

    def __init__(self, admin: Any, consumer: Any) -> None:
        self._admin, self._consumer = admin, consumer
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def ends(self, topics: Sequence[str]) -> Offsets:
        """Where the topics end; 0 for a partition that holds nothing, or nothing any more."""
        parts = [part for topic in topics for part in await self._parts(topic)]
        begins = await self._consumer.beginning_offsets(parts)
        ends = await self._consumer.end_offsets(parts)
        found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        for part, end in ends.items():
            found[part.topic][part.partition] = end if end > begins[part] else 0
        return found

    async def handled(self, group: str, topic: str) -> Mapping[int, int]:
        """Up to where a group has committed, by partition."""
        offsets = await self._admin.list_consumer_group_offsets(group)
        return {p.partition: known.offset for p, known in offsets.items() if p.topic == topic}

    async def _parts(self, topic: str) -> list[TopicPartition]:
        if topic not in self._partitions:
            [described] = await self._admin.describe_topics([topic])
            self._partitions[topic] = [
                TopicPartition(topic, part["partition"]) for part in described["partitions"]
            ]
        return self._partitions[topic]


@asynccontextmanager
async def _asking(access: Access) -> AsyncIterator[_Ask]:
    async with AsyncExitStack() as stack:
        wait = int(_ANSWER_SECONDS * 1000)
        admin = AIOKafkaAdminClient(**access.options(), request_timeout_ms=wait)
        stack.push_async_callback(admin.close)
        await admin.start()
        consumer = AIOKafkaConsumer(**access.options(), request_timeout_ms=wait)
        stack.push_async_callback(consumer.stop)
        await consumer.start()
        yield _Ask(admin, consumer)
