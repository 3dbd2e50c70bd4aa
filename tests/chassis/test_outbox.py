"""Events recorded with the state that they tell of."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zlib import crc32

import pytest

from shared.chassis import outbox
from shared.chassis.database import Pool
from shared.chassis.envelope import Cause, because
from shared.contracts.event import Tombstone
from tests.chassis.depot import NOON, Counted, counted, say
from tests.deliver import pending


async def test_what_is_rolled_back_was_never_said(pool: Pool) -> None:
    async with pool.acquire() as tx:
        transaction = tx.transaction()
        await transaction.start()
        await outbox.record(tx, counted(1))
        await transaction.rollback()
    assert await pending(pool) == []


async def test_events_keep_the_order_in_which_they_were_recorded(pool: Pool) -> None:
    await say(pool, *[counted(number) for number in range(300)])
    await say(pool, counted(300))
    said = [Counted.model_validate_json(each.value or b"") for each in await pending(pool)]
    assert [each.number for each in said] == list(range(301))


async def test_recording_nothing_does_nothing(pool: Pool) -> None:
    await say(pool)
    assert await pending(pool) == []


async def test_an_event_has_the_headers_of_a_cloudevent(pool: Pool) -> None:
    event = counted(1, version=7)
    await say(pool, event)
    [said] = await pending(pool)
    headers = dict(said.headers)
    assert headers["ce_type"] == b"depot.Counted.v1"
    assert headers["ce_source"] == b"/depot"
    assert headers["ce_subject"] == headers["ce_partitionkey"] == said.key
    assert headers["ce_aggregateversion"] == b"7"
    assert headers["ce_time"] == b"2026-01-15T12:00:00Z"
    assert headers["ce_correlationid"] == headers["correlation_id"] == headers["ce_id"]
    assert "ce_causationid" not in headers


async def test_an_event_tells_what_caused_it(pool: Pool) -> None:
    with because(Cause("c-1", "e-1", "00-trace")):
        await say(pool, counted(1))
    [said] = await pending(pool)
    headers = dict(said.headers)
    assert headers["ce_correlationid"] == b"c-1"
    assert headers["ce_causationid"] == b"e-1"
    assert headers["traceparent"] == b"00-trace"


async def test_ids_sort_by_the_time_at_which_events_occurred(pool: Pool) -> None:
    later = counted(1).model_copy(update={"occurred_at": NOON + timedelta(milliseconds=1)})
    await say(pool, later, counted(2))
    ids = [row["event_id"] for row in await pool.fetch("SELECT event_id FROM outbox ORDER BY id")]
    assert ids[1] < ids[0]
    assert {UUID(str(each)).version for each in ids} == {7}
    moment = datetime.fromtimestamp((int(UUID(str(ids[1]))) >> 80) / 1000, UTC)
    assert moment == NOON


async def test_an_event_with_an_id_of_its_own_keeps_it(pool: Pool) -> None:
    fixed = uuid4()

    class Fixed(Counted):
        def event_id(self) -> UUID:
            return fixed

    await say(pool, Fixed(thing_id=uuid4(), number=1, version=1, occurred_at=NOON))
    assert await pool.fetchval("SELECT event_id FROM outbox") == fixed


async def test_a_tombstone_has_no_value(pool: Pool) -> None:
    stone = Tombstone(topic="depot.state.v1", key="k", owner="depot", occurred_at=NOON, version=3)
    async with pool.acquire() as tx, tx.transaction():
        await outbox.record(tx, stone)
    [said] = await pending(pool)
    assert (said.topic, said.key, said.value) == ("depot.state.v1", b"k", None)
    assert dict(said.headers)["ce_aggregateversion"] == b"3"


async def test_what_kafka_would_refuse_is_refused_before_it_is_committed(pool: Pool) -> None:
    class Long(Counted):
        text: str

    event = Long(thing_id=uuid4(), number=1, version=1, occurred_at=NOON, text="x" * outbox.BIGGEST)
    with pytest.raises(outbox.EventTooBigError, match=f"about {event.thing_id} has 9217.. bytes"):
        await say(pool, counted(1), event)
    assert await pending(pool) == []


async def test_a_key_stays_in_its_shard(pool: Pool) -> None:
    things = [uuid4() for _ in range(50)]
    await say(pool, *[counted(0, thing) for thing in things * 2])
    rows = await pool.fetch("SELECT DISTINCT key, shard FROM outbox")
    assert {row["key"]: row["shard"] for row in rows} == {
        str(thing): crc32(str(thing).encode()) % 16 for thing in things
    }
    assert len(rows) == 50


def test_headers_from_elsewhere_pass_through_byte_by_byte() -> None:
    pairs = [("a", b"\xff\x00"), ("a", b"twice"), ("b", None), ("c", b"")]
    assert outbox.header_pairs(outbox.raw_headers(pairs)) == pairs
