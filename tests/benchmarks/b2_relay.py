"""B2: from committed in the outbox to readable in Kafka."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter
from uuid import UUID, uuid5
from zlib import crc32

import asyncpg

from shared.chassis import outbox
from shared.contracts import ids
from shared.contracts.clients import EVENTS, Subscription, SubscriptionChanged
from tests.benchmarks import limits, oracle
from tests.benchmarks.ground import Ground
from tests.benchmarks.result import Result

KEYS = 50_000
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
COLUMNS = ("shard", "event_id", "topic", "key", "payload", "headers")


async def fill(dsn: str, count: int) -> None:
    """Commit ``count`` events of ``KEYS`` clients, several versions of each, at once."""
    partner = ids.partner_id(1)
    keys = [ids.client_id(1, number) for number in range(min(KEYS, count))]

    def row(number: int) -> tuple[int, UUID | str, str, str, bytes | None, str]:
        key = keys[number % len(keys)]
        event = SubscriptionChanged(
            version=number // len(keys) + 1,
            occurred_at=NOW,
            client_id=key,
            partner_id=partner,
            subscription=Subscription(
                subscription_id=uuid5(key, "subscription"),
                product="Marketing Hub Professional",
                mrr=Decimal("800.00"),
                currency="USD",
                term_start=date(2025, 3, 5),
                term_end=date(2026, 3, 4),
            ),
        )
        made = outbox._row(event, number.to_bytes(10))
        shard = crc32(made.key.encode()) % outbox.SHARDS
        return shard, made.event_id, made.topic, made.key, made.payload, made.headers

    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            for start in range(0, count, 20_000):
                await connection.copy_records_to_table(
                    "outbox",
                    columns=COLUMNS,
                    records=[row(n) for n in range(start, min(start + 20_000, count))],
                )
    finally:
        await connection.close()


async def run(ground: Ground, *, events: int, repeats: int) -> Result:
    """Drain ``events`` rows by a real relay process, then by each limit alone."""
    dsn, servers = ground.services["clients"].owner_dsn, ground.kafka.servers
    result = Result("B2", "outbox relay, drain", events, "events/s")
    roles = {"relay": True, "consumers": False, "http": False}
    for _ in range(repeats):
        with ground.service("clients", roles) as relay:
            since = await oracle.ends(servers, EVENTS)
            watching = asyncio.create_task(oracle.watch(servers, since, events))
            await fill(dsn, events)
            began = perf_counter()
            relay.note()
            cpu = relay.cpu
            seen = await watching
            relay.note()
            seen.hold(events)
            result.ours.append(events / (seen.last_at - began))
            result.cpu.append((relay.cpu - cpu) / events * 1000)
    await fill(dsn, events)
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT key, payload, headers FROM outbox")
    await connection.close()
    result.limits["producer alone"] = await limits.produce(servers, EVENTS, rows)
    result.limits["delete … returning alone"] = await limits.empty_outbox(dsn)
    return result
