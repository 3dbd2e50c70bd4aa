"""What cannot be used is refused with the field and the reason, and nothing of it is done."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from tests.security.operations import GUARDED, SERVICES, Asked, Json, Operation, kinds
from tests.security.world import World, request

WITH_BODY = [each for each in GUARDED if each.body]
WITH_VERSION = [each for each in GUARDED if "If-Match" in each.header_names]
WITH_KEY = [each for each in GUARDED if "Idempotency-Key" in each.header_names]
WITH_PATH = [each for each in GUARDED if each.parameters("path")]
WITH_QUERY = [each for each in GUARDED if each.parameters("query")]
LARGEST = 1024 * 1024
QUOTE = '"'

NOT_JSON = {
    "nothing": b"",
    "a half": b'{"reason": "because',
    "no JSON": b"reason=because",
    "two documents": b"{} {}",
    "not UTF-8": b'{"reason": "\xff\xfe"}',
    "UTF-16": '{"reason": "because"}'.encode("utf-16"),
    "deeper than anybody reads": b'{"reason":' * 100_000,
    "a list": b"[]",
    "a text": b'"because"',
    "null": b"null",
    "a number of a million digits": b"1" * 1_000_000,
}


@contextmanager
def undone(world: World, service: str) -> Iterator[None]:
    """Nothing has changed for the caller's partner, and no event was recorded."""
    outbox = "SELECT coalesce(max(id), 0) FROM outbox"
    before = world.checksums(service, world.changing), world.fetch(service, outbox)
    yield
    assert (world.checksums(service, world.changing), world.fetch(service, outbox)) == before


def hold_refused(answer: httpx2.Response, status: int, *fields: str) -> None:
    """The answer is a problem that names the fields, with what would be right."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    if status == 422:
        assert problem["errors"], answer.text
        assert all(each["field"] and each["reason"] for each in problem["errors"])
        assert "Traceback" not in answer.text
    named = {each["field"] for each in problem["errors"]}
    for field in fields:
        assert any(name == field or name.startswith(f"{field}.") for name in named), answer.text


def raw(world: World, asked: Asked, **sent: Any) -> httpx2.Response:
    """Send a request of which a part is none that a client library would make."""
    said = {"Content-Type": "application/json"} if "content" in sent else {}
    headers = world.changing.bearer() | asked.headers | said | sent.pop("headers", {})
    address = world.addresses[asked.operation.service] + sent.pop("path", asked.path)
    return world.http.request(asked.operation.method.upper(), address, headers=headers, **sent)


def with_field(asked: Asked, field: str, value: Any) -> bytes:
    """The body as it is sent, with another value in one field; ASCII, so that all can be said."""
    return json.dumps(asked.body | {field: value}).encode()


def fields_of(operation: Operation, *wanted: str) -> Iterator[str]:
    """The fields of the body that may hold one of these types or formats."""
    for name, schema in (operation.body or {}).get("properties", {}).items():
        for kind in kinds(operation, schema):
            plain = "const" not in kind and "enum" not in kind
            if plain and wanted and kind.get("format", kind.get("type")) in wanted:
                yield name
                break


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_that_is_no_json_object_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for sent in NOT_JSON.values():
            hold_refused(raw(world, asked, content=sent), 422)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_that_is_said_to_be_no_json_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    good = json.dumps(asked.body).encode()
    with undone(world, operation.service):
        for said in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = raw(world, asked, content=good, headers={"Content-Type": said})
            hold_refused(answer, 422, "body")
            assert "application/json" in answer.text


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_field_that_nobody_declared_is_refused_by_its_name(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in ("surprise", "partner_id", "version", "__class__"):
            hold_refused(raw(world, asked, content=with_field(asked, name, 1)), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_field_that_is_missing_is_named(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in (operation.body or {}).get("required", ()):
            left = {key: value for key, value in asked.body.items() if key != name}
            hold_refused(raw(world, asked, json=left), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_value_of_another_type_is_refused_by_its_fields_name(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in (operation.body or {})["properties"]:
            for value in ([{"x": [1]}], {"x": {"y": None}}, 0.5):
                if value == 0.5 and name in fields_of(operation, "number"):
                    continue
                answer = raw(world, asked, content=with_field(asked, name, value))
                hold_refused(answer, 422, name)
        for name in fields_of(operation, "string", "integer", "date", "uuid"):
            hold_refused(raw(world, asked, content=with_field(asked, name, True)), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_text_that_cannot_be_kept_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in fields_of(operation, "string"):
            for value in ("a\0b", "\ud800", "x" * 100_001):
                hold_refused(raw(world, asked, content=with_field(asked, name, value)), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_number_that_is_too_large_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in fields_of(operation, "integer", "number"):
            for written in (str(2**63), "9" * 4000, "1e400", "-1e400", "NaN", "Infinity"):
                body = with_field(asked, name, "HERE").replace(b'"HERE"', written.encode())
                answer = raw(world, asked, content=body)
                hold_refused(answer, 422, *([name] if "e" not in written.lower() else []))


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_day_that_there_is_not_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in fields_of(operation, "date"):
            for value in (
                "2026-02-30",
                "2025-02-29",
                "2026-13-01",
                "0000-01-01",
                "",
                "20260130",
                0,
            ):
                hold_refused(raw(world, asked, content=with_field(asked, name, value)), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_an_id_that_nobody_has_is_refused_by_its_fields_name(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing)
    with undone(world, operation.service):
        for name in fields_of(operation, "uuid"):
            for value in ("7", "not-an-id", 7):
                hold_refused(raw(world, asked, content=with_field(asked, name, value)), 422, name)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_of_more_than_a_mebibyte_is_refused_however_it_is_sent(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing)
    large = b'{"reason": "' + b"x" * LARGEST + b'"}'
    pieces = (large[at : at + 65536] for at in range(0, len(large), 65536))
    with undone(world, operation.service):
        hold_refused(raw(world, asked, content=large), 413)
        hold_refused(raw(world, asked, content=pieces), 413)  # chunked: no length is said


@pytest.mark.parametrize("operation", WITH_VERSION, ids=str)
def test_a_command_that_says_no_version_or_an_old_one_is_not_done(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing, turn=1)
    present = asked.headers.pop("If-Match")
    with undone(world, operation.service):
        hold_refused(raw(world, asked, json=asked.body), 428)
        for wrong in (
            "",
            "1",
            "*",
            'W/"1"',
            '"x"',
            '"-1"',
            '"1", "2"',
            f'"{2**63}"',
            '"' + "9" * 99,
        ):
            answer = raw(world, asked, json=asked.body, headers={"If-Match": wrong})
            hold_refused(answer, 422, "If-Match")
        if operation.path.endswith("/services/resume"):
            return  # it is serviced already: nothing is to be done, whatever version was seen
        stale = {"If-Match": f'"{int(present.strip(QUOTE)) + 1000}"'}
        answer = raw(world, asked, json=asked.body, headers=stale)
        hold_refused(answer, 412)
        assert answer.headers["ETag"] == present


@pytest.mark.parametrize("operation", WITH_KEY, ids=str)
def test_a_key_that_is_none_is_refused(world: World, operation: Operation) -> None:
    asked = request(world, operation, world.changing, turn=1)
    with undone(world, operation.service):
        for key in (b"", b"two words", b"x" * 201, "schlüssel".encode(), b"\x01"):
            answer = world.http.request(
                "POST",
                world.addresses[operation.service] + asked.path,
                headers=[
                    *((name.encode(), value.encode()) for name, value in
                      (world.changing.bearer() | asked.headers).items()
                      if name != "Idempotency-Key"),
                    (b"Idempotency-Key", key),
                ],
                json=asked.body,
            )  # fmt: skip
            if key == b"\x01":
                assert answer.status_code in {400, 422}  # the server itself may refuse it
            else:
                hold_refused(answer, 422, "Idempotency-Key")


@pytest.mark.parametrize("operation", WITH_PATH, ids=str)
def test_an_id_in_the_address_that_is_none_is_refused_and_one_that_nobody_has_is_not_there(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing, turn=1)
    parts = asked.path.split("/")
    with undone(world, operation.service):
        for at, template in enumerate(operation.path.split("/")):
            if not template.startswith("{"):
                continue
            for wrong in ("7", "x", "%20", "%FF", "..%2F..", "a" * 3000, "%F0%9F%98%80"):
                path = "/".join([*parts[:at], wrong, *parts[at + 1 :]])
                answer = raw(world, asked, path=path, json=asked.body)
                if answer.status_code == 404:  # an encoded slash makes it another address
                    hold_refused(answer, 404)
                else:
                    hold_refused(answer, 422, template.strip("{}"))
            nul = "/".join([*parts[:at], "%00", *parts[at + 1 :]])
            hold_refused(raw(world, asked, path=nul, json=asked.body), 422, "address")
            unknown = "/".join([*parts[:at], str(uuid4()), *parts[at + 1 :]])
            hold_refused(raw(world, asked, path=unknown, json=asked.body), 404)


def wrong_values(kind: Json) -> list[str]:
    """What a parameter of this kind cannot be."""
    if "enum" in kind:
        return ["surprise", ""]
    by_kind = {
        "integer": ["x", "", "1.5", "-1", "0x10", "9" * 30, "9" * 5000],
        "boolean": ["perhaps", "", "2"],
        "uuid": ["7", "x", ""],
        "date": [
            "2026-02-30",
            "0",
            "1767225600",
            "tomorrow",
            "2026-1-1",
            "2026-01-01T00:00:00",
            "",
        ],
        "array": ["\u2028", "x" * 5000],
    }
    if kind.get("type") == "string" and "format" not in kind:
        return ["x" * (kind["maxLength"] + 1)] if "maxLength" in kind else []
    return by_kind[str(kind.get("format", kind["type"]))]


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
def test_a_parameter_that_cannot_be_used_is_refused_by_its_name(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.changing)
    tried = 0
    for parameter in operation.parameters("query"):
        name = parameter["name"]
        for kind in kinds(operation, parameter["schema"]):
            for value in wrong_values(kind):
                tried += 1
                answer = raw(world, asked, params=asked.params | {name: value})
                hold_refused(answer, 422, name)
        for wrong in ("a%00b", "%00"):
            path = f"{asked.path}?{quote(name)}={wrong}"
            hold_refused(raw(world, asked, path=path), 422)
        broken = raw(world, asked, path=f"{asked.path}?{quote(name)}=%ff%fe")
        assert broken.status_code in {200, 422}, broken.text
    assert tried


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
def test_a_cursor_that_was_never_given_is_refused(world: World, operation: Operation) -> None:
    if "cursor" not in {each["name"] for each in operation.parameters("query")}:
        return
    asked = request(world, operation, world.changing)
    for cursor in ("x", "e30", "W10", "bnVsbA", "WyItZHVlX2F0Il0", "\u00ff", "_" * 999, "[" * 400):
        answer = raw(world, asked, params=asked.params | {"cursor": cursor})
        hold_refused(answer, 422, "cursor")


@pytest.mark.parametrize("service", SERVICES)
def test_an_address_or_a_method_that_there_is_not_is_a_problem_too(
    world: World, service: str
) -> None:
    for path in ("/", "/nowhere", "/clients/", "/%2e%2e/etc/passwd", "/" + "x" * 5000):
        answer = world.http.get(world.addresses[service] + path, headers=world.changing.bearer())
        hold_refused(answer, 404)
    for operation in [each for each in GUARDED if each.service == service]:
        asked = request(world, operation, world.changing, turn=2)
        answer = world.http.request(
            "PATCH", world.addresses[service] + asked.path, headers=world.changing.bearer()
        )
        hold_refused(answer, 405)
        assert operation.method.upper() in answer.headers["Allow"]
