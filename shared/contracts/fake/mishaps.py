"""What may happen to records on their way, and what later versions bring: as promised, no more.

Within a key of a topic the first copies always keep their order; only copies come out of turn.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from ..record import Record, uuid7

_HELD = 16  # records that may overtake each other
_KEPT = 200  # of which a replay starts
_RESENT = 3  # records of a key that come again at most


@dataclass(frozen=True, slots=True)
class Mishaps:
    """How often each thing happens: a share of the records, from 0 to 1."""

    duplicates: float = 0.0
    reordering: float = 0.0
    replays: float = 0.0
    unknown: float = 0.0
    next_versions: float = 0.0
    seed: int = 1

    def on(self, story: Iterator[Record]) -> Iterator[Record]:
        """The same story with all of that happening to it."""
        records = self._with_later_ones(story, self._draw("later"))
        records = self._overtaking(records, self._draw("order"))
        records = self._resent(records, self._draw("copies"))
        return self._replayed(records, self._draw("replays"))

    def _draw(self, what: str) -> Random:
        """Chance of its own for each: a switch changes nothing but what it is for."""
        return Random(f"{self.seed}:{what}")  # noqa: S311 - a story, no secret

    def _with_later_ones(self, story: Iterator[Record], draw: Random) -> Iterator[Record]:
        for record in story:
            if record.value is None:
                yield record
                continue
            yield _next_revision(record) if draw.random() < self.next_versions else record
            if draw.random() < self.next_versions:
                yield _next_major(record)
            if draw.random() < self.unknown:
                yield _unknown(record)

    def _overtaking(self, records: Iterator[Record], draw: Random) -> Iterator[Record]:
        """Records of other keys, or of other topics, come before those that were said earlier."""
        if not self.reordering:
            yield from records
            return
        held: deque[Record] = deque()
        for record in records:
            held.append(record)
            if len(held) == _HELD:
                yield _taken(held, draw.randrange(_HELD) if draw.random() < self.reordering else 0)
        while held:
            yield _taken(held, draw.randrange(len(held)) if draw.random() < self.reordering else 0)

    def _resent(self, records: Iterator[Record], draw: Random) -> Iterator[Record]:
        """The last few of a key come again, in their order: a sender that was not sure."""
        last: dict[tuple[str, str], deque[Record]] = {}
        for record in records:
            yield record
            kept = last.setdefault((record.topic, record.key), deque(maxlen=_RESENT))
            kept.append(record)
            if draw.random() < self.duplicates:
                yield from list(kept)[-draw.randrange(1, _RESENT + 1) :]

    def _replayed(self, records: Iterator[Record], draw: Random) -> Iterator[Record]:
        """A range of a topic comes again, whole, with the same ids."""
        kept: deque[Record] = deque(maxlen=_KEPT)
        for record in records:
            yield record
            kept.append(record)
            if draw.random() < self.replays:
                begin = draw.randrange(len(kept))
                # Facts alone: an older snapshot is never published again.
                yield from [
                    each
                    for each in list(kept)[begin:]
                    if each.topic == record.topic and each.topic.endswith(".events.v1")
                ]


def _taken(held: deque[Record], at: int) -> Record:
    """The first of the key that stands at a place; its later ones stay behind it."""
    place = held[at].topic, held[at].key
    first = next(n for n, each in enumerate(held) if (each.topic, each.key) == place)
    record = held[first]
    del held[first]
    return record


def _next_revision(record: Record) -> Record:
    """The same event by a newer writer: a field more, and the next revision of its schema."""
    value = _value(record) | {"added_in_a_later_revision": {"some": ["thing", 1]}}
    name, _, revision = record.headers["ce_dataschema"].rpartition("/")
    described = record.headers | {"ce_dataschema": f"{name}/{int(revision) + 1}"}
    return replace(record, headers=described, value=_bytes(value))


def _next_major(record: Record) -> Record:
    """The next version of the event, said beside this one, in another form."""
    name, _, major = record.type.rpartition(".v")
    value: dict[str, object] = {"at": record.headers["ce_time"], "data": _value(record)}
    return _beside(record, f"{name}.v{int(major) + 1}", value)


def _unknown(record: Record) -> Record:
    """An event that is not invented yet."""
    owner = record.type.partition(".")[0]
    return _beside(record, f"{owner}.SomethingNew.v1", {"version": 1, "what": "nobody knows yet"})


def _beside(record: Record, type_: str, value: dict[str, object]) -> Record:
    base = record.headers["ce_dataschema"].rsplit("/", 2)[0]
    at = datetime.fromisoformat(record.headers["ce_time"])
    described = record.headers | {
        "ce_type": type_,
        "ce_id": str(uuid7(at, f"{record.id}:{type_}")),
        "ce_dataschema": f"{base}/{type_}/1",
    }
    return replace(record, headers=described, value=_bytes(value))


def _value(record: Record) -> dict[str, object]:
    held: dict[str, object] = json.loads(record.value or b"{}")
    return held


def _bytes(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
