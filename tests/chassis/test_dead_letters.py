"""Records that were set aside: told, looked at, put back, discarded."""

from uuid import uuid4

import pytest

from shared.chassis import dead_letters, outbox
from shared.chassis.database import Pool
from shared.chassis.inbox import Inbox
from shared.contracts import clients
from tests.chassis.depot import counted, depot, heard
from tests.deliver import Delivered, deliver, pending, record_of


async def letters(pool: Pool) -> list[dead_letters.DeadLetter]:
    async with pool.acquire() as conn:
        return await dead_letters.list_open(conn)


async def settle(pool: Pool, letter_id: int) -> dead_letters.DeadLetter:
    async with pool.acquire() as conn:
        letter = await dead_letters.find(conn, letter_id)
    assert letter is not None
    return letter


async def test_a_dead_letter_keeps_the_record_byte_by_byte(pool: Pool) -> None:
    record = record_of(counted(1))
    record.value, record.key = b"{not json \xff\x00", b"\xfe"
    record.headers = [*record.headers, ("x", b"\xff"), ("y", None)]
    await depot().receive([record], pool)
    [letter] = await letters(pool)
    assert letter.record.value == record.value
    assert letter.record.key == b"\xfe"
    assert list(letter.record.headers) == list(record.headers)
    assert letter.record.timestamp == record.timestamp
    assert (letter.consumer, letter.status, letter.tries) == ("depot.depot.events.v1", "open", 1)
    assert dead_letters.headers_as_text(letter)["x"] == "\ufffd"


async def test_word_of_it_goes_out_with_everything_else_of_the_batch(pool: Pool) -> None:
    record = record_of(counted(4))
    await depot(bad=[4]).receive([record], pool)
    [word] = await pending(pool)
    headers = dict(word.headers)
    assert (word.topic, word.key, word.value) == (
        "depot.dead-letters.v1",
        record.key,
        record.value,
    )
    assert dict(record.headers).items() <= headers.items()
    assert headers["dl_error"] == b"BadNumberError: 4 is one too many"
    assert headers["dl_offset"] == str(record.offset).encode()


async def test_what_a_state_topic_says_does_not_travel_further(pool: Pool) -> None:
    inbox = Inbox("depot", clients.STATE)
    record = Delivered(clients.STATE, 0, 1, 0, b"k", b'{"name":"Ada"}', [("ce_id", b"?")])
    record.headers = [("ce_type", b"clients.X.v1"), ("ce_source", b"/clients"), ("ce_id", b"?")]
    await inbox.receive([record], pool)
    [word] = await pending(pool)
    assert word.value is None
    assert b"may name people" in (dict(word.headers)["dl_value"] or b"")
    [letter] = await letters(pool)
    assert letter.record.value == b'{"name":"Ada"}', "it can still be put back"


async def test_what_is_too_big_for_kafka_is_left_out_so_that_the_relay_never_sticks(
    pool: Pool,
) -> None:
    record = record_of(counted(1))
    record.value = b"x" * (outbox.BIGGEST + 1)
    record.headers = [*record.headers, ("long", b"y" * 70_000)]
    await depot().receive([record], pool)
    [word] = await pending(pool)
    assert word.value is None
    assert {"dl_value", "dl_headers"} <= dict(word.headers).keys()
    assert "long" not in dict(word.headers)


async def test_a_retry_has_the_effect_that_was_missing_once(pool: Pool) -> None:
    await deliver(depot(bad=[4]), pool, counted(3), counted(4))
    [letter] = await letters(pool)
    mended = depot()
    await dead_letters.retry(pool, [mended], letter.id)
    assert await heard(pool) == [3, 4]
    assert await letters(pool) == []
    assert (await settle(pool, letter.id)).status == "retried"
    assert await pool.fetchval("SELECT count(*) FROM inbox WHERE outcome = 'dead'") == 0
    with pytest.raises(dead_letters.NoSuchLetterError, match=f"no open dead letter {letter.id}"):
        await dead_letters.retry(pool, [mended], letter.id)
    assert await heard(pool) == [3, 4]


async def test_a_retry_that_fails_again_leaves_the_letter_open_and_counts(pool: Pool) -> None:
    await deliver(depot(bad=[4]), pool, counted(4))
    [letter] = await letters(pool)
    with pytest.raises(dead_letters.RetryFailedError, match="4 is one too many"):
        await dead_letters.retry(pool, [depot(bad=[4])], letter.id)
    [still] = await letters(pool)
    assert still.tries == 2
    assert await heard(pool) == []


async def test_a_record_that_is_no_event_cannot_be_put_back(pool: Pool) -> None:
    record = record_of(counted(1))
    record.value = b"{"
    await depot().receive([record], pool)
    [letter] = await letters(pool)
    with pytest.raises(dead_letters.RetryFailedError, match="Invalid JSON"):
        await dead_letters.retry(pool, [depot()], letter.id)


async def test_a_letter_of_a_consumer_that_is_not_here_says_whose_it_is(pool: Pool) -> None:
    await deliver(depot(bad=[4]), pool, counted(4))
    [letter] = await letters(pool)
    with pytest.raises(dead_letters.RetryFailedError, match="which is not here; known: none"):
        await dead_letters.retry(pool, [], letter.id)


async def test_a_discarded_letter_is_settled_without_effect(pool: Pool) -> None:
    await deliver(depot(bad=[4]), pool, counted(4))
    [letter] = await letters(pool)
    await dead_letters.discard(pool, letter.id)
    assert await heard(pool) == []
    assert (await settle(pool, letter.id)).status == "discarded"
    with pytest.raises(dead_letters.NoSuchLetterError):
        await dead_letters.discard(pool, letter.id)


async def test_letters_are_listed_by_consumer_oldest_first_in_pages(pool: Pool) -> None:
    await deliver(depot(bad=range(9)), pool, *[counted(number) for number in range(4)])
    async with pool.acquire() as conn:
        first = await dead_letters.list_open(conn, consumer="depot.depot.events.v1", limit=3)
        rest = await dead_letters.list_open(conn, after=first[-1].id)
        assert [letter.id for letter in [*first, *rest]] == sorted(
            letter.id for letter in [*first, *rest]
        )
        assert (len(first), len(rest)) == (3, 1)
        assert await dead_letters.list_open(conn, consumer="shed.depot.events.v1") == []
        assert await dead_letters.count_open(conn) == 4
        assert await dead_letters.find(conn, 0) is None


async def test_an_error_with_odd_characters_can_be_kept(pool: Pool) -> None:
    inbox = depot()

    @inbox.on_tombstone
    async def fail(key: str, tx: object) -> None:
        raise ValueError("a\0b\ud800" + "c" * 5_000)

    record = record_of(counted(1, uuid4()))
    record.value = None
    await inbox.receive([record], pool)
    [letter] = await letters(pool)
    assert letter.error.startswith("ValueError: a\ufffdb?ccc")
    assert len(letter.error) == 2_000
