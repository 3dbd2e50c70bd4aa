"""The way from the outbox to Kafka: at least once, in order per key, nothing skipped."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.chassis import crash, outbox, tracing
from shared.chassis.access import Access
from shared.chassis.background import backoff
from shared.chassis.database import BY_KEYS, Connection
from shared.chassis.partitions import partition_hash

BATCH = 128  # rows of a shard at a time
STALE_SECONDS = 5.0
GRACE_SECONDS = 5.0
METADATA_SECONDS = 10.0
_LOCKS = 0x0A52  # the first number of the advisory locks; the second is the shard
_IDLE_SECONDS = (0.05, 0.5)  # between looks into an empty outbox
_EAGER_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)  # after something was recorded
_PRODUCER_BATCH = 256 * 1024
_START_SECONDS = 30.0
_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # and TimeoutError
    KafkaError,
)

log = structlog.get_logger(__name__)


class LostLeadError(OSError):
    """Somebody else deletes what this relay has sent."""


@dataclass(slots=True)
class Progress:
    """What a relay has done since it started, for metrics and health."""

    sent: int = 0
    failures: int = 0
    shards: int = 0  # that it holds now
    waiting: str | None = None  # what it waits for, if it does


@dataclass(slots=True)
class _Flight:
    """Rows on their way, and the acknowledgements that they wait for."""

    rows: Sequence[asyncpg.Record]
    read_at: float
    batch_of: list[int] = field(default_factory=list)  # which of the batches holds each row
    batches: list[tuple[str, int, Any]] = field(default_factory=list)
    acks: list["asyncio.Future[Any]"] = field(default_factory=list)
    traces: dict[str, list[str | None]] = field(default_factory=dict)  # by topic; where recorded


class Relay:
    """Publishes the rows of those shards whose locks it holds.

    The order per key: rows of a key are in one shard, are sent in the order of their ids, and a
    row is deleted only once Kafka has it and every earlier one of its key. Every relay sends
    the first before the second, so the first copy of the second follows a copy of the first.
    """

    def __init__(
        self,
        dsn: str,
        servers: str | Access,
        *,
        source: str,
        shards: Sequence[int] = tuple(range(outbox.SHARDS)),
        batch: int = BATCH,
        progress: Progress | None = None,
    ) -> None:
        self._dsn, self._access, self._source = dsn, Access.to(servers), source
        self._shards, self._batch = shards, batch
        self.progress = progress or Progress()
        self._held: list[int] = []
        self._looked = float("-inf")
        self._woken = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Publish for ever. When cancelled, first send what is there, for at most 5 s."""
        work = asyncio.create_task(self._run())
        outbox.listeners.add(self._woken)
        try:
            await asyncio.shield(work)
        finally:
            outbox.listeners.discard(self._woken)
            self._closing = True
            self._woken.set()
            await asyncio.wait({work}, timeout=GRACE_SECONDS)
            work.cancel()
            await asyncio.wait({work})

    async def _run(self) -> None:
        waits = backoff(0.2, 5.0)
        while not self._closing:
            sent = self.progress.sent
            try:
                async with self._connection() as conn, self._producer() as producer:
                    self.progress.waiting = None
                    await self._work(conn, producer)
            except _FAILURES as error:
                if self.progress.sent > sent:
                    waits = backoff(0.2, 5.0)
                self.progress.failures += 1
                self.progress.waiting = f"{type(error).__name__}: {error}"
                delay = next(waits)
                log.warning(
                    "relay_starts_over",
                    source=self._source,
                    reason=self.progress.waiting,
                    seconds=round(delay, 1),
                )
                await self._pause(delay)
            finally:
                self.progress.shards = 0

    async def _work(self, conn: Connection, producer: AIOKafkaProducer) -> None:
        """Send until there is a failure, or until nothing is left when closing."""
        self._held, self._looked = [], float("-inf")
        idle, eager = _IDLE_SECONDS[0], 0
        while True:
            await self._take_locks(conn)
            closing = self._closing  # before the look: what is committed by then is seen
            rows = await self._read(conn) if self._held else []
            if rows:
                flight = await self._build(producer, rows)
                if monotonic() - flight.read_at > STALE_SECONDS:
                    continue  # this process was paused: somebody else may have sent these
                with self._traced(flight):
                    await self._send(conn, producer, flight)
                idle, eager = _IDLE_SECONDS[0], 0
                continue
            if closing:
                return
            if self._woken.is_set():
                self._woken.clear()
                eager = len(_EAGER_SECONDS)  # recorded, perhaps not yet committed
            if eager:
                await asyncio.sleep(_EAGER_SECONDS[-eager])
                eager -= 1
            else:
                await self._pause(idle)
                idle = min(idle * 1.5, _IDLE_SECONDS[1])

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        conn = await asyncpg.connect(
            self._dsn,
            timeout=10,
            command_timeout=30,
            server_settings={
                "application_name": f"relay {self._source}",
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
                # All that is written here is that Kafka has something. Should PostgreSQL crash and
                # forget it, copies go out, as after any crash behind an acknowledgement.
                "synchronous_commit": "off",
                # The table is empty or full, and its statistics know only one of both.
                **BY_KEYS,
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
            },
        )
        try:
            yield conn
        finally:
            try:
                await conn.close(timeout=2)
            except _FAILURES:
                conn.terminate()

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            **self._access.options("relay"),
            acks="all",
            enable_idempotence=True,
            max_batch_size=_PRODUCER_BATCH,
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                await producer.start()
            yield producer
        finally:
            await _put_away(producer)

    async def _take_locks(self, conn: Connection) -> None:
        """Try for the shards that somebody else holds, once a second."""
        if len(self._held) == len(self._shards) or monotonic() - self._looked < 1:
            return
        self._looked = monotonic()
        rows = await conn.fetch(
            """
            SELECT shard
              FROM unnest($2::int[]) AS wanted (shard)
             WHERE pg_try_advisory_lock($1, shard)
            """,
            _LOCKS,
            [shard for shard in self._shards if shard not in self._held],
        )
        self._held += [row["shard"] for row in rows]
        self.progress.shards = len(self._held)
        if rows:
            log.info("relay_leads", source=self._source, shards=sorted(self._held))

    async def _read(self, conn: Connection) -> list[asyncpg.Record]:
        """The oldest rows of each shard.

        By presence and not by position: a row that is committed late is seen whenever it is.
        """
        return await conn.fetch(
            """
            SELECT oldest.*
              FROM unnest($1::smallint[]) AS held (shard)
             CROSS JOIN LATERAL (
                SELECT shard, id, topic, key, payload, headers
                  FROM outbox
                 WHERE outbox.shard = held.shard
                 ORDER BY id
                 LIMIT $2) AS oldest
            """,
            self._held,
            self._batch,
        )

    async def _build(self, producer: AIOKafkaProducer, rows: list[asyncpg.Record]) -> _Flight:
        """Lay the rows into Kafka's batches, in their order within each partition."""
        flight = _Flight(rows, read_at=monotonic())
        counts: dict[str, int] = {}
        open_: dict[tuple[str, int], int] = {}
        traced = tracing.on()
        for row in rows:
            topic, key = row["topic"], row["key"].encode()
            if topic not in counts:
                counts[topic] = await _partitions(producer, topic)
            at = topic, partition_hash(key) % counts[topic]
            pairs = outbox.header_pairs(row["headers"])
            if traced:
                flight.traces.setdefault(topic, []).append(tracing.traceparent_of(pairs))
            number = open_.get(at, -1)
            if number < 0 or not _append(flight.batches[number][2], key, row["payload"], pairs):
                number = open_[at] = len(flight.batches)
                flight.batches.append((*at, producer.create_batch()))
                _append(flight.batches[number][2], key, row["payload"], pairs)
            flight.batch_of.append(number)
        return flight

    @contextmanager
    def _traced(self, flight: _Flight) -> Iterator[None]:
        with ExitStack() as stack:
            for topic, traces in flight.traces.items():
                told = {"messaging.batch.message_count": len(traces)}
                stack.enter_context(tracing.batch("producer", "send", topic, traces, told))
            yield

    async def _send(self, conn: Connection, producer: AIOKafkaProducer, flight: _Flight) -> None:
        crash.point("outbox.before_send")
        problem: BaseException | None = None
        try:
            for topic, partition, batch in flight.batches:
                batch.close()  # nothing comes after it: it goes at once
                flight.acks.append(await producer.send_batch(batch, topic, partition=partition))
        except KafkaError as error:
            problem = error
        await self._wait_for_acks(conn, flight)
        crash.point("outbox.after_produce")
        await self._delete(conn, flight)
        for ack in flight.acks:
            problem = problem or ack.exception()
        if problem:
            raise problem

    async def _wait_for_acks(self, conn: Connection, flight: _Flight) -> None:
        """However long it takes: an idempotent producer goes on trying while Kafka is away."""
        begun = monotonic()
        while flight.acks:
            _, pending = await asyncio.wait(flight.acks, timeout=STALE_SECONDS)
            if not pending:
                break
            self.progress.waiting = f"Kafka, for {monotonic() - begun:.0f} s"
            log.warning("relay_waits_for_kafka", source=self._source, rows=len(flight.rows))
            await conn.execute("SELECT 1")  # a lost connection is a lost lock
        self.progress.waiting = None

    async def _delete(self, conn: Connection, flight: _Flight) -> None:
        """Drop what Kafka has, except behind a row of the same key that it has not.

        Each row is looked up by its key, however the statement is planned: a join that was planned
        while the table was empty read all of it for each row.
        """
        arrived = [not (ack.cancelled() or ack.exception()) for ack in flight.acks]
        stuck: set[str] = set()
        done: dict[int, list[int]] = defaultdict(list)
        for row, number in zip(flight.rows, flight.batch_of, strict=True):
            if number >= len(arrived) or not arrived[number]:
                stuck.add(row["key"])
            elif row["key"] not in stuck:
                done[row["shard"]].append(row["id"])
        shards = [shard for shard, ids in done.items() for _ in ids]
        status = await conn.execute(
            """
            DELETE FROM outbox
             WHERE ctid = ANY(ARRAY(
                SELECT found.ctid
                  FROM unnest($1::smallint[], $2::bigint[]) AS sent (shard, id)
                 CROSS JOIN LATERAL (
                    SELECT ctid
                      FROM outbox
                     WHERE outbox.shard = sent.shard AND outbox.id = sent.id
                    OFFSET 0) AS found))
            """,
            shards,
            [id_ for ids in done.values() for id_ in ids],
        )
        self.progress.sent += len(shards)
        if int(status.rpartition(" ")[2]) < len(shards):
            raise LostLeadError(f"another relay of {self._source} was here")


async def _partitions(producer: AIOKafkaProducer, topic: str) -> int:
    try:
        async with asyncio.timeout(METADATA_SECONDS):
            return len(await producer.partitions_for(topic))
    except TimeoutError as error:
        message = f"Kafka says nothing of {topic}; if it is missing, `topics` creates it"
        raise KafkaError(message) from error


def _append(batch: Any, key: bytes, value: bytes | None, pairs: list[tuple[str, Any]]) -> bool:
    appended = batch.append(timestamp=None, key=key, value=value, headers=pairs)
    return appended is not None


def _look_at(ack: "asyncio.Future[Any]") -> None:
    """Take note of a failure that nobody waits for any more, or asyncio complains of it."""
    if not ack.cancelled():
        ack.exception()


async def _put_away(producer: AIOKafkaProducer) -> None:
    """Stop a producer within seconds, whatever it still has to send.

    An idempotent one never gives up: with Kafka away its `stop` waits for ever. What was not
    acknowledged is still in the outbox.
    """
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        await _give_up(producer)


async def _give_up(producer: AIOKafkaProducer) -> None:
    """End what `stop` leaves behind when it is interrupted; aiokafka has no call for that."""
    producer._message_accumulator.fail_all(KafkaError("given up"))  # noqa: SLF001 -- no public way
    sender = producer._sender.sender_task  # noqa: SLF001 -- no public way
    await producer.client.close()
    if sender is not None:
        sender.cancel()
        await asyncio.wait({sender}, timeout=1)
