"""JSON Schema 2020-12 of each event, and the files in which every published one is kept."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

    files: dict[Path, str]
    breaches: list[str]

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
    files: dict[Path, str] = {}
    breaches = [
        f"{type_}: it was published and is no longer declared; its readers would wait for ever. "
        "Declare it again."
        for type_ in known
        if type_ not in declared
    ]
    for event in said:
        history = known.get(event.TYPE, [])
        breaches += _refused(event, history)
        files |= _files(event, history, folder)
    for stone in examples.tombstones():
        record = examples.tombstone_of(stone)
        path = folder / f"{record.headers['ce_type']}.example.json"
        files[path] = _text(_example(record))
    return Plan(files, breaches)


def _refused(event: Event, history: list[Schema]) -> Iterator[str]:
    new = render(type(event), None, len(history))
    for old in history:
        for breach in gate.breaches(old, new):
            yield f"{event.TYPE}, against revision {old['$id'].rpartition('/')[2]}: {breach}"


def _files(event: Event, history: list[Schema], folder: Path) -> Iterator[tuple[Path, str]]:
    record, value = examples.record_of(event), event.model_dump(mode="json")
    revision = max(1, len(history))
    schema = render(type(event), value, revision)
    if history and gate.shape(history[-1]) != gate.shape(schema):
        for what in ("schema", "example"):
            present = folder / f"{event.TYPE}.{what}.json"
            yield folder / event.TYPE / f"{revision}.{what}.json", present.read_text("utf-8")
        revision += 1
        schema = render(type(event), value, revision)
    record.headers["ce_dataschema"] = schema["$id"]
    yield folder / f"{event.TYPE}.schema.json", _text(schema)
    yield folder / f"{event.TYPE}.example.json", _text(_example(record))


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
