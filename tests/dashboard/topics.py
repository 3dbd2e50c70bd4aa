"""Events put into real topics as the relays would, and the dashboard's commands beside them."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

from aiokafka import AIOKafkaProducer

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.store import builds
from shared.chassis.clock import SystemClock
from shared.chassis.database import Pool
from shared.chassis.freshness import asking, reached
from shared.contracts import clients
from shared.contracts.event import Event, Tombstone
from tests import tokens
from tests.dashboard import portfolio
from tests.dashboard.people import HUB, KNOWN, OTHER_HUB, Due, Known
from tests.deliver import record_of

WAIT_SECONDS = 60.0


async def publish(servers: str, events: Iterable[Event | Tombstone]) -> None:
    """Put events into their topics, in their order, and wait until Kafka has them."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5)
    await producer.start()
    try:
        sent = []
        for event in events:
            record = record_of(event)
            sent.append(
                await producer.send(
                    record.topic, record.value, record.key, headers=list(record.headers)
                )
            )
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def whole_portfolio() -> list[Event]:
    return [event for events in portfolio.said().values() for event in events]


def many(count: int) -> list[Event]:
    """New clients of both partners, with a contract change each: three events for each client."""
    now = SystemClock().now()  # as the commands have it
    events: list[Event] = []
    for number in range(count):
        hub = HUB if number % 2 else OTHER_HUB
        due = Due(
            name=f"many {number}", starts=KNOWN[0].due[0].starts + timedelta(days=number % 90)
        )
        each = Known(
            short=f"many {number}",
            record=10_000 + number,
            hub=hub,
            name=f"Client {number:05}",
            domain=f"client-{number:05}.example",
            products={"Marketing Hub Professional": ("800.00", "USD")},
            due=(due,),
        )
        told = portfolio.client_snapshot(each)
        events += [
            clients.ClientRegistered(
                version=1,
                occurred_at=now,
                client_id=told.client_id,
                partner_id=told.partner_id,
                account_id=told.account_id,
                relationship=told.relationship,
                period=1,
            ),
            told,
            portfolio.renewals_snapshot(each),
        ]
    return events


async def until(condition: Callable[[], Awaitable[object]], seconds: float = WAIT_SECONDS) -> None:
    """Wait for something that is to become true."""
    end = monotonic() + seconds
    while not await condition():
        assert monotonic() < end, f"not so after {seconds} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def command(address: Addresses, servers: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a command of the dashboard as a process of its own; it is killed if it still runs."""
    given = {
        "DASHBOARD_DATABASE_URL": address.dsn,
        "DASHBOARD_SESSION_KEY": "a secret of tests, thirty-two characters and more",
        "KAFKA_SERVERS": servers,
        "KAFKA_SESSION_TIMEOUT": "6",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        "START_TIMEOUT": "30",
        "LOG_LEVEL": "warning",
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.dashboard", *arguments),
        env={**os.environ, **given},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(address: Addresses, servers: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command to its end; its exit code and what it wrote."""
    async with command(address, servers, *arguments) as process:
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


async def until_heard(pool: Pool, servers: str) -> None:
    """Wait until the revision that serves has heard all that the topics hold now."""
    names = [inbox.topic for inbox in handlers.INBOXES]
    async with asking(servers) as ask:
        ends = await ask.ends(names)

        async def heard() -> bool:
            async with pool.acquire() as tx:
                build = await builds.find_serving(tx)
            inboxes = [inbox.of_revision(build.revision) for inbox in handlers.INBOXES]
            return all([reached(ends[i.topic], await ask.handled(i)) for i in inboxes])

        await until(heard)
