"""The headers of a record: CloudEvents 1.0 in binary mode, so that the value is the data alone."""

from datetime import UTC, datetime

from . import registry
from .event import Event, Tombstone

CONTENT_TYPE = "application/json"
ERASED = "Erased.v1"


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
    return _headers(
        owner=registry.owner_of(type(event)),
        type_=event.TYPE,
        subject=event.subject,
        key=event.key,
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
