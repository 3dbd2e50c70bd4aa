"""The outermost layer: ids, counting, and a last answer to what nobody foresaw."""

import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis import telemetry, tracing
from shared.chassis.http.neighbours import StartError
from shared.chassis.http.problems import FieldError, broken, problem

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BODY_BYTES = 1024 * 1024
TOO_LARGE = f"A body has at most {BODY_BYTES} bytes."
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
BUGS = (0, *range(500, 600))  # 0: no answer was begun
HARDENING = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)


class HttpMetrics:
    """How many requests, how fast, by route and status; never by address."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "http_request_seconds",
            "Seconds to answer, by route template.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.failed = Counter(
            "http_requests_failed", "Requests that ended in a bug.", registry=registry
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request."""
        self.seconds.labels(_method(scope), _template(scope), str(status)).observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _template(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "none"))


class Edge:
    """Wraps the application; itself never fails."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(self._app, scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0
        headers = dict(scope["headers"])
        size = 0
        trace = _text(headers.get(b"traceparent"))
        span = _span(scope, trace) if tracing.on() else None

        with telemetry.thread(
            correlation=_text(headers.get(b"x-request-id")),
            trace=trace,
            span=span.traceparent if span else None,
        ) as request_id:

            async def receive_limited() -> Message:
                nonlocal size
                message = await receive()
                size += len(message.get("body", b""))
                if size > BODY_BYTES:
                    raise HTTPException(413, TOO_LARGE)
                return message

            async def send_marked(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = _marked(message.get("headers", ()), request_id)
                await send(message)

            try:
                if answer := _refused(scope, headers):
                    await answer(scope, receive, send_marked)
                else:
                    await self._app(scope, receive_limited, send_marked)
            except Exception as error:
                self._metrics.failed.inc()
                if status:
                    raise  # the answer has begun; the server cuts the connection
                response = await broken(Request(scope), error)
                await response(scope, receive, send_marked)
            finally:
                self._metrics.observe(scope, status, time.perf_counter() - started)
                if span:
                    _end(span, scope, status)


def _span(scope: Scope, trace: str | None) -> tracing.Span | None:
    """A span of a request; none of those that machines ask again and again."""
    if scope["path"] in PROBES:
        return None
    told = {"http.request.method": _method(scope), "url.scheme": scope.get("scheme", "http")}
    return tracing.begin("server", _method(scope), trace, told)


def _end(span: tracing.Span, scope: Scope, status: int) -> None:
    """The route is known by now. Never the address: it may say what somebody looked for."""
    route = _template(scope)
    span.rename(f"{_method(scope)} {route}")
    span.set({"http.route": route, "http.response.status_code": status})
    span.end(str(status or "aborted") if status in BUGS else None)


async def _live(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Say in a line why the service cannot start, instead of a stack that nobody can use."""
    failed: list[Message] = []

    async def send_or_keep(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            failed.append(message)
        else:
            await send(message)

    try:
        await app(scope, receive, send_or_keep)
    except StartError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
    except BaseException:
        for message in failed:
            await send(message)
        raise


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _refused(scope: Scope, headers: Mapping[bytes, bytes]) -> Response | None:
    """Refuse what no route needs to look at."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > BODY_BYTES:
        return problem(413, TOO_LARGE)
    if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
        reason = "no NUL character"
        return problem(422, reason, [FieldError(field="address", reason=reason)])
    return None


def _marked(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    added = [pair for pair in HARDENING if pair[0] not in present]
    return [*headers, *added, (b"x-request-id", request_id.encode())]
