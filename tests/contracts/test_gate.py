"""The gate lets a contract grow and refuses, with the reason, what would break a reader."""

import json
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import jsoncompat
import pytest
from pydantic import BaseModel, Field, create_model

from shared.contracts import gate


class Part(BaseModel):
    name: str
    amount: int = 0


class PartWithColour(Part):
    colour: str = ""


class PartThatMustHaveColour(Part):
    colour: str


class PartOfText(BaseModel):
    name: str
    amount: str = ""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def schema(**fields: Any) -> gate.Schema:
    """A contract with one required field, and these besides."""
    model = create_model("Thing", thing_id=(UUID, ...), **fields)
    return model.model_json_schema(mode="serialization")


def required(kind: Any) -> tuple[Any, Any]:
    return (kind, ...)


BEFORE, AFTER = "old reader", "replay"
OPTIONAL = (str | None, None)
LIMITED = required(Annotated[int, Field(ge=1, le=9)])

# What changes; which directions refuse it; the reason, in words.
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], set[str], str]] = [
    ("an optional field is added", {}, {"note": OPTIONAL}, set(), ""),
    (
        "a required field is added",
        {},
        {"note": required(str)},
        {AFTER},
        "note is required, but may be missing",
    ),
    (
        "a value is added to an enumeration",
        {"size": required(Literal["s", "m"])},
        {"size": required(Literal["s", "m", "l"])},
        {BEFORE},
        "size may be 'l', where one of ['s', 'm'] is expected",
    ),
    (
        "a value is taken from an enumeration",
        {"size": required(Literal["s", "m"])},
        {"size": required(Literal["s"])},
        {AFTER},
        "size may be 'm', where one of ['s'] is expected",
    ),
    (
        "a type changes",
        {"size": required(int)},
        {"size": required(str)},
        {BEFORE, AFTER},
        "size may be string, where integer is expected",
    ),
    (
        "a required field becomes optional",
        {"note": required(str)},
        {"note": (str, "")},
        {BEFORE},
        "note is required, but may be missing",
    ),
    (
        "a field may be null",
        {"note": required(str)},
        {"note": required(str | None)},
        {BEFORE},
        "note may be null, where string is expected",
    ),
    (
        "a field may be null no longer",
        {"note": required(str | None)},
        {"note": required(str)},
        {AFTER},
        "note may be null, where string is expected",
    ),
    (
        "a required field is removed",
        {"note": required(str)},
        {},
        {BEFORE, "promise"},
        "note was published and is gone or renamed",
    ),
    (
        "an optional field is removed",
        {"note": OPTIONAL},
        {},
        {"promise"},
        "note was published and is gone or renamed",
    ),
    (
        "an optional field is renamed",
        {"note": OPTIONAL},
        {"remark": OPTIONAL},
        {"promise"},
        "note was published and is gone or renamed",
    ),
    (
        "a text becomes an enumeration",
        {"size": required(str)},
        {"size": required(Literal["s"])},
        {AFTER},
        "size may be any string, where one of ['s'] is expected",
    ),
    (
        "a format appears",
        {"day": required(str)},
        {"day": required(date)},
        {AFTER},
        "day has no format, where date is expected",
    ),
    (
        "a format changes",
        {"day": required(date)},
        {"day": required(UUID)},
        {BEFORE, AFTER},
        "day has format uuid, where date is expected",
    ),
    (
        "a pattern appears",
        {"code": required(str)},
        {"code": required(Annotated[str, Field(pattern="^[A-Z]{3}$")])},
        {AFTER},
        "code has no pattern, where ^[A-Z]{3}$ is expected",
    ),
    (
        "a range narrows",
        {"size": LIMITED},
        {"size": required(Annotated[int, Field(ge=2, le=9)])},
        {AFTER},
        "size has minimum 1, where 2 is expected",
    ),
    (
        "a range widens",
        {"size": LIMITED},
        {"size": required(Annotated[int, Field(ge=1, le=10)])},
        {BEFORE},
        "size has maximum 10, where 9 is expected",
    ),
    (
        "a list may hold fewer",
        {"names": required(Annotated[list[str], Field(min_length=1)])},
        {"names": required(list[str])},
        {BEFORE},
        "names has no minItems, where 1 is expected",
    ),
    (
        "an integer becomes a number",
        {"size": required(int)},
        {"size": required(float)},
        {BEFORE},
        "size may be number, where integer is expected",
    ),
    (
        "a part gets an optional field",
        {"parts": required(tuple[Part, ...])},
        {"parts": required(tuple[PartWithColour, ...])},
        set(),
        "",
    ),
    (
        "a part loses a field",
        {"parts": required(tuple[PartWithColour, ...])},
        {"parts": required(tuple[Part, ...])},
        {"promise"},
        "parts[].colour was published and is gone or renamed",
    ),
    (
        "a part gets a required field",
        {"part": (Part | None, None)},
        {"part": (PartThatMustHaveColour | None, None)},
        {AFTER},
        "part.colour is required, but may be missing",
    ),
    (
        "a type changes in a part that may be null",
        {"part": (Part | None, None)},
        {"part": (PartOfText | None, None)},
        {BEFORE, AFTER},
        "part.amount may be string, where integer is expected",
    ),
    (
        "a default changes",
        {"size": (int, 1)},
        {"size": (int, 2)},
        {AFTER},
        "size had the default 1 and has 2",
    ),
    (
        "the values of a map change",
        {"sizes": required(dict[str, int])},
        {"sizes": required(dict[str, str])},
        {BEFORE, AFTER},
        "sizes.* may be string, where integer is expected",
    ),
    (
        "one of two kinds of value is lost",
        {"size": required(int | str)},
        {"size": required(int | bool)},
        {BEFORE, AFTER},
        "size may be boolean, where integer or string is expected",
    ),
    (
        "an enumeration is named",
        {"colour": required(Literal["red", "blue"])},
        {"colour": required(Colour)},
        set(),
        "",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "refused", "reason"),
    [pytest.param(*row[1:], id=row[0]) for row in TABLE],
)
def test_a_change_passes_or_is_refused_with_its_reason(
    old: dict[str, Any], new: dict[str, Any], refused: set[str], reason: str
) -> None:
    found = gate.breaches(schema(**old), schema(**new))

    assert {breach.direction for breach in found} == refused
    assert any(str(breach).startswith(reason) for breach in found) or not refused


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_where_jsoncompat_refuses_so_do_our_rules(row: Any) -> None:
    """It judges every change too; what it alone refuses would have no reason in words."""
    old, new = schema(**row[1]), schema(**row[2])
    for direction, writer, reader in ((BEFORE, new, old), (AFTER, old, new)):
        closed, opened = json.dumps(gate.closed(writer)), json.dumps(reader)
        if not jsoncompat.check_compat(closed, opened, "deserializer"):
            assert direction in row[3]


def test_a_change_that_only_jsoncompat_understands_is_refused_too() -> None:
    old = schema(size=required(int))
    new = schema(size=required(int))
    new["properties"]["size"] = {"type": "integer", "not": {"const": 3}}

    found = gate.breaches(old, new)

    assert AFTER in {breach.direction for breach in found}
    assert all("jsoncompat" in breach.reason for breach in found)


def test_words_for_people_may_change_and_make_no_new_revision() -> None:
    old = schema(description=required(Annotated[str, Field(description="What it is.")]))
    new = schema(
        description=required(Annotated[str, Field(description="What it was.", examples=["x"])])
    )

    assert gate.breaches(old, new) == []
    assert gate.shape(old) == gate.shape(new)
    assert "description" in gate.shape(old)["properties"]


@pytest.mark.parametrize("what", ["topic", "key", "subject"])
def test_another_topic_key_or_subject_is_refused(what: str) -> None:
    place = {"topic": "a.events.v1", "key": "client_id", "subject": "client_id"}
    old, new = schema(), schema()
    old["x-event"], new["x-event"] = place, place | {what: "other"}

    [breach] = gate.breaches(old, new)

    assert str(breach).startswith(f"the event had the {what} {place[what]!r} and has 'other'")


def test_a_writer_is_closed_at_every_depth() -> None:
    shut = gate.closed(schema(part=(Part | None, None), parts=required(tuple[Part, ...])))

    assert shut["additionalProperties"] is False
    assert shut["$defs"]["Part"]["additionalProperties"] is False
