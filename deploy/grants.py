"""Who may do what at the broker, and nothing besides: it follows from topics and inboxes.

``python -m deploy.grants`` prints it as commands for Kafka's own tool, `kafka-acls`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, TypeAlias

from shared.chassis.inbox import Inbox
from shared.contracts import topics
from shared.contracts.topics import Topic

Resource: TypeAlias = Literal["topic", "group"]
Operation: TypeAlias = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]

SERVICES: Final = tuple(
    sorted(path.parent.name for path in (Path(__file__).parents[1] / "services").glob("*/main.py"))
)
TOPICS: Final = "topics"  # whoever runs the command of that name
SUBSCRIBER: Final = "example-subscriber"
_SUBSCRIBED: Final = ("renewals.events.v1", "renewals.state.v1")


@dataclass(frozen=True, order=True, slots=True)
class Grant:
    """One thing that a user may do, from any host. Reading or writing a topic is also seeing it."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False
    reason: str = ""


def grants() -> dict[str, tuple[Grant, ...]]:
    """What each user may do."""
    return {service: tuple(sorted(set(_of(service)))) for service in SERVICES} | {
        TOPICS: tuple(sorted(_of_topics(topics.REGISTRY))),
        SUBSCRIBER: tuple(sorted(_of_subscriber())),
    }


def _of(service: str) -> Iterator[Grant]:
    inboxes: Sequence[Inbox] = import_module(f"services.{service}.main").INBOXES
    for topic in topics.REGISTRY:
        if topic.owner == service:
            yield from _of_owner(topic, hears=bool(inboxes))
    for inbox in inboxes:
        yield Grant("topic", inbox.topic, "Read", reason="hears it")
    yield from _of_groups(service, inboxes)


def _of_owner(topic: Topic, *, hears: bool) -> Iterator[Grant]:
    if topic.kind == "dead-letters" and not hears:
        yield Grant("topic", topic.name, "Describe", reason="looks at start whether it is there")
        return
    yield Grant("topic", topic.name, "Write", reason="the relay sends to it")
    if topic.kind == "events":
        yield Grant("topic", topic.name, "Read", reason="the command replay reads it")


def _of_groups(service: str, inboxes: Sequence[Inbox]) -> Iterator[Grant]:
    if service == "dashboard":
        yield Grant(
            "group",
            f"{service}.r",
            "Read",
            prefixed=True,
            reason="each rebuild hears in groups of its own: dashboard.r1.…, dashboard.r2.…",
        )
        return
    for inbox in inboxes:
        yield Grant("group", inbox.group, "Read", reason="hears as this group")


def _of_topics(registry: Sequence[Topic]) -> Iterator[Grant]:
    for topic in registry:
        yield Grant("topic", topic.name, "Create", reason="makes it")
        yield Grant("topic", topic.name, "Describe", reason="looks whether it is there")
        yield Grant("topic", topic.name, "DescribeConfigs", reason="says where it differs")


def _of_subscriber() -> Iterator[Grant]:
    for name in _SUBSCRIBED:
        yield Grant("topic", name, "Read", reason="hears it")
    yield Grant("group", f"{SUBSCRIBER}.", "Read", prefixed=True, reason="names its groups itself")


def commands(wanted: Mapping[str, Sequence[Grant]]) -> Iterator[str]:
    """The same as lines for `kafka-acls`; each names all that has the same operations."""
    for user, granted in wanted.items():
        operations: dict[tuple[Resource, bool, str], set[Operation]] = defaultdict(set)
        for each in granted:
            operations[each.resource, each.prefixed, each.name].add(each.operation)
        names: dict[tuple[Resource, bool, tuple[Operation, ...]], list[str]] = defaultdict(list)
        for (resource, prefixed, name), allowed in operations.items():
            names[resource, prefixed, tuple(sorted(allowed))].append(name)
        for (resource, prefixed, together), those in names.items():
            yield " ".join(
                [
                    'kafka-acls --bootstrap-server "$KAFKA" --command-config admin.properties',
                    f"--add --allow-principal User:{user}",
                    *(f"--operation {each}" for each in together),
                    *(f"--{resource} {each}" for each in those),
                    *(["--resource-pattern-type prefixed"] if prefixed else []),
                ]
            )


def table(wanted: Mapping[str, Sequence[Grant]]) -> Iterator[str]:
    """The same as lines of a table for people, with a word on what is not plain."""
    yield "| user | writes | reads | in the groups | besides |"
    yield "|---|---|---|---|---|"
    for user, granted in wanted.items():
        cells = [
            _cell(granted, "topic", "Write"),
            _cell(granted, "topic", "Read"),
            _cell(granted, "group", "Read"),
            _besides(granted),
        ]
        yield f"| `{user}` | {' | '.join(cells)} |"


def _cell(granted: Sequence[Grant], resource: Resource, operation: Operation) -> str:
    return ", ".join(
        f"`{each.name}`" + ("…" if each.prefixed else "")
        for each in granted
        if (each.resource, each.operation) == (resource, operation)
    )


def _besides(granted: Sequence[Grant]) -> str:
    """What is neither reading nor writing."""
    names: dict[Operation, list[str]] = defaultdict(list)
    for each in granted:
        if each.operation not in ("Read", "Write"):
            names[each.operation].append(f"`{each.name}`")
    return "; ".join(
        f"{operation}: {'every topic' if len(those) > 1 else those[0]}"
        for operation, those in names.items()
    )


if __name__ == "__main__":
    print("\n".join(commands(grants())))
