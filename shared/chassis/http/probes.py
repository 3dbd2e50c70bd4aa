"""Whether the service lives, whether it can answer, and the figures it is watched by."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.chassis import database
from shared.chassis.database import Pool
from shared.chassis.failures import time_mends
from shared.chassis.http.figures import Reading
from shared.chassis.inbox import Inbox
from shared.chassis.settings import migrations_of

WAIT_SECONDS = 2.0
MOST_ROWS_COUNTED = 1_000_000
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class DeliveryFigures(Collector):
    """What is still to be published, what could not be handled, and what stands still.

    The database's part is read at each scrape, before collecting; where it cannot be read it
    is left out, since an old figure would be taken for a present one.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._rows: asyncpg.Record | None = None
        self._reading: Mapping[str, float] = {}

    async def read(self, pool: Pool) -> None:
        """Ask the database."""
        self._rows, self._reading = None, {}
        reading: Reading | None = self._app.state.reading
        try:
            async with pool.acquire(timeout=WAIT_SECONDS) as tx:
                if reading is not None:
                    async with asyncio.timeout(WAIT_SECONDS):
                        self._reading = await reading.read(tx, self._app.state.clock.now())
                self._rows = await tx.fetchrow(
                    """
                    SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS rows) AS waiting,
                           (SELECT coalesce(extract(epoch FROM
                                   clock_timestamp() - min(first.recorded_at)), 0)::float8
                              FROM generate_series(0, 15) AS shards (shard),
                                   LATERAL (SELECT recorded_at
                                              FROM outbox
                                             WHERE outbox.shard = shards.shard
                                             ORDER BY id
                                             LIMIT 1) AS first) AS oldest,
                           (SELECT count(*) FROM dead_letters) AS dead,
                           (SELECT count(*) FROM dead_letters WHERE status = 'open') AS open
                    """,
                    MOST_ROWS_COUNTED,
                    timeout=WAIT_SECONDS,
                )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not time_mends(error, connection_lost=True):
                raise

    @override
    def collect(self) -> Iterable[Any]:
        yield from self._consumers()
        yield from self._relay()
        rows = self._rows
        up = GaugeMetricFamily("database_up", "1 where the database answers.")
        up.add_metric([], 0.0 if rows is None else 1.0)
        yield up
        yield from self._pool()
        if rows is None:
            return
        for name, value in self._reading.items():
            yield GaugeMetricFamily(name, self._app.state.reading.meanings[name], value)
        yield GaugeMetricFamily(
            "outbox_rows", "Events committed and not yet published.", rows["waiting"]
        )
        yield GaugeMetricFamily(
            "outbox_oldest_age_seconds", "Age of the oldest unpublished event.", rows["oldest"]
        )
        yield CounterMetricFamily(
            "dead_letters", "Records ever set aside since they cannot be handled.", rows["dead"]
        )
        yield GaugeMetricFamily(
            "dead_letters_open", "Records set aside that nobody has settled.", rows["open"]
        )

    def _pool(self) -> Iterable[Any]:
        pool: Pool = self._app.state.pool
        size, idle = pool.get_size(), pool.get_idle_size()
        held = GaugeMetricFamily(
            "database_connections", "Connections that this process holds.", labels=["state"]
        )
        held.add_metric(["used"], size - idle)
        held.add_metric(["idle"], idle)
        yield held

    def _relay(self) -> Iterable[Any]:
        relay = getattr(self._app.state, "relay", None)
        if relay is None:
            return
        yield CounterMetricFamily("relay_sent", "Events that Kafka acknowledged.", relay.sent)
        yield CounterMetricFamily(
            "relay_failures", "Times that the relay began anew.", relay.failures
        )
        yield GaugeMetricFamily(
            "relay_shards", "Shards of the outbox that this process publishes.", relay.shards
        )
        yield GaugeMetricFamily(
            "relay_waiting", "1 where the relay waits for Kafka or PostgreSQL.", bool(relay.waiting)
        )

    def _consumers(self) -> Iterable[Any]:
        stopped = GaugeMetricFamily(
            "inbox_stopped", "1 where a consumer stopped itself.", labels=["group"]
        )
        waiting = GaugeMetricFamily(
            "inbox_waiting", "1 where a batch waits for what it needs.", labels=["group"]
        )
        lag = GaugeMetricFamily(
            "consumer_lag", "Records behind, of this process' partitions.", labels=["group"]
        )
        done = CounterMetricFamily(
            "inbox_records", "Records by what became of them.", labels=["group", "outcome"]
        )
        for inbox in self._app.state.inboxes:
            stopped.add_metric([inbox.group], float(inbox.stopped is not None))
            waiting.add_metric([inbox.group], float(inbox.waiting is not None))
            if inbox.lag is not None:
                lag.add_metric([inbox.group], inbox.lag)
            for outcome in ("handled", "skipped", "repeated", "dead"):
                done.add_metric([inbox.group, outcome], getattr(inbox.counts, outcome))
        yield from (stopped, waiting, lag, done)


def router(app: FastAPI) -> APIRouter:
    """The three addresses that machines ask; none needs a token or tells about a partner."""
    probes = APIRouter(tags=["probes"])
    registry: CollectorRegistry = app.state.registry
    figures = DeliveryFigures(app)
    registry.register(figures)
    begun = time.monotonic()

    @probes.get("/livez", openapi_extra={"x-probe": True})
    async def is_alive() -> dict[str, Any]:
        """Whether the process works: its event loop answers. A dead one is restarted."""
        return {"status": "ok", "uptime_seconds": round(time.monotonic() - begun, 1)}

    @probes.get(
        "/readyz",
        openapi_extra={"x-probe": True},
        responses={503: {"description": "PostgreSQL is away, or its schema is too old."}},
    )
    async def is_ready() -> Response:
        """Whether requests can be answered: PostgreSQL and its schema, never Kafka."""
        trouble = await _trouble(app)
        body = {
            "status": "not ready" if trouble else "ready",
            "database": trouble or "ok",
            "kafka": [_consumer(inbox) for inbox in app.state.inboxes],
            "relay": _waiting_relay(app),
        }
        return JSONResponse(body, 503 if trouble else 200)

    @probes.get(
        "/metrics",
        openapi_extra={"x-probe": True},
        response_class=PlainTextResponse,
    )
    async def tell_metrics() -> Response:
        """The figures, in Prometheus' text format."""
        await figures.read(app.state.pool)
        return Response(generate_latest(registry), media_type=PLAIN)

    return probes


def _waiting_relay(app: FastAPI) -> str:
    relay = getattr(app.state, "relay", None)
    return "not here" if relay is None else relay.waiting or "ok"


def _consumer(inbox: Inbox) -> dict[str, Any]:
    return {
        "group": inbox.group,
        "topic": inbox.topic,
        "stopped": inbox.stopped,
        "waiting": inbox.waiting,
        "lag": inbox.lag,
    }


async def _trouble(app: FastAPI) -> str:
    """What stands in the way of requests, or nothing. No text of the database's leaves here."""
    pool: Pool = app.state.pool
    try:
        async with pool.acquire(timeout=WAIT_SECONDS) as tx:
            await database.check_schema(tx, app.state.service, migrations_of(app.state.service))
    except database.SchemaTooOldError as error:
        return str(error)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"no answer ({type(error).__name__})"
    return ""
