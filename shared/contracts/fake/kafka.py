"""The story's way into a Kafka. Needs aiokafka."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..record import Record
from ..topics import REGISTRY


class RefusedError(Exception):
    """Kafka is not as it has to be; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How Kafka is reached, and as whom."""

    servers: str
    username: str | None = None
    password: str | None = None
    mechanism: str = "SCRAM-SHA-512"
    tls: bool = False
    ca_file: str | None = None

    def options(self) -> dict[str, Any]:
        """What aiokafka is told."""
        context = ssl.create_default_context(cafile=self.ca_file) if self.tls else None
        protocol = ("SASL_" if self.username else "") + ("SSL" if self.tls else "PLAINTEXT")
        signed: dict[str, Any] = {
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }
        return {
            "bootstrap_servers": self.servers,
            "security_protocol": protocol,
            "ssl_context": context,
        } | (signed if self.username else {})


@contextmanager
def telling_failures(access: Access) -> Iterator[None]:
    """Say in a line what a person can mend. Raises RefusedError."""
    try:
        from aiokafka.errors import KafkaError
    except ImportError as error:
        raise RefusedError("Kafka is reached by aiokafka, which is not installed") from error
    try:
        yield
    except (KafkaError, OSError) as error:
        raise RefusedError(f"Kafka at {access.servers} did not do it: {error}") from error


async def prepare(access: Access, *, create: bool, append: bool) -> None:
    """See that the topics are there and, unless told to append, that they hold nothing.

    Raises RefusedError: a made-up story must not get among what really happened.
    """
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    wanted = [topic for topic in REGISTRY if topic.kind != "dead-letters"]
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    try:
        missing = [each for each in wanted if each.name not in set(await admin.list_topics())]
        if missing and not create:
            names = ", ".join(topic.name for topic in missing)
            raise RefusedError(f"Kafka has no {names}; --create-topics makes them")
        if missing:
            await admin.create_topics(
                [NewTopic(t.name, t.partitions, 1, topic_configs=t.config) for t in missing]
            )
            for _ in range(100):  # a broker hears of a new topic a little later
                if {t.name for t in wanted} <= set(await admin.list_topics()):
                    break
                await asyncio.sleep(0.05)
    finally:
        await admin.close()
    if append:
        return
    consumer = AIOKafkaConsumer(**access.options())
    await consumer.start()
    try:
        for topic in wanted:
            places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            if any((await consumer.end_offsets(places)).values()):
                raise RefusedError(
                    f"{topic.name} holds records already; --append writes behind them all the same"
                )
    finally:
        await consumer.stop()


async def publish(
    access: Access, records: Iterator[Record], *, rate: float, say: Callable[[int], None]
) -> int:
    """Publish record by record, in order, at most so many a second (0: as fast as it goes)."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(**access.options(), acks="all", enable_idempotence=True)
    await producer.start()
    loop = asyncio.get_running_loop()
    begun, count, sent = loop.time(), 0, []
    try:
        for record in records:
            if rate and (early := begun + count / rate - loop.time()) > 0:
                await asyncio.sleep(early)
            sent.append(
                await producer.send(
                    record.topic,
                    record.value,
                    key=record.key.encode(),
                    headers=_pairs(record),
                )
            )
            count += 1
            if len(sent) == 500 or rate:  # noqa: PLR2004 - as many as are in flight
                await asyncio.gather(*sent)
                sent.clear()
                say(count)
        await asyncio.gather(*sent)
    finally:
        async with asyncio.timeout(10):
            await producer.stop()
    return count


def _pairs(record: Record) -> Sequence[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in record.headers.items()]
