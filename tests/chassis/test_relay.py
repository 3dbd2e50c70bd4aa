"""From the outbox to a real Kafka: nothing lost, order kept, whatever dies or disagrees."""

import asyncio
import signal
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis.strategies import binary

from deploy.local.databases import Addresses
from shared.chassis import outbox
from shared.chassis.database import Connection, Pool
from shared.chassis.partitions import partition_hash
from tests.chassis.depot import (
    Counted,
    counted,
    depot,
    in_order,
    make_topic,
    numbers_in,
    read_topic,
    relaying,
    say,
    sent,
    until,
    waiting,
    write,
)
from tests.deliver import record_of

pytestmark = pytest.mark.delivery
KILLED = -signal.SIGKILL


async def test_what_was_committed_arrives_with_its_headers_in_order(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    things = [uuid4() for _ in range(40)]
    events = [counted(n, things[n % 40], cls=cls, version=n // 40 + 1) for n in range(2_000)]
    await say(pool, *events)
    async with relaying(depot_at, kafka) as relay:
        await sent(pool)
        assert (relay.progress.shards, relay.progress.failures) == (16, 0)
    records = await read_topic(kafka, cls.TOPIC, 2_000)
    assert sorted(numbers_in(records)) == list(range(2_000))
    assert in_order(records)
    headers = dict(records[0].headers)
    assert headers["ce_type"] == b"depot.Counted.v1"
    assert headers["content-type"] == b"application/json"


async def test_a_running_relay_is_woken_by_what_is_recorded(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.shards))
        for number in range(5):
            await say(pool, counted(number, cls=cls))
            await sent(pool)
    assert sorted(numbers_in(await read_topic(kafka, cls.TOPIC, 5))) == list(range(5))


async def test_a_burst_goes_out_at_once_though_the_outbox_was_empty_when_its_queries_were_planned(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    """One delete of 2,048 rows took 20 s when it was planned so, with 50,000 rows waiting."""
    cls = await make_topic(kafka)
    burst = """
        INSERT INTO outbox (shard, event_id, topic, key, payload, headers)
        SELECT n % 16, gen_random_uuid(), $1, n % 16, '{}', '{}'
          FROM generate_series(1, 30000) n
        """
    owner = await asyncpg.connect(depot_at.owner_dsn)
    async with relaying(depot_at, kafka):
        await pool.execute(burst, cls.TOPIC)
        await sent(pool)
        await owner.execute("VACUUM (TRUNCATE false) outbox")  # from now on it is known as empty
        await pool.execute(burst, cls.TOPIC)
        await sent(pool)
    await owner.close()


async def test_what_was_committed_just_before_the_end_still_goes_out(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.shards))
        await say(pool, *[counted(number, cls=cls) for number in range(500)])
    assert await waiting(pool) == 0


async def test_what_was_committed_after_the_last_look_still_goes_out(
    depot_at: Addresses, pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls, said = await make_topic(kafka), asyncio.Event()
    async with relaying(depot_at, kafka) as relay:
        look = relay._read

        async def look_too_early(conn: Connection) -> list[asyncpg.Record]:
            rows = await look(conn)
            if not said.is_set():
                await say(pool, counted(1, cls=cls))
                said.set()
                await until(lambda: asyncio.sleep(0, relay._closing))
            return rows

        monkeypatch.setattr(relay, "_read", look_too_early)
        await said.wait()
    assert await waiting(pool) == 0


async def test_a_transaction_that_commits_late_is_not_passed_over(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka), pool.acquire() as late:
        held = late.transaction()
        await held.start()
        await outbox.record(late, counted(0, cls=cls))
        for number in range(1, 1_001, 100):
            await say(pool, *[counted(n, cls=cls) for n in range(number, number + 100)])
        await sent(pool)
        await held.commit()
        await sent(pool)
    numbers = numbers_in(await read_topic(kafka, cls.TOPIC, 1_001))
    assert sorted(numbers) == list(range(1_001))


async def test_writers_of_the_same_aggregates_keep_the_order_of_their_commits(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    things = [uuid4() for _ in range(20)]

    async def writer(start: int) -> None:
        for n in range(60):
            await write(pool, cls, things[(start + n * 7) % 20])

    async with relaying(depot_at, kafka):
        await asyncio.gather(*(writer(start) for start in range(8)))
        await sent(pool)
    records = await read_topic(kafka, cls.TOPIC, 480)
    assert len(records) == 480
    assert in_order(records)


async def test_a_row_written_before_the_lock_would_break_that_order(
    depot_at: Addresses, pool: Pool
) -> None:
    """Why the aggregate is locked first: without it, ids and versions disagree."""
    thing = uuid4()
    await pool.execute("INSERT INTO things VALUES ($1, 0)", thing)
    take = "UPDATE things SET version = version + 1 WHERE thing_id = $1 RETURNING version"
    async with pool.acquire() as first, pool.acquire() as second:
        early, late = first.transaction(), second.transaction()
        await early.start()
        await late.start()
        await outbox.record(first, counted(1, thing, version=2))  # before it has the lock
        version = await second.fetchval(take, thing)
        await outbox.record(second, counted(2, thing, version=version))
        await late.commit()
        await first.fetchval(take, thing)
        await early.commit()
    rows = await pool.fetch("SELECT payload FROM outbox ORDER BY id")
    versions = [Counted.model_validate_json(row["payload"]).version for row in rows]
    assert versions == [2, 1]


async def test_two_relays_share_the_shards_that_they_are_given(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    async with (
        relaying(depot_at, kafka, shards=range(8)) as low,
        relaying(depot_at, kafka, shards=range(8, 16)) as high,
    ):
        await say(pool, *[counted(number, cls=cls) for number in range(200)])
        await sent(pool)
        assert low.progress.sent + high.progress.sent == 200
        assert min(low.progress.sent, high.progress.sent) > 0


async def test_the_biggest_event_goes_through_beside_small_ones(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka, partitions=1)
    async with pool.acquire() as tx, tx.transaction():
        small = outbox.render([counted(n, cls=cls) for n in range(3)])
        big = small[1]._replace(payload=b"x" * outbox.BIGGEST)
        await outbox.insert(tx, [small[0], big, small[2]])
    async with relaying(depot_at, kafka):
        await sent(pool)
    arrived = await read_topic(kafka, cls.TOPIC, 3)
    assert max(len(each.value) for each in arrived) == outbox.BIGGEST


async def test_a_foreign_record_goes_out_as_a_dead_letter_byte_by_byte(
    depot_at: Addresses, pool: Pool, fresh_topics: str
) -> None:
    record = record_of(counted(4))
    record.headers = [*record.headers, ("odd", b"\xff\x00"), ("none", None)]
    await depot(bad=[4]).receive([record], pool)
    await pool.execute("UPDATE outbox SET topic = 'tiers.dead-letters.v1'")
    async with relaying(depot_at, fresh_topics):
        await sent(pool)
    [letter] = await read_topic(fresh_topics, "tiers.dead-letters.v1", 1)
    assert letter.value == record.value
    assert ("odd", b"\xff\x00") in letter.headers
    assert ("none", None) in letter.headers


def test_keys_go_where_every_other_client_of_kafka_puts_them() -> None:
    of_java = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
    }
    assert {key: partition_hash(key) for key in of_java} == {
        key: found & 0x7FFFFFFF for key, found in of_java.items()
    }


@given(binary(max_size=50))
def test_keys_go_where_aiokafkas_producer_puts_them(key: bytes) -> None:
    assert partition_hash(key) == murmur2(key) & 0x7FFFFFFF
