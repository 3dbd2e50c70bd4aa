"""Each event once, in order; a bad record alone; a consumer that stops before it harms."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from shared.chassis import dead_letters, outbox
from shared.chassis import inbox as inboxes
from shared.chassis.database import Connection, Pool
from shared.chassis.envelope import Message
from shared.chassis.failures import (
    ConsumerStoppedError,
    DeployFaultError,
    TooManyDeadLettersError,
    time_mends,
)
from shared.chassis.inbox import Inbox
from shared.contracts.event import Tombstone
from tests.chassis.depot import (
    NOON,
    Counted,
    Recounted,
    Unheard,
    counted,
    depot,
    heard,
)
from tests.deliver import Delivered, deliver, pending, record_of


async def letters(pool: Pool) -> list[dead_letters.DeadLetter]:
    async with pool.acquire() as conn:
        return await dead_letters.list_open(conn)


async def outcomes(pool: Pool) -> dict[str, int]:
    rows = await pool.fetch("SELECT outcome, count(*) AS n FROM inbox GROUP BY outcome")
    return {row["outcome"]: row["n"] for row in rows}


async def test_an_event_that_comes_again_has_no_second_effect(pool: Pool) -> None:
    inbox, record = depot(), record_of(counted(1))
    await inbox.receive([record, record], pool)
    await inbox.receive([record], pool)
    assert await heard(pool) == [1]
    assert (inbox.counts.handled, inbox.counts.repeated) == (1, 1)


async def test_two_services_hear_the_same_event_once_each(pool: Pool) -> None:
    record = record_of(counted(1))
    other = Inbox("shed", Counted.TOPIC)
    seen = []

    @other.on(Counted)
    async def see(event: Counted, tx: Connection) -> None:
        seen.append(event.number)

    await depot().receive([record], pool)
    await other.receive([record], pool)
    assert (await heard(pool), seen) == ([1], [1])


async def test_another_revision_of_an_inbox_hears_everything_again(pool: Pool) -> None:
    first, record = depot(bad=[2]), record_of(counted(1))
    await first.receive([record, record_of(counted(2))], pool)
    second = first.of_revision(2)

    await second.receive([record], pool)
    await second.receive([record], pool)

    assert await heard(pool) == [1, 1]
    assert (second.counts.handled, second.counts.repeated, second.counts.dead) == (1, 1, 0)
    rows = await pool.fetch("SELECT consumer FROM inbox WHERE outcome = 'handled' ORDER BY 1")
    assert [row["consumer"] for row in rows] == [
        "depot.depot.events.v1",
        "depot.r2.depot.events.v1",
    ]


async def test_a_batch_is_handled_in_its_order(pool: Pool) -> None:
    await deliver(depot(), pool, *[counted(number) for number in range(100)])
    assert await heard(pool) == list(range(100))


async def test_who_passes_events_on_gets_each_record_as_it_came(pool: Pool) -> None:
    inbox, told = Inbox("post", Counted.TOPIC), list[Message]()
    records = [record_of(counted(number)) for number in range(3)]

    @inbox.on_messages(Counted)
    async def pass_on(messages: Sequence[Message], tx: Connection) -> None:
        told.extend(messages)

    await inbox.receive(records, pool)
    await inbox.of_revision(2).receive(records, pool)

    assert [each.record for each in told] == records * 2
    assert [each.event.number for each in told] == [0, 1, 2] * 2


async def test_types_that_nobody_handles_are_skipped_and_leave_no_trace(pool: Pool) -> None:
    inbox = depot()
    await deliver(inbox, pool, counted(1), counted(2, cls=Unheard))
    assert await heard(pool) == [1]
    assert inbox.counts.skipped == 1
    assert await outcomes(pool) == {"handled": 1}


async def test_fields_that_the_reader_does_not_know_are_skipped(pool: Pool) -> None:
    record = record_of(counted(1))
    record.value = (record.value or b"")[:-1] + b',"colour":"red"}'
    await depot().receive([record], pool)
    assert await heard(pool) == [1]


async def test_one_bad_record_costs_its_batch_nothing_else(pool: Pool) -> None:
    inbox = depot(bad=[4])
    await deliver(inbox, pool, *[counted(number) for number in range(9)])
    assert await heard(pool) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert await outcomes(pool) == {"handled": 8, "dead": 1}
    [letter] = await letters(pool)
    assert letter.error == "BadNumberError: 4 is one too many"
    assert "in note" in letter.stack


async def test_of_five_hundred_the_four_bad_ones_alone_are_set_aside(pool: Pool) -> None:
    events = [counted(number) for number in range(500)]
    records = [record_of(event) for event in events]

    def spoil(record: Delivered, name: str, value: bytes | None) -> None:
        record.headers = [(n, value if n == name else v) for n, v in record.headers]

    spoil(records[17], "ce_id", None)
    spoil(records[180], "ce_type", b"\xff\xfe")
    records[333].value = b"{not json"
    savepoints = 0

    def count(query: asyncpg.connection.LoggedQuery) -> None:
        nonlocal savepoints
        savepoints += query.query.startswith("SAVEPOINT")

    inbox = depot(bad=[421])
    async with pool.acquire() as conn:
        conn.add_query_logger(count)
    await inbox.receive(records, pool)

    assert await heard(pool) == [n for n in range(500) if n not in (17, 180, 333, 421)]
    assert await outcomes(pool) == {"handled": 496, "dead": 4}
    found = await letters(pool)
    assert [letter.record.offset for letter in found] == [
        records[n].offset for n in (17, 180, 333, 421)
    ]
    assert 0 < savepoints < 40


async def test_a_handler_that_takes_a_list_gets_all_of_a_batch_at_once(pool: Pool) -> None:
    inbox, runs = Inbox("depot", Counted.TOPIC), []

    @inbox.on_run(Counted, Recounted)
    async def note(events: Sequence[Counted], tx: Connection) -> None:
        runs.append([event.number for event in events])

    kinds = (Counted, Recounted)
    await deliver(inbox, pool, *[counted(number, cls=kinds[number % 2]) for number in range(10)])
    assert runs == [list(range(10))]


async def test_lists_grow_over_other_types_but_never_change_the_order_of_a_key(
    pool: Pool,
) -> None:
    inbox, seen = Inbox("depot", Counted.TOPIC), []

    @inbox.on_run(Counted)
    async def count(events: Sequence[Counted], tx: Connection) -> None:
        seen.append(("count", [event.number for event in events]))

    @inbox.on(Recounted)
    async def recount(event: Recounted, tx: Connection) -> None:
        seen.append(("recount", [event.number]))

    a, b = uuid4(), uuid4()
    await deliver(
        inbox,
        pool,
        counted(0, a),
        counted(1, b, cls=Recounted),
        counted(2, a),  # joins 0: no later list holds a
        counted(3, b),  # may not pass 1
        counted(4, a),
        counted(5, b, cls=Recounted),
    )
    assert seen == [
        ("count", [0, 2]),
        ("recount", [1]),
        ("count", [3, 4]),
        ("recount", [5]),
    ]


async def test_what_a_handler_says_goes_out_with_its_effect_and_its_cause(pool: Pool) -> None:
    inbox = Inbox("depot", Counted.TOPIC)

    @inbox.on_run(Counted)
    async def answer(events: Sequence[Counted], tx: Connection) -> None:
        await outbox.record(
            tx, *[counted(event.number, event.thing_id, cls=Recounted) for event in events]
        )

    heard_ids = [uuid4(), uuid4()]
    records = [
        record_of(counted(n), event_id=heard_ids[n], correlation_id=f"c-{n}") for n in (0, 1)
    ]
    await inbox.receive(records, pool)
    said = [dict(each.headers) for each in await pending(pool)]
    assert [each["ce_causationid"] for each in said] == [str(i).encode() for i in heard_ids]
    assert [each["ce_correlationid"] for each in said] == [b"c-0", b"c-1"]


async def test_a_tombstone_reaches_its_handler_and_erases_the_keys_dead_letters(
    pool: Pool,
) -> None:
    thing, forgotten = uuid4(), []
    inbox = depot(bad=[1])

    @inbox.on_tombstone
    async def forget(key: str, tx: Connection) -> None:
        forgotten.append(key)

    await deliver(inbox, pool, counted(1, thing), counted(1))
    stone = Tombstone(
        topic=Counted.TOPIC, key=str(thing), owner="depot", occurred_at=NOON, version=2
    )
    await deliver(inbox, pool, stone)
    assert forgotten == [str(thing)]
    [left] = await letters(pool)
    assert left.record.key != str(thing).encode()


async def test_a_sixth_dead_letter_within_a_minute_stops_the_consumer(pool: Pool) -> None:
    inbox = depot(bad=range(100))
    records = [record_of(counted(number)) for number in range(20)]
    with pytest.raises(TooManyDeadLettersError):
        await inbox.receive(records, pool)
    assert inbox.stopped == "more than 5 dead letters within 60 s"
    assert await outcomes(pool) == {"dead": 5}
    with pytest.raises(ConsumerStoppedError, match="is stopped"):
        await inbox.receive(records, pool)

    mended = depot()  # the fixed build; the same records come again
    await mended.receive(records, pool)
    assert await heard(pool) == list(range(5, 20))


async def test_dead_letters_of_long_ago_do_not_count(pool: Pool) -> None:
    inbox = depot(bad=range(100), window_seconds=0.05)
    for start in (0, 5, 10):
        await deliver(inbox, pool, *[counted(number) for number in range(start, start + 5)])
        await asyncio.sleep(0.06)
    assert inbox.stopped is None
    assert await outcomes(pool) == {"dead": 15}


async def test_a_batch_that_is_rolled_back_counts_no_dead_letters(pool: Pool) -> None:
    inbox = depot(bad=[0, 1, 2], limit=3)

    @inbox.on(Recounted)
    async def wait(event: Recounted, tx: Connection) -> None:
        raise ConnectionResetError("gone")

    records = [record_of(counted(n)) for n in range(3)] + [record_of(counted(9, cls=Recounted))]
    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            await inbox.receive(records, pool)
    assert await outcomes(pool) == {}
    await inbox.receive(records[:3], pool)
    assert inbox.stopped is None


async def test_a_missing_table_stops_the_consumer_and_blames_no_record(pool: Pool) -> None:
    inbox = Inbox("depot", Counted.TOPIC)

    @inbox.on(Counted)
    async def write(event: Counted, tx: Connection) -> None:
        await tx.execute("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(DeployFaultError, match="no_such_table"):
        await deliver(inbox, pool, counted(1), counted(2))
    assert "no_such_table" in str(inbox.stopped)
    assert await outcomes(pool) == {}


async def test_a_lost_connection_leaves_the_batch_as_it_was(pool: Pool) -> None:
    inbox, cut = depot(), True

    @inbox.on(Recounted)
    async def cut_off(event: Recounted, tx: Connection) -> None:
        if cut:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    records = [record_of(counted(1)), record_of(counted(2, cls=Recounted)), record_of(counted(3))]
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await inbox.receive(records, pool)
    assert await heard(pool) == []
    assert await outcomes(pool) == {}
    cut = False
    await inbox.receive(records, pool)
    assert await heard(pool) == [1, 3]


async def test_a_statement_that_is_always_too_slow_is_set_aside_alone(pool: Pool) -> None:
    inbox = depot()

    @inbox.on(Recounted)
    async def dawdle(event: Recounted, tx: Connection) -> None:
        await tx.execute("SET LOCAL statement_timeout = 20")
        await tx.execute("SELECT pg_sleep(1)")

    records = [record_of(counted(1)), record_of(counted(2, cls=Recounted)), record_of(counted(3))]
    for _ in range(4):
        with pytest.raises(asyncpg.QueryCanceledError):
            await inbox.receive(records, pool)
    await inbox.receive(records, pool)
    assert await heard(pool) == [1, 3]
    assert await outcomes(pool) == {"handled": 2, "dead": 1}


async def test_a_second_owner_of_the_same_records_waits_and_then_skips_them(pool: Pool) -> None:
    inbox, other = Inbox("depot", Counted.TOPIC), depot()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @inbox.on(Counted)
    async def slowly(event: Counted, tx: Connection) -> None:
        begun.set()
        await go_on.wait()
        await tx.execute(
            "INSERT INTO effects (thing_id, number, version) VALUES ($1, $2, 1)",
            event.thing_id,
            event.number,
        )

    records = [record_of(counted(number)) for number in range(3)]
    first = asyncio.create_task(inbox.receive(records, pool))
    await begun.wait()
    second = asyncio.create_task(other.receive(records[::-1], pool))
    await asyncio.sleep(0.2)
    assert not second.done()
    go_on.set()
    await asyncio.gather(first, second)
    assert await heard(pool) == [0, 1, 2]
    assert other.counts.repeated == 3


async def test_an_event_has_one_handler_and_comes_by_its_own_topic() -> None:
    async def ignore(event: Counted, tx: Connection) -> None:
        pass

    inbox = depot()
    with pytest.raises(ValueError, match=r"two handlers for depot\.Counted\.v1"):
        inbox.on(Counted)(ignore)
    with pytest.raises(ValueError, match=r"comes by depot\.events\.v1, never by other\.events"):
        Inbox("depot", "other.events.v1").on(Counted)(ignore)


async def test_what_was_handled_long_ago_is_forgotten_in_pieces(pool: Pool) -> None:
    await deliver(depot(), pool, *[counted(number) for number in range(5)])
    assert await inboxes.prune(pool) == 0
    assert await inboxes.prune(pool, kept=timedelta(), limit=3) == 3
    assert await inboxes.prune(pool, kept=timedelta(), limit=3) == 2


def test_a_reason_never_quotes_the_value() -> None:
    inbox = depot()
    record = record_of(counted(1))
    record.value = b'{"thing_id":"ada@example.com","number":"x","version":1}'
    [message], _ = inbox._wanted([record])
    assert "thing_id: Input should be a valid UUID" in str(message.error)
    assert "ada@" not in str(message.error)


@pytest.mark.parametrize(
    ("error", "lost", "mends"),
    [
        (ConnectionResetError(), False, True),
        (TimeoutError(), False, True),
        (asyncpg.DeadlockDetectedError(), False, True),
        (asyncpg.ReadOnlySQLTransactionError(), False, True),
        (asyncpg.ObjectNotInPrerequisiteStateError(), False, True),
        (asyncpg.InterfaceError("x"), False, False),
        (asyncpg.InterfaceError("x"), True, True),
        (asyncpg.UniqueViolationError(), False, False),
        (ValueError(), True, False),
    ],
)
def test_time_mends_what_is_away_and_no_bug(error: Exception, lost: bool, mends: bool) -> None:
    assert time_mends(error, connection_lost=lost) is mends
