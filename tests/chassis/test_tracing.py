"""Spans: what they say, whose traces they go on with, and that they never hurt."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import structlog

from deploy.local import ports
from shared.chassis import telemetry, tracing
from shared.chassis.database import Pool
from shared.chassis.envelope import cause_of
from shared.chassis.inbox import Inbox
from shared.contracts import clients
from tests import otlp
from tests.chassis.gadgets.running import ADMIN, Service, make, settings_for
from tests.deliver import record_of

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@pytest.fixture
def collector() -> Iterator[otlp.Collector]:
    with otlp.collecting() as made:
        yield made


def spans_to(url: str, **other: Any) -> AbstractAsyncContextManager[None]:
    return tracing.exporting(
        "gadgets", settings_for("postgresql://x/y", otel_endpoint=url, **other)
    )


def ended(*, traceparent: str | None) -> Any:
    return record_of(
        clients.ServicesEnded(
            version=1,
            occurred_at="2026-01-15T12:00:00Z",
            client_id=uuid4(),
            partner_id=uuid4(),
            period=1,
            ended_at="2026-01-15T12:00:00Z",
            ended_by=uuid4(),
            reason="",
        ),
        traceparent=traceparent,
    )


def test_without_a_collector_nothing_of_opentelemetry_is_even_imported() -> None:
    program = (
        "import sys, services.renewals.main, shared.chassis.kafka, shared.chassis.relay;"
        "print(sorted(name for name in sys.modules if name.startswith('opentelemetry.sdk')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert not tracing.on()


async def test_a_request_is_a_span_by_its_route_that_goes_on_with_the_callers_trace(
    service: Service, collector: otlp.Collector
) -> None:
    name = "Zebedee Canary"
    async with spans_to(collector.url, build_version="1.2.3", otel_headers="x-key=a%20b"):
        made = (await make(service, name, traceparent=SAMPLED)).json()
        await service.http.get(f"/gadgets/{made['id']}?q=zebedee@example.com", headers=ADMIN)
        await make(service, "explode", traceparent=SAMPLED)
        await service.http.get("/metrics")

    posted, shown, exploded = collector.spans
    assert (posted.name, posted.kind) == ("POST /gadgets", "server")
    assert (posted.trace, posted.parent, posted.failed) == (TRACE, CALLER, False)
    assert posted.attributes["http.route"] == "/gadgets"
    assert posted.attributes["http.response.status_code"] == 201
    assert (shown.name, shown.parent) == ("GET /gadgets/{gadget}", "")
    assert shown.trace != TRACE
    assert exploded.failed
    assert exploded.attributes["error.type"] == "500"
    assert posted.resource["service.name"] == "gadgets"
    assert posted.resource["service.version"] == "1.2.3"
    assert posted.resource["service.instance.id"]
    assert collector.headers[0]["x-key"] == "a b"
    told = b"".join(collector.bodies)
    assert b"ebedee" not in told
    assert made["id"].encode() not in told


async def test_who_does_not_record_a_trace_decides_for_all_that_follows(
    service: Service, pool: Pool, collector: otlp.Collector
) -> None:
    inbox = Inbox("gadgets", clients.EVENTS)
    said: list[Any] = []

    @inbox.on(clients.ServicesEnded)
    async def note(event: clients.ServicesEnded, _: Any) -> None:
        said.append(cause_of(event.key))

    async with spans_to(collector.url):
        await make(service, traceparent=UNSAMPLED)
        await inbox.receive([ended(traceparent=UNSAMPLED)], pool)
    async with spans_to(collector.url, otel_ratio=0):
        await make(service)
        assert collector.spans == []
        await make(service, traceparent=SAMPLED)

    assert [span.trace for span in collector.spans] == [TRACE]
    [cause] = said
    assert cause is not None
    assert cause.traceparent == UNSAMPLED


async def test_a_batch_links_to_all_its_events_and_each_goes_on_in_its_own_trace(
    pool: Pool, collector: otlp.Collector
) -> None:
    inbox = Inbox("gadgets", clients.EVENTS)
    said: list[Any] = []

    @inbox.on_run(clients.ServicesEnded)
    async def note(events: Any, _: Any) -> None:
        said.extend(cause_of(event.key) for event in events)

    other = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    records = [ended(traceparent=each) for each in (SAMPLED, other, None)]
    async with spans_to(collector.url):
        await inbox.receive(records, pool)

    [batch] = collector.named(f"process {clients.EVENTS}")
    first, second = collector.named(f"handle {clients.ServicesEnded.TYPE}")
    assert batch.links == (CALLER, "b" * 16)
    assert (batch.trace, batch.parent) == (TRACE, CALLER)
    assert (first.trace, second.trace) == (TRACE, "a" * 32)
    assert first.links == second.links == (batch.id,)
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert [cause.traceparent.split("-")[2] for cause in said[:2]] == [first.id, second.id]
    assert said[2].traceparent is None


async def test_a_handler_that_fails_is_a_span_that_failed(
    pool: Pool, collector: otlp.Collector
) -> None:
    inbox = Inbox("gadgets", clients.EVENTS)

    @inbox.on(clients.ServicesEnded)
    async def fail(_: Any, __: Any) -> None:
        raise ValueError("zebedee@example.com")

    async with spans_to(collector.url):
        await inbox.receive([ended(traceparent=SAMPLED)], pool)

    [handled] = collector.named(f"handle {clients.ServicesEnded.TYPE}")
    assert handled.failed
    assert handled.attributes["error.type"] == "ValueError"
    assert b"zebedee" not in b"".join(collector.bodies)


@pytest.mark.parametrize("away", ["nobody", "refuses"])
async def test_a_collector_that_is_away_costs_a_line_and_no_request(
    service: Service, collector: otlp.Collector, away: str
) -> None:
    [free] = ports.free_ports(1)
    collector.refuse = 400
    url = f"http://127.0.0.1:{free}" if away == "nobody" else collector.url
    stream = io.StringIO()
    telemetry.configure_logging("gadgets", "info", stream=stream)
    begun = 0.0
    try:
        async with spans_to(url):
            for _ in range(tracing.BATCH * 2):
                tracing.begin("internal", "something").end()
            assert (await make(service)).status_code == 201
            begun = monotonic()
    finally:
        telemetry.configure_logging("tests", "warning")
    assert monotonic() - begun < tracing.GRACE_SECONDS + 7  # the machine may be busy
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    # A sender of the test before may still be about to give up, and says so of its own collector.
    mine = [line for line in lines if line.get("endpoint", url).startswith(url)]
    told = [line["event"] for line in mine if "spans" in line["event"]]
    assert told
    assert set(told) <= {"spans_are_lost", "spans_not_sent"}
    assert len(told) == len(set(told))
    assert not [line for line in lines if line["logger"].startswith("opentelemetry")]


async def test_a_line_about_an_event_carries_its_ids(pool: Pool) -> None:
    inbox, stream = Inbox("gadgets", clients.EVENTS), io.StringIO()

    @inbox.on_run(clients.ServicesEnded)
    async def say(events: Any, _: Any) -> None:
        structlog.get_logger("here").info("handled", count=len(events))

    one, two, three = (ended(traceparent=SAMPLED) for _ in range(3))
    telemetry.configure_logging("gadgets", "info", stream=stream)
    try:
        await inbox.receive([one], pool)
        await inbox.receive([two, three], pool)
    finally:
        telemetry.configure_logging("tests", "warning")

    alone, both = (json.loads(line) for line in stream.getvalue().splitlines())
    ids = [dict(each.headers)["ce_id"].decode() for each in (one, two, three)]
    assert (alone["event_id"], alone["trace_id"], alone["span_id"]) == (ids[0], TRACE, CALLER)
    assert alone["correlation_id"]
    assert both["event_ids"] == ids[1:]
