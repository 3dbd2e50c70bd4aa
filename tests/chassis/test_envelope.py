"""What is read of a record's headers, and what is written into them."""

import json
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.chassis import envelope
from shared.chassis.envelope import TOMBSTONE, UNREADABLE, Cause, because, cause_of, read
from tests.chassis.depot import NOON, counted
from tests.deliver import Delivered, record_of


def spoiled(name: str, value: bytes | None) -> Delivered:
    record = record_of(counted(1))
    record.headers = [(n, value if n == name else v) for n, v in record.headers]
    return record


def without(record: Delivered, *names: str) -> Delivered:
    record.headers = [(name, value) for name, value in record.headers if name not in names]
    return record


def test_an_event_is_known_by_source_and_id() -> None:
    event_id = uuid4()
    message = read(record_of(counted(1), event_id=event_id))
    assert message.error is None
    assert message.type == "depot.Counted.v1"
    assert message.identity == ("/depot", event_id)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_id", None, "header ce_id is empty"),
        ("ce_id", b"42", "header ce_id is '42'; expected a UUID"),
        ("ce_type", b"\xff\xfe", r"header ce_type is b'\\xff\\xfe'; expected UTF-8"),
        ("ce_type", None, "header ce_type is empty"),
        ("ce_source", b"/a\0b", "expected text without NUL"),
    ],
)
def test_a_header_that_cannot_be_read_is_told_by_name_and_value(
    name: str, value: bytes | None, reason: str
) -> None:
    message = read(spoiled(name, value))
    assert message.type == UNREADABLE
    with pytest.raises(envelope.UnreadableError, match=reason):
        raise message.error or AssertionError


def test_headers_that_nobody_needs_may_hold_anything() -> None:
    record = record_of(counted(1))
    record.headers = [*record.headers, ("traceparent", b"\xff"), ("x", None)]
    assert read(record).error is None


def test_a_record_without_an_id_keeps_the_one_of_its_place() -> None:
    record = without(record_of(counted(1)), "ce_id")
    assert read(record).id == read(record).id
    record.offset += 1
    again = read(record)
    record.offset -= 1
    assert read(record).id != again.id


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_is_a_tombstone(value: bytes | None) -> None:
    record = record_of(counted(1))
    record.value = value
    assert read(record).type == TOMBSTONE


def test_a_tombstone_by_another_tool_needs_no_headers() -> None:
    record = record_of(counted(1))
    record.value, record.headers = None, []
    message = read(record)
    assert (message.type, message.error) == (TOMBSTONE, None)


def test_what_follows_from_an_event_carries_its_thread() -> None:
    first = uuid4()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    message = read(record_of(counted(1), event_id=first, correlation_id="c-1", traceparent=trace))
    assert message.cause == Cause("c-1", str(first), trace)
    alone = read(without(record_of(counted(1), event_id=first), "ce_correlationid"))
    assert alone.cause == Cause(str(first), str(first), None)


def test_several_causes_are_told_apart_by_key() -> None:
    one, other = Cause("1"), Cause("2")
    with because({"a": one, "b": other}):
        assert cause_of("a") == one
        assert cause_of("c") is None
        with because(other):
            assert cause_of("a") == other
    assert cause_of("a") is None


def test_the_headers_are_those_of_a_cloudevent() -> None:
    event = counted(7)
    record = record_of(event)
    headers: Sequence[tuple[str, bytes | None]] = record.headers
    plain = {name: value for name, value in headers if value is not None}
    parsed = from_binary(
        KafkaMessage(headers=plain, key=record.key, value=record.value or b""), JSONFormat()
    )
    assert parsed.get_type() == "depot.Counted.v1"
    assert parsed.get_source() == "/depot"
    assert parsed.get_subject() == str(event.thing_id)
    assert parsed.get_time() == NOON
    data = parsed.get_data()
    assert (data if isinstance(data, dict) else json.loads(str(data)))["number"] == 7
    assert str(UUID(parsed.get_id())) == parsed.get_id()
