"""What a request may see, change and be told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from starlette.exceptions import HTTPException

from shared.chassis import database as chassis_database
from shared.chassis.clock import ManualClock
from shared.chassis.http import (
    AMember,
    AnAdmin,
    Command,
    Cursor,
    IfMatch,
    Invalid,
    Job,
    Page,
    Paging,
    Public,
    Router,
    Stale,
    TheCaller,
    Transaction,
    View,
    create_app,
    etag,
    paging,
)
from shared.chassis.http.idempotency import forget_old_keys
from shared.chassis.http.neighbours import StartError
from shared.chassis.settings import ServiceSettings
from tests import tokens
from tests.conftest import MakeDatabase

OURS, THEIRS, ANN, BOB = uuid4(), uuid4(), uuid4(), uuid4()


class Refused(Exception):  # noqa: N818 - as the domains have it
    def __init__(self, field: str, reason: str, status: int = 422) -> None:
        super().__init__(reason)
        self.field, self.reason, self.status = field, reason, status


class MakeGadget(Command):
    name: Annotated[str, Field(min_length=1, max_length=50)]
    price: Decimal = Decimal(0)
    made: date | None = None
    tags: tuple[str, ...] = ()
    weight: int = 0


class Gadget(View):
    id: UUID
    name: str
    version: int


router = Router(prefix="/gadgets", tags=["gadgets"])


@router.post("", status_code=201)
async def make_gadget(
    wish: MakeGadget, caller: AMember, tx: Transaction, response: Response
) -> Gadget:
    if wish.name == "forbidden":
        raise Refused("name", "a name that is allowed", 409)
    row = await tx.fetchrow(
        "INSERT INTO gadgets (partner_id, name, weight) VALUES ($1, $2, $3) RETURNING *",
        caller.partner_id,
        wish.name,
        wish.weight,
    )
    if wish.name == "explode":
        raise RuntimeError("secret internals")
    assert row is not None
    etag(response, row["version"])
    return Gadget(id=row["id"], name=row["name"], version=row["version"])


@router.get("")
async def list_gadgets(
    paged: Annotated[Paging, Depends(paging("name", "weight", default="name"))], tx: Transaction
) -> Page[Gadget]:
    after = paged.after(str, UUID)
    rows = await tx.fetch(
        f"""
        SELECT * FROM gadgets WHERE $1::text IS NULL OR (name, id) > ($1, $2)
        ORDER BY name {"DESC" if paged.descending else ""}, id LIMIT $3
        """,
        *(after or (None, None)),
        paged.fetch,
    )
    return paged.page(
        rows,
        lambda row: (row["name"], row["id"]),
        lambda row: Gadget(id=row["id"], name=row["name"], version=row["version"]),
    )


@router.get("/{gadget}")
async def show_gadget(gadget: UUID, tx: Transaction, response: Response) -> Gadget:
    row = await tx.fetchrow("SELECT * FROM gadgets WHERE id = $1", gadget)
    if row is None:
        raise HTTPException(404)
    etag(response, row["version"])
    return Gadget(id=row["id"], name=row["name"], version=row["version"])


@router.put("/{gadget}/name")
async def rename_gadget(
    gadget: UUID, wish: MakeGadget, _: AnAdmin, seen: IfMatch, tx: Transaction
) -> Gadget:
    row = await tx.fetchrow("SELECT * FROM gadgets WHERE id = $1 FOR UPDATE", gadget)
    if row is None:
        raise HTTPException(404)
    if row["version"] != seen:
        raise Stale(row["version"])
    await tx.execute(
        "UPDATE gadgets SET name = $2, version = version + 1 WHERE id = $1", gadget, wish.name
    )
    return Gadget(id=gadget, name=wish.name, version=seen + 1)


@router.get("/by-number/{number}")
async def find_by_number(number: int, tx: Transaction) -> int:
    return int(await tx.fetchval("SELECT $1::bigint", number))


@router.get("/slow/{seconds}")
async def be_slow(seconds: float, tx: Transaction) -> int:
    await tx.execute("SELECT pg_sleep($1)", seconds)
    return 0


@router.get("/writes/in-a-read")
async def write_in_a_read(tx: Transaction, caller: TheCaller) -> int:
    await tx.execute("INSERT INTO gadgets (partner_id, name) VALUES ($1, 'x')", caller.partner_id)
    return 0


@router.get("/whoami/now")
async def whoami(tx: Transaction) -> dict[str, Any]:
    row = await tx.fetchrow(
        """
        SELECT current_user AS role, session_user AS login,
               current_setting('app.partner') AS partner
        """
    )
    return dict(row or {})


@dataclass
class Service:
    app: FastAPI
    http: httpx2.AsyncClient
    dsn: str
    owner_dsn: str

    async def sql(self, statement: str, *values: Any) -> Any:
        conn = await asyncpg.connect(self.dsn)
        try:
            return await conn.fetch(statement, *values)
        finally:
            await conn.close()


def settings_for(dsn: str, **other: Any) -> ServiceSettings:
    given: dict[str, Any] = {
        "database_url": dsn,
        "kafka_servers": "127.0.0.1:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": "http://127.0.0.1:1/jwks",
        "run_relay": False,
        "run_consumers": False,
        "start_timeout": 0,
        "database_pool": 2,
    }
    return ServiceSettings(**(given | other))


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx2.ASGITransport(app=app)
        yield await stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url="http://gadgets.test")
        )


def make_app(settings: ServiceSettings, **other: Any) -> FastAPI:
    given: dict[str, Any] = {
        "routers": [router],
        "refused": Refused,
        "verifier": tokens.verifier(),
        "description": "Gadgets.",
    }
    return create_app(
        "gadgets", settings, ManualClock(datetime(2026, 1, 15, tzinfo=UTC)), **(given | other)
    )


@pytest.fixture
async def service(database: MakeDatabase) -> AsyncIterator[Service]:
    where = await database("gadgets")
    conn = await asyncpg.connect(where.owner_dsn)
    await conn.execute(
        """
        CREATE TABLE gadgets (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            partner_id uuid NOT NULL,
            name text NOT NULL,
            weight bigint NOT NULL DEFAULT 0,
            version integer NOT NULL DEFAULT 1)
        """
    )
    await chassis_database.protect(conn, "gadgets")
    await conn.close()
    app = make_app(settings_for(where.dsn))
    async with serving(app) as http:
        yield Service(app, http, where.dsn, where.owner_dsn)


ADMIN = tokens.bearer(ANN, OURS)


async def test_a_request_acts_as_the_tenant_role_of_its_partner(service: Service) -> None:
    answer = await service.http.get("/gadgets/whoami/now", headers=ADMIN)
    assert answer.json() == {"role": "gadgets_tenant", "login": "gadgets", "partner": str(OURS)}


async def make(service: Service, name: str = "Cog", **headers: str) -> httpx2.Response:
    return await service.http.post("/gadgets", json={"name": name}, headers=ADMIN | headers)


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
    (b'{"name": "x", "weight": 1e400}', "weight", "finite"),
    (b'{"name": "x", "made": "2026-02-30"}', "made", "valid date"),
    (b'{"name": "x", "price": "NaN"}', "price", "finite"),
    (b'{"name": {"a": NaN}}', "name", "valid string"),
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


async def test_nobody_overwrites_a_change_that_he_has_not_seen(service: Service) -> None:
    made = await make(service)
    where = f"/gadgets/{made.json()['id']}/name"

    async def rename(seen: str | None) -> httpx2.Response:
        headers = ADMIN | ({} if seen is None else {"If-Match": seen})
        return await service.http.put(where, json={"name": "new"}, headers=headers)

    assert made.headers["etag"] == '"1"'
    assert (await rename(None)).status_code == 428
    for malformed in ("1", 'W/"1"', '"one"', '"1', "*", '"99999999999999999999"', '""'):
        assert (await rename(malformed)).status_code == 422
    assert (await rename('"1"')).status_code == 200
    stale = await rename('"1"')
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')


async def test_pages_follow_each_other_without_gap_or_repetition(service: Service) -> None:
    for number in range(7):
        await make(service, f"g{number}")
    for sort in ("name", "-name"):
        names: list[str] = []
        cursor: str | None = None
        while True:
            asked = {"limit": "3", "sort": sort} | ({"cursor": cursor} if cursor else {})
            answer = await service.http.get("/gadgets", params=asked, headers=ADMIN)
            page = answer.json()
            names += [item["name"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None or sort == "-name":
                break
        assert names == ([f"g{n}" for n in range(7)] if sort == "name" else ["g6", "g5", "g4"])


async def test_a_cursor_that_is_not_ours_is_refused(service: Service) -> None:
    await make(service, "a")
    await make(service, "b")
    page = await service.http.get("/gadgets?limit=1", headers=ADMIN)
    good = page.json()["next"]
    for cursor in ("%%%", "e30", "WyJuYW1lIl0", good[:-3], "W1tbW1s", "ä", good + "&sort=-name"):
        answer = await service.http.get(f"/gadgets?cursor={cursor}", headers=ADMIN)
        assert answer.status_code == 422, cursor
        assert answer.json()["errors"][0]["field"] == "cursor"


async def test_a_command_sent_twice_is_done_once_and_answered_alike(service: Service) -> None:
    key = {"Idempotency-Key": "make-1"}
    first, second = await make(service, **key), await make(service, **key)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["content-type"] == "application/json"
    assert second.headers["idempotency-replayed"] == "true"
    assert len(await service.sql("SELECT 1 FROM gadgets")) == 1


async def test_copies_of_a_command_at_the_same_time_are_one(service: Service) -> None:
    answers = await asyncio.gather(
        *(make(service, **{"Idempotency-Key": "same"}) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await service.sql("SELECT 1 FROM gadgets")) == 1


async def test_a_key_is_not_lent_to_another_command(service: Service) -> None:
    key = {"Idempotency-Key": "k"}
    await make(service, "a", **key)
    other = await make(service, "b", **key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    same = await service.http.post(
        "/gadgets", json={"name": "b"}, headers=tokens.bearer(BOB, THEIRS) | key
    )
    assert same.status_code == 201  # each partner has its own keys


async def test_a_command_that_was_refused_may_be_tried_again_with_its_key(
    service: Service,
) -> None:
    key = {"Idempotency-Key": "k"}
    assert (await make(service, "explode", **key)).status_code == 500
    assert (await make(service, "Cog", **key)).status_code == 201


async def test_a_key_is_forgotten_after_a_day(service: Service) -> None:
    await make(service, **{"Idempotency-Key": "old"})
    await service.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    again = await make(service, **{"Idempotency-Key": "old"})
    assert "idempotency-replayed" not in again.headers
    await service.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert await forget_old_keys(service.app.state.pool, service.app.state.clock) == 1
    assert await service.sql("SELECT 1 FROM idempotency_keys") == []


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_a_key_that_is_none_is_refused(service: Service, key: str) -> None:
    answer = await make(service, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_a_read_cannot_write(service: Service) -> None:
    answer = await service.http.get("/gadgets/writes/in-a-read", headers=ADMIN)
    assert answer.status_code == 503
    assert await service.sql("SELECT 1 FROM gadgets") == []


async def test_a_statement_that_takes_too_long_is_given_up(database: MakeDatabase) -> None:
    where = await database("gadgets")
    app = make_app(settings_for(where.dsn, statement_timeout=0.1))
    async with serving(app) as http:
        answer = await http.get("/gadgets/slow/5", headers=ADMIN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_without_its_database_a_service_says_when_to_come_again(service: Service) -> None:
    pool = service.app.state.pool
    await pool.close()
    answer = await service.http.get("/gadgets", headers=ADMIN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert (await service.http.get("/livez")).status_code == 200
    metrics = (await service.http.get("/metrics")).text
    assert "database_up 0.0" in metrics
    assert "outbox_rows" not in metrics


async def test_a_service_is_ready_when_its_database_and_schema_are(service: Service) -> None:
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    conn = await asyncpg.connect(service.owner_dsn)
    await conn.execute("DELETE FROM schema_migrations WHERE name LIKE 'chassis/0002%'")
    await conn.close()
    ready = await service.http.get("/readyz")
    assert ready.status_code == 503
    assert "chassis/0002_idempotency.sql is not applied" in ready.json()["database"]


async def test_metrics_tell_of_the_outbox_and_of_requests_by_route(service: Service) -> None:
    await service.sql(
        "INSERT INTO outbox (shard, event_id, topic, key, headers, recorded_at)"
        " VALUES (3, gen_random_uuid(), 't', 'k', '[]', now() - interval '90 seconds')"
    )
    gadget = (await make(service)).json()["id"]
    await service.http.get(f"/gadgets/{gadget}", headers=ADMIN)
    text = (await service.http.get("/metrics")).text
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert figures["outbox_rows"] == "1.0"
    assert 90 <= float(figures["outbox_oldest_age_seconds"]) < 120
    assert figures["dead_letters_total"] == "0.0"
    route = 'http_request_seconds_count{method="GET",route="/gadgets/{gadget}",status="200"}'
    assert figures[route] == "1.0"
    assert gadget not in text


async def test_every_answer_carries_its_id_and_is_not_kept(service: Service) -> None:
    answer = await service.http.get("/gadgets", headers=ADMIN | {"X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["cache-control"] == "no-store"
    bad = await service.http.get("/gadgets", headers=ADMIN | {"X-Request-Id": "a b\tc"})
    assert UUID(bad.headers["x-request-id"]).version == 4


async def test_the_description_of_the_api_says_what_can_go_wrong(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    paths = document["paths"]
    assert set(paths["/gadgets"]["post"]["responses"]) == {
        "201",
        "401",
        "403",
        "409",
        "413",
        "422",
        "503",
    }
    assert set(paths["/gadgets/{gadget}/name"]["put"]["responses"]) == {
        "200",
        "401",
        "403",
        "404",
        "409",
        "412",
        "413",
        "422",
        "428",
        "503",
    }
    assert set(paths["/gadgets/{gadget}"]["get"]["responses"]) == {
        "200",
        "401",
        "403",
        "404",
        "422",
        "503",
    }
    problem = paths["/gadgets"]["post"]["responses"]["422"]["content"]
    assert problem == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "HTTPValidationError" not in json.dumps(document)
    assert "Idempotency-Key" in json.dumps(paths["/gadgets"]["post"]["parameters"])
    assert "Idempotency-Key" not in json.dumps(paths["/gadgets"]["get"])


def test_a_route_that_says_nothing_about_who_may_call_it_stops_the_service() -> None:
    settings = settings_for("postgresql://nowhere/x")
    bare = Router()
    bare.add_api_route("/secrets", lambda: 1, methods=["GET"])
    with pytest.raises(TypeError, match=r"GET /secrets.*who may call it"):
        make_app(settings, routers=[bare])

    async def change(_: Transaction) -> None: ...

    lax = Router()
    lax.add_api_route("/things", change, methods=["POST"])
    with pytest.raises(TypeError, match=r"POST /things.*AMember or AnAdmin"):
        make_app(settings, routers=[lax])

    plain = APIRouter()
    plain.add_api_route("/things", change, methods=["GET"])
    with pytest.raises(TypeError, match=r"http\.Router"):
        make_app(settings, routers=[plain])

    public = Router()
    public.add_api_route("/open", lambda: 1, methods=["GET"], dependencies=[Public])
    make_app(settings, routers=[public])


async def test_without_run_http_only_the_probes_answer(database: MakeDatabase) -> None:
    where = await database("gadgets")
    async with serving(make_app(settings_for(where.dsn, run_http=False))) as http:
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.get("/gadgets", headers=ADMIN)).status_code == 404


async def test_a_service_that_meets_an_old_schema_says_so_and_does_not_start(
    database: MakeDatabase,
) -> None:
    where = await database("gadgets")
    conn = await asyncpg.connect(where.owner_dsn)
    await conn.execute("DELETE FROM schema_migrations")
    await conn.close()
    with pytest.raises(StartError, match=r"chassis/0001_delivery\.sql is not applied"):
        async with serving(make_app(settings_for(where.dsn))):
            pass


async def test_jobs_run_while_their_setting_says_so(database: MakeDatabase) -> None:
    where = await database("gadgets")
    done: list[str] = []
    twice = asyncio.Event()

    async def count(name: str, pool: Any, clock: Any) -> int:
        assert await pool.fetchval("SELECT 1") == 1
        assert clock.now().year == 2026
        done.append(name)
        if len(done) == 2:
            twice.set()
        return 1

    jobs = [
        Job("on", partial(count, "on"), idle=60),
        Job("off", partial(count, "off"), idle=60, enabled=False),
    ]
    async with serving(make_app(settings_for(where.dsn), jobs=jobs)):
        await asyncio.wait_for(twice.wait(), 5)
    assert set(done) == {"on"}


@given(
    st.tuples(
        st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.dates(),
        st.uuids(),
        st.integers(-(2**63), 2**63 - 1),
        st.decimals(
            allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12
        ),
        st.datetimes(timezones=st.just(UTC)),
    )
)
def test_a_cursor_gives_back_what_was_put_in(values: tuple[Any, ...]) -> None:
    cursor = Cursor.encode(*values)
    assert Cursor.decode(cursor, str, date, UUID, int, Decimal, datetime) == values


@given(st.text(max_size=80))
def test_any_text_as_a_cursor_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(Invalid):
        Cursor.decode(text, str, date)
