"""Topics, and FastStream set so that nothing is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeAlias

import structlog
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.message import StreamMessage

from shared.chassis.access import Access
from shared.chassis.background import backoff, repeat, running
from shared.chassis.database import Pool
from shared.chassis.failures import ConsumerStoppedError, KafkaUnavailableError
from shared.chassis.inbox import Inbox, prune
from shared.contracts.topics import Topic

BATCH = 500
PATIENCE_SECONDS = 60.0  # of waiting within one poll; far below max_poll_interval_ms
GRACE_SECONDS = 20.0
_LAG_SECONDS = 10.0
_PRUNE_SECONDS = 3_600.0
_REPLICAS = 3

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"

log = structlog.get_logger(__name__)


class KafkaSettings(Protocol):
    """What a service's settings say of Kafka."""

    @property
    def kafka(self) -> Access: ...
    @property
    def kafka_session_timeout(self) -> float: ...
    @property
    def start_timeout(self) -> float: ...


@asynccontextmanager
async def consuming(
    settings: KafkaSettings, inboxes: Sequence[Inbox], pool: Pool
) -> AsyncIterator[KafkaBroker]:
    """Feed the inboxes from their topics for as long as it is entered.

    Waits for Kafka and the topics at start, and raises KafkaUnavailableError. On leaving, the
    batch at hand may end within 20 s, its offsets are committed and the groups left.
    """
    access = settings.kafka
    await check_topics(access, [each.topic for each in inboxes], seconds=settings.start_timeout)
    stopping = asyncio.Event()
    broker = make_broker(access)
    silence = {"session_timeout_ms": int(settings.kafka_session_timeout * 1000)}
    subscribers = [(each, subscribe(broker, each, pool, stopping, **silence)) for each in inboxes]
    try:
        await broker.start()
        forget = repeat(partial(prune, pool), idle=_PRUNE_SECONDS, name="prune inbox")
        async with running(_watch_lag(subscribers), "lag"), running(forget, "prune inbox"):
            yield broker
    finally:
        stopping.set()
        try:
            async with asyncio.timeout(GRACE_SECONDS + 5):
                await broker.stop()
        except TimeoutError:
            log.exception("consumers_did_not_stop", seconds=GRACE_SECONDS + 5)


def make_broker(access: Access) -> KafkaBroker:
    """FastStream's client, which can consume and nothing else: only the relay publishes."""
    return KafkaBroker(
        access.servers.split(","),
        client_id=access.client_id("consumer"),
        security=access.security(),
        consumer_only=True,
        allow_auto_create_topics=False,
        graceful_timeout=GRACE_SECONDS,  # None would mean: none
        apply_types=False,
        logger=logging.getLogger(__name__),
        log_level=logging.DEBUG,
    )


def subscribe(
    broker: KafkaBroker,
    inbox: Inbox,
    pool: Pool,
    stopping: asyncio.Event,
    *,
    patience: float = PATIENCE_SECONDS,
    **options: Any,
) -> Any:
    """Feed an inbox from its topic. FastStream's defaults would lose events.

    The options change those of the consumer.
    """
    settings: dict[str, Any] = {
        "max_records": BATCH,
        # How long an idle subscriber waits, then sleeps. At 10 it takes 2 % of a core.
        "batch_timeout_ms": 30,
        # Fetched ahead for each partition, of twelve, in each inbox; a greater record comes alone.
        "max_partition_fetch_bytes": 128 * 1024,
        "session_timeout_ms": 45_000,
        "max_poll_interval_ms": 600_000,
    }
    subscriber = broker.subscriber(
        inbox.topic,
        group_id=inbox.group,
        batch=True,
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default commits before it handles
        auto_offset_reset="earliest",  # the default skips what a new group finds there
        no_reply=True,  # by default a record may name a topic for the answer
        parser=_hide_headers,
        decoder=_leave_undecoded,
        **(settings | options),
    )
    leaving: set[asyncio.Task[None]] = set()

    async def receive(records: Any) -> None:
        try:
            await _receive(inbox, records, pool, stopping, patience)
        except ConsumerStoppedError:
            # From another task, and not by StopConsume: that one cancels itself half way and
            # stays in its group, where it keeps its partitions from the other replicas.
            leaving.add(asyncio.create_task(subscriber.stop()))
            raise

    subscriber(receive)
    return subscriber


async def _receive(
    inbox: Inbox, records: Sequence[Record], pool: Pool, stopping: asyncio.Event, patience: float
) -> None:
    """Hand a batch over; while it fails, wait in place, so that the order stays."""
    begun = monotonic()
    for delay in backoff(0.1, 10.0):
        try:
            await inbox.receive(records, pool)
        except ConsumerStoppedError:
            raise
        except Exception as error:
            inbox.waiting = f"{type(error).__name__}: {error}"
            inbox.counts.waits += 1
            log.warning("batch_waits", group=inbox.group, reason=inbox.waiting, seconds=delay)
            if stopping.is_set() or monotonic() + delay - begun > patience:
                await _sleep(1.0, stopping)  # it comes again at once, and a hot loop helps nobody
                raise
            await _sleep(delay, stopping)
        else:
            inbox.waiting = None
            return


async def _sleep(seconds: float, stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        pass


async def _hide_headers(records: tuple[Record, ...], parse: Any) -> StreamMessage[Any]:
    """Parse without headers: FastStream decodes them, and drops a batch where it cannot."""
    message: StreamMessage[Any] = await parse(tuple(replace(r, headers=()) for r in records))
    message.raw_message = records
    return message


async def _leave_undecoded(message: StreamMessage[Any]) -> Any:
    return message.raw_message


async def _watch_lag(subscribers: Iterable[tuple[Inbox, Any]]) -> None:
    while True:
        for inbox, subscriber in subscribers:
            if (consumer := subscriber.consumer) is not None:
                try:
                    inbox.lag = await _lag(consumer)
                except KafkaError:
                    inbox.lag = None
        await asyncio.sleep(_LAG_SECONDS)


async def _lag(consumer: Any) -> int:
    """Records behind what was last seen as the end, in the partitions assigned here."""
    behind = 0
    for partition in consumer.assignment():
        if (end := consumer.highwater(partition)) is not None:
            behind += max(0, end - await consumer.position(partition))
    return behind


@asynccontextmanager
async def _admin(access: Access) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**access.options("admin"), request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def check_topics(servers: str | Access, wanted: Sequence[str], *, seconds: float) -> None:
    """Wait for Kafka and the topics. Raises KafkaUnavailableError, with one line that says what."""
    access = Access.to(servers)
    begun, told = monotonic(), False
    while True:
        try:
            async with _admin(access) as admin:
                missing = sorted(set(wanted) - set(await admin.list_topics()))
            if not missing:
                return
            reason = f"lacks {', '.join(missing)}; create them by the command `topics`"
            if access.named:
                reason += f", or let {access.named} see them"
        except (KafkaError, OSError) as error:
            reason = f"did not answer: {await _refusal(access) or error}"
        if monotonic() - begun >= seconds:
            raise KafkaUnavailableError(f"Kafka at {access.servers} {reason}")
        if not told:
            log.warning("waiting_for_kafka", servers=access.servers, reason=reason)
            told = True
        await asyncio.sleep(0.5)


async def _refusal(access: Access) -> str | None:
    """Why Kafka does not let this process in; aiokafka says only that no server did."""
    try:
        told = access.options("admin") | {"request_timeout_ms": 2_000}
        for server in told.pop("bootstrap_servers").split(","):
            host, _, port = server.rpartition(":")
            connection = await create_conn(host, int(port), **told)
            connection.close()
    except KafkaConnectionError as error:
        return f"{error}; is KAFKA_SECURITY_PROTOCOL={access.protocol} what is spoken there?"
    except (KafkaError, OSError) as error:
        reason = str(error) or type(error).__name__
        return f"{reason} (as {access.named})" if access.named else reason
    return None


async def ensure_topics(servers: str | Access, registry: Sequence[Topic]) -> list[str]:
    """Create the topics that are missing; return a line for each made, and for each that differs.

    Changes nothing that exists: the number of partitions is for good, and a setting changed by
    hand was changed for a reason. With three brokers or more each topic has three replicas, of
    which two must have a record before it is acknowledged; with fewer, one on each.
    """
    async with _admin(Access.to(servers)) as admin:
        there = {each["topic"]: each for each in await admin.describe_topics()}
        new = [topic for topic in registry if topic.name not in there]
        brokers = len((await admin.describe_cluster())["brokers"])
        lines = await _create(admin, new, min(brokers, _REPLICAS)) if new else []
        lines += await _differences(admin, [t for t in registry if t.name in there], there)
        for _ in range(100):  # a broker hears of a new topic a little later
            if {topic.name for topic in registry} <= set(await admin.list_topics()):
                break
            await asyncio.sleep(0.05)
    return lines


async def _create(admin: Any, new: Sequence[Topic], replicas: int) -> list[str]:
    safe = {"min.insync.replicas": "2"} if replicas == _REPLICAS else {}
    made = await admin.create_topics(
        [NewTopic(t.name, t.partitions, replicas, topic_configs=t.config | safe) for t in new]
    )
    lines = []
    for name, code, *message in made.topic_errors:
        error = for_code(code)
        if error is TopicAlreadyExistsError:  # by another process, just now
            continue
        if code:
            raise KafkaUnavailableError(f"Kafka refused topic {name}: {error.__name__} {message}")
        lines.append(f"{name}: created")
    return lines


async def _differences(
    admin: Any, topics: Sequence[Topic], there: dict[str, dict[str, Any]]
) -> list[str]:
    lines = []
    for topic in topics:
        count = len(there[topic.name]["partitions"])
        if count != topic.partitions:
            lines.append(f"{topic.name}: has {count} partitions, should have {topic.partitions}")
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, t.name, dict(t.config)) for t in topics if t.config
    ]
    wanted = {topic.name: topic.config for topic in topics}
    for answer in await admin.describe_configs(resources) if resources else ():
        for _, _, _, name, entries in answer.resources:
            found = {entry[0]: entry[1] for entry in entries}
            lines += [
                f"{name}: {key} is {found.get(key)}, should be {value}"
                for key, value in wanted[name].items()
                if found.get(key) != value
            ]
    return lines
