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

from shared.chassis.access import Access
from shared.chassis.background import backoff, finishing
from shared.chassis.inbox import Inbox

log = structlog.get_logger(__name__)

Offsets: TypeAlias = Mapping[str, Mapping[int, int]]  # by topic and partition

_EAGER_SECONDS, _IDLE_SECONDS = 0.1, 1.0  # between looks, before and after it has caught up
_ANSWER_SECONDS = 5.0
_MOST_LOOKS = 60


@dataclass(frozen=True, slots=True)
class _Look:
    """Where a topic ended at a monotonic instant."""

    at: float
    ends: Mapping[int, int]


class Freshness:
    """Follows how far the service's consumer groups are behind the ends of their topics.

    Whoever acts on what was heard asks `stale` first: a service that was away, or whose consumer
    stands still, would act on what is no longer true. It does not matter which of the service's
    processes hears: the groups' committed offsets count.
    """

    def __init__(self, inboxes: Sequence[Inbox], *, most_seconds: float) -> None:
        """``most_seconds`` is how far behind what was heard may be."""
        self._inboxes, self._most = inboxes, most_seconds
        self._heard_until: dict[str, float] = {}
        self._looked = float("-inf")
        self._looks: dict[str, deque[_Look]] = {inbox.topic: deque() for inbox in inboxes}

    @property
    def stale(self) -> str | None:
        """Why nothing should be done now, or None.

        After the start: until all is handled that the topics held then. Later: where a consumer
        of this process stopped itself, or what was said that long ago is not handled yet.
        """
        for inbox in self._inboxes:
            if inbox.stopped:
                return f"{inbox.group} is stopped: {inbox.stopped}"
        if not self._caught_up:
            return "what was said before the start is not all heard yet"
        behind = max(self.behind.values(), default=0.0)
        return f"{behind:.0f} s behind" if behind > self._most else None

    @property
    def behind(self) -> dict[str, float]:
        """For each topic heard up to some moment, how many seconds ago that was."""
        now = monotonic()
        return {topic: now - until for topic, until in self._heard_until.items()}

    async def watch(self, servers: str | Access) -> None:
        """Look again and again, for ever. For `background.running`."""
        waits = backoff(0.2, 5.0)
        while True:
            try:
                async with asking(servers) as ask:
                    while True:
                        await finishing(self._look(ask))  # half way it would leave a connection
                        waits = backoff(0.2, 5.0)
                        await asyncio.sleep(_IDLE_SECONDS if self._caught_up else _EAGER_SECONDS)
            except (KafkaError, OSError) as error:
                delay = next(waits)
                log.warning("cannot_tell_how_fresh", reason=repr(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    @property
    def _caught_up(self) -> bool:
        return len(self._heard_until) == len(self._looks)

    async def _look(self, ask: "Ask") -> None:
        begun, before = monotonic(), self._caught_up
        if begun - self._looked >= _IDLE_SECONDS:
            self._looked = begun
            for topic, ends in (await ask.ends(list(self._looks))).items():
                if len(self._looks[topic]) < _MOST_LOOKS:
                    self._looks[topic].append(_Look(begun, ends))
        for inbox in self._inboxes:
            handled, looks = await ask.handled(inbox), self._looks[inbox.topic]
            while looks and reached(looks[0].ends, handled):
                self._heard_until[inbox.topic] = looks.popleft().at
        if self._caught_up and not before:
            log.info("caught_up", topics=sorted(self._looks))


def reached(ends: Mapping[int, int], handled: Mapping[int, int]) -> bool:
    """Whether a group has handled a topic up to there, in every partition."""
    return all(handled.get(partition, 0) >= end for partition, end in ends.items())


async def heard_all(servers: str | Access, service: str, topic: str, *, seconds: float) -> bool:
    """Wait until a service has handled all that a topic holds now; so many seconds.

    It does not matter whether a process consumes now. False where it did not come to that, or
    where Kafka does not tell.
    """
    inbox = Inbox(service, topic)
    try:
        async with asyncio.timeout(seconds), asking(servers) as ask:
            ends = (await ask.ends([inbox.topic]))[inbox.topic]
            while True:
                if reached(ends, await ask.handled(inbox)):
                    return True
                await asyncio.sleep(_EAGER_SECONDS)
    except (KafkaError, OSError) as error:  # among them a TimeoutError
        log.warning("not_all_heard", group=inbox.group, reason=repr(error))
        return False


class Ask:
    """Questions to Kafka."""

    def __init__(self, admin: Any, consumer: Any) -> None:
        self._admin, self._consumer = admin, consumer
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def ends(self, topics: Sequence[str]) -> Offsets:
        """Where the topics end; 0 for a partition that holds nothing, or nothing any more."""
        begins = await self.begins(topics)
        parts = [part for topic in topics for part in await self._parts(topic)]
        ends = await self._consumer.end_offsets(parts)
        found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        for part, end in ends.items():
            held = end > begins[part.topic][part.partition]
            found[part.topic][part.partition] = end if held else 0
        return found

    async def begins(self, topics: Sequence[str]) -> Offsets:
        """Where what the topics hold begins."""
        parts = [part for topic in topics for part in await self._parts(topic)]
        found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        for part, begin in (await self._consumer.beginning_offsets(parts)).items():
            found[part.topic][part.partition] = begin
        return found

    async def handled(self, inbox: Inbox) -> Mapping[int, int]:
        """Up to where an inbox's group has committed, by partition."""
        offsets = await self._admin.list_consumer_group_offsets(inbox.group)
        return {p.partition: known.offset for p, known in offsets.items() if p.topic == inbox.topic}

    async def _parts(self, topic: str) -> list[TopicPartition]:
        if topic not in self._partitions:
            [described] = await self._admin.describe_topics([topic])
            self._partitions[topic] = [
                TopicPartition(topic, part["partition"]) for part in described["partitions"]
            ]
        return self._partitions[topic]


@asynccontextmanager
async def asking(servers: str | Access) -> AsyncIterator[Ask]:
    """Hold what asks Kafka how far a group is."""
    access = Access.to(servers)
    async with AsyncExitStack() as stack:
        wait = int(_ANSWER_SECONDS * 1000)
        admin = AIOKafkaAdminClient(**access.options("freshness"), request_timeout_ms=wait)
        stack.push_async_callback(admin.close)
        await finishing(admin.start())
        consumer = AIOKafkaConsumer(**access.options("freshness"), request_timeout_ms=wait)
        stack.push_async_callback(consumer.stop)
        await finishing(consumer.start())
        yield Ask(admin, consumer)
