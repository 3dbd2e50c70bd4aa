"""Logs as JSON lines, metrics, and the thread that ties a request to what follows from it."""

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO
from uuid import uuid4

import structlog

from shared.chassis.envelope import Cause, because, causes
from shared.chassis.tracing import TRACEPARENT

_CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,255}")
_SECRET = re.compile(r"(://[^:/\s@]+:)[^@/\s]+@|(?i:(bearer ))[A-Za-z0-9._~+/-]+=*")

MOST_EVENTS = 10  # that a line about a batch names


@contextmanager
def thread(
    *, correlation: str | None = None, trace: str | None = None, span: str | None = None
) -> Iterator[str]:
    """Log and record everything done inside under one id; gives that id.

    What is missing or not well formed is made anew. ``trace`` is a W3C ``traceparent``: its
    trace goes on, under ``span`` where one was begun for it, else under an id of our own.
    """
    if correlation is None or not _CORRELATION.fullmatch(correlation):
        correlation = str(uuid4())
    with because(Cause(correlation, None, span or child_of(trace))):
        yield correlation


def child_of(trace: str | None) -> str:
    """A ``traceparent`` for work that follows from this one; a new trace where there is none."""
    if trace is None or not TRACEPARENT.fullmatch(trace):
        made = secrets.token_hex(24)  # at once: each is a call of the system
        return f"00-{made[:32]}-{made[32:]}-01"
    _, trace_id, _, flags = trace.split("-")
    return f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"


def scrub(text: str) -> str:
    """Take e-mail addresses, passwords in addresses and bearer tokens out of a text."""
    if "@" not in text and "earer " not in text and "EARER " not in text:
        return text
    text = _SECRET.sub(lambda found: f"{found[1] or found[2]}***" + ("@" if found[1] else ""), text)
    return _ADDRESS.sub(lambda found: found[0] if "***@" in found[0] else "<address>", text)


def _say_causes(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of what is being done here: looked up for a line, so that no event pays for it.

    Within a batch a line may be about any of it, and names the first few events.
    """
    found = causes()
    if len(found) == 1:
        [cause] = found
        event.setdefault("correlation_id", cause.correlation_id)
        if cause.causation_id:
            event.setdefault("event_id", cause.causation_id)
        if cause.traceparent and TRACEPARENT.fullmatch(cause.traceparent):
            _, trace_id, span_id, _ = cause.traceparent.split("-")
            event.setdefault("trace_id", trace_id)
            event.setdefault("span_id", span_id)
    elif found:
        event.setdefault("event_ids", [each.causation_id for each in found[:MOST_EVENTS]])
    return event


def _scrub_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _scrub_value(value)
    return event


def _scrub_value(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: _scrub_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub_value(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return scrub(str(value))


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to what is standard output at the time, which tests replace."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Where lines go."""
        return sys.stdout


def configure_logging(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Write every logger's lines, those of libraries too, as JSON to standard output."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _say_causes,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _naming(service),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StandardOutput() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                *shared,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream", "aiokafka"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # metrics count requests
    logging.getLogger("aiokafka").setLevel(max(root.level, logging.WARNING))
    logging.getLogger("httpx2").setLevel(max(root.level, logging.WARNING))


def _naming(service: str) -> structlog.types.Processor:
    def name(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        event.pop("color_message", None)  # uvicorn's, for terminals
        return event

    return name
