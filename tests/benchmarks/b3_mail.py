"""B3: from a deadline event in Kafka to the mail that the relay accepted, with a durable ledger."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4, uuid5

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.local import ports, processes
from shared.chassis.clock import SystemClock
from shared.contracts import clients, headers, ids, renewals
from shared.contracts.event import Event
from tests.benchmarks import smtp
from tests.benchmarks.ground import Ground
from tests.benchmarks.oracle import VoidError
from tests.benchmarks.result import Result

PARTNERS = 10
SECONDS = 150.0
ROLES = {"sender": True, "consumers": True, "relay": True, "http": True}


class Story:
    """Partners and clients, and a stage of a renewal of each client."""

    def __init__(self, count: int, now: datetime) -> None:
        self.now = now
        self.start = now.date() + timedelta(days=60)
        self.clients = [ids.client_id(1, number) for number in range(count)]

    def partner_of(self, number: int) -> UUID:
        """The partner of a client."""
        return ids.partner_id(number % PARTNERS)

    def ground(self) -> Iterator[Event]:
        """What has to be known before anything can be sent."""
        for number in range(PARTNERS):
            partner = ids.partner_id(number)
            yield clients.PartnerSnapshot(
                version=1,
                occurred_at=self.now,
                partner_id=partner,
                hub_id=number,
                name=f"Partner {number}",
                time_zone="UTC",
            )
            yield renewals.PartnerPolicySnapshot(
                version=1,
                occurred_at=self.now,
                partner_id=partner,
                default_owner=renewals.OwnerChoice(owner="hubspot"),
            )
        for number, client in enumerate(self.clients):
            yield self._client(number, client)
            yield self._renewals(number, client)

    def deadlines(self, stage: str) -> Iterator[Event]:
        """One stage of each client's renewal, due for a day by now."""
        for number, client in enumerate(self.clients):
            yield renewals.RenewalDeadlineApproaching(
                version=2,
                occurred_at=self.now,
                renewal_id=uuid5(client, "renewal"),
                client_id=client,
                partner_id=self.partner_of(number),
                kind="renewal",
                status="pending",
                stage=stage,
                due_at=self.now - timedelta(days=1),
                due_until=self.now + timedelta(days=1),
                time_zone="UTC",
                renewal_start=self.start,
                deadline=self.start - timedelta(days=45),
                days_to_renewal=60,
                days_to_deadline=15,
                currency="USD",
                current_mrr=Decimal("800.00"),
                renewal_mrr=Decimal("840.00"),
                products=(self._product(),),
                owner=renewals.EffectiveOwner(owner="hubspot", source="factory"),
                client_version=1,
                partner_version=1,
                renewals_version=1,
                policy_version=1,
            )

    def _product(self) -> renewals.Product:
        return renewals.Product(
            product="Marketing Hub Professional",
            current_mrr=Decimal("800.00"),
            renewal_mrr=Decimal("840.00"),
        )

    def _client(self, number: int, client: UUID) -> clients.ClientSnapshot:
        return clients.ClientSnapshot(
            version=1,
            occurred_at=self.now,
            client_id=client,
            partner_id=self.partner_of(number),
            record_id=number,
            account_id=number,
            company=clients.Company(name=f"Client {number}", domain=f"client-{number}.example"),
            relationship=clients.Relationship(sold=True, managed=True),
            services=clients.Services(active=True, period=1),
            contacts=(
                clients.Contact(
                    contact_id=uuid5(client, "contact"),
                    name=f"Decision Maker {number}",
                    email=f"dm@client-{number}.example",
                    roles=("decision_maker",),
                ),
            ),
        )

    def _renewals(self, number: int, client: UUID) -> renewals.ClientRenewalsSnapshot:
        return renewals.ClientRenewalsSnapshot(
            version=1,
            occurred_at=self.now,
            client_id=client,
            partner_id=self.partner_of(number),
            owner=renewals.OwnerChoice(owner="default"),
            renewals=(
                renewals.Renewal(
                    renewal_id=uuid5(client, "renewal"),
                    kind="renewal",
                    status="pending",
                    renewal_start=self.start,
                    deadline=self.start - timedelta(days=45),
                    currency="USD",
                    current_mrr=Decimal("800.00"),
                    renewal_mrr=Decimal("840.00"),
                    products=(self._product(),),
                ),
            ),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """An event as its owner's outbox has it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def render(event: Event) -> Record:
    """Write an event as its owner does."""
    identity = str(event.event_id() or uuid4())
    described = headers.of_event(
        event, event_id=identity, correlation_id=identity, causation_id=None, traceparent=None
    )
    return Record(
        event.TOPIC,
        event.key.encode(),
        event.model_dump_json().encode(),
        [(name, text.encode()) for name, text in described.items()],
    )


async def publish(servers: str, records: Sequence[Record]) -> None:
    """Put records into Kafka as their owners' relays would."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=5)
    await producer.start()
    try:
        sent = [
            await producer.send(each.topic, each.value, key=each.key, headers=each.headers)
            for each in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@contextmanager
def counting_server(log: Path) -> Iterator[tuple[int, int]]:
    """Run the counting mail server in a process of its own: where it takes mail, and answers."""
    port, door = ports.free_ports(2)
    process = processes.start([sys.executable, "-m", "tests.benchmarks.smtp", port, door], log=log)
    try:
        processes.wait_until(
            lambda: smtp.READY in log.read_text(),
            process,
            name="the counting mail server",
            log=log,
            timeout=10,
        )
        yield port, door
    finally:
        processes.kill(process)


async def run(ground: Ground, *, events: int, repeats: int) -> Result:
    """Send ``events`` mails, a stage at a time, then the same number by a bare sender."""
    result = Result("B3", "event to accepted mail, ledger durable", events, "mails/s")
    story = Story(events, SystemClock().now())
    await publish(ground.kafka.servers, [render(each) for each in story.ground()])
    connection = await asyncpg.connect(ground.services["notifications"].dsn)
    with counting_server(ground.folder / "smtp.log") as (port, door):
        try:
            with ground.service(
                "notifications",
                ROLES,
                NOTIFICATIONS_SMTP_HOST="127.0.0.1",
                NOTIFICATIONS_SMTP_PORT=str(port),
            ) as service:
                await _known(connection, events)
                for stage in ("d-15", "d-7", "d-1")[:repeats]:
                    deadlines = [render(each) for each in story.deadlines(stage)]
                    await smtp.ask(door, b"clear\n")
                    service.note()
                    cpu, began = service.cpu, perf_counter()
                    await publish(ground.kafka.servers, deadlines)
                    await _sent(door, events)
                    took = perf_counter() - began
                    service.note()
                    await _hold(connection, door, stage, events)
                    result.ours.append(events / took)
                    result.cpu.append((service.cpu - cpu) / events * 1000)
            mail = b"Message-ID: <limit>\r\nSubject: limit\r\n\r\n" + b"x" * 4000
            result.limits["a bare sender"] = await smtp.send_raw(port, [mail] * events)
        finally:
            await connection.close()
    return result


async def _known(connection: "asyncpg.Connection[asyncpg.Record]", events: int) -> None:
    """Wait until the service knows every client and every renewal."""
    until = perf_counter() + SECONDS
    query = "SELECT least((SELECT count(*) FROM clients), (SELECT count(*) FROM client_policies))"
    while (known := await connection.fetchval(query)) < events:
        if perf_counter() > until:
            raise VoidError(f"of {events} clients only {known} became known in {SECONDS:g} s")
        await asyncio.sleep(0.2)


async def _sent(door: int, events: int) -> None:
    until = perf_counter() + SECONDS
    while (await smtp.ask(door))["distinct"] < events:
        if perf_counter() > until:
            return
        await asyncio.sleep(0.05)


async def _hold(
    connection: "asyncpg.Connection[asyncpg.Record]", door: int, stage: str, events: int
) -> None:
    """Raise VoidError unless the server and the ledger agree: all accepted, none twice."""
    query = "SELECT count(*) FROM messages WHERE stage = $1 AND state = 'accepted'"
    until = perf_counter() + 10
    while await connection.fetchval(query, stage) < events and perf_counter() < until:
        await asyncio.sleep(0.05)
    accepted = await connection.fetchval(query, stage)
    found = await smtp.ask(door)
    if accepted != events or found != {"mails": events, "distinct": events}:
        raise VoidError(f"{events} were due: the ledger has {accepted}, the server has {found}")
