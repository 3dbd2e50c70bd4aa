"""What a log says, what it never says, and the ids that tie things together."""

import json
import logging
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis import telemetry
from shared.chassis.envelope import cause_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> "Lines":
    telemetry.configure_logging("gadgets", "info")
    return Lines(capsys)


class Lines:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def all(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]

    def one(self) -> dict[str, object]:
        [line] = self.all()
        return line


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    telemetry.configure_logging("tests", "warning")


def test_a_line_is_json_with_time_level_service_and_what_happened(lines: Lines) -> None:
    structlog.get_logger("here").info("swept", due=3, zone="Europe/Dublin")
    line = lines.one()
    assert line.pop("time")
    assert line == {
        "event": "swept",
        "due": 3,
        "zone": "Europe/Dublin",
        "level": "info",
        "logger": "here",
        "service": "gadgets",
    }


def test_libraries_log_the_same_way(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("started on %s", "port 1", extra={"port": 1})
    logging.getLogger("aiokafka").warning("no %s", "leader")
    logging.getLogger("aiokafka").info("too much")
    first, second = lines.all()
    assert (first["event"], first["port"], first["logger"]) == (
        "started on port 1",
        1,
        "uvicorn.error",
    )
    assert (second["event"], second["level"]) == ("no leader", "warning")


def test_less_than_the_level_is_not_said(lines: Lines) -> None:
    telemetry.configure_logging("gadgets", "error")
    structlog.get_logger("here").warning("hm")
    assert lines.all() == []


def test_a_failure_comes_with_its_stack_in_the_line(lines: Lines) -> None:
    try:
        int("ann@example.com")
    except ValueError:
        structlog.get_logger("here").exception("failed")
    stack = str(lines.one()["exception"])
    assert "ValueError: invalid literal for int() with base 10: '<address>'" in stack
    assert "Traceback" in stack


def test_no_address_password_or_token_gets_into_a_log(lines: Lines) -> None:
    structlog.get_logger("here").info(
        "sent to ann@example.com",
        to=["Bob <bob@example.com>", {"cc": "cy@example.com"}],
        dsn="postgresql://clients:hunter2@db:5432/clients",
        header="Bearer eyJhbGciOi.J9.abc",
        error=ValueError("dee@example.com"),
        nothing=None,
        number=1.5,
        flag=True,
    )
    line = lines.one()
    assert line["event"] == "sent to <address>"
    assert line["to"] == ["Bob <<address>>", {"cc": "<address>"}]
    assert line["dsn"] == "postgresql://clients:***@db:5432/clients"
    assert line["header"] == "Bearer ***"
    assert line["error"] == "<address>"
    assert (line["nothing"], line["number"], line["flag"]) == (None, 1.5, True)


@given(st.from_regex(r"[a-z0-9.+-]{1,20}@[a-z0-9]{1,10}\.[a-z]{2,5}", fullmatch=True), st.text())
def test_an_address_is_found_in_any_text(address: str, around: str) -> None:
    assert address not in telemetry.scrub(f"{around} {address} {around}")


def test_everything_inside_a_thread_carries_its_ids(lines: Lines) -> None:
    with telemetry.thread(correlation="request-1", trace=TRACE) as given_id:
        structlog.get_logger("here").info("inside")
        cause = cause_of("any key")
    structlog.get_logger("here").info("outside")
    inside, outside = lines.all()
    assert given_id == inside["correlation_id"] == "request-1"
    assert inside["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "correlation_id" not in outside
    assert cause is not None
    assert cause.correlation_id == "request-1"
    assert cause.traceparent is not None
    assert cause.traceparent.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert cause.traceparent.endswith("-01")
    assert cause.traceparent != TRACE
    assert cause_of("any key") is None


@pytest.mark.parametrize("bad", [None, "", "a b", "x" * 101, "ä", "a\nb"])
def test_an_id_that_is_none_is_made_anew(bad: str | None) -> None:
    with telemetry.thread(correlation=bad) as made:
        assert UUID(made).version == 4


@pytest.mark.parametrize(
    "bad",
    [None, "", "00-zz", TRACE.replace("00-", "ff-", 1), TRACE.upper(), TRACE + "-x",
     "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-" + "a" * 32 + "-" + "0" * 16 + "-01"],
)  # fmt: skip
def test_a_trace_that_is_none_begins_anew(bad: str | None) -> None:
    made = telemetry.child_of(bad)
    assert telemetry.child_of(made).split("-")[1] == made.split("-")[1]
    assert made.split("-")[1] not in (bad or "x")
