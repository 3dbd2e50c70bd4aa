"""JSON Schema 2020-12 of each event, and the files in which every published one is kept."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema

from shared.contracts import examples, gate, registry
from shared.contracts.event import Event
from shared.contracts.registry import PUBLISHED, SCHEMAS

Schema: TypeAlias = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """A field's title would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic names it
        return False


def render(event: type[Event], example: Any, revision: int) -> Schema:
    """The schema of what is written; a reader takes it as it is and ignores what it lacks."""
    body = event.model_json_schema(mode="serialization", schema_generator=_Untitled)
    _illustrate(body, example or {})
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMAS}/{event.TYPE}/{revision}",
        "title": event.__name__,
        "description": body.pop("description"),
        "x-event": {
            "type": event.TYPE,
            "topic": event.TOPIC,
            "key": event.KEY,
            "subject": event.SUBJECT,
        },
        **{name: body[name] for name in ("type", "properties", "required")},
        "$defs": body.get("$defs", {}),
        "examples": [example],
    }


def _parts(body: Schema) -> Iterator[Schema]:
    """The schema of an event, and of each object within it."""
    yield body
    yield from body.get("$defs", {}).values()


def _illustrate(body: Schema, example: Any) -> None:
    """Give every plain field an example: of this event, or else of another that has it."""
    of_this, of_others = _values(example), _values_of_all()
    for part in _parts(body):
        fields = frozenset(part.get("properties", ()))
        for name, about in part.get("properties", {}).items():
            places = ((of_this, (fields, name)), (of_others, (fields, name)), (of_others, name))
            shown = next((found[place] for found, place in places if place in found), None)
            if "examples" not in about and shown is not None and not _refers(about):
                about["examples"] = [shown]


def _refers(about: Schema) -> bool:
    """Whether the field holds objects, whose own fields have examples."""
    return "$ref" in json.dumps(about)


Place: TypeAlias = "tuple[frozenset[str], str] | str"


def _values(value: Any) -> dict[Place, Any]:
    """What stands in each plain field, by the names of the fields beside it and by its own."""
    found: dict[Place, Any] = {}
    for each in _objects(value):
        for name, held in each.items():
            if held not in (None, "", []):
                found.setdefault((frozenset(each), name), held)
                found.setdefault(name, held)
    return found


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from _objects(each)


@cache
def _values_of_all() -> dict[Place, Any]:
    found: dict[Place, Any] = {}
    for event in examples.events():
        found = _values(event.model_dump(mode="json")) | found
    return found


def published(folder: Path = PUBLISHED) -> dict[str, list[Schema]]:
    """Every schema ever published, by type, the oldest first."""
    found: dict[str, list[Schema]] = {}
    for path in sorted(folder.glob("*.schema.json")):
        type_ = path.name.removesuffix(".schema.json")
        past = sorted((folder / type_).glob("*.schema.json"), key=_number)
        found[type_] = [json.loads(each.read_text("utf-8")) for each in (*past, path)]
    return found


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Plan:
    """What would have to be written, and what speaks against it."""

    files: dict[Path, str] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)
    schemas: dict[str, Schema] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def drift(self) -> list[Path]:
        """The files that are not there, or say something else."""
        return [
            path
            for path, text in self.files.items()
            if not path.exists() or path.read_text("utf-8") != text
        ]


def plan(said: Sequence[Event], folder: Path = PUBLISHED) -> Plan:
    """Compare what is declared with all that was ever published, and say what to write.

    What is declared is given by an example of each event.
    """
    known = published(folder)
    declared = {event.TYPE for event in said}
    planned = Plan()
    planned.breaches.extend(
        f"{type_}: it was published and is no longer declared; its readers would wait for ever. "
        "Declare it again."
        for type_ in known
        if type_ not in declared
    )
    for event in said:
        history = known.get(event.TYPE, [])
        planned.breaches.extend(_refused(event, history))
        _add(planned, event, history, folder)
    for stone in examples.tombstones():
        record = _example(examples.tombstone_of(stone))
        type_ = record["headers"]["ce_type"]
        planned.records[type_] = record
        planned.files[folder / f"{type_}.example.json"] = _text(record)
    return planned


_BREAKS: dict[gate.Direction, str] = {
    "old reader": "a consumer written against revision {} breaks on new records:",
    "replay": "a consumer written against the new schema breaks on records of revision {}:",
    "promise": "a consumer that relies on revision {} is left without what it was promised:",
}


def _refused(event: Event, history: list[Schema]) -> Iterator[str]:
    """Which consumer would break, and by what."""
    new = render(type(event), None, len(history))
    for old in history:
        for breach in gate.breaches(old, new):
            who = _BREAKS[breach.direction].format(old["$id"].rpartition("/")[2])
            yield f"{event.TYPE}: {who} {breach.path or 'the event'} {breach.reason}"


def _add(planned: Plan, event: Event, history: list[Schema], folder: Path) -> None:
    """Plan the schema and the golden record of an event, and keep those before a change."""
    type_, value = event.TYPE, event.model_dump(mode="json")
    revision = max(1, len(history))
    schema = render(type(event), value, revision)
    if history and gate.shape(history[-1]) != gate.shape(schema):
        for what in ("schema", "example"):
            present = folder / f"{type_}.{what}.json"
            planned.files[folder / type_ / f"{revision}.{what}.json"] = present.read_text("utf-8")
        schema = render(type(event), value, revision + 1)
    record = _example(examples.record_of(event))
    record["headers"]["ce_dataschema"] = schema["$id"]
    planned.schemas[type_], planned.records[type_] = schema, record
    planned.files[folder / f"{type_}.schema.json"] = _text(schema)
    planned.files[folder / f"{type_}.example.json"] = _text(record)


def _example(record: examples.Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "key": record.key,
        "headers": record.headers,
        "value": None if record.value is None else json.loads(record.value),
    }


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(planned: Plan, say: Callable[[str], None]) -> None:
    """Write what differs; the caller has seen that nothing speaks against it."""
    for path in planned.drift():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(planned.files[path], "utf-8")
        say(f"wrote {path.name}")
    registry.revision.cache_clear()
