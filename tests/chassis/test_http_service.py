"""What a service tells about itself: health, figures, its description; how it starts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, FastAPI

from deploy.local.databases import Addresses
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.http import (
    Job,
    Public,
    Reading,
    Router,
    Transaction,
)
from shared.chassis.http.neighbours import StartError
from tests.chassis.gadgets.running import (
    ADMIN,
    Service,
    make,
    make_app,
    serving,
    settings_for,
)
from tests.conftest import MakeDatabase


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
    await conn.execute("UPDATE schema_migrations SET name = 'x' WHERE name LIKE 'chassis/0002%'")
    ready = await service.http.get("/readyz")
    await conn.execute(
        "UPDATE schema_migrations SET name = 'chassis/0002_idempotency.sql' WHERE name = 'x'"
    )
    await conn.close()
    assert ready.status_code == 503
    assert "chassis/0002_idempotency.sql is not applied" in ready.json()["database"]


async def test_a_service_may_feed_its_inboxes_in_its_own_way_and_shows_which(
    gadgets_at: Addresses,
) -> None:
    @asynccontextmanager
    async def feed(app: FastAPI) -> AsyncIterator[None]:
        app.state.inboxes = [inbox.of_revision(7) for inbox in app.state.inboxes]
        yield

    # No Kafka is there: the subscriptions that a service makes by itself would fail.
    app = make_app(settings_for(gadgets_at.dsn, run_consumers=True), feed=feed)
    async with serving(app) as http:
        ready = (await http.get("/readyz")).json()
        metrics = (await http.get("/metrics")).text

    assert [each["group"] for each in ready["kafka"]] == ["gadgets.r7.clients.events.v1"]
    assert 'inbox_stopped{group="gadgets.r7.clients.events.v1"} 0.0' in metrics


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


async def test_metrics_tell_what_runs_what_it_takes_and_how_its_jobs_go(
    gadgets_at: Addresses,
) -> None:
    ran, failed = asyncio.Event(), asyncio.Event()

    async def work(_: Pool, __: Clock) -> int:
        ran.set()
        return 0

    async def fail(_: Pool, __: Clock) -> int:
        await ran.wait()
        failed.set()
        raise ValueError

    async def read(tx: Connection, now: datetime) -> dict[str, float]:
        return {"gadgets_oldest": await tx.fetchval("SELECT 3"), "gadgets_year": now.year}

    app = make_app(
        settings_for(gadgets_at.dsn, build_version="1.2.3", build_revision="abc"),
        jobs=[Job("work", work, 60), Job("fail", fail, 60)],
        reading=Reading({"gadgets_oldest": "Old.", "gadgets_year": "Year."}, read),
    )
    async with serving(app) as client:
        await failed.wait()
        text = (await client.get("/metrics")).text
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    assert 'build_info{revision="abc",version="1.2.3"}' in figures
    assert float(figures["process_resident_memory_bytes"]) > 1e6
    assert float(figures["process_open_fds"]) > 3
    assert figures['job_seconds_count{name="work"}'] == "1.0"
    assert figures['job_failures_total{name="work"}'] == "0.0"
    assert figures['job_failures_total{name="fail"}'] == "1.0"
    succeeded = 'job_last_success_timestamp_seconds{name="work"}'
    assert float(figures[succeeded]) > float(figures[succeeded.replace("work", "fail")])
    assert (figures["gadgets_oldest"], figures["gadgets_year"]) == ("3.0", "2026.0")


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
        "429",
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
        "429",
        "503",
    }
    assert set(paths["/gadgets/{gadget}"]["get"]["responses"]) == {
        "200",
        "401",
        "403",
        "404",
        "422",
        "429",
        "503",
    }
    problem = paths["/gadgets"]["post"]["responses"]["422"]["content"]
    assert problem == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    [version] = [
        each
        for each in paths["/gadgets/{gadget}/name"]["put"]["parameters"]
        if each["name"] == "If-Match"
    ]
    assert version["required"] is True
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


async def test_without_run_http_only_the_probes_answer(gadgets_at: Addresses) -> None:
    async with serving(make_app(settings_for(gadgets_at.dsn, run_http=False))) as http:
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


async def test_jobs_run_while_their_setting_says_so(gadgets_at: Addresses) -> None:
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
    async with serving(make_app(settings_for(gadgets_at.dsn), jobs=jobs)):
        await asyncio.wait_for(twice.wait(), 5)
    assert set(done) == {"on"}
