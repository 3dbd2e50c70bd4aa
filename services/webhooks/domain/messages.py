"""An event as it goes over HTTP: CloudEvents in binary mode, and the test message."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from shared.contracts import registry, topics

_PUBLIC: Final = {topic.name for topic in topics.REGISTRY if topic.kind == "events"}
TYPES: Final = tuple(sorted(each.TYPE for each in registry.EVENTS if each.TOPIC in _PUBLIC))
DEFAULT_TYPES: Final = ("renewals.RenewalDeadlineApproaching.v1",)
PING: Final = "webhooks.Ping.v1"
SOURCE: Final = "/webhooks"

_AS_THEY_ARE: Final = {"content-type", "traceparent"}
_PRINTABLE: Final = {*range(0x21, 0x7F)} - {ord('"'), ord("%")}


def over_http(pairs: Iterable[tuple[str, bytes | None]]) -> list[tuple[bytes, bytes]]:
    """The headers of a request, from those of a record: ``ce_id`` is ``ce-id`` there."""
    made = []
    for name, value in pairs:
        if value is None:
            continue
        if name.startswith("ce_"):
            made.append((f"ce-{name[3:]}".encode(), _encoded(value)))
        elif name in _AS_THEY_ARE:
            made.append((name.encode(), _encoded(value, but=b" ")))
    return made


def _encoded(value: bytes, but: bytes = b"") -> bytes:
    """As CloudEvents has it: what is not printable, a blank, a quote and % are %XX."""
    return b"".join(
        bytes([each]) if each in _PRINTABLE or each in but else b"%%%02X" % each for each in value
    )


def write_ping(ping_id: UUID, endpoint_id: UUID, at: datetime) -> tuple[dict[str, str], bytes]:
    """The headers, as of a record, and the value of a test message."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(ping_id),
        "ce_source": SOURCE,
        "ce_type": PING,
        "ce_subject": str(endpoint_id),
        "ce_time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    return headers, json.dumps({"endpoint_id": str(endpoint_id)}).encode()
