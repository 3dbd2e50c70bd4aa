"""A collector to send spans to: OTLP over HTTP, as OpenTelemetry's own protobuf reads it."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True, slots=True)
class Span:
    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]  # ids of spans
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(slots=True)
class Collector:
    """What arrived so far. With ``refuse`` it answers each request with that status instead."""

    url: str
    spans: list[Span] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refuse: int | None = None

    def until(self, ready: Callable[[list[Span]], bool], seconds: float = 20.0) -> None:
        until = monotonic() + seconds
        while not ready(self.spans):
            assert monotonic() < until, "\n".join(f"{s.service} {s.name}" for s in self.spans)
            sleep(0.05)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collecting() -> Iterator[Collector]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.headers.append({k.lower(): v for k, v in self.headers.items()})
            if collector.refuse is None and self.path == "/v1/traces":
                collector.bodies.append(body)
                collector.spans += _read(body)
            self.send_response(collector.refuse or (200 if self.path == "/v1/traces" else 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read(body: bytes) -> Iterator[Span]:
    for part in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _plain(part.resource.attributes)
        for scope in part.scope_spans:
            for each in scope.spans:
                yield Span(
                    resource["service.name"],
                    each.name,
                    KINDS[each.kind],
                    each.trace_id.hex(),
                    each.span_id.hex(),
                    each.parent_span_id.hex(),
                    tuple(link.span_id.hex() for link in each.links),
                    each.status.code == 2,
                    _plain(each.attributes),
                    resource,
                )


def _plain(pairs: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in pairs
    }
