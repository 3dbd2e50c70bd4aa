"""Two partners, every operation of every service: neither reads nor changes what is the other's.

The operations come from the OpenAPI documents, so a new one is held to this without a word here;
one that no request can be made for fails under its name.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.security.operations import GUARDED, Asked, Operation, kinds
from tests.security.world import World, foreign_ids, request

LISTS = [each for each in GUARDED if any(p["name"] == "cursor" for p in each.parameters("query"))]
OF_SOMETHING = [each for each in GUARDED if each.parameters("path")]
SHORT = {  # lists of which no partner has two items on the day of the sample
    "/blocked",
    "/clients/{client_id}/owner/history",
    "/tier/history",
    "/tier/reviews",
}
TURNS = 4
COMMANDS = [each for each in GUARDED if "Idempotency-Key" in each.header_names]


def told(answer: httpx2.Response) -> str:
    """All that an answer tells."""
    return f"{dict(answer.headers)} {answer.text}"


def hold_apart(world: World, asked: Asked, answer: httpx2.Response) -> None:
    """Nothing of the hidden partner's is in the answer, and nothing of theirs has changed."""
    operation = asked.operation
    leaked = world.canaries.in_text(told(answer), but=asked.sent)
    assert not leaked, f"{operation} told {leaked}"
    now = world.checksums(operation.service, world.hidden)
    assert now == world.before[operation.service], f"{operation} changed what is another's"


def hold_own(world: World, service: str) -> None:
    """Nothing of the hidden partner's has got among the rows or the events of the asking one."""
    own = str(world.dump(service, world.asking))
    assert not world.canaries.in_text(own)


@pytest.mark.parametrize("operation", OF_SOMETHING, ids=str)
def test_what_is_another_partners_is_not_there(world: World, operation: Operation) -> None:
    for turn in range(2):
        asked = request(world, operation, world.hidden, turn=turn)
        for role in ("admin", "staff"):
            answer = world.send(asked, world.asking, role)

            refused = role not in operation.roles
            assert answer.status_code == (403 if refused else 404), told(answer)
            hold_apart(world, asked, answer)
    hold_own(world, operation.service)


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_the_same_request_is_answered_to_the_one_whose_it_is(
    world: World, operation: Operation
) -> None:
    """Without this, a 404 to everybody would look like a wall between partners."""
    asked = request(world, operation, world.changing)

    answer = world.send(asked, world.changing)

    assert answer.status_code < 300, told(answer)
    assert not world.canaries.in_text(told(answer), but=asked.sent)


@pytest.mark.parametrize(
    "operation", [each for each in GUARDED if each not in OF_SOMETHING], ids=str
)
def test_what_has_no_id_is_about_the_callers_partner_alone(
    world: World, operation: Operation
) -> None:
    asked = request(world, operation, world.asking)
    for each in (asked, *searches(world, asked)):
        answer = world.send(each, world.asking)

        assert answer.status_code < 500, told(answer)
        hold_apart(world, each, answer)


def searches(world: World, asked: Asked) -> Iterator[Asked]:
    """For each free text that may be searched for: a name, an address and an id of the other's."""
    client = world.get("clients", "/clients", world.hidden, limit=1)["items"][0]
    for parameter in asked.operation.parameters("query"):
        for kind in kinds(asked.operation, parameter["schema"]):
            if kind.get("type") == "string" and "enum" not in kind and "format" not in kind:
                for word in (client["name"], client["domain"], client["client_id"]):
                    yield replace(asked, params=asked.params | {parameter["name"]: word})


@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_a_cursor_of_another_partner_leads_to_nothing_of_theirs(
    world: World, operation: Operation
) -> None:
    tried = 0
    for first in pages(world, operation):
        answer = world.send(first, world.hidden)
        assert answer.status_code == 200, told(answer)
        if cursor := answer.json()["next"]:
            own = request(world, operation, world.asking)
            stolen = replace(own, params=first.params | {"cursor": cursor, "limit": 200})
            answer = world.send(stolen, world.asking)

            tried += 1
            assert answer.status_code == 200, told(answer)
            hold_apart(world, stolen, answer)
    assert tried or operation.path in SHORT, "the other partner's list is too short to try"


def pages(world: World, operation: Operation) -> Iterator[Asked]:
    """The first page of one item, in each order, of some of the hidden partner's things."""
    [orders] = [
        p["schema"].get("enum", [p["schema"].get("default")])
        for p in operation.parameters("query")
        if p["name"] == "sort"
    ] or [[None]]
    for turn in range(TURNS if operation in OF_SOMETHING else 1):
        asked = request(world, operation, world.hidden, turn=turn)
        for order in orders:
            ordered = {"sort": order} if order else {}
            yield replace(asked, params=asked.params | ordered | {"limit": 1})


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_ids_of_another_partner_within_a_request_find_nothing_and_are_kept_nowhere(
    world: World, operation: Operation
) -> None:
    foreign = foreign_ids(world, operation, world.hidden)
    if not foreign:
        assert all(each.get("format") != "uuid" for each in deep(operation.body or {}, operation))
        return
    for asked in with_each(request(world, operation, world.asking), foreign):
        answer = world.send(asked, world.asking)

        assert answer.status_code < 500, told(answer)
        if operation.changes:
            assert answer.status_code in {409, 422}, told(answer)
        hold_apart(world, asked, answer)
    hold_own(world, operation.service)


def deep(schema: dict[str, Any], operation: Operation) -> Iterator[dict[str, Any]]:
    """A schema and all within it."""
    schema = operation.resolve(schema)
    yield schema
    for key in ("properties", "$defs"):
        for each in schema.get(key, {}).values():
            yield from deep(each, operation)
    for each in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])):
        yield from deep(each, operation)


def with_each(asked: Asked, foreign: dict[str, str]) -> Iterator[Asked]:
    """The request with each id in its place, and with each choice that the body offers."""
    body = (asked.operation.body or {}).get("properties", {})
    choices = [
        {name: value}
        for name, schema in body.items()
        for value in asked.operation.resolve(schema).get("enum", ())
    ]
    for name, value in foreign.items():
        if name in body:
            for choice in choices or [{}]:
                yield replace(asked, body=asked.body | choice | {name: value})
        else:
            yield replace(asked, params=asked.params | {name: value})


@pytest.mark.parametrize("operation", COMMANDS, ids=str)
def test_the_answer_kept_under_another_partners_key_is_not_given_away(
    world: World, operation: Operation
) -> None:
    said = world.said_by_hidden[str(operation)]
    again = world.send(said, world.hidden)
    assert again.headers.get("Idempotency-Replayed") == "true", told(again)

    answer = world.send(said, world.asking)

    if operation not in OF_SOMETHING:  # it makes a thing of the caller's own
        assert answer.status_code < 300, told(answer)
        assert answer.json() != again.json()
        hold_apart(world, said, answer)
        return
    assert answer.status_code == 404, told(answer)
    assert "Idempotency-Replayed" not in answer.headers
    hold_apart(world, said, answer)

    own = request(world, operation, world.asking)
    own.headers["Idempotency-Key"] = said.headers["Idempotency-Key"]
    answer = world.send(own, world.asking)
    assert "Idempotency-Replayed" not in answer.headers
    assert answer.status_code != 422, "the key of another partner is taken here"
    hold_apart(world, own, answer)


def test_what_a_partner_does_is_told_of_that_partner_alone(world: World) -> None:
    for service in world.addresses:
        before = world.fetch(service, "SELECT coalesce(max(id), 0) FROM outbox")[0][0]
        for operation in [each for each in GUARDED if each.service == service and each.changes]:
            world.send(request(world, operation, world.asking, turn=3), world.asking)

        said = world.fetch(
            service,
            "SELECT key, headers::text AS headers, convert_from(payload, 'UTF8') AS payload"
            " FROM outbox WHERE id > $1",
            before,
        )
        assert said or service in {"tiers", "notifications", "webhooks"}
        for row in said:
            assert not world.canaries.in_text(f"{row['key']} {row['headers']} {row['payload']}")


def test_what_is_counted_and_summed_is_the_callers_alone(world: World) -> None:
    """A figure has no name in it that could tell whose it is."""
    for partner in world.partners:
        own = partner.partner_id
        counted = "SELECT count(*) FROM messages WHERE partner_id = $1"
        [[messages]] = world.fetch("notifications", counted, own)
        assert world.get("notifications", "/messages/summary", partner)["total"] == messages > 0
        upcoming = world.get("renewals", "/renewals", partner, upcoming="true", limit=200)["items"]
        assert world.get("renewals", "/renewals/count", partner)["upcoming"] == len(upcoming) > 0
        summed = "SELECT currency, sum(sold) FROM sums WHERE partner_id = $1 GROUP BY currency"
        behind = world.get("tiers", "/tier/contributions", partner, figure="sold", limit=200)
        sold: dict[str, Decimal] = defaultdict(Decimal)
        for row in behind["items"]:
            sold[row["currency"]] += Decimal(row["credit"])
        found = {row["currency"]: row["sum"] for row in world.fetch("tiers", summed, own)}
        assert sold == {currency: amount for currency, amount in found.items() if amount}
        assert sold
