"""Spans of what a process does, sent to an OpenTelemetry collector where a setting names one.

Context travels as text, the W3C ``traceparent`` of a `Cause`, whether spans are made or not; a
span only lends it its id. Where none are made, nothing of OpenTelemetry is imported.
"""

import asyncio
import logging
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias
from urllib.parse import unquote
from uuid import uuid4

import structlog

from shared.chassis.envelope import Cause, Message, text_of

if TYPE_CHECKING:
    from opentelemetry import trace as otel
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

Kind: TypeAlias = Literal["server", "client", "producer", "consumer", "internal"]
Value: TypeAlias = "str | int | float | bool"

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
QUEUE, BATCH = 8192, 512  # spans; what does not fit is dropped
GRACE_SECONDS = 3.0
_EXPORT_SECONDS = 5.0
_DELAY_SECONDS = 1.0
_MOST_LINKS = 128  # what the SDK keeps of a span

log = structlog.get_logger(__name__)

_tracer: "otel.Tracer | None" = None


class TraceSettings(Protocol):
    """What a service's settings say of traces."""

    @property
    def otel_endpoint(self) -> str | None: ...
    @property
    def otel_headers(self) -> str | None: ...
    @property
    def otel_ratio(self) -> float: ...
    @property
    def build_version(self) -> str: ...


def on() -> bool:
    """Whether spans are made. Hot paths ask first."""
    return _tracer is not None


class Span:
    """Something that is being done. ``traceparent`` is what follows from it goes on from."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: "otel.Span") -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        )

    def rename(self, name: str) -> None:
        """Say better what it is, once that is known."""
        self._span.update_name(name)

    def set(self, attributes: Mapping[str, Value]) -> None:
        """Add attributes: ids and figures, never names or addresses of people."""
        self._span.set_attributes(attributes)

    def end(self, error: str | None = None) -> None:
        """It is done; ``error`` is the kind of what went wrong, such as an exception's class."""
        if error is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def begin(
    kind: Kind,
    name: str,
    parent: str | None = None,
    attributes: Mapping[str, Value] | None = None,
    links: Iterable[str] = (),
) -> Span:
    """Begin a span, which the caller ends; a trace of its own where there is no parent.

    Only where `on` says so. A parent that is not sampled has children that are not.
    """
    from opentelemetry import trace as otel
    from opentelemetry.context import Context

    assert _tracer is not None  # noqa: S101 - callers looked
    context = Context()
    if parent is not None and TRACEPARENT.fullmatch(parent):
        context = otel.set_span_in_context(otel.NonRecordingSpan(_context(parent)), context)
    return Span(
        _tracer.start_span(
            name,
            context=context,
            kind=otel.SpanKind[kind.upper()],
            attributes=attributes,
            links=[otel.Link(_context(each)) for each in links],
        )
    )


@contextmanager
def doing(
    kind: Kind,
    name: str,
    parent: str | None = None,
    attributes: Mapping[str, Value] | None = None,
    links: Iterable[str] = (),
) -> Iterator[Span | None]:
    """Do something within a span; None where none are made."""
    if _tracer is None:
        yield None
        return
    span = begin(kind, name, parent, attributes, links)
    error: str | None = None
    try:
        yield span
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        span.end(error)


def _context(traceparent: str) -> "otel.SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def sampled(traceparents: Iterable[str | None]) -> list[str]:
    """Those that are recorded, each once, as many as a span may link to."""
    found = dict.fromkeys(
        each
        for each in traceparents
        if each and TRACEPARENT.fullmatch(each) and int(each[-2:], 16) & 1
    )
    return list(found)[:_MOST_LINKS]


def created(cause: Cause | None, topic: str, type_: str, event_id: str) -> Cause:
    """The cause of an event that is recorded now, under a span of its own: `create`."""
    if cause and cause.traceparent and not sampled([cause.traceparent]):
        return cause  # whoever began the trace does not record it
    span = begin(
        "producer",
        f"create {topic}",
        cause.traceparent if cause else None,
        _messaging("create", topic)
        | {
            "messaging.message.id": event_id,
            "cloudevents.event_id": event_id,
            "cloudevents.event_type": type_,
        },
    )
    span.end()
    if cause is None:
        return Cause(event_id, None, span.traceparent)
    return Cause(cause.correlation_id, cause.causation_id, span.traceparent)


def created_many(topic: str, count: int) -> str:
    """Begin a trace for events that are recorded together because it is time; gives its parent."""
    told = _messaging("create", topic) | {"messaging.batch.message_count": count}
    span = begin("producer", f"create {topic}", None, told)
    span.end()
    return span.traceparent


@contextmanager
def batch(
    kind: Kind,
    operation: Literal["send", "process"],
    topic: str,
    traceparents: Iterable[str | None],
    attributes: Mapping[str, Value],
) -> Iterator[Span | None]:
    """Do something for many at once: a span in the trace of the first that links to all.

    None where none of them is recorded.
    """
    links = sampled(traceparents)
    if not links:
        yield None
        return
    told = _messaging(operation, topic) | dict(attributes)
    with doing(kind, f"{operation} {topic}", links[0], told, links) as span:
        yield span


@contextmanager
def handling(
    messages: Sequence[Message], group: str, within: Span | None
) -> Iterator[Mapping[str, Cause]]:
    """Handle events: a span for each in its own trace, which goes on in what follows by key."""
    links = [within.traceparent] if within else []
    spans: list[Span] = []
    causes: dict[str, Cause] = {}
    for message in messages:
        cause = message.cause
        if sampled([cause.traceparent]):
            span = begin("internal", f"handle {message.type}", cause.traceparent, None, links)
            span.set(_handled(message, group))
            spans.append(span)
            cause = Cause(cause.correlation_id, cause.causation_id, span.traceparent)
        causes[message.key] = cause
    error: str | None = None
    try:
        yield causes
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        for span in spans:
            span.end(error)


def _handled(message: Message, group: str) -> dict[str, Value]:
    record = message.record
    return _messaging("process", record.topic) | {
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.message.id": str(message.id),
        "cloudevents.event_id": str(message.id),
        "cloudevents.event_type": message.type,
    }


def _messaging(operation: str, topic: str) -> dict[str, Value]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
    }


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """What a record's headers say of its trace."""
    return next((text_of(value) for name, value in headers if name == "traceparent"), None)


@asynccontextmanager
async def exporting(service: str, settings: TraceSettings) -> AsyncIterator[None]:
    """Make spans and send them for as long as it is entered, if a collector is named.

    One service a process. A collector that is away costs a line in the log and the spans that do
    not fit into the queue. On leaving, what is there is sent, for at most 3 s.
    """
    global _tracer  # noqa: PLW0603 - one for the process, as OpenTelemetry's own
    if not settings.otel_endpoint:
        yield
        return
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it says each failure again
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.otel_ratio)),
        resource=_resource(service, settings),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            _exporter(settings),
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=_DELAY_SECONDS * 1000,
        )
    )
    _tracer = mine = provider.get_tracer("partner-tools", settings.build_version)
    try:
        yield
    finally:
        if _tracer is mine:
            _tracer = None
        await _end(provider.shutdown)


async def _end(shutdown: Callable[[], None]) -> None:
    """Shut down within the grace, whatever the collector does: in a thread that nobody awaits."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def work() -> None:
        shutdown()
        with suppress(RuntimeError):  # the loop is gone: it took too long
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=work, name="last spans", daemon=True).start()
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await ended.wait()
    except TimeoutError:
        log.warning("spans_not_sent", seconds=GRACE_SECONDS)


def _resource(service: str, settings: TraceSettings) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": service,
            "service.namespace": "partner-tools",
            "service.version": settings.build_version,
            "service.instance.id": str(uuid4()),
            "process.pid": os.getpid(),
        }
    )


def _exporter(settings: TraceSettings) -> "SpanExporter":
    """OTLP over HTTP; whether it works is told once, and once more when that changes."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult

    endpoint = f"{(settings.otel_endpoint or '').rstrip('/')}/v1/traces"

    class Telling(OTLPSpanExporter):
        failed = False

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            result = super().export(spans)
            failed = result is not SpanExportResult.SUCCESS
            if failed != self.failed:
                self.failed = failed
                if failed:
                    log.warning("spans_are_lost", endpoint=endpoint, spans=len(spans))
                else:
                    log.info("spans_are_sent_again", endpoint=endpoint)
            return result

    return Telling(
        endpoint,
        headers=_headers(settings.otel_headers),
        timeout=_EXPORT_SECONDS,
        compression=Compression.Gzip,
    )


def _headers(text: str | None) -> dict[str, str]:
    """``name=value`` with commas between, values percent-encoded, as OpenTelemetry has them."""
    pairs = (each.partition("=") for each in (text or "").split(",") if each.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
