"""What a request may see, change and be told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.databases import Addresses
from tests import tokens
from tests.chassis.gadgets.running import (
    ADMIN,
    ANN,
    BOB,
    OURS,
    THEIRS,
    Service,
    make,
    make_app,
    serving,
    settings_for,
)


async def test_a_request_acts_as_the_tenant_role_of_its_partner(service: Service) -> None:
    answer = await service.http.get("/gadgets/whoami/now", headers=ADMIN)
    assert answer.json() == {"role": "gadgets_tenant", "login": "gadgets", "partner": str(OURS)}


async def test_a_partner_neither_sees_nor_changes_what_is_anothers(service: Service) -> None:
    made = (await make(service)).json()
    foreign = tokens.bearer(BOB, THEIRS)

    shown = await service.http.get(f"/gadgets/{made['id']}", headers=foreign)
    renamed = await service.http.put(
        f"/gadgets/{made['id']}/name", json={"name": "x"}, headers=foreign | {"If-Match": '"1"'}
    )
    listed = await service.http.get("/gadgets", headers=foreign)
    unknown = await service.http.get(f"/gadgets/{uuid4()}", headers=foreign)

    assert (shown.status_code, renamed.status_code) == (404, 404)
    assert shown.json() == unknown.json()
    assert listed.json() == {"items": [], "next": None}
    assert [row["name"] for row in await service.sql("SELECT name FROM gadgets")] == ["Cog"]


async def test_partners_in_turn_on_one_pool_never_get_each_others_rows(service: Service) -> None:
    partners = {OURS: "a", THEIRS: "b"}
    for partner, name in partners.items():
        await service.http.post(
            "/gadgets", json={"name": name}, headers=tokens.bearer(ANN, partner)
        )

    async def names(partner: UUID) -> list[str]:
        answer = await service.http.get("/gadgets", headers=tokens.bearer(ANN, partner))
        return [each["name"] for each in answer.json()["items"]]

    asked = list(partners) * 20
    seen = await asyncio.gather(*(names(partner) for partner in asked))
    assert seen == [[partners[partner]] for partner in asked]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "carries no token"),
        ({"Authorization": "Basic YTpi"}, "carries no token"),
        ({"Authorization": "Bearer nonsense"}, "no token"),
        ({"Authorization": "Bearer " + tokens.token(ANN, OURS, exp=1)}, "expired"),
    ],
)
async def test_who_does_not_prove_who_he_is_gets_a_challenge(
    service: Service, headers: dict[str, str], reason: str
) -> None:
    answer = await service.http.get("/gadgets", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize(
    ("role", "made", "renamed"), [("admin", 201, 200), ("member", 201, 403), ("staff", 403, 403)]
)
async def test_each_role_may_do_what_is_its_own(
    service: Service, role: Any, made: int, renamed: int
) -> None:
    gadget = (await make(service)).json()["id"]
    headers = tokens.bearer(BOB, OURS, role)
    assert (await service.http.get("/gadgets", headers=headers)).status_code == 200
    answer = await service.http.post("/gadgets", json={"name": "x"}, headers=headers)
    assert answer.status_code == made
    answer = await service.http.put(
        f"/gadgets/{gadget}/name", json={"name": "x"}, headers=headers | {"If-Match": '"1"'}
    )
    assert answer.status_code == renamed


BAD_BODIES = [
    (b"{not json", "body", "JSON that can be read"),
    (b"", "body", "Field required"),
    (b'{"name": "\xff"}', "body", "UTF-8"),
    (b"[" * 100_000, "body", "JSON in UTF-8"),
    (b'{"name": "x", "weight": ' + b"9" * 5000 + b"}", "body", "JSON in UTF-8"),
    (b'{"name": "x", "surprise": 1}', "surprise", "Extra inputs"),
    (b'{"name": 7}', "name", "valid string"),
    (b'{"name": ""}', "name", "at least 1 character"),
    (b'{"name": "a\\u0000b"}', "name", "NUL"),
    (b'{"name": "x", "tags": ["a\\u0000b"]}', "tags", "NUL"),
    (b'{"name": "\\ud800"}', "name", "unicode"),
    (b'{"name": "x", "weight": 9223372036854775808}', "weight", "64 bits"),
    (b'{"name": "x", "weight": 1e400}', "weight", "valid integer"),
    (b'{"name": "x", "made": "2026-02-30"}', "made", "valid date"),
    (b'{"name": "x", "price": "NaN"}', "price", "finite"),
    (b'{"name": {"a": NaN}}', "name", "valid string"),
    (b'{"name": "x", "weight": true}', "weight", "valid integer"),
    (b'{"name": "x", "weight": "7"}', "weight", "valid integer"),
    (b'{"name": "x", "weight": 1.5}', "weight", "valid integer"),
    (b'{"name": "x", "made": 0}', "made", "valid date"),
    (b'{"name": "x", "tags": "abc"}', "tags", "valid tuple"),
    (b'{"name": "x", "tags": [1]}', "tags.0", "valid string"),
    (b'{"name": "x", "tags": ["' + b"x" * 10_001 + b'"]}', "tags", "at most 10000"),
    (b'"text"', "body", "valid dictionary"),
]


@pytest.mark.parametrize(
    ("body", "field", "reason"), BAD_BODIES, ids=[str(b[0][:30]) for b in BAD_BODIES]
)
async def test_what_cannot_be_used_is_refused_with_field_and_reason(
    service: Service, body: bytes, field: str, reason: str
) -> None:
    answer = await service.http.post(
        "/gadgets", content=body, headers=ADMIN | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [told] = answer.json()["errors"]
    assert told["field"] == field
    assert reason in told["reason"]
    assert await service.sql("SELECT 1 FROM gadgets") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/gadgets/no-uuid", "gadget"),
        ("/gadgets/by-number/9223372036854775808", "request"),
        ("/gadgets/by-number/1.5", "number"),
        ("/gadgets?limit=0", "limit"),
        ("/gadgets?limit=201", "limit"),
        ("/gadgets?sort=price", "sort"),
        ("/gadgets?cursor=%00", "address"),
        ("/gadgets/a%00b", "address"),
    ],
)
async def test_a_bad_address_is_refused_with_the_parameter(
    service: Service, path: str, field: str
) -> None:
    answer = await service.http.get(path, headers=ADMIN)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_body_of_more_than_a_mebibyte_is_not_read(service: Service) -> None:
    answer = await service.http.post("/gadgets", json={"name": "x" * 1024 * 1024}, headers=ADMIN)
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["detail"]


async def test_a_body_without_a_length_is_cut_off_as_well(service: Service) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 65536

    headers = ADMIN | {"Content-Type": "application/json"}
    answer = await service.http.post("/gadgets", content=endless(), headers=headers)
    assert answer.status_code == 413


async def test_a_wish_that_the_rules_decline_is_told_with_its_reason(service: Service) -> None:
    answer = await make(service, "forbidden")
    assert answer.status_code == 409
    assert answer.json()["errors"] == [
        {"field": "name", "reason": "a name that is allowed", "value": None}
    ]


async def test_a_bug_is_answered_without_internals_and_leaves_nothing_half_done(
    service: Service,
) -> None:
    answer = await make(service, "explode")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert await service.sql("SELECT 1 FROM gadgets") == []


async def test_unknown_addresses_and_methods_are_problems_too(service: Service) -> None:
    nowhere = await service.http.get("/nowhere", headers=ADMIN)
    method = await service.http.delete("/gadgets", headers=ADMIN)
    assert (nowhere.status_code, method.status_code) == (404, 405)
    for answer in (nowhere, method):
        assert answer.headers["content-type"] == "application/problem+json"
    assert method.headers["allow"] == "GET, POST"


async def test_a_read_cannot_write(service: Service) -> None:
    answer = await service.http.get("/gadgets/writes/in-a-read", headers=ADMIN)
    assert answer.status_code == 503
    assert await service.sql("SELECT 1 FROM gadgets") == []


async def test_a_statement_that_takes_too_long_is_given_up(gadgets_at: Addresses) -> None:
    app = make_app(settings_for(gadgets_at.dsn, statement_timeout=0.1))
    async with serving(app) as http:
        answer = await http.get("/gadgets/slow/5", headers=ADMIN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_partner_that_asks_too_often_waits_and_others_do_not(
    gadgets_at: Addresses,
) -> None:
    app = make_app(settings_for(gadgets_at.dsn, partner_rate=2))
    foreign = tokens.bearer(BOB, THEIRS)
    async with serving(app) as http:
        asked = [http.get("/gadgets", headers=ADMIN) for _ in range(8)]
        answers = await asyncio.gather(*asked)
        other = await http.get("/gadgets", headers=foreign)
        await asyncio.sleep(0.6)
        later = await http.get("/gadgets", headers=ADMIN)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers].count(200) == 8 - len(refused) >= 4
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert other.status_code == 200
    assert later.status_code == 200
