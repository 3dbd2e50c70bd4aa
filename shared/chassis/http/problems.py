"""What a caller is told when something is wrong: problem details (RFC 9457), never internals."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from asyncpg.exceptions._base import DataError as UnsendableError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shared.chassis.failures import time_mends
from shared.chassis.identity import KeysAway, Unauthenticated

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
LONGEST_VALUE = 200
RETRY_SECONDS = 5
NO_JSON = "a JSON object, and it should say so: Content-Type: application/json"


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(description="Where: a dotted path in the body, or a parameter's name.")
    reason: str = Field(description="What would be right.")
    value: Any = Field(default=None, description="What was sent, shortened.")


class Problem(BaseModel):
    """Problem details as RFC 9457 has them."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(ge=400, le=599)
    detail: str = Field(default="", description="What is the matter, in a sentence.")
    errors: list[FieldError] = Field(default_factory=list)


class Stale(Exception):  # noqa: N818 - says what the request is
    """The caller saw an older version than there is now: 412."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the thing is at version {current} by now")
        self.current = current


class Invalid(Exception):  # noqa: N818 - says what the request is
    """Something in the request cannot be used: 422 with the field, the value and the reason."""

    def __init__(self, field: str, reason: str, value: Any = None) -> None:
        super().__init__(f"{field}: {reason}")
        self.error = FieldError(field=field, reason=reason, value=showable(value))


def showable(value: Any) -> Any:
    """Shorten a value so that it can be said again, whatever it is."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        text = repr(value) if abs(value) < 1e15 else "a very large number"  # noqa: PLR2004 - what JSON readers keep exactly
        return value if isinstance(value, int) and len(text) <= 16 else text  # noqa: PLR2004
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def problem(
    status: int,
    detail: str = "",
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer."""
    body = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors)
    )
    return Response(
        body.model_dump_json(),
        status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def _path(location: Sequence[Any]) -> str:
    """Name the place as the caller wrote it: without the part of the request it is in."""
    inside = location[1:] if location and location[0] in _PARTS else location
    return ".".join(str(part) for part in inside) or str(location[0] if location else "body")


_PARTS = ("body", "query", "path", "header", "cookie")


def _field_errors(error: RequestValidationError) -> list[FieldError]:
    told = []
    for each in error.errors():
        if each["type"] == "json_invalid":
            reason = f"JSON that can be read: {each.get('ctx', {}).get('error', '')}"
            told.append(FieldError(field="body", reason=f"{reason} at character {each['loc'][-1]}"))
            continue
        if each["type"] == "model_attributes_type" and isinstance(each.get("input"), bytes):
            told.append(FieldError(field="body", reason=NO_JSON))
            continue
        value = None if each["type"] == "missing" else showable(each.get("input"))
        told.append(
            FieldError(
                field=_path(each["loc"]),
                reason=each["msg"].removeprefix("Value error, "),
                value=value,
            )
        )
    return told


async def _unprocessable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    errors = _field_errors(error)
    return problem(422, _sentence(errors), errors)


def _sentence(errors: Sequence[FieldError]) -> str:
    return "; ".join(f"{each.field}: {each.reason}" for each in errors[:3])


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, Invalid)  # noqa: S101 - registered for it
    return problem(422, str(error), [error.error])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(405, headers={"Allow": _allowed(request)})
    if error.status_code == HTTPStatus.BAD_REQUEST:
        reason = "JSON in UTF-8 that can be read"
        return problem(422, f"body: {reason}", [FieldError(field="body", reason=reason)])
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return problem(error.status_code, detail, headers=error.headers)


def _allowed(request: Request) -> str:
    """Every method of an address; Starlette would name those of one of its routes."""
    path = request.scope["path"]
    routes = [each for each in request.app.state.addresses if each.path_regex.match(path)]
    return ", ".join(sorted({method for each in routes for method in each.methods})) or "GET"


async def _unauthenticated(_: Request, error: Exception) -> Response:
    challenge = f'Bearer error="invalid_token", error_description="{error}"'.replace("`", "'")
    return problem(401, str(error), headers={"WWW-Authenticate": challenge})


async def _stale(_: Request, error: Exception) -> Response:
    assert isinstance(error, Stale)  # noqa: S101 - registered for it
    return problem(412, str(error), headers={"ETag": f'"{error.current}"'})


async def _refused(_: Request, error: Exception) -> Response:
    field, reason = str(getattr(error, "field", "")), str(getattr(error, "reason", error))
    value = showable(getattr(error, "value", None))
    status = int(getattr(error, "status", 422))
    return problem(status, reason, [FieldError(field=field, reason=reason, value=value)])


async def _away(request: Request, error: Exception) -> Response:
    log.warning("unavailable", path=_route(request), reason=repr(error))
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return problem(503, "Try again in a few seconds.", headers=headers)


async def _out_of_range(request: Request, error: Exception) -> Response:
    """The database cannot hold a value: models should have said so first."""
    log.error("value_refused_by_database", path=_route(request), exc_info=error)
    reason = "values that can be stored: a number is too large or a text has a forbidden character"
    return problem(422, reason, [FieldError(field="request", reason=reason)])


async def broken(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=_route(request), exc_info=error)
    return problem(500, "Something went wrong here. It has been recorded.")


def _route(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", "none"))


async def _unexpected(request: Request, error: Exception) -> Response:
    """A database or a network that is away passes by itself; anything else is a bug."""
    # asyncpg has one class for a lost connection and for a bug; its text tells them apart.
    lost = any(word in str(error) for word in ("closed", "closing", "terminated", "lost"))
    mends = isinstance(error, KeysAway) or time_mends(error, connection_lost=lost)
    return await (_away if mends else broken)(request, error)


def install(app: FastAPI, refused: type[Exception]) -> None:
    """Answer every failure with problem details."""
    app.add_exception_handler(RequestValidationError, _unprocessable)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Invalid, _invalid)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(Stale, _stale)
    app.add_exception_handler(refused, _refused)
    for unstorable in (asyncpg.DataError, UnsendableError):
        app.add_exception_handler(unstorable, _out_of_range)
    for outside in (
        KeysAway,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ):
        app.add_exception_handler(outside, _unexpected)
    for bug in (FileNotFoundError, PermissionError):
        app.add_exception_handler(bug, broken)
