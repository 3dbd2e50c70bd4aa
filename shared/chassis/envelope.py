"""How a record is read: its identity and type from the CloudEvents headers; what caused what."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

TOMBSTONE = "tombstone"  # no CloudEvents type has this form
UNREADABLE = "unreadable"


class Record(Protocol):
    """What Kafka delivers."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class UnreadableError(ValueError):
    """A record that is no event."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an event is recorded."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


_cause: ContextVar[Cause | Mapping[str, Cause] | None] = ContextVar("cause", default=None)


@contextmanager
def because(cause: Cause | Mapping[str, Cause] | None) -> Iterator[None]:
    """Whatever is recorded inside was caused by this; or, given several, by that of its key."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


def cause_of(key: str) -> Cause | None:
    """What causes the events about a key here and now; None where time alone does."""
    cause = _cause.get()
    return cause if cause is None or isinstance(cause, Cause) else cause.get(key)


def causes() -> Sequence[Cause]:
    """All that causes what is done here and now."""
    cause = _cause.get()
    if cause is None:
        return ()
    return (cause,) if isinstance(cause, Cause) else tuple(cause.values())


@dataclass(slots=True, eq=False)
class Message:
    """A record whose headers were read. With an ``error`` it is no event, or a broken one."""

    record: Record
    type: str
    source: str
    id: UUID
    headers: Mapping[str, bytes | None]
    error: Exception | None = None
    event: Any = field(default=None)

    @property
    def identity(self) -> tuple[str, UUID]:
        """The same in every copy of an event, and in those of no other."""
        return self.source, self.id

    @property
    def key(self) -> str:
        """The record's key, as far as it is text."""
        return text_of(self.record.key)

    @property
    def cause(self) -> Cause:
        """What a handler of it records was caused by this."""
        return Cause(
            text_of(self.headers.get("ce_correlationid")) or str(self.id),
            str(self.id),
            text_of(self.headers.get("traceparent")) or None,
        )


def read(record: Record) -> Message:
    """Read a record's headers. Never fails: what cannot be read is UNREADABLE, with the error."""
    headers = dict(record.headers)
    type_ = TOMBSTONE
    try:
        if record.value:
            type_ = _required(headers, "ce_type")
        elif "ce_id" not in headers:  # written by hand, or by another's tool
            return Message(record, TOMBSTONE, "", _id_of_place(record), headers)
        source = _required(headers, "ce_source")
        id_ = _uuid(_required(headers, "ce_id"))
    except UnreadableError as error:
        place = _id_of_place(record)
        return Message(record, UNREADABLE, "", place, headers, error=error)
    return Message(record, type_, source, id_, headers)


def text_of(value: bytes | None) -> str:
    """Bytes as a text that PostgreSQL takes: what is none in it is replaced."""
    return (value or b"").decode("utf-8", "replace").replace("\0", "\ufffd")


def _required(headers: Mapping[str, bytes | None], name: str) -> str:
    value = headers.get(name)
    if not value:
        how = "is missing" if name not in headers else "is empty"
        raise UnreadableError(f"header {name} {how}; expected a CloudEvents header with a value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"header {name} is {value!r}; expected UTF-8") from error
    if "\0" in text:
        raise UnreadableError(f"header {name} is {value!r}; expected text without NUL")
    return text


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise UnreadableError(f"header ce_id is {text!r}; expected a UUID") from error


def _id_of_place(record: Record) -> UUID:
    """An id for a record that has none: the same whenever this very record comes again."""
    where = f"{record.topic}/{record.partition}/{record.offset}/".encode()
    digest = hashlib.sha1(where + (record.value or b""), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)
