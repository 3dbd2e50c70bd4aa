"""What goes in and out: closed models, and values that PostgreSQL can hold."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    field_validator,
)
from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationError,
    core_schema,
    to_json,
)
from typing_extensions import override

SMALLEST, BIGGEST = -(2**63), 2**63 - 1
LONGEST_TEXT = 10_000  # where a field says nothing else
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_day(value: Any) -> Any:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("day", "A day is written as in 2026-01-31")
    return value


# Of a query: a bare `date` would also take 0 there, for 1970, and a time at midnight.
Day: TypeAlias = Annotated[date, BeforeValidator(_written_as_a_day)]


class Command(BaseModel):
    """What a caller asks for.

    A field that is not declared is an error, never ignored, and a value of another type than
    the declared one is never bent into it: no "7" or true for 7, no 0 for a date.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False
    )

    @classmethod
    @override
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        made = handler(source)
        model: Any = handler.resolve_ref_schema(made)
        while model["type"] != "model":  # in its own validators, if it has any
            model = model["schema"]
        fields = model["schema"]

        def look_first(data: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            """Look at it as the JSON that it was: only there is a date a text, and all strict."""
            if isinstance(data, dict):
                try:
                    written = to_json(data, inf_nan_mode="constants")
                except PydanticSerializationError:  # a text that is no Unicode: validate tells it
                    return validate(data)
                cls.model_validate_json(written, strict=True)
            return validate(data)

        checked = core_schema.no_info_wrap_validator_function(look_first, fields)
        model["schema"] = core_schema.json_or_python_schema(fields, checked)
        return made

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
        if len(value) > LONGEST_TEXT:
            raise PydanticCustomError(
                "too_long", "A text has at most {longest} characters", {"longest": LONGEST_TEXT}
            )
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
