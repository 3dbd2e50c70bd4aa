"""One believable record of each event, always the same: golden examples and test vectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from shared.contracts import headers, ids, topics
from shared.contracts.event import Event, Tombstone
from shared.contracts.examples import clients, notifications, renewals, story, tiers

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in a topic: key, headers, and the value, which a tombstone has not."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes | None


def events() -> Iterator[Event]:
    """One of each event, by owner."""
    for owner in (clients, renewals, notifications, tiers):
        yield from owner.said()


def tombstones() -> Iterator[Tombstone]:
    """One for each state topic: its client, or its partner, is erased."""
    for topic in topics.REGISTRY:
        if topic.kind == "state":
            yield Tombstone(
                topic=topic.name,
                key=str(story.PARTNER if topic.owner == "tiers" else story.CLIENT),
                owner=topic.owner,
                occurred_at=story.at(2027, 2, 1, 10, 0),
                version=90,
            )


def record_of(event: Event) -> Record:
    """The event as a record; its ids follow from what it says."""
    event_id = event.event_id() or _uuid7(event.occurred_at, f"{event.TYPE}:{event.subject}")
    made = headers.of_event(
        event,
        event_id=str(event_id),
        correlation_id=str(_uuid7(event.occurred_at - timedelta(seconds=2), "correlation")),
        causation_id=str(_uuid7(event.occurred_at - timedelta(seconds=1), "causation")),
        traceparent=TRACE,
    )
    return Record(event.TOPIC, event.key, made, event.model_dump_json().encode())


def tombstone_of(stone: Tombstone) -> Record:
    """The end of a key as a record."""
    event_id = str(_uuid7(stone.occurred_at, f"{stone.topic}:{stone.key}"))
    made = headers.of_tombstone(stone, event_id=event_id, correlation_id=event_id)
    return Record(stone.topic, stone.key, made, None)


def _uuid7(moment: datetime, name: str) -> UUID:
    """A UUIDv7 whose random part follows from a name."""
    bits = int(moment.timestamp() * 1000) << 80
    bits |= uuid5(ids.NAMESPACE, name).int & ((1 << 80) - 1)
    bits &= ~(0xF << 76 | 0x3 << 62)
    return UUID(int=bits | 0x7 << 76 | 0x2 << 62)
