"""Loops that outlive their failures, and tasks whose death is noticed."""

import asyncio
import signal
from itertools import islice

import pytest

from shared.chassis import background


async def test_a_loop_goes_on_at_once_while_it_finds_work_and_then_rests() -> None:
    left = [2, 2, 1, 0]
    calls = 0

    async def work() -> int:
        nonlocal calls
        calls += 1
        return left.pop(0) if left else 0

    async with background.running(background.repeat(work, idle=60, name="w"), "w"):
        await asyncio.sleep(0.1)
    assert calls == 4


async def test_a_loop_outlives_its_failures_and_slows_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        await real(0)

    calls = 0

    async def fail_thrice() -> int:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise ValueError("a bug")
        return 0

    monkeypatch.setattr("shared.chassis.background.asyncio.sleep", sleep)
    async with background.running(background.repeat(fail_thrice, idle=0.01, name="f"), "f"):
        async with asyncio.timeout(5):
            while calls <= 4:
                await real(0)
    assert delays[0] < delays[1] < delays[2] <= 0.8
    assert delays[3] == 0.01


async def test_what_is_at_hand_ends_before_the_loop_does() -> None:
    begun, ended = asyncio.Event(), []

    async def work() -> int:
        begun.set()
        await asyncio.sleep(0.1)
        ended.append(True)
        return 1

    async with background.running(background.repeat(work, idle=1, name="w"), "w"):
        await begun.wait()
    assert ended == [True]


async def test_what_does_not_end_in_time_is_cancelled() -> None:
    seen = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.create_task(background.finishing(stubborn(), grace=0.05))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


@pytest.mark.parametrize("dies", [True, False])
async def test_a_task_that_ends_by_itself_ends_the_process(dies: bool) -> None:
    told = []

    async def end() -> None:
        if dies:
            raise RuntimeError("gone")

    async with background.running(end(), "t", end=lambda: told.append(True)):
        await asyncio.sleep(0.01)
    assert told == [True]


async def test_a_task_that_is_stopped_in_order_ends_nothing() -> None:
    told = []
    async with background.running(asyncio.sleep(60), "t", end=lambda: told.append(True)):
        await asyncio.sleep(0)
    assert told == []


async def test_the_process_is_asked_to_stop_by_sigterm() -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    try:
        background.end_process()
        await asyncio.wait_for(heard.wait(), 2)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def test_waits_grow_up_to_the_longest() -> None:
    waits = list(islice(background.backoff(0.2, 5), 12))
    assert 0.1 < waits[0] <= 0.2
    assert 3 < waits[-1] <= 5
