"""Whether anything is still on its way: in an outbox, on a topic, due, or waiting to be sent."""

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.chassis.access import Access

# What a service still has to do by itself at an instant.
_WORK = {
    "renewals": "SELECT count(*) FROM watches WHERE next_stage_at <= $1 AND $2::boolean NOTNULL",
    "notifications": """
        SELECT count(*) FROM messages
         WHERE state IN ('claimed', 'handed_over') OR (state = 'deferred' AND NOT $2)
            OR (state = 'planned' AND available_at <= $1)
    """,
}


class Quiet:
    """Looks into every database and every consumer group. For demonstrations and tests."""

    def __init__(self, servers: str | Access, databases: Mapping[str, str]) -> None:
        """``databases`` are the DSNs by service."""
        self._access, self._databases = Access.to(servers), databases
        self._stack = AsyncExitStack()
        self._connections: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self._admin: Any = None
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        self._admin = AIOKafkaAdminClient(**self._access.options("quiet"))
        await self._admin.start()
        self._stack.push_async_callback(self._admin.close)
        self._consumer = AIOKafkaConsumer(**self._access.options("quiet"))
        await self._consumer.start()
        self._stack.push_async_callback(self._consumer.stop)
        for service, dsn in self._databases.items():
            connection = await asyncpg.connect(dsn)
            self._stack.push_async_callback(connection.close)
            self._connections[service] = connection
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Look into a service's database."""
        return await self._connections[service].fetch(query, *arguments)

    async def left(
        self,
        now: datetime,
        services: Collection[str],
        groups: Collection[str] = (),
        *,
        but_deferred: bool = False,
    ) -> list[str]:
        """Say what these services still have to do at that instant; nothing if all is quiet.

        ``groups`` are consumer groups that have to be there: of services just started. With
        ``but_deferred``, mail that waits for its next try does not count.
        """
        left = []
        lags = await self._lags(services)
        left += [f"{group} to be joined" for group in groups if _name(group)[0] not in lags]
        for service in services:
            connection = self._connections[service]
            if count := await connection.fetchval("SELECT count(*) FROM outbox"):
                left.append(f"{count} events in the outbox of {service}")
            work = _WORK.get(service)
            if work and (count := await connection.fetchval(work, now, but_deferred)):
                left.append(f"{count} due in {service}")
        return left + [f"{lag} events for {group}" for group, lag in lags.items() if lag]

    async def _lags(self, services: Collection[str]) -> dict[str, int]:
        """How far each consumer group of these services is behind its topic.

        Of groups with a revision in their names the newest counts, under the name without it:
        who builds its model anew leaves the group before as it was.
        """
        newest: dict[str, tuple[int, str]] = {}
        for group, _ in await self._admin.list_consumer_groups():
            if group.partition(".")[0] in services:
                name, revision = _name(group)
                newest[name] = max(newest.get(name, (0, "")), (revision, group))
        lags = {}
        for name, (_, group) in newest.items():
            topic = name.partition(".")[2]
            done = await self._admin.list_consumer_group_offsets(group)
            ends = await self._consumer.end_offsets([TopicPartition(topic, n) for n in range(12)])
            lags[name] = sum(
                end - max(done[each].offset if each in done else 0, 0) for each, end in ends.items()
            )
        return lags


def _name(group: str) -> tuple[str, int]:
    """What a group is called without its revision, and that: ``dashboard.r2.tiers.state.v1``."""
    service, _, rest = group.partition(".")
    first, _, topic = rest.partition(".")
    if first.startswith("r") and first[1:].isdecimal():
        return f"{service}.{topic}", int(first[1:])
    return group, 0
