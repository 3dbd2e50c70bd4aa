"""Whatever the gate lets pass can be read: by the class, and by anyone who holds the schema."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]  # it has none
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from shared.contracts import gate


class Part(BaseModel):
    amount: int
    word: str = ""


class RicherPart(Part):
    colour: Literal["red", "blue"] = "red"


_PARTS = st.builds(Part, amount=st.integers(0, 9), word=st.text(max_size=3))
_RICHER = st.builds(RicherPart, amount=st.integers(0, 9))
Kind = tuple[Any, st.SearchStrategy[Any]]
FAMILIES: list[list[Kind]] = [
    [
        (int, st.integers(-99, 99)),
        (Annotated[int, Field(ge=1, le=9)], st.integers(1, 9)),
        (Annotated[int, Field(ge=0, le=20)], st.integers(0, 20)),
        (float, st.floats(-9, 9)),
        (int | None, st.none() | st.integers(-99, 99)),
    ],
    [
        (str, st.text(max_size=4)),
        (Annotated[str, Field(pattern="^[A-Z]{3}$")], st.sampled_from(["USD", "EUR"])),
        (Annotated[str, Field(max_length=2)], st.text(max_size=2)),
        (str | None, st.none() | st.text(max_size=2)),
    ],
    [
        (str, st.text(max_size=4)),
        (Literal["a", "b"], st.sampled_from("ab")),
        (Literal["a", "b", "c"], st.sampled_from("abc")),
    ],
    [(str, st.text(max_size=4)), (date, st.dates()), (UUID, st.uuids())],
    [
        (tuple[int, ...], st.lists(st.integers(), max_size=2).map(tuple)),
        (tuple[str, ...], st.lists(st.text(max_size=2), max_size=2).map(tuple)),
        (tuple[Part, ...], st.lists(_PARTS, max_size=2).map(tuple)),
        (tuple[RicherPart, ...], st.lists(_RICHER, max_size=2).map(tuple)),
    ],
    [(Part | None, st.none() | _PARTS), (RicherPart | None, st.none() | _RICHER)],
]


@dataclass(frozen=True)
class Version:
    """One version of a contract, and something that was written by it."""

    model: type[BaseModel]
    written: str

    @property
    def schema(self) -> gate.Schema:
        return self.model.model_json_schema(mode="serialization")

    def reads(self, other: "Version") -> None:
        value = self.model.model_validate_json(other.written)
        assert isinstance(value, self.model)
        jsonschema.validate(
            other.model.model_validate_json(other.written).model_dump(mode="json"),
            self.schema,
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        )


@st.composite
def versions(draw: st.DrawFn, families: list[list[Kind]] = FAMILIES) -> Version:
    """A contract with a field of some families, required or not, and one of its records."""
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for number, family in enumerate(families):
        kind, value = draw(st.sampled_from(family))
        if draw(st.booleans()):
            values[f"f{number}"] = draw(value)
            fields[f"f{number}"] = (kind, ... if draw(st.booleans()) else values[f"f{number}"])
    model = create_model("Thing", **fields)
    return Version(model, model(**values).model_dump_json())


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(FAMILIES))
def test_what_passes_the_gate_is_read(data: st.DataObject, family: list[Kind]) -> None:
    old, new = data.draw(versions([family])), data.draw(versions([family]))
    refused = {breach.direction for breach in gate.breaches(old.schema, new.schema)}

    if "old reader" not in refused:
        old.reads(new)
    if "replay" not in refused:
        new.reads(old)


@settings(max_examples=50, deadline=None)
@given(version=versions())
def test_no_change_is_no_breach(version: Version) -> None:
    assert gate.breaches(version.schema, version.schema) == []
