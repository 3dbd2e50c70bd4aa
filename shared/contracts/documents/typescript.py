"""TypeScript types of every event and of its record, made of the schemas."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from shared.contracts.schemas import Plan

Schema: TypeAlias = dict[str, Any]
_PLAIN = {"integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_FORMATS = {"uuid": "Uuid", "date": "IsoDate", "date-time": "IsoDateTime"}
_HEAD = """\
// Made by `make contracts` from shared/contracts; whatever is changed here is lost.
// A reader skips fields and types that it does not know, so no type here is closed.

/** A UUID, as text. */
export type Uuid = string;
/** A day, such as 2026-03-05. */
export type IsoDate = string;
/** An instant in UTC, such as 2026-01-04T14:00:00Z. */
export type IsoDateTime = string;
/** An exact decimal number, such as 1125.00. Do not count money in floating point. */
export type DecimalString = string;

/** The headers of every record: CloudEvents 1.0 in binary mode. */
export interface EventHeaders<Type extends string> {
  ce_specversion: "1.0";
  /** With ce_source the identity of the event: the same in every copy of it. */
  ce_id: Uuid;
  ce_source: string;
  ce_type: Type;
  /** The aggregate that it is about. */
  ce_subject: string;
  ce_time: IsoDateTime;
  ce_partitionkey: string;
  /** The subject's version, an integer as text. */
  ce_aggregateversion: string;
  ce_correlationid: string;
  correlation_id: string;
  ce_causationid?: string;
  traceparent?: string;
  ce_dataschema?: string;
  "content-type"?: string;
}
"""
_TAIL = """\
/** A record whose headers and value were decoded; told apart by headers.ce_type. */
export type EventRecord<Type extends EventType = EventType> = {
  [Each in Type]: {
    topic: TopicOf[Each];
    key: string;
    headers: EventHeaders<Each>;
    value: Events[Each];
  };
}[Type];

/** The end of a key of a state topic: forget all that was said about it. */
export interface Erasure {
  topic: string;
  key: string;
  headers: EventHeaders<ErasureType>;
  value: null;
}
"""


def render(planned: "Plan") -> str:
    """One file of types: a namespace for each owner, and maps from type to value and topic."""
    return "\n".join(_lines(planned))


def _lines(planned: "Plan") -> Iterator[str]:
    yield _HEAD
    owners: dict[str, list[Schema]] = {}
    for type_, schema in planned.schemas.items():
        owners.setdefault(type_.partition(".")[0], []).append(schema)
    for owner, schemas in owners.items():
        yield f"export namespace {owner} {{"
        parts = {name: part for schema in schemas for name, part in schema["$defs"].items()}
        for part in (*parts.values(), *schemas):
            yield from _interface(part)
        yield "}\n"
    yield "/** The value of each type. */\nexport interface Events {"
    for type_, schema in planned.schemas.items():
        yield f"  {json.dumps(type_)}: {type_.partition('.')[0]}.{schema['title']};"
    yield "}\nexport type EventType = keyof Events;\n"
    yield "/** The topic of each type. */\nexport interface TopicOf {"
    for type_, schema in planned.schemas.items():
        yield f"  {json.dumps(type_)}: {json.dumps(schema['x-event']['topic'])};"
    yield "}\n"
    ends = [json.dumps(type_) for type_, each in planned.records.items() if each["value"] is None]
    yield f"export type ErasureType = {' | '.join(ends)};\n"
    yield _TAIL


def _interface(part: Schema) -> Iterator[str]:
    yield from _comment(part["description"], "  ")
    yield f"  export interface {part['title']} {{"
    required = set(part.get("required", ()))
    for name, about in part["properties"].items():
        yield from _comment(about["description"], "    ")
        yield f"    {name}{'' if name in required else '?'}: {_type(about)};"
    yield "  }"


def _comment(text: str, indent: str) -> Iterator[str]:
    lines = text.replace("``", "`").replace("*/", "*\u200b/").splitlines()
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
        return
    yield f"{indent}/**"
    for line in lines:
        yield f"{indent} * {line}".rstrip()
    yield f"{indent} */"


def _type(about: Schema) -> str:
    if "$ref" in about:
        return str(about["$ref"].rpartition("/")[2])
    if "anyOf" in about:
        return " | ".join(_type(each) for each in about["anyOf"])
    if "enum" in about:
        return " | ".join(json.dumps(value) for value in about["enum"])
    if about["type"] == "array":
        inner = _type(about["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if about["type"] == "string":
        decimal = about.get("pattern", "").startswith("^[0-9]")
        return "DecimalString" if decimal else _FORMATS.get(about.get("format", ""), "string")
    return _PLAIN[about["type"]]
