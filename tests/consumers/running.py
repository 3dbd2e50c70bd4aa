"""The life of a consumer: started, killed, started again, asked to stop; and where its group is."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts import renewals
from tests.consumers.building import Program

PARTITIONS = [
    TopicPartition(topic, n) for topic in (renewals.EVENTS, renewals.STATE) for n in range(12)
]
CRASHED = 25  # records of a partition whose offset a crash may leave uncommitted
STOPPED = {0, 128 + signal.SIGTERM}  # Java says the latter
PATIENCE_SECONDS = 90
Moment: TypeAlias = Callable[[], Awaitable[bool]]


@dataclass
class Life:
    """What became of a consumer."""

    name: str
    killed_at: int = 0
    sent_back: int = 0
    printed: list[list[str]] = field(default_factory=list)
    errors: str = ""
    failed: str = ""

    @property
    def group(self) -> str:
        return f"example.{self.name}"


class Stage:
    """A Kafka with a story on it, and the consumers that hear it."""

    def __init__(self, servers: str, folder: Path) -> None:
        self.servers, self._folder = servers, folder
        self._reader: Any = AIOKafkaConsumer(bootstrap_servers=servers)
        self._admin: Any = AIOKafkaAdminClient(bootstrap_servers=servers)

    async def __aenter__(self) -> Self:
        await self._reader.start()
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()
        await self._admin.close()

    async def places(self, group: str) -> dict[TopicPartition, int]:
        """What a group has committed."""
        try:
            told = await self._admin.list_consumer_group_offsets(group, partitions=PARTITIONS)
        except KafkaError:  # the broker does not know yet who keeps this group
            return {}
        return {part: max(0, found.offset) for part, found in told.items()}

    async def ends(self) -> dict[TopicPartition, int]:
        return dict(await self._reader.end_offsets(PARTITIONS))

    async def life_until_killed(self, program: Program, life: Life) -> None:
        """Kill it, so that it can do nothing about it, as soon as it has committed anything."""
        process = await self._start(program, life)

        async def begun() -> bool:
            life.killed_at = sum((await self.places(life.group)).values())
            return life.killed_at > 0

        if await self._comes(begun, process, life):
            process.kill()
            await process.wait()

    async def life_until_the_end(self, program: Program, life: Life) -> None:
        """Ask it to stop once it has committed all that there is, and keep what it prints."""
        process = await self._start(program, life)
        ends = await self.ends()

        async def done() -> bool:
            return await self.places(life.group) == ends

        if await self._comes(done, process, life):
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()
            if process.returncode not in STOPPED:
                life.failed = f"asked to stop, it ended with {process.returncode}"
            life.printed.append(self._file(life, "out").read_text("utf-8").splitlines())
            life.errors = self._file(life, "err").read_text("utf-8", "replace")

    async def set_back(self, life: Life, to: Callable[[int], int]) -> None:
        """Commit other places for a group, once nobody is in it any more."""
        old = await self.places(life.group)
        new = {part: max(0, to(offset)) for part, offset in old.items()}
        life.sent_back = sum(old.values()) - sum(new.values())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._is_alive(life.group):  # who was killed is still thought to be there
                await asyncio.sleep(0.5)
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self.servers, group_id=life.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(PARTITIONS)
            await consumer.commit(new)
        finally:
            await consumer.stop()

    async def _is_alive(self, group: str) -> bool:
        [told] = await self._admin.describe_consumer_groups([group])
        [(_, _, state, *_)] = told.groups
        return bool(state != "Empty")

    async def _start(self, program: Program, life: Life) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "KAFKA": self.servers,
            "GROUP": life.group,
            "DATABASE": str(self._file(life, "db")),
        }
        with self._file(life, "out").open("wb") as out, self._file(life, "err").open("ab") as err:
            return await asyncio.create_subprocess_exec(
                *program.command, cwd=program.folder, env=environment, stdout=out, stderr=err
            )

    async def _comes(self, moment: Moment, process: asyncio.subprocess.Process, life: Life) -> bool:
        """Wait for a moment. If it does not come, end the consumer and remember what it said."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while process.returncode is None:
                    if await moment():
                        return True
                    await asyncio.sleep(0.2)
        code = process.returncode
        if code is None:
            process.kill()
            await process.wait()
        said = self._file(life, "err").read_text("utf-8", "replace")[-2000:]
        why = f"it waited for {PATIENCE_SECONDS} s" if code is None else f"it ended with {code}"
        life.failed = f"{why}; {sum((await self.places(life.group)).values())} committed\n{said}"
        return False

    def _file(self, life: Life, kind: str) -> Path:
        return self._folder / f"{life.name}.{kind}"
