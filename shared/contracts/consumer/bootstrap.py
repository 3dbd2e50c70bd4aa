"""A consumer's first start: from the whole truth on, without reading all facts of all years.

Needs aiokafka (``partner-tools-events[aiokafka]``); afterwards any client goes on.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ..topics import REGISTRY, Topic
from .reading import Erased, Reader, Told

Apply: TypeAlias = Callable[[Told | Erased], Awaitable[None]]


async def bootstrap(
    *, servers: str, group: str, owner: str, apply: Apply, reader: Reader | None = None,
    **options: Any,
) -> bool:  # fmt: skip
    """Hand over all of ``<owner>.state.v1``, then place the group where it goes on.

    Notes where ``<owner>.events.v1`` ends, reads the state topic from its beginning to its end,
    and commits both places for ``group``. A consumer of that group that subscribes to both topics
    then misses nothing: a fact before the noted place is in a snapshot that was handed over, or
    in one that is still to come by the state topic; every later fact comes itself.

    Call it before the consumer starts. Returns False, and does nothing, where the group has been
    placed before; a start that broke off begins anew, so ``apply`` must not mind hearing a
    snapshot again. The options are those of ``AIOKafkaConsumer``. Raises LookupError where Kafka
    lacks one of both topics.
    """
    from aiokafka import AIOKafkaConsumer, TopicPartition

    events, state = _topic(f"{owner}.events.v1"), _topic(f"{owner}.state.v1")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=group, enable_auto_commit=False, **options
    )
    await consumer.start()
    try:
        there = await consumer.topics()
        for topic in (events, state):
            if topic.name not in there:
                raise LookupError(f"Kafka has no {topic.name}, or this user may not see it")
        facts, truths = [
            [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            for topic in (events, state)
        ]
        if any([await consumer.committed(each) is not None for each in (*facts, *truths)]):
            return False
        places = dict(await consumer.end_offsets(facts))  # before the first snapshot is read
        consumer.assign([*facts, *truths])
        consumer.pause(*facts)
        await consumer.seek_to_beginning(*truths)
        ends = dict(await consumer.end_offsets(truths))
        await _read_to(consumer, ends, reader or Reader(), apply)
        await consumer.commit(places | ends)
    finally:
        await consumer.stop()
    return True


def _topic(name: str) -> Topic:
    found = next((topic for topic in REGISTRY if topic.name == name), None)
    if found is None:
        raise LookupError(f"there is no topic {name}")
    return found


async def _read_to(consumer: Any, ends: dict[Any, int], reader: Reader, apply: Apply) -> None:
    """Hand over what stands before the ends, partition by partition in its order."""
    while [each for each, end in ends.items() if await consumer.position(each) < end]:
        batches = await consumer.getmany(timeout_ms=500)
        for partition, records in batches.items():
            for record in records:
                if record.offset >= ends[partition]:
                    continue  # it comes again, by the group
                message = reader.read(record.topic, record.key, record.value, record.headers)
                if isinstance(message, Told | Erased):
                    await apply(message)
