"""From the outbox to a real Kafka: nothing lost, order kept, whatever dies or disagrees."""

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from deploy.local import ports
from deploy.local.databases import Addresses
from deploy.local.kafka import Kafka
from shared.chassis import outbox
from shared.chassis.database import Pool
from shared.chassis.kafka import ensure_topics
from shared.chassis.relay import LostLeadError, Relay, _Flight, _hash
from shared.contracts.topics import Topic
from tests.chassis.depot import (
    Counted,
    counted,
    depot,
    exit_code,
    firsts,
    make_topic,
    numbers_in,
    on_topic,
    process,
    read_topic,
    say,
    until,
)
from tests.deliver import record_of

pytestmark = pytest.mark.delivery
KILLED = -signal.SIGKILL


@asynccontextmanager
async def relaying(depot_at: Addresses, servers: str, **options: Any) -> AsyncIterator[Relay]:
    relay = Relay(depot_at.dsn, servers, source="/depot", **options)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task


async def waiting(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM outbox")
    return count


async def sent(pool: Pool, *, seconds: float = 20) -> None:
    async def empty() -> bool:
        return not await waiting(pool)

    await until(empty, seconds=seconds)


def in_order(records: list[Any]) -> bool:
    """Whether the first copies of each key come by rising version."""
    versions: dict[bytes, list[int]] = defaultdict(list)
    for record in records:
        versions[record.key].append(Counted.model_validate_json(record.value).version)
    return all(firsts(each) == sorted(set(each)) for each in versions.values())


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


async def test_what_was_committed_just_before_the_end_still_goes_out(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.shards))
        await say(pool, *[counted(number, cls=cls) for number in range(500)])
    assert await waiting(pool) == 0


async def test_a_crash_before_sending_loses_nothing(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    await say(pool, *[counted(number, cls=cls) for number in range(20)])
    with process("relay", depot_at.dsn, kafka, crash_at="outbox.before_send") as relay:
        assert await exit_code(relay) == KILLED
    assert await waiting(pool) == 20
    async with relaying(depot_at, kafka):
        await sent(pool)
    assert sorted(numbers_in(await read_topic(kafka, cls.TOPIC, 20))) == list(range(20))


async def test_a_crash_after_kafkas_acknowledgement_doubles_records_but_no_effect(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    await say(pool, *[counted(number, cls=cls) for number in range(20)])
    with process("relay", depot_at.dsn, kafka, crash_at="outbox.after_produce") as relay:
        assert await exit_code(relay) == KILLED
    async with relaying(depot_at, kafka):
        await sent(pool)
    records = await read_topic(kafka, cls.TOPIC, 40)
    assert Counter(numbers_in(records)) == dict.fromkeys(range(20), 2)
    await depot(cls).receive(records, pool)
    assert await pool.fetchval("SELECT count(*) FROM effects") == 20


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


async def write(pool: Pool, cls: type[Counted], thing: UUID) -> None:
    """The write rule: lock the aggregate, save it, then record with the version that it got."""
    async with pool.acquire() as tx, tx.transaction():
        version = await tx.fetchval(
            """
            INSERT INTO things (thing_id, version) VALUES ($1, 1)
            ON CONFLICT (thing_id) DO UPDATE SET version = things.version + 1
            RETURNING version
            """,
            thing,
        )
        await asyncio.sleep(0.001)
        await outbox.record(tx, counted(0, thing, cls=cls, version=version))


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


async def test_a_paused_leader_that_wakes_breaks_no_order(
    depot_at: Addresses, pool: Pool, kafka: str, postgres: str
) -> None:
    cls = await make_topic(kafka)
    things = [uuid4() for _ in range(10)]
    stop = asyncio.Event()

    async def writer(start: int) -> None:
        while not stop.is_set():
            await write(pool, cls, things[start])

    with process("relay", depot_at.dsn, kafka) as leader:
        await until(lambda: leading(pool))
        writers = [asyncio.create_task(writer(start)) for start in range(10)]
        async with relaying(depot_at, kafka) as relay:
            await asyncio.sleep(0.7)
            assert relay.progress.shards == 0
            leader.send_signal(signal.SIGSTOP)
            await cut(postgres, "relay /depot", but=relay)
            await until(lambda: asyncio.sleep(0, relay.progress.shards == 16))
            await asyncio.sleep(0.5)
            leader.send_signal(signal.SIGCONT)
            await asyncio.sleep(1)
            stop.set()
            await asyncio.gather(*writers)
            await sent(pool)
    total = await pool.fetchval("SELECT sum(version) FROM things")
    records = await read_topic(kafka, cls.TOPIC, total)
    distinct = {(r.key, Counted.model_validate_json(r.value).version) for r in records}
    assert len(distinct) == total
    assert in_order(records)


async def leading(pool: Pool) -> int:
    """How many shards of the depot somebody leads."""
    count: int = await pool.fetchval(
        """
        SELECT count(*) FROM pg_locks
         WHERE locktype = 'advisory' AND classid = $1
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        0x0A52,
    )
    return count


async def cut(postgres: str, application: str, *, but: Relay) -> None:
    """Cut the connection that holds the locks."""
    assert but.progress.shards == 0
    superuser = await asyncpg.connect(postgres)
    await superuser.execute(
        """
        SELECT pg_terminate_backend(l.pid)
          FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.classid = $1 AND a.application_name = $2
        """,
        0x0A52,
        application,
    )
    await superuser.close()


async def test_a_relay_that_loses_its_connection_starts_over(
    depot_at: Addresses, pool: Pool, kafka: str, postgres: str
) -> None:
    cls = await make_topic(kafka)
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.shards))
        superuser = await asyncpg.connect(postgres)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'relay /depot' AND datname = $1",
            depot_at.name,
        )
        await superuser.close()
        await say(pool, counted(1, cls=cls))
        await sent(pool)
        assert relay.progress.failures >= 1
    assert numbers_in(await read_topic(kafka, cls.TOPIC, 1)) == [1]


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


async def set_limit(servers: str, topic: str, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    config = {"max.message.bytes": str(size)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    await admin.close()


async def test_a_batch_that_kafka_refuses_is_sent_once_it_is_taken_and_in_order(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    refused, other = await make_topic(kafka), await make_topic(kafka)
    things = [uuid4() for _ in range(10)]
    await set_limit(kafka, refused.TOPIC, 100)
    async with relaying(depot_at, kafka) as relay:
        await say(
            pool,
            *[counted(n, things[n % 10], cls=refused, version=n // 10 + 1) for n in range(100)],
            *[counted(n, cls=other) for n in range(50)],
        )
        await until(lambda: asyncio.sleep(0, relay.progress.failures >= 2))
        assert await waiting(pool) == 100, "the other topic is not held up"
        await set_limit(kafka, refused.TOPIC, 1_048_588)
        await sent(pool)
    records = await read_topic(kafka, refused.TOPIC, 100)
    assert sorted(set(numbers_in(records))) == list(range(100))
    assert in_order(records)


def answer(error: Exception | None) -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if error:
        future.set_exception(error)
    else:
        future.set_result(None)
    return future


async def test_nothing_is_dropped_behind_an_event_of_its_key_that_kafka_has_not(
    depot_at: Addresses, pool: Pool
) -> None:
    one, other = uuid4(), uuid4()
    await say(pool, *[counted(number, thing) for thing in (one, other) for number in range(3)])
    relay = Relay(depot_at.dsn, "nowhere:1", source="/depot")
    rows = await pool.fetch("SELECT * FROM outbox ORDER BY id")
    flight = _Flight(rows, read_at=0.0, batch_of=[0, 1, 0, 0, 0, 1])
    flight.acks = [answer(None), answer(KafkaError("too large"))]
    async with pool.acquire() as conn:
        await relay._delete(conn, flight)
    left = await pool.fetch("SELECT id FROM outbox ORDER BY id")
    assert [rows.index(row) for row in rows if row["id"] in {each["id"] for each in left}] == [
        1,
        2,
        5,
    ]


async def test_whoever_finds_its_rows_deleted_by_another_starts_over(
    depot_at: Addresses, pool: Pool
) -> None:
    await say(pool, counted(1), counted(2))
    relay = Relay(depot_at.dsn, "nowhere:1", source="/depot")
    flight = _Flight(await pool.fetch("SELECT * FROM outbox"), read_at=0.0, batch_of=[0, 0])
    flight.acks = [answer(None)]
    await pool.execute("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)")
    async with pool.acquire() as conn:
        with pytest.raises(LostLeadError, match="another relay of /depot was here"):
            await relay._delete(conn, flight)


async def test_rows_that_were_read_long_ago_are_read_again_before_they_are_sent(
    depot_at: Addresses, pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = await make_topic(kafka)
    await say(pool, counted(1, cls=cls))
    build, reads = Relay._build, []

    async def pause(self: Relay, *arguments: Any) -> _Flight:
        flight = await build(self, *arguments)
        reads.append(flight)
        if len(reads) == 1:
            flight.read_at -= 6  # as if the process had stood still
        return flight

    monkeypatch.setattr(Relay, "_build", pause)
    async with relaying(depot_at, kafka):
        await sent(pool)
    assert len(reads) == 2
    assert reads[0].acks == []


async def test_the_biggest_event_goes_through_beside_small_ones(
    depot_at: Addresses, pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka, partitions=1)
    async with pool.acquire() as tx, tx.transaction():
        small = outbox.render([counted(n, cls=cls) for n in range(3)])
        big = replace(small[1], payload=b"x" * outbox.BIGGEST)
        await outbox.insert(tx, [small[0], big, small[2]])
    async with relaying(depot_at, kafka):
        await sent(pool)
    arrived = await read_topic(kafka, cls.TOPIC, 3)
    assert max(len(each.value) for each in arrived) == outbox.BIGGEST


async def test_nothing_is_lost_while_kafka_is_down(
    depot_at: Addresses, pool: Pool, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chassis.relay.GRACE_SECONDS", 0.5)
    port, controller_port = ports.free_ports(2)
    broker = Kafka(scratch / "killed", port=port, controller_port=controller_port, quick=True)
    broker.start()
    try:
        cls = await make_topic(broker.servers)
        things = [uuid4() for _ in range(100)]

        def round_(version: int) -> list[Counted]:
            first = version * 100
            return [counted(first + n, things[n], cls=cls, version=version) for n in range(100)]

        async with relaying(depot_at, broker.servers, shards=range(8)) as relay:
            async with relaying(depot_at, broker.servers, shards=range(8, 16)):
                await say(pool, *round_(1))
                await sent(pool)
                broker.kill()
                await say(pool, *round_(2))
                await asyncio.sleep(0.5)
                begun = monotonic()
            assert monotonic() - begun < 5, "the other one ends although it cannot send"
            for version in range(3, 102):
                await say(pool, *round_(version))
            assert await waiting(pool) == 10_000
            await asyncio.to_thread(broker.start)
            async with relaying(depot_at, broker.servers, shards=range(8, 16)):
                await sent(pool, seconds=40)
            assert relay.progress.waiting is None
        records = await read_topic(broker.servers, cls.TOPIC, 10_100)
    finally:
        broker.kill()
    assert len(set(numbers_in(records))) == 10_100
    assert in_order(records)


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


async def test_an_event_for_a_missing_topic_waits_and_says_what_creates_it(
    depot_at: Addresses, pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chassis.relay.METADATA_SECONDS", 0.3)
    name = f"depot.{uuid4().hex[:8]}.v1"
    await say(pool, counted(1, cls=on_topic(name)))
    async with relaying(depot_at, kafka) as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.waiting))
        assert f"nothing of {name}; if it is missing, `topics`" in str(relay.progress.waiting)
        await ensure_topics(kafka, [Topic(name, "depot", "events", "", 1)])
        await sent(pool)


async def test_a_relay_without_kafka_waits_and_says_so(depot_at: Addresses, pool: Pool) -> None:
    [port] = ports.free_ports(1)
    await say(pool, counted(1))
    async with relaying(depot_at, f"127.0.0.1:{port}") as relay:
        await until(lambda: asyncio.sleep(0, relay.progress.failures >= 2))
        assert "Unable to bootstrap" in str(relay.progress.waiting)
    assert await waiting(pool) == 1


def test_keys_go_where_every_other_client_of_kafka_puts_them() -> None:
    assert [_hash(key) % 12 for key in (b"21", b"foobar", b"a-little-bit-long-string")] == [
        (-973932308 & 0x7FFFFFFF) % 12,
        (-790332482 & 0x7FFFFFFF) % 12,
        (-985981536 & 0x7FFFFFFF) % 12,
    ]
