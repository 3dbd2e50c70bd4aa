"""What a person wants to know of each event, in words, as the documents show it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.contracts import registry, topics

if TYPE_CHECKING:
    from shared.contracts.schemas import Plan

Schema: TypeAlias = dict[str, Any]
HEADERS: tuple[tuple[str, str, str], ...] = (
    ("ce_specversion", "always", "`1.0`, the version of CloudEvents."),
    ("ce_id", "always", "A UUID. With `ce_source` it is the identity: the same in every copy."),
    ("ce_source", "always", "The owner: `/clients`, `/renewals`, `/notifications`, `/tiers`."),
    (
        "ce_type",
        "always",
        "`<owner>.<Name>.v<major>`; `<owner>.Erased.v1` where there is no value.",
    ),
    ("ce_subject", "always", "The aggregate that it is about; on erasure the key."),
    ("ce_time", "always", "When it happened, in UTC."),
    ("ce_partitionkey", "always", "The record's key."),
    ("ce_aggregateversion", "always", "The subject's version after this; grows with each change."),
    ("ce_correlationid", "always", "The same in all that followed from one cause."),
    ("correlation_id", "always", "The same once more, by the name that FastStream reads."),
    ("ce_causationid", "sometimes", "The `ce_id` of what led to this, where that was an event."),
    ("traceparent", "sometimes", "W3C trace context, where traces are on."),
    ("ce_dataschema", "with a value", "The schema's `$id`; its last part is the revision."),
    ("content-type", "with a value", "`application/json`: the value is the data alone."),
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event, or of a part within."""

    path: str
    kind: str
    required: bool
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event, or the end of a key."""

    type: str
    topic: str
    key: str
    subject: str
    revision: int
    description: str
    fields: Sequence[Field]
    record: dict[str, Any]

    @property
    def anchor(self) -> str:
        """Its name within a page."""
        return self.type.replace(".", "-").lower()


def entries(planned: "Plan") -> list[Entry]:
    """All of them, topic by topic, in the order of their declaration."""
    found = [_entry(schema, planned.records[type_]) for type_, schema in planned.schemas.items()]
    ends = [_end(record) for type_, record in planned.records.items() if record["value"] is None]
    order = [topic.name for topic in told_topics()]
    return sorted([*found, *ends], key=lambda entry: order.index(entry.topic))


def told_topics() -> list[topics.Topic]:
    """The topics that others may read."""
    return [topic for topic in topics.REGISTRY if topic.kind != "dead-letters"]


def kept(topic: topics.Topic) -> str:
    """How long a topic keeps what it holds, in words."""
    if topic.kind == "state":
        days = int(topic.config["delete.retention.ms"]) // topics.DAY_MS
        return f"the last record of each key; an end for at least {days} days"
    return "for ever" if topic.config["retention.ms"] == "-1" else topic.config["retention.ms"]


def keys(topic: topics.Topic) -> str:
    """What the keys of a topic are."""
    return ", ".join(sorted({event.KEY for event in registry.of_topic(topic.name)}))


def one_line(text: str) -> str:
    """A text without its line breaks and marks of code."""
    return " ".join(text.replace("``", "`").split())


def _entry(schema: Schema, record: dict[str, Any]) -> Entry:
    about = schema["x-event"]
    return Entry(
        about["type"],
        about["topic"],
        about["key"],
        about["subject"],
        int(schema["$id"].rpartition("/")[2]),
        one_line(schema["description"]),
        tuple(_fields(schema, schema, "")),
        record,
    )


def _end(record: dict[str, Any]) -> Entry:
    return Entry(
        record["headers"]["ce_type"],
        record["topic"],
        "the key that ends",
        "the key that ends",
        1,
        "The key is erased: forget all that was said about it. The record has no value.",
        (),
        record,
    )


def _fields(part: Schema, root: Schema, path: str) -> Iterator[Field]:
    required = set(part.get("required", ()))
    for name, about in part["properties"].items():
        here = f"{path}{name}"
        shown = about.get("examples", [None])[0]
        yield Field(
            here,
            kind_of(about, root),
            name in required,
            one_line(about["description"]),
            "" if shown is None else json.dumps(shown, ensure_ascii=False),
        )
        for inner, suffix in _within(about, root):
            yield from _fields(inner, root, f"{here}{suffix}.")


def _within(about: Schema, root: Schema) -> Iterator[tuple[Schema, str]]:
    """The objects that a field holds."""
    if "$ref" in about:
        yield resolve(about, root), ""
    for each in about.get("anyOf", ()):
        yield from _within(each, root)
    if "items" in about:
        for inner, suffix in _within(about["items"], root):
            yield inner, f"[]{suffix}"


def resolve(about: Schema, root: Schema) -> Schema:
    """What a reference leads to."""
    found: Schema = root["$defs"][about["$ref"].rpartition("/")[2]]
    return found


def kind_of(about: Schema, root: Schema) -> str:
    """What a value may be, in words."""
    if "anyOf" in about:
        return " or ".join(kind_of(each, root) for each in about["anyOf"])
    if "$ref" in about:
        return str(resolve(about, root)["title"])
    if "enum" in about:
        return "one of " + ", ".join(str(value) for value in about["enum"])
    if about.get("type") == "array":
        return f"list of {kind_of(about['items'], root)}"
    if about.get("pattern", "").startswith("^[0-9]"):
        return "decimal string"
    words = [str(about.get("format") or about["type"])]
    words += [f"≥ {about['minimum']}"] if "minimum" in about else []
    words += [f"≤ {about['maximum']}"] if "maximum" in about else []
    return " ".join(words)
