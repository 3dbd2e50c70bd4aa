"""Events on their way out: recorded with the state that they tell of, in one transaction."""

import asyncio
import base64
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zlib import crc32

from pydantic_core import from_json, to_json

from shared.chassis import tracing
from shared.chassis.database import Connection
from shared.chassis.envelope import TOMBSTONE, Cause, cause_of
from shared.contracts import headers, ids
from shared.contracts.event import Event, Tombstone

if TYPE_CHECKING:
    from shared.chassis.access import Access

SHARDS = 16
BIGGEST = 900 * 1024  # bytes of a payload; Kafka takes 1 MiB with headers and framing
MANY = 500  # rows from which on COPY, with its round trips, is cheaper than INSERT

# The relays of this process, to be woken.
listeners: set[asyncio.Event] = set()


class EventTooBigError(ValueError):
    """An event that Kafka would refuse, so that it is refused before it is committed."""


class Row(NamedTuple):
    """A record to be, with everything that Kafka gets."""

    topic: str
    key: str
    payload: bytes | None
    headers: str  # as the column says
    event_id: UUID | str


async def record(tx: Connection, *events: Event | Tombstone) -> None:
    """Record events, to be published once the transaction commits: all in one statement.

    Save the aggregate that an event tells of before, or lock it: then the order of the outbox is
    the order of the commits. Raises EventTooBigError.
    """
    if events:
        await insert(tx, render(events))


def render(events: Sequence[Event | Tombstone]) -> list[Row]:
    """Make the rows of events, for `insert`: a part that needs no database, so in any thread.

    Raises EventTooBigError.
    """
    return [_row(event, tail) for event, tail in zip(events, _tails(events), strict=True)]


def require_fitting(type_: str, subject: str, payload: bytes) -> None:
    """Raise EventTooBigError for a payload that Kafka would refuse."""
    if len(payload) > BIGGEST:
        raise EventTooBigError(
            f"{type_} about {subject} has {len(payload)} bytes; at most {BIGGEST} fit"
        )


async def insert(tx: Connection, rows: Sequence[Row]) -> None:
    """Put rows into the outbox, in their order."""
    if len(rows) >= MANY:
        await tx.copy_records_to_table("outbox", columns=_COLUMNS, records=map(_record, rows))
    elif rows:
        await _insert(tx, rows)
    wake()


async def _insert(tx: Connection, rows: Sequence[Row]) -> None:
    await tx.execute(
        """
        INSERT INTO outbox (shard, event_id, topic, key, payload, headers)
        SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::bytea[],
                             $6::json[])
        """,
        *zip(*map(_record, rows), strict=True),
    )


_COLUMNS = ("shard", "event_id", "topic", "key", "payload", "headers")


def _record(row: Row) -> tuple[int, UUID | str, str, str, bytes | None, str]:
    shard = crc32(row.key.encode()) % SHARDS
    return shard, row.event_id, row.topic, row.key, row.payload, row.headers


def wake() -> None:
    """Tell the relays of this process that there is, or soon will be, something to send."""
    for listener in listeners:
        listener.set()


async def relay(dsn: str, servers: "str | Access", *, source: str, **options: Any) -> None:
    """Publish what the outbox holds, for ever. For `background.running`.

    The source, such as ``/renewals``, names this relay to PostgreSQL, Kafka and the log. The
    options are those of `relay.Relay`. When cancelled, it sends what is there, for at most 5 s.
    """
    from shared.chassis.relay import Relay

    await Relay(dsn, servers, source=source, **options).run()


def raw_headers(pairs: Iterable[tuple[str, bytes | None]]) -> str:
    """Headers that came from elsewhere, byte by byte, as the column keeps them."""
    return json.dumps(
        [
            (name, None if value is None else base64.b64encode(value).decode())
            for name, value in pairs
        ]
    )


def header_pairs(text: str) -> list[tuple[str, bytes | None]]:
    """The headers that Kafka gets, from what the column keeps."""
    kept = from_json(text)
    if isinstance(kept, dict):
        return list(zip(kept, map(str.encode, kept.values()), strict=True))
    return [(name, None if value is None else base64.b64decode(value)) for name, value in kept]


def _row(event: Event | Tombstone, tail: bytes) -> Row:
    if isinstance(event, Tombstone):
        return _row_of_tombstone(event, _uuid7(event.occurred_at, tail))
    key, event_id = event.key, event.event_id() or _uuid7(event.occurred_at, tail)
    payload = event.model_dump_json().encode()
    require_fitting(event.TYPE, event.subject, payload)
    text = str(event_id)
    cause = _cause(key, event.TOPIC, event.TYPE, text)
    kept = headers.of_event(
        event,
        event_id=text,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
    )
    return Row(event.TOPIC, key, payload, to_json(kept).decode(), event_id)


def _row_of_tombstone(stone: Tombstone, event_id: UUID) -> Row:
    text = str(event_id)
    cause = _cause(stone.key, stone.topic, TOMBSTONE, text)
    kept = headers.of_tombstone(
        stone,
        event_id=text,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
    )
    return Row(stone.topic, stone.key, None, to_json(kept).decode(), event_id)


def _cause(key: str, topic: str, type_: str, event_id: str) -> Cause:
    cause = cause_of(key)
    if tracing.on():
        return tracing.created(cause, topic, type_, event_id)
    return cause or Cause(event_id)


def _tails(events: Sequence[object]) -> list[bytes]:
    noise = os.urandom(10 * len(events))
    return [noise[at : at + 10] for at in range(0, len(noise), 10)]


def _uuid7(at: datetime, tail: bytes) -> UUID:
    """A UUID (RFC 9562) that sorts by the time at which its event occurred."""
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(tail)
    number = number & ~(0xF << 76) | 7 << 76
    return UUID(int=number & ~(0x3 << 62) | 2 << 62)


def new_ids(at: datetime, count: int) -> list[str]:
    """Ids for events that occurred at one time, as texts: `_uuid7` for many."""
    stamp, noise = f"{int(at.timestamp() * 1000):012x}", os.urandom(10 * count).hex()
    start = f"{stamp[:8]}-{stamp[8:]}-7"
    return [
        f"{start}{tail[1:4]}-{ids.VARIANTS[tail[4]]}{tail[5:8]}-{tail[8:]}"
        for tail in (noise[place : place + 20] for place in range(0, len(noise), 20))
    ]
