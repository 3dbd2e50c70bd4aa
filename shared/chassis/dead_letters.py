"""Records that could not be handled: set aside whole, looked at, put back or discarded."""

import base64
import json
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from shared.chassis import outbox
from shared.chassis.database import Connection, Pool
from shared.chassis.envelope import Message, text_of
from shared.contracts import topics

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_HEADERS = 64 * 1024  # bytes
_LONGEST = 20_000  # characters of a stack that are kept: its end says most
_STATE = {topic.name for topic in topics.REGISTRY if topic.kind == "state"}


class NoSuchLetterError(LookupError):
    """No dead letter has this number, or it is settled already."""


class RetryFailedError(Exception):
    """The record failed again; the letter stays open, with the new reason."""


class Consumer(Protocol):
    """What can handle a stored record again: an inbox."""

    group: str

    async def handle_again(self, record: "StoredRecord", tx: Connection) -> None: ...


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it came from Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970, as Kafka has it
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was set aside, and why."""

    id: int
    consumer: str
    source: str
    event_id: UUID
    type: str
    record: StoredRecord
    error: str
    stack: str
    tries: int
    status: str
    died_at: datetime
    settled_at: datetime | None


async def bury(
    tx: Connection, service: str, consumer: str, dead: Message, error: Exception
) -> None:
    """Set a claimed record aside: its row, its mark in the inbox, and word of it in the outbox."""
    record = dead.record
    reason, stack = describe(error)
    await tx.execute(
        """
        WITH marked AS (
            UPDATE inbox SET outcome = 'dead'
             WHERE consumer = $1 AND source = $2 AND event_id = $3
        )
        INSERT INTO dead_letters (consumer, source, event_id, type, topic, partition, "offset",
                                  written_at, key, headers, value, error, stack)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        consumer,
        dead.source,
        dead.id,
        dead.type,
        record.topic,
        record.partition,
        record.offset,
        _EPOCH + timedelta(milliseconds=record.timestamp),
        record.key,
        outbox.raw_headers(record.headers),
        record.value,
        reason,
        stack,
    )
    await outbox.insert(tx, [_word_of(service, consumer, dead, reason)])


def _word_of(service: str, consumer: str, dead: Message, reason: str) -> outbox.Row:
    """The record as it came, as far as it may travel, and why it was set aside."""
    record = dead.record
    about = {
        "dl_consumer": consumer,
        "dl_topic": record.topic,
        "dl_partition": str(record.partition),
        "dl_offset": str(record.offset),
        "dl_error": reason,
    }
    value, pairs = record.value, list(record.headers)
    if record.topic in _STATE:
        value = None
        about["dl_value"] = "left out: it may name people, and this topic keeps it"
    elif value and len(value) > outbox.BIGGEST:
        about["dl_value"] = f"left out: {len(value)} bytes"
        value = None
    if sum(len(name) + len(text or b"") for name, text in pairs) > _MOST_HEADERS:
        pairs, about["dl_headers"] = [], "left out: too long"
    return outbox.Row(
        topic=topics.dead_letters_of(service),
        key=dead.key,
        payload=value,
        headers=outbox.raw_headers(pairs + [(name, text.encode()) for name, text in about.items()]),
        event_id=dead.id,
    )


def describe(error: Exception) -> tuple[str, str]:
    """The reason in a line, and the stack, as PostgreSQL can keep them."""
    reason = f"{type(error).__name__}: {error}"[:2_000]
    stack = "".join(traceback.format_exception(error))[-_LONGEST:]
    return text_of(reason.encode("utf-8", "replace")), text_of(stack.encode("utf-8", "replace"))


async def list_open(
    conn: Connection, *, consumer: str | None = None, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """Letters that wait for somebody, oldest first, from behind the one with the number `after`."""
    rows = await conn.fetch(
        """
        SELECT * FROM dead_letters
         WHERE status = 'open' AND id > $1 AND ($2::text IS NULL OR consumer = $2)
         ORDER BY id
         LIMIT $3
        """,
        after,
        consumer,
        limit,
    )
    return [_letter(row) for row in rows]


async def find(conn: Connection, letter_id: int) -> DeadLetter | None:
    """One letter, open or settled."""
    row = await conn.fetchrow("SELECT * FROM dead_letters WHERE id = $1", letter_id)
    return _letter(row) if row else None


async def count_open(conn: Connection) -> int:
    """How many wait for somebody."""
    count: int = await conn.fetchval("SELECT count(*) FROM dead_letters WHERE status = 'open'")
    return count


async def retry(pool: Pool, consumers: Sequence[Consumer], letter_id: int) -> None:
    """Handle the stored record again; effect, inbox and letter change in one transaction.

    Raises NoSuchLetterError; RetryFailedError where it fails again, which counts a try.
    """
    async with pool.acquire() as tx:
        try:
            async with tx.transaction():
                letter = await _lock(tx, letter_id)
                await _consumer(consumers, letter).handle_again(letter.record, tx)
                await _settle(tx, letter, "retried")
        except (NoSuchLetterError, RetryFailedError):
            raise
        except Exception as error:
            reason, stack = describe(error)
            await tx.execute(
                """
                UPDATE dead_letters SET tries = tries + 1, error = $2, stack = $3
                 WHERE id = $1 AND status = 'open'
                """,
                letter_id,
                reason,
                stack,
            )
            raise RetryFailedError(f"dead letter {letter_id} failed again: {reason}") from error
    outbox.wake()


async def discard(pool: Pool, letter_id: int) -> None:
    """Settle a letter without handling it. Raises NoSuchLetterError."""
    async with pool.acquire() as tx, tx.transaction():
        await _settle(tx, await _lock(tx, letter_id), "discarded")


async def erase(tx: Connection, topic: str, keys: Sequence[bytes]) -> None:
    """Forget the letters of keys that their owner erased: they may name people."""
    await tx.execute(
        "DELETE FROM dead_letters WHERE topic = $1 AND key = ANY($2::bytea[])", topic, keys
    )


async def forget(tx: Connection, subject: UUID) -> int:
    """Delete the letters, settled ones too, whose record has this id in it; return how many."""
    status = await tx.execute(
        """
        DELETE FROM dead_letters
         WHERE position(convert_to($1, 'UTF8') IN value) > 0 OR key = convert_to($1, 'UTF8')
        """,
        str(subject),
    )
    return int(status.rpartition(" ")[2])


async def _lock(tx: Connection, letter_id: int) -> DeadLetter:
    row = await tx.fetchrow(
        "SELECT * FROM dead_letters WHERE id = $1 AND status = 'open' FOR UPDATE", letter_id
    )
    if row is None:
        raise NoSuchLetterError(f"there is no open dead letter {letter_id}")
    return _letter(row)


def _consumer(consumers: Sequence[Consumer], letter: DeadLetter) -> Consumer:
    for consumer in consumers:
        if consumer.group == letter.consumer:
            return consumer
    known = ", ".join(consumer.group for consumer in consumers) or "none"
    raise RetryFailedError(
        f"dead letter {letter.id} belongs to {letter.consumer}, which is not here; known: {known}"
    )


async def _settle(tx: Connection, letter: DeadLetter, status: str) -> None:
    await tx.execute(
        "UPDATE dead_letters SET status = $2, settled_at = clock_timestamp() WHERE id = $1",
        letter.id,
        status,
    )
    if status == "retried":
        await tx.execute(
            """
            UPDATE inbox SET outcome = 'handled'
             WHERE consumer = $1 AND source = $2 AND event_id = $3
            """,
            letter.consumer,
            letter.source,
            letter.event_id,
        )


def _letter(row: "asyncpg.Record") -> DeadLetter:
    values: dict[str, Any] = dict(row)
    headers = tuple(
        (name, None if value is None else base64.b64decode(value))
        for name, value in json.loads(values.pop("headers"))
    )
    written: datetime = values.pop("written_at")
    record = StoredRecord(
        topic=values.pop("topic"),
        partition=values.pop("partition"),
        offset=values.pop("offset"),
        timestamp=(written - _EPOCH) // timedelta(milliseconds=1),
        key=values.pop("key"),
        value=values.pop("value"),
        headers=headers,
    )
    return DeadLetter(record=record, **values)


def headers_as_text(letter: DeadLetter) -> dict[str, str | None]:
    """The headers for a person to read: what is not UTF-8 is shown by its nearest."""
    return {name: None if v is None else text_of(v) for name, v in letter.record.headers}
