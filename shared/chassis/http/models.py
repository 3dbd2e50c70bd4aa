"""What goes in and out: closed models, and values that PostgreSQL can hold."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError

SMALLEST, BIGGEST = -(2**63), 2**63 - 1


class Command(BaseModel):
    """What a caller asks for. A field that is not declared is an error, never ignored."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=10_000
    )

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        _refuse_unstorable(value)
        return value


class View(BaseModel):
    """What a caller is told."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, ser_json_inf_nan="null"
    )


def _refuse_unstorable(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise PydanticCustomError("unstorable", "A text has no NUL character")
    elif isinstance(value, int):
        if not SMALLEST <= value <= BIGGEST:
            raise PydanticCustomError("unstorable", "A whole number has at most 64 bits")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(each)
    elif isinstance(value, Iterable) and not isinstance(value, bytes | BaseModel):
        for each in value:
            _refuse_unstorable(each)
