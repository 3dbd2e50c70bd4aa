"""A record as it stands in a topic, and as a line of a file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from . import ids


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in a topic: key, headers, and the value, which a tombstone has not."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes | None

    @property
    def type(self) -> str:
        """Which event it is."""
        return self.headers["ce_type"]

    @property
    def id(self) -> str:
        """With the source its identity."""
        return self.headers["ce_id"]

    def line(self) -> str:
        """The record as one line of JSON."""
        value = None if self.value is None else json.loads(self.value)
        whole = {"topic": self.topic, "key": self.key, "headers": self.headers, "value": value}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def of_lines(lines: Iterable[str]) -> Iterator[Record]:
    """The records that `Record.line` wrote, byte for byte."""
    for line in lines:
        whole = json.loads(line)
        value = whole["value"]
        if value is not None:
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        yield Record(whole["topic"], whole["key"], whole["headers"], value)


def uuid7(moment: datetime, name: str) -> UUID:
    """A UUIDv7 whose random part follows from a name: for records that are the same each time."""
    bits = int(moment.timestamp() * 1000) << 80
    bits |= uuid5(ids.NAMESPACE, name).int & ((1 << 80) - 1)
    bits &= ~(0xF << 76 | 0x3 << 62)
    return UUID(int=bits | 0x7 << 76 | 0x2 << 62)
