"""From a record to an event: whatever comes is told apart, and nothing raises."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import ValidationError

from ..event import Event
from ..headers import Attributes, UnreadableError, decode
from ..registry import EVENTS

Headers: TypeAlias = (
    Mapping[str, bytes | str | None] | Iterable[tuple[str, bytes | str | None]] | None
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event that you registered."""

    event: Event
    attributes: Attributes

    @property
    def identity(self) -> tuple[str, str]:
        """What to dedupe on: source and id."""
        return self.attributes.identity


@dataclass(frozen=True, slots=True)
class Erased:
    """The end of a key: forget all that a state topic said about it."""

    topic: str
    key: str
    attributes: Attributes | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What to dedupe on: source and id, or topic and key where it was written without."""
        return self.attributes.identity if self.attributes else (self.topic, self.key)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that you did not register: another type, or another major version."""

    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that is no event, or not what its schema says: set it aside, and tell us."""

    topic: str
    key: str
    reason: str


Message: TypeAlias = Told | Erased | Skipped | Broken


class Reader:
    """Reads the events that it was made for.

    One major version of each: whoever registered two would hear the same fact twice. Fields that
    are unknown are ignored; so are new revisions, which add no more than that.
    """

    def __init__(self, *events: type[Event]) -> None:
        """Without events: all that there are, in the version that was there first.

        So a newer package brings nothing that was not asked for.
        """
        wanted = events or _oldest()
        self._events = {event.TYPE: event for event in wanted}
        names = [event.TYPE.rpartition(".v")[0] for event in wanted]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is registered in two versions; choose one of them")

    @property
    def topics(self) -> list[str]:
        """The topics by which its events come."""
        return sorted({event.TOPIC for event in self._events.values()})

    def read(
        self, topic: str, key: bytes | str | None, value: bytes | str | None, headers: Headers
    ) -> Message:
        """Tell what a record is. Takes what any Kafka client has, and never raises."""
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else key or ""
        try:
            attributes = decode(headers)
        except UnreadableError as error:
            if not value:
                return Erased(topic, name)
            return Broken(topic, name, str(error))
        if not value:
            return Erased(topic, name, attributes)
        event = self._events.get(attributes.type)
        if event is None:
            return Skipped(attributes)
        try:
            return Told(event.model_validate_json(value), attributes)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the value"
            return Broken(topic, name, f"{attributes.type}: {where}: {first['msg']}")


def _oldest() -> tuple[type[Event], ...]:
    found: dict[str, type[Event]] = {}
    for event in sorted(EVENTS, key=lambda each: int(each.TYPE.rpartition(".v")[2])):
        found.setdefault(event.TYPE.rpartition(".v")[0], event)
    return tuple(found.values())
