"""Several processes, and processes that die: at least once, in order, and by one at a time."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import pytest

from deploy.local.databases import Addresses
from services.webhooks.domain import Outcome, Standing, Verdict
from services.webhooks.jobs import courier
from services.webhooks.store import turns
from shared.chassis import crash
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.webhooks.conftest import Asking, MakeCourier, settle
from tests.webhooks.events import NOON, ONE, TWO, due
from tests.webhooks.receiver import Got, Receiver, always, hang, reply

Hear: TypeAlias = Callable[..., Awaitable[None]]
CLIENTS = [due(ONE, number).renewal_id for number in range(1, 21)]  # any ids will do


async def test_two_replicas_share_the_work_double_nothing_and_keep_the_order(
    ask: Asking, receiver: Receiver, hear: Hear, make_courier: MakeCourier
) -> None:
    await ask.endpoint(receiver.url)
    await hear(*(due(client, number) for number in range(1, 11) for client in CLIENTS))

    await asyncio.gather(*(settle(make_courier(endpoint_concurrency=16)) for _ in range(2)))
    await settle(make_courier())

    assert len(receiver.got) == 200
    assert set(Counter(got.id for got in receiver.got).values()) == {1}
    for client in CLIENTS:
        assert [got.version for got in receiver.of(client)] == list(range(1, 11))
    assert receiver.connections > 2


async def test_who_dies_between_sending_and_noting_has_it_sent_again_with_the_same_id(
    ask: Asking,
    address: Addresses,
    receiver: Receiver,
    hear: Hear,
    make_courier: MakeCourier,
    settings_environment: dict[str, str],
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1), due(ONE, 2))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.webhooks.courier_process",
        env=settings_environment | {crash.AT: "courier.before_note"},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(30):
        assert await process.wait() == -9
    assert receiver.versions == [1]

    successor = make_courier()
    async with asyncio.timeout(10):
        while len(receiver.got) < 3:
            await successor.step()
            await asyncio.sleep(0.05)
    await settle(successor)

    assert receiver.versions == [1, 1, 2]
    first, again, _ = receiver.got
    assert first.id == again.id
    assert first.body == again.body


async def test_who_comes_too_late_notes_nothing(
    ask: Asking, receiver: Receiver, hear: Hear, make_courier: MakeCourier, pool: Pool
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1))
    async with pool.acquire() as tx, tx.transaction():
        [late] = await turns.claim(tx, NOON, timedelta(), most=1, each=1)
    await settle(make_courier())
    await hear(due(ONE, 2))

    failed = Verdict("dead", Standing(9, NOON), NOON)
    async with pool.acquire() as tx, tx.transaction():
        await turns.settle(tx, [turns.Tried(late, Outcome.BROKEN, None, failed)], NOON)
        await turns.release(tx, [late])

    await settle(make_courier())
    assert receiver.versions == [1, 2]
    assert {each["state"] for each in await ask.deliveries()} == {"delivered"}


async def test_who_stops_ends_what_is_in_hand_and_gives_back_what_hangs(
    ask: Asking,
    receiver: Receiver,
    hear: Hear,
    make_courier: MakeCourier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    async def slow(got: Got) -> bytes:
        if got.key == str(ONE):
            return await hang(got)
        await asyncio.sleep(0.1)
        return reply(204)

    receiver.answer = slow
    await ask.endpoint(receiver.url)
    await hear(due(ONE), due(TWO))
    stopping = make_courier(total_timeout=30, lease=60)
    monkeypatch.setattr(courier, "FINISH_SECONDS", 0.3)
    running = asyncio.create_task(stopping.run())
    while receiver.in_hand < 2:
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert [each["state"] for each in await ask.deliveries()] == ["waiting", "delivered"]

    receiver.answer = always(204)
    await settle(make_courier())
    assert [got.key for got in receiver.got].count(str(ONE)) == 2
    assert {each["state"] for each in await ask.deliveries()} == {"delivered"}


async def test_what_arrives_while_a_queue_is_in_hand_is_sent_after_it(
    ask: Asking, receiver: Receiver, hear: Hear, make_courier: MakeCourier, clock: ManualClock
) -> None:
    async def hear_more(got: Got) -> bytes:
        if got.version < 5:
            await hear(due(ONE, got.version + 1))
        return reply(204)

    receiver.answer = hear_more
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1))
    await settle(make_courier())
    assert receiver.versions == [1, 2, 3, 4, 5]
