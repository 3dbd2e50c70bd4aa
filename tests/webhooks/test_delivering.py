"""What a receiver gets: every event, in the order of its client, whatever the receiver does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.deliver import deliver, record_of
from tests.webhooks.conftest import Asking, MakeCourier, settle
from tests.webhooks.events import DUE, NOON, ONE, THREE, TWO, due, ended
from tests.webhooks.receiver import Got, Receiver, always, hang, receiving, reply

Hear: TypeAlias = Callable[..., Awaitable[None]]
Send: TypeAlias = Callable[..., Awaitable[None]]
HOUR = timedelta(hours=1)


async def states(pool: Pool) -> list[tuple[str, str | None]]:
    rows = await pool.fetch("SELECT state, outcome FROM deliveries ORDER BY seq")
    return [(row["state"], row["outcome"]) for row in rows]


async def test_what_arrives_is_the_record_byte_by_byte_with_its_headers(
    ask: Asking, receiver: Receiver, pool: Pool, send: Send
) -> None:
    from services.webhooks.handlers import from_renewals

    await ask.endpoint(receiver.url)
    record = record_of(due(), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    assert record.value
    record.value = record.value.replace(b"{", b'{ "unknown": "\xc3\xa4",', 1)
    await from_renewals.receive([record], pool)

    await send()

    [got] = receiver.got
    assert got.body == record.value
    said = {name: (value or b"").decode() for name, value in record.headers}
    attributes = {f"ce-{name[3:]}": value for name, value in said.items() if name[:3] == "ce_"}
    assert attributes.items() <= got.headers.items()
    assert got.headers["traceparent"] == said["traceparent"]
    assert got.headers["content-type"] == "application/json"
    assert got.id == said["ce_id"]
    read = from_binary(HTTPMessage(headers=got.headers, body=got.body), JSONFormat())
    assert (read.get_id(), read.get_type()) == (said["ce_id"], DUE)


async def test_a_failing_delivery_holds_back_only_the_later_ones_of_its_client(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock
) -> None:
    async def refuse_one(got: Got) -> bytes:
        return reply(500 if got.key == str(ONE) else 204)

    receiver.answer = refuse_one
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1), due(TWO, 1), due(ONE, 2), due(TWO, 2), due(THREE, 1))

    await send()

    assert [got.version for got in receiver.of(TWO)] == [1, 2]
    assert [got.version for got in receiver.of(THREE)] == [1]
    assert [got.version for got in receiver.of(ONE)] == [1]
    receiver.answer = always(200)
    clock.advance(HOUR)
    await send()
    assert [got.version for got in receiver.of(ONE)] == [1, 1, 2]


async def test_a_receiver_that_was_down_for_an_hour_gets_everything_in_order_with_the_same_ids(
    ask: Asking, hear: Hear, send: Send, clock: ManualClock
) -> None:
    async with receiving() as gone:
        url, port = gone.url, gone.port
    await ask.endpoint(url)
    events = [due(client, number) for number in range(1, 6) for client in (ONE, TWO)]
    await hear(*events)
    await send()
    async with receiving(port=port) as failing:
        failing.answer = always(503)
        for _ in range(12):
            clock.advance(timedelta(minutes=5))
            await send()
    assert len(failing.got) > 4
    assert {got.version for got in failing.got} == {1}

    async with receiving(port=port) as back:
        for _ in range(3):
            clock.advance(timedelta(hours=2))
            await send()

    assert {got.id for got in failing.got} < {got.id for got in back.got}
    assert [got.id for got in back.of(ONE)] == [str(each.event_id()) for each in events[::2]]
    assert [got.id for got in back.of(TWO)] == [str(each.event_id()) for each in events[1::2]]
    assert {each["state"] for each in await ask.deliveries()} == {"delivered"}


async def test_a_receiver_that_hangs_is_given_up_on_and_tried_again(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock, pool: Pool
) -> None:
    receiver.answer = hang
    await ask.endpoint(receiver.url)
    await hear(due())
    await send(total_timeout=0.1)
    assert await states(pool) == [("waiting", "timed_out")]

    receiver.answer = always(204)
    clock.advance(HOUR)
    await send()
    assert await states(pool) == [("delivered", "delivered")]
    assert len({got.id for got in receiver.got}) == 1


async def test_what_is_no_http_and_who_hangs_up_is_tried_again(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock, pool: Pool
) -> None:
    said = iter(
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    )

    async def broken(_: Got) -> bytes:
        return next(said)

    receiver.answer = broken
    await ask.endpoint(receiver.url)
    await hear(due())
    for _ in range(2):
        await send()
        assert await states(pool) == [("waiting", "broken")]
        clock.advance(HOUR)
    await send(total_timeout=0.2)
    assert await states(pool) == [("waiting", "timed_out")]


async def test_a_redirect_is_a_failure_and_is_never_followed(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, pool: Pool
) -> None:
    async with receiving() as elsewhere:
        await ask.endpoint(receiver.url)
        for number, status in enumerate((301, 302, 303, 307, 308), start=1):
            receiver.answer = always(status, f"location: {elsewhere.url}\r\n")
            await hear(due(ONE if number == 1 else TWO if number == 2 else THREE, number))
            await send()

        assert elsewhere.got == []
    assert ("waiting", "redirected") in await states(pool)
    assert "delivered" not in {state for state, _ in await states(pool)}


async def test_who_says_that_it_is_gone_is_sent_no_more_until_it_is_switched_on_again(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock
) -> None:
    receiver.answer = always(410)
    made = await ask.endpoint(receiver.url)
    path = f"/endpoints/{made['endpoint_id']}"
    await hear(due(ONE, 1), due(ONE, 2))
    await send()
    off = await ask.json("GET", path)
    assert (off["active"], off["off_reason"]) == (False, "gone")

    receiver.answer = always(204)
    clock.advance(timedelta(days=30))
    await hear(due(TWO, 3, after=timedelta(days=30)))
    await send()
    assert len(receiver.got) == 1

    order = {"url": receiver.url, "description": "", "types": [DUE], "active": True}
    on = await ask.json("PUT", path, order, If_Match=f'"{off["version"]}"')
    assert (on["active"], on["off_reason"]) == (True, None)
    await send()
    assert receiver.versions == [1, 1, 2]


async def test_a_receiver_that_asks_for_time_is_given_it(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due())
    for asked in ("7200", "Thu, 15 Jan 2026 16:00:00 GMT", "Thu, 15 Jan 2026 18:00:00 -0000"):
        receiver.answer = always(429, f"retry-after: {asked}\r\n")
        await send()
        clock.advance(timedelta(hours=1, minutes=59))
        before = len(receiver.got)
        await send()
        assert len(receiver.got) == before
        clock.advance(timedelta(minutes=1))
    receiver.answer = always(503, "retry-after: soon\r\n")
    await send()
    clock.advance(timedelta(minutes=3))
    await send()
    assert len(receiver.got) == 5


async def test_after_days_of_failure_a_delivery_is_given_up_and_what_waits_behind_it_is_tried(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, clock: ManualClock
) -> None:
    receiver.answer = always(500)
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1), due(ONE, 2))
    while clock.now() < NOON + timedelta(days=7):
        await send()
        clock.advance(timedelta(hours=2))
    first = [got for got in receiver.got if got.version == 1]

    assert 15 < len(first) < 40
    assert [each["attempts"] for each in await ask.deliveries()] == [len(first), 1]
    assert [each["state"] for each in await ask.deliveries()] == ["dead", "dead"]

    await hear(due(ONE, 3))
    await send()
    [*_, last] = await ask.deliveries()
    assert last["state"] == "waiting"  # the queue was empty: this one has its own days
    receiver.answer = always(200)
    clock.advance(timedelta(minutes=1))
    await send()
    assert receiver.versions[-2:] == [3, 3]


async def test_of_a_long_answer_little_is_read(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, pool: Pool
) -> None:
    async def endless(_: Got) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n" + b"x" * 1_000_000

    receiver.answer = endless
    await ask.endpoint(receiver.url)
    await hear(due())
    await send()
    assert await states(pool) == [("delivered", "delivered")]


async def test_an_endpoint_that_hangs_takes_its_share_and_leaves_room_for_others(
    ask: Asking, receiver: Receiver, hear: Hear, make_courier: MakeCourier, pool: Pool
) -> None:
    receiver.answer = hang
    async with receiving() as quick:
        await ask.endpoint(receiver.url)
        await ask.endpoint(quick.url)
        await hear(*(due(due(ONE, n).renewal_id, n) for n in range(1, 31)))
        courier = make_courier(endpoint_concurrency=3, concurrency=6, total_timeout=30, lease=60)
        async with asyncio.timeout(10):
            while len(quick.got) < 30:
                await courier.step()
        assert receiver.most_in_hand == 3
        assert quick.most_in_hand <= 3
        receiver.answer = always(204)
        await receiver.hang_up()
        await settle(courier)


async def test_connections_are_held(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send
) -> None:
    await ask.endpoint(receiver.url)
    await hear(*(due(ONE, number) for number in range(1, 11)))
    await send()
    assert receiver.versions == list(range(1, 11))
    assert receiver.connections == 1


async def test_an_endpoint_gets_the_types_that_it_wants_and_nothing_from_before_it_was_there(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, pool: Pool
) -> None:
    from services.webhooks.handlers import from_clients

    async with receiving() as both:
        await ask.endpoint(receiver.url)
        await ask.endpoint(both.url, types=[DUE, "clients.ServicesEnded.v1"])
        await hear(due(ONE, 1, after=timedelta(seconds=-1)), due(ONE, 2))
        await deliver(from_clients, pool, ended())
        await send()

        assert receiver.versions == [2]
        assert {got.headers["ce-type"] for got in both.got} == {DUE, "clients.ServicesEnded.v1"}


async def test_an_event_that_comes_again_is_sent_once(
    ask: Asking, receiver: Receiver, hear: Hear, send: Send, pool: Pool
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due(), due())
    await pool.execute("DELETE FROM inbox")
    await hear(due())
    await send()
    assert len(receiver.got) == 1
