"""After a restore to an earlier moment: the topics know what the database has forgotten."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.chassis.access import Access
from shared.chassis.failures import KafkaUnavailableError
from shared.chassis.freshness import asking, reached
from shared.chassis.inbox import Inbox
from shared.chassis.replay import Range, reading
from shared.contracts.event import Event
from shared.contracts.topics import REGISTRY, Topic

E = TypeVar("E", bound=Event)

_ANSWER_SECONDS = 20.0


async def said_versions(
    access: Access, topics: Sequence[Topic], since: datetime
) -> dict[UUID, int]:
    """The newest version of each aggregate that a service said anything about since then."""
    found: dict[UUID, int] = {}
    for topic in topics:
        async with reading(access, topic, Range(since=since)) as batches:
            async for messages in batches:
                for each in messages:
                    subject = each.headers.get("ce_subject")
                    version = each.headers.get("ce_aggregateversion")
                    if subject and version and not each.error:
                        key = UUID(subject.decode())
                        found[key] = max(found.get(key, 0), int(version))
    return found


async def said(
    servers: "str | Access", name: str, since: datetime, types: Sequence[type[E]]
) -> list[E]:
    """What a topic got since then, of these types, in the order of each key."""
    wanted = {each.TYPE: each for each in types}
    topic = next(topic for topic in REGISTRY if topic.name == name)
    found: list[E] = []
    async with reading(Access.to(servers), topic, Range(since=since)) as batches:
        async for messages in batches:
            found += [
                wanted[each.type].model_validate_json(each.record.value or b"")
                for each in messages
                if each.type in wanted
            ]
    return found


async def require_heard(servers: "str | Access", inboxes: Sequence[Inbox]) -> None:
    """Raise KafkaUnavailableError unless the groups have handled all that their topics hold."""
    async with asking(servers) as ask:
        ends = await ask.ends([inbox.topic for inbox in inboxes])
        for inbox in inboxes:
            if not reached(ends[inbox.topic], await ask.handled(inbox)):
                raise KafkaUnavailableError(
                    f"{inbox.group} has not heard all that its topic holds; let the service run, "
                    "with its sender switched off, until it has"
                )


async def rewind(
    servers: "str | Access", inboxes: Sequence[Inbox], since: datetime
) -> Mapping[str, int]:
    """Set each consumer group back to what Kafka got since then; return by how many records.

    A group is never set forward. Raises KafkaUnavailableError where one is in use: its members
    would go on from where they are.
    """
    async with asking(servers) as ask:
        done = {inbox: await ask.handled(inbox) for inbox in inboxes}
    return {
        inbox.group: await _rewind(Access.to(servers), inbox, handled, since)
        for inbox, handled in done.items()
    }


async def _rewind(access: Access, inbox: Inbox, handled: Mapping[int, int], since: datetime) -> int:
    done = {TopicPartition(inbox.topic, number): at for number, at in handled.items()}
    if not done:
        return 0
    consumer = AIOKafkaConsumer(
        **access.options("restored"), group_id=inbox.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(list(done))
        moment = int(since.timestamp() * 1000)
        first = await consumer.offsets_for_times(dict.fromkeys(done, moment))
        back = {
            place: found.offset
            for place, found in first.items()
            if found is not None and found.offset < done[place]
        }
        if back:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await consumer.commit(back)
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailableError(
            f"{inbox.group} cannot be set back: {error!r}. Is the service stopped? One that was "
            "killed is in its groups for as long as KAFKA_SESSION_TIMEOUT says"
        ) from error
    finally:
        await consumer.stop()
    return sum(done[place] - at for place, at in back.items())
