"""Events as the relay sends them, with a broker or without; and what a service said."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypedDict, TypeVar
from uuid import UUID, uuid4
from zlib import crc32

from aiokafka import AIOKafkaProducer

from shared.chassis import outbox
from shared.chassis.database import Connection, Pool
from shared.chassis.inbox import Inbox
from shared.contracts import headers
from shared.contracts.event import Event, Tombstone

E = TypeVar("E", bound=Event)
PARTITIONS = 12
_offsets = count()


@dataclass(slots=True)
class Delivered:
    """A record as a consumer gets it. Not frozen, so that a test can spoil it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def record_of(
    event: Event | Tombstone,
    *,
    event_id: UUID | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Delivered:
    """The record of an event. Two records of one event are two events, unless its id is fixed."""
    chosen = event.event_id() if isinstance(event, Event) else None
    identity = str(event_id or chosen or uuid4())
    described = _Identity(
        event_id=identity,
        correlation_id=correlation_id or identity,
        causation_id=causation_id,
        traceparent=traceparent,
    )
    if isinstance(event, Tombstone):
        stone = headers.of_tombstone(event, **described)
        return _delivered(event.topic, event.key, None, _encoded(stone))
    value = event.model_dump_json().encode()
    return _delivered(event.TOPIC, event.key, value, _encoded(headers.of_event(event, **described)))


async def deliver(inbox: Inbox, pool: Pool, *events: Event | Tombstone) -> None:
    """Hand events to an inbox as one batch."""
    await inbox.receive([record_of(event) for event in events], pool)


async def produce(servers: str, *events: Event | Tombstone) -> None:
    """Put records on Kafka that no relay sent: copies, latecomers."""
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for record in map(record_of, events):
            await producer.send_and_wait(
                record.topic, record.value, key=record.key, headers=list(record.headers)
            )


async def pending(source: Connection | Pool) -> list[Delivered]:
    """What a service has said and the relay has not sent yet, in the order of its commits."""
    rows = await source.fetch("SELECT topic, key, payload, headers FROM outbox ORDER BY id")
    return [
        _delivered(row["topic"], row["key"], row["payload"], outbox.header_pairs(row["headers"]))
        for row in rows
    ]


async def published(source: Connection | Pool, event: type[E]) -> list[E]:
    """The events of one type among `pending`."""
    said = await pending(source)
    wanted = ("ce_type", event.TYPE.encode())
    return [event.model_validate_json(each.value or b"") for each in said if wanted in each.headers]


class _Identity(TypedDict):
    event_id: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None


def _encoded(described: dict[str, str]) -> list[tuple[str, bytes | None]]:
    return [(name, text.encode()) for name, text in described.items()]


def _delivered(
    topic: str, key: str, value: bytes | None, pairs: Sequence[tuple[str, bytes | None]]
) -> Delivered:
    partition = crc32(key.encode()) % PARTITIONS
    return Delivered(
        topic, partition, next(_offsets), 1_768_478_400_000, key.encode(), value, pairs
    )
