"""What the same machine does with nothing of ours in the way."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.chassis.outbox import header_pairs

BATCH = 1000


async def produce(servers: str, topic: str, rows: Sequence[asyncpg.Record]) -> float:
    """Send outbox rows by a bare idempotent producer; return records a second."""
    ready = [(r["key"].encode(), r["payload"], header_pairs(r["headers"])) for r in rows]
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=128 * 1024,
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"", key=b"warm-up")
        began = perf_counter()
        for start in range(0, len(ready), BATCH):
            sent = [
                await producer.send(topic, value, key=key, headers=headers)
                for key, value, headers in ready[start : start + BATCH]
            ]
            await asyncio.gather(*sent)
        return len(ready) / (perf_counter() - began)
    finally:
        await producer.stop()


async def empty_outbox(dsn: str) -> float:
    """Delete all outbox rows in batches and throw them away; return rows a second."""
    connection = await asyncpg.connect(dsn)
    try:
        count = await connection.fetchval("SELECT count(*) FROM outbox")
        began = perf_counter()
        while await connection.fetch(
            """
            DELETE FROM outbox
             WHERE (shard, id) IN (SELECT shard, id FROM outbox ORDER BY shard, id LIMIT $1)
            RETURNING topic, key, payload, headers
            """,
            BATCH,
        ):
            pass
        return float(count / (perf_counter() - began))
    finally:
        await connection.close()
