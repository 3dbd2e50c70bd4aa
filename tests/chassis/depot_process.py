"""A relay or a consumer of the depot as a process of its own, to be killed."""

import asyncio
import sys

from shared.chassis import kafka, outbox
from shared.chassis.database import open_pool
from tests.chassis.depot import Settings, depot, on_topic


async def relay(dsn: str, servers: str) -> None:
    await outbox.relay(dsn, servers, source="/depot")


async def consume(dsn: str, servers: str, topic: str, bad: str = "") -> None:
    inbox = depot(on_topic(topic), bad=[int(number) for number in bad.split(",") if number])
    async with (
        open_pool(dsn, application_name="depot consumer") as pool,
        kafka.consuming(Settings(servers), [inbox], pool),
    ):
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run((relay if sys.argv[1] == "relay" else consume)(*sys.argv[2:]))
