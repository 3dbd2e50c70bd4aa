"""May a contract change like this? Whether each reader can read all that each writer may write."""

import json
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import jsoncompat

Schema: TypeAlias = dict[str, Any]
Direction: TypeAlias = Literal["old reader", "replay", "promise"]

_ANNOTATIONS = ("$schema", "$id", "$comment", "title", "description", "examples", "x-event")
_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda writer, reader: writer >= reader,
    "exclusiveMinimum": lambda writer, reader: writer >= reader,
    "minLength": lambda writer, reader: writer >= reader,
    "minItems": lambda writer, reader: writer >= reader,
    "maximum": lambda writer, reader: writer <= reader,
    "exclusiveMaximum": lambda writer, reader: writer <= reader,
    "maxLength": lambda writer, reader: writer <= reader,
    "maxItems": lambda writer, reader: writer <= reader,
    "pattern": lambda writer, reader: bool(writer == reader),
    "format": lambda writer, reader: bool(writer == reader),
    "uniqueItems": lambda writer, reader: bool(writer or not reader),
    "multipleOf": lambda writer, reader: bool(writer % reader == 0),
}
_WHO = {
    "old reader": "a reader of the published contract cannot read the new one",
    "replay": "a new reader cannot read what was written before",
    "promise": "what is published stays",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """One reason why a change needs a new major version."""

    direction: Direction
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path or 'the event'} {self.reason} ({_WHO[self.direction]})"


def breaches(old: Schema, new: Schema) -> list[Breach]:
    """Why ``new`` may not stand in for ``old``: nothing, if each side reads the other.

    A writer is taken as closed, as it writes no field but its own; a reader as open, as
    it skips what it does not know. Both are checked by our rules, which say why, and by
    jsoncompat, which also sees what they do not.
    """
    found = [Breach("promise", *lost) for lost in (*_moved(old, new), *_lost(old, new))]
    directions: tuple[tuple[Direction, Schema, Schema], ...] = (
        ("old reader", new, old),
        ("replay", old, new),
    )
    for direction, writer, reader in directions:
        reasons = [
            Breach(direction, path, reason)
            for path, reason in _unreadable(_Side(writer), _Side(reader), "")
        ]
        if not reasons and not _jsoncompat_reads(writer, reader):
            reasons = [Breach(direction, "", "allows values that jsoncompat finds unreadable")]
        found += reasons
    found += [Breach("replay", *changed) for changed in _defaults(old, new)]
    return list(dict.fromkeys(found))


def shape(schema: Schema) -> Schema:
    """The schema without what is said for people; equal shapes are one revision."""

    def bare(each: Schema) -> Schema:
        return {name: value for name, value in each.items() if name not in _ANNOTATIONS}

    return _everywhere(bare, schema)


def closed(schema: Schema) -> Schema:
    """The schema of a writer: nothing but the fields that it names."""

    def close(each: Schema) -> Schema:
        return {**each, "additionalProperties": False} if "properties" in each else each

    return _everywhere(close, schema)


def _jsoncompat_reads(writer: Schema, reader: Schema) -> bool:
    strict, lenient = json.dumps(closed(shape(writer))), json.dumps(shape(reader))
    return bool(jsoncompat.check_compat(strict, lenient, "deserializer"))


def _everywhere(change: Callable[[Schema], Schema], schema: Schema) -> Schema:
    """Apply a change to a schema and to every schema within; names of fields are no keywords."""
    made = copy(schema)
    for keyword in ("properties", "$defs"):
        if keyword in made:
            made[keyword] = {
                name: _everywhere(change, each) for name, each in made[keyword].items()
            }
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if keyword in made:
            made[keyword] = [_everywhere(change, each) for each in made[keyword]]
    for keyword in ("items", "additionalProperties"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = _everywhere(change, made[keyword])
    return change(made)


class _Side:
    """A place in a schema, with the root that its references lead through."""

    def __init__(self, schema: Schema, root: Schema | None = None) -> None:
        self.root = schema if root is None else root
        while "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].rpartition("/")[2]]
        self.schema = schema

    def at(self, schema: Schema) -> "_Side":
        return _Side(schema, self.root)

    @property
    def alternatives(self) -> list["_Side"]:
        return [self.at(each) for each in self.schema.get("anyOf", [])] or [self]

    @property
    def kind(self) -> str:
        """How to call it in a sentence."""
        words = self.schema.get("format") or self.schema.get("type") or "anything"
        return str(words)

    def fields(self) -> dict[str, "_Side"]:
        return {name: self.at(each) for name, each in self.schema.get("properties", {}).items()}


Reason: TypeAlias = tuple[str, str]


def _unreadable(writer: _Side, reader: _Side, path: str) -> Iterator[Reason]:
    """Where and why the reader refuses something that the writer may write."""
    if len(writer.alternatives) == len(reader.alternatives) == 1:
        yield from _unlike(writer, reader, path)
        return
    for each in writer.alternatives:
        tries = [list(_unlike(each, other, path)) for other in reader.alternatives]
        if all(tries):
            same = [t for t, o in zip(tries, reader.alternatives, strict=True) if _akin(each, o)]
            if len(same) == 1:
                yield from same[0]
            else:
                wanted = " or ".join(other.kind for other in reader.alternatives)
                yield path, f"may be {each.kind}, where {wanted} is expected"


def _akin(one: _Side, other: _Side) -> bool:
    return bool(one.schema.get("type") == other.schema.get("type"))


def _unlike(writer: _Side, reader: _Side, path: str) -> Iterator[Reason]:
    wrote, wanted = writer.schema.get("type"), reader.schema.get("type")
    if wanted is not None and wrote != wanted and (wrote, wanted) != ("integer", "number"):
        yield path, f"may be {wrote or 'anything'}, where {wanted} is expected"
        return
    yield from _values(writer.schema, reader.schema, path)
    yield from _limits(writer.schema, reader.schema, path)
    if "properties" in reader.schema:
        yield from _fields(writer, reader, path)
    if "items" in reader.schema:
        items = writer.at(writer.schema.get("items", {}))
        yield from _unreadable(items, reader.at(reader.schema["items"]), f"{path}[]")
    if isinstance(reader.schema.get("additionalProperties"), dict):
        values = writer.schema.get("additionalProperties", {})
        values = writer.at(values if isinstance(values, dict) else {})
        wanted_values = reader.at(reader.schema["additionalProperties"])
        yield from _unreadable(values, wanted_values, f"{path}.*")


def _fields(writer: _Side, reader: _Side, path: str) -> Iterator[Reason]:
    present = set(writer.schema.get("required", ()))
    for name in reader.schema.get("required", ()):
        if name not in present:
            yield _join(path, name), "is required, but may be missing"
    theirs = reader.fields()
    for name, field in writer.fields().items():
        if name in theirs:
            yield from _unreadable(field, theirs[name], _join(path, name))


def _values(writer: Schema, reader: Schema, path: str) -> Iterator[Reason]:
    allowed = _listed(reader)
    if allowed is None:
        return
    may = _listed(writer)
    if may is None:
        yield path, f"may be any {writer.get('type', 'value')}, where one of {allowed} is expected"
    else:
        for value in may:
            if value not in allowed:
                yield path, f"may be {value!r}, where one of {allowed} is expected"


def _listed(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _limits(writer: Schema, reader: Schema, path: str) -> Iterator[Reason]:
    for keyword, within in _LIMITS.items():
        if keyword not in reader or "enum" in writer or "const" in writer:
            continue
        if keyword not in writer:
            yield path, f"has no {keyword}, where {reader[keyword]} is expected"
        elif not within(writer[keyword], reader[keyword]):
            yield path, f"has {keyword} {writer[keyword]}, where {reader[keyword]} is expected"


def _moved(old: Schema, new: Schema) -> Iterator[Reason]:
    """Another topic, key or subject would cut the order in which readers get the events."""
    was, becomes = old.get("x-event", {}), new.get("x-event", {})
    for what in was:
        if becomes.get(what) != was[what]:
            yield "", f"had the {what} {was[what]!r} and has {becomes.get(what)!r}"


def _lost(old: Schema, new: Schema) -> Iterator[Reason]:
    now = dict(_names(_Side(new), ""))
    for path, _ in _names(_Side(old), ""):
        if path not in now:
            yield path, "was published and is gone or renamed"


def _defaults(old: Schema, new: Schema) -> Iterator[Reason]:
    """A field that old records lack must go on meaning what it meant."""
    now = dict(_names(_Side(new), ""))
    for path, before in _names(_Side(old), ""):
        if path in now and "default" in before and "default" in now[path]:
            was, becomes = before["default"], now[path]["default"]
            if was != becomes:
                yield path, f"had the default {was!r} and has {becomes!r}"


def _names(side: _Side, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field that may be named, however deep, with its own schema."""
    for each in side.alternatives:
        for name, schema in each.schema.get("properties", {}).items():
            yield _join(path, name), schema
            yield from _names(side.at(schema), _join(path, name))
        if isinstance(each.schema.get("items"), dict):
            yield from _names(side.at(each.schema["items"]), f"{path}[]")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
