"""The description of an API: every operation says which problems it answers with."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.chassis.http.idempotency import HEADER, LONGEST_KEY
from shared.chassis.http.problems import MEDIA_TYPE, FieldError, Problem

MEANINGS = {
    401: "No token, or one that proves nothing.",
    403: "The caller's role may not do this.",
    404: "There is no such thing for this partner.",
    409: "The thing's state does not allow it.",
    412: "The thing has changed since it was read; the answer's `ETag` is the present one.",
    413: "The body is larger than is accepted.",
    422: "Something in the request cannot be used; `errors` says what and why.",
    428: "`If-Match` is missing.",
    429: "The partner asks too often; `Retry-After` says when to try again.",
    503: "Out of order for a moment; `Retry-After` says when to try again.",
}
METHODS = frozenset({"get", "put", "post", "delete", "patch"})
SCHEMA = "#/components/schemas/"


def describe(app: FastAPI) -> dict[str, Any]:
    """Make the OpenAPI document, once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        _describe_problems(document)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_problems(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (FieldError, Problem):
        made = model.model_json_schema(ref_template=SCHEMA + "{model}")
        made.pop("$defs", None)
        schemas[model.__name__] = made
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if method in METHODS and not operation.pop("x-probe", False):
                _add_key(method, operation)
                _require_version(operation)
                _add_problems(path, method, operation)


def _add_key(method: str, operation: dict[str, Any]) -> None:
    if method == "post" and operation.get("security"):
        operation.setdefault("parameters", []).append(
            {
                "name": HEADER,
                "in": "header",
                "required": False,
                "description": "Names the command, so that sending it twice does it once.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST_KEY,
                    "pattern": "^[!-~]+$",
                },
            }
        )


def _require_version(operation: dict[str, Any]) -> None:
    """Say that `If-Match` has to be there; the code takes it as optional to answer with 428."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"].lower() == "if-match":
            parameter["name"], parameter["required"] = "If-Match", True
            parameter["schema"] = {"type": "string", "pattern": '^"[0-9]{1,18}"$'}


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    answers = operation.setdefault("responses", {})
    for status in _statuses(path, method, operation):
        answers[str(status)] = {
            "description": answers.get(str(status), {}).get("description", MEANINGS[status])
            if status != 422  # noqa: PLR2004 - FastAPI's own words for it say nothing
            else MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMA}Problem"}}},
        }


def _statuses(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    if operation.get("security"):
        yield from (401, 403, 429)
    if "{" in path:
        yield 404
    if method != "get":
        yield 409
    if "requestBody" in operation:
        yield 413
    if "requestBody" in operation or operation.get("parameters"):
        yield 422
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    if "if-match" in names:
        yield from (412, 428)
    yield 503
