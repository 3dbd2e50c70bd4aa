"""The headers of a record: CloudEvents 1.0 in binary mode, so that the value is the data alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from . import registry
from .event import Event, Tombstone

CONTENT_TYPE = "application/json"
ERASED = "Erased.v1"


class UnreadableError(ValueError):
    """Headers that make no CloudEvent."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the headers of a record say of it."""

    id: str
    source: str
    type: str
    subject: str = ""
    time: datetime | None = None
    version: int = 0
    correlation_id: str = ""
    causation_id: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """The same in every copy of an event, and in those of no other."""
        return self.source, self.id


def decode(
    headers: Mapping[str, bytes | str | None] | Iterable[tuple[str, bytes | str | None]] | None,
) -> Attributes:
    """Read headers as any Kafka client gives them; those that are unknown do not matter.

    Raises UnreadableError where the identity or the type is missing or no text.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    texts = {name.lower(): _text(name, value) for name, value in pairs if value is not None}
    for name in ("ce_id", "ce_source", "ce_type"):
        if not texts.get(name):
            raise UnreadableError(f"header {name} is missing")
    try:
        return Attributes(
            texts["ce_id"],
            texts["ce_source"],
            texts["ce_type"],
            texts.get("ce_subject", ""),
            datetime.fromisoformat(texts["ce_time"]) if "ce_time" in texts else None,
            int(texts.get("ce_aggregateversion", "0")),
            texts.get("ce_correlationid", ""),
            texts.get("ce_causationid"),
            texts.get("ce_dataschema"),
            texts.get("traceparent"),
        )
    except ValueError as error:
        raise UnreadableError(f"a header has another form than promised: {error}") from error


def _text(name: str, value: bytes | str) -> str:
    if isinstance(value, str):
        return value
    if not name.lower().startswith("ce_"):
        return value.decode("utf-8", "replace")  # not ours to judge
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"header {name} is {value!r}, which is no UTF-8") from error


def of_event(
    event: Event,
    *,
    event_id: str,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """What a record with this event carries beside its key and value.

    Its identity is ``ce_source`` with ``ce_id``: both stay the same in every copy of it.
    """
    key = event.key
    return _headers(
        owner=registry.owner_of(type(event)),
        type_=event.TYPE,
        subject=key if event.SUBJECT == event.KEY else event.subject,
        key=key,
        at=event.occurred_at,
        version=event.version,
        ids=(event_id, correlation_id, causation_id),
        traceparent=traceparent,
    ) | {"ce_dataschema": registry.dataschema(event.TYPE), "content-type": CONTENT_TYPE}


def of_tombstone(
    stone: Tombstone,
    *,
    event_id: str,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """What a record without a value carries: its key is erased from the state topic."""
    return _headers(
        owner=stone.owner,
        type_=f"{stone.owner}.{ERASED}",
        subject=stone.key,
        key=stone.key,
        at=stone.occurred_at,
        version=stone.version,
        ids=(event_id, correlation_id, causation_id),
        traceparent=traceparent,
    )


def _headers(
    *,
    owner: str,
    type_: str,
    subject: str,
    key: str,
    at: datetime,
    version: int,
    ids: tuple[str, str, str | None],
    traceparent: str | None,
) -> dict[str, str]:
    event_id, correlation_id, causation_id = ids
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": f"/{owner}",
        "ce_type": type_,
        "ce_subject": subject,
        "ce_time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_partitionkey": key,
        "ce_aggregateversion": str(version),
        "ce_correlationid": correlation_id,
        "correlation_id": correlation_id,
    }
    if causation_id is not None:
        headers["ce_causationid"] = causation_id
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers
