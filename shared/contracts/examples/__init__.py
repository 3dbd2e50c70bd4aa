"""One believable record of each event, always the same: golden examples and test vectors."""

from collections.abc import Iterator
from datetime import timedelta

from shared.contracts import headers, topics
from shared.contracts.event import Event, Tombstone
from shared.contracts.examples import clients, notifications, renewals, story, tiers
from shared.contracts.record import Record, uuid7

__all__ = ["Record", "events", "record_of", "tombstone_of", "tombstones"]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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
    event_id = event.event_id() or uuid7(event.occurred_at, f"{event.TYPE}:{event.subject}")
    made = headers.of_event(
        event,
        event_id=str(event_id),
        correlation_id=str(uuid7(event.occurred_at - timedelta(seconds=2), "correlation")),
        causation_id=str(uuid7(event.occurred_at - timedelta(seconds=1), "causation")),
        traceparent=TRACE,
    )
    return Record(event.TOPIC, event.key, made, event.model_dump_json().encode())


def tombstone_of(stone: Tombstone) -> Record:
    """The end of a key as a record."""
    event_id = str(uuid7(stone.occurred_at, f"{stone.topic}:{stone.key}"))
    made = headers.of_tombstone(stone, event_id=event_id, correlation_id=event_id)
    return Record(stone.topic, stone.key, made, None)
