"""Waiting until nothing is on its way between the containers."""

import asyncio
from datetime import datetime, timedelta
from time import monotonic

from aiokafka.errors import KafkaError

from deploy.local.databases import SERVICES
from deploy.local.quiet import Quiet
from shared.chassis.clock import SystemClock
from tests.containers.stack import Stack

SECONDS = 180.0


async def calm(stack: Stack, *, later: float = 0) -> None:
    """Return once no outbox, topic or sender holds anything, twice in a row.

    What is due within ``later`` seconds is waited for, too.
    """
    soon = timedelta(seconds=later)
    until, times = monotonic() + SECONDS, 0
    async with Quiet(stack.kafka, stack.databases()) as looking:
        while times < 2:
            left = await _left(looking, SystemClock().now() + soon)
            times = 0 if left else times + 1
            assert not left or monotonic() < until, f"still {left}"
            await asyncio.sleep(0.5)


async def _left(looking: Quiet, now: datetime) -> list[str]:
    try:
        return await looking.left(now, SERVICES)
    except KafkaError as error:  # a broker that was just started reads its groups first
        return [str(error)]
