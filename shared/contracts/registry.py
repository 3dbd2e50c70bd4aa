"""Every event that there is: by type, by topic, by owner; and what must be true of each."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from . import clients, notifications, renewals, tiers, topics
from .event import Event, Snapshot

MODULES: dict[str, ModuleType] = {
    "clients": clients,
    "renewals": renewals,
    "notifications": notifications,
    "tiers": tiers,
}
PUBLISHED = Path(__file__).parent / "published"
SCHEMAS = "https://partner-tools.example/schemas"

_TYPE = re.compile(r"(?P<owner>[a-z]+)\.(?P<name>[A-Z][A-Za-z]*)\.v(?P<major>[1-9][0-9]*)")


def _declared() -> Iterator[type[Event]]:
    for module in MODULES.values():
        for thing in vars(module).values():
            if (
                isinstance(thing, type)
                and issubclass(thing, Event)
                and thing.__module__ == module.__name__
                and "TYPE" in vars(thing)
            ):
                yield thing


EVENTS: tuple[type[Event], ...] = tuple(_declared())
BY_TYPE: dict[str, type[Event]] = {event.TYPE: event for event in EVENTS}


def of_topic(topic: str) -> tuple[type[Event], ...]:
    """The events that a topic carries; none for a topic of dead letters."""
    return tuple(event for event in EVENTS if topic == event.TOPIC)


def of_owner(owner: str) -> tuple[type[Event], ...]:
    """The events that a service says."""
    return tuple(event for event in EVENTS if owner_of(event) == owner)


def owner_of(event: type[Event]) -> str:
    """The one service that publishes the event."""
    return event.TYPE.partition(".")[0]


@cache
def revision(type_: str) -> int:
    """Which published revision of an event's schema is the present one; 1 before the first."""
    path = PUBLISHED / f"{type_}.schema.json"
    if not path.exists():
        return 1
    return int(json.loads(path.read_text("utf-8"))["$id"].rsplit("/", 1)[1])


def dataschema(type_: str) -> str:
    """The name (a URI) of the schema that the data follows; another one with each revision."""
    return f"{SCHEMAS}/{type_}/{revision(type_)}"


def problems(declared: Sequence[type[Event]] = EVENTS) -> list[str]:
    """What is wrong with the declarations, one sentence each."""
    known = {topic.name: topic for topic in topics.REGISTRY}
    found = [problem for event in declared for problem in _problems_of(event, known)]
    times = Counter(event.TYPE for event in declared)
    found += [f"{type_}: {n} events share this TYPE." for type_, n in times.items() if n > 1]
    said = {event.TOPIC for event in declared}
    found += [
        f"{name}: no event is declared for this topic."
        for name, topic in known.items()
        if topic.kind != "dead-letters" and name not in said
    ]
    return found


def _problems_of(event: type[Event], known: dict[str, topics.Topic]) -> Iterator[str]:
    where = f"{event.__module__}.{event.__name__}"
    module_owner = event.__module__.rpartition(".")[2]
    named = _TYPE.fullmatch(event.TYPE)
    if named is None:
        yield f"{where}: TYPE {event.TYPE!r} is not '<owner>.<ClassName>.v<n>'."
    elif named["owner"] != module_owner:
        yield f"{where}: TYPE {event.TYPE!r} names {named['owner']}, but {module_owner} owns it."
    elif event.__name__ not in {named["name"], f"{named['name']}V{named['major']}"}:
        yield f"{where}: TYPE {event.TYPE!r} names another class."
    topic = known.get(event.TOPIC)
    if topic is None:
        yield f"{where}: TOPIC {event.TOPIC!r} is not in the registry of topics."
    else:
        if topic.owner != module_owner:
            yield f"{where}: TOPIC {event.TOPIC!r} belongs to {topic.owner}."
        if (topic.kind == "state") is not issubclass(event, Snapshot):
            yield f"{where}: snapshots, and nothing else, go to a state topic."
    for what, name in (("KEY", event.KEY), ("SUBJECT", event.SUBJECT)):
        if name not in event.model_fields:
            yield f"{where}: {what} {name!r} is not one of its fields."
