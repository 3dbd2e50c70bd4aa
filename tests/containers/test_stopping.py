"""Each container is stopped and started again while people work: nothing is lost or doubled."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.clients import AppUsageRecorded
from tests.containers.people import Visitor
from tests.containers.quiet import calm
from tests.containers.stack import Stack, docker

GRACE_SECONDS = 45
READY_SECONDS = 300.0
WORKERS = 4
PAUSE = 0.05
MOST_APPS = 17
ENDS = 40
NOTICE_SECONDS = 60  # an end of services is told half a minute later; it may be taken back


class Work:
    """What people of a partner do: count use of apps, decide renewals, end services."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._today = datetime.now(UTC).date().isoformat()  # noqa: TID251 - as the services do
        self.over = False
        self.used: dict[str, int] = {}  # what was said last of each client
        self.commands = 0
        self.decided: set[str] = set()  # renewals
        self.ended: set[str] = set()  # clients

    @property
    def summary(self) -> str:
        """For people."""
        return f"{self.commands} uses, {len(self.decided)} decisions, {len(self.ended)} ends"

    async def count_use(self, clients: Iterable[str]) -> None:
        """Say something new of one client after the other, until it is over."""
        for client in clients:
            if self.over:
                return
            path = f"/clients/{client}"
            known = await self._visitor.ask("clients", path)
            apps = ((known.json()["app_usage"] or {"apps_used": 0})["apps_used"] + 1) % MOST_APPS
            body = {"apps_used": apps, "period_end": self._today}
            version = known.headers["ETag"]
            await self._visitor.command("PUT", "clients", f"{path}/app-usage", body, version)
            self.used[client] = apps
            self.commands += 1
            await asyncio.sleep(PAUSE)

    async def decide(self, renewals: Iterable[dict[str, Any]]) -> None:
        """Decide one renewal after the other."""
        for renewal in renewals:
            if self.over:
                return
            path = f"/renewals/{renewal['renewal_id']}"
            version = (await self._visitor.ask("renewals", path)).headers["ETag"]
            body = {"status": "renewed"}
            await self._visitor.command("POST", "renewals", f"{path}/decision", body, version)
            self.decided.add(renewal["renewal_id"])
            await asyncio.sleep(1)

    async def end(self, clients: Iterable[str]) -> None:
        """End services, one client after the other; HubSpot's people are told by mail."""
        for client in clients:
            if self.over:
                return
            path = f"/clients/{client}"
            version = (await self._visitor.ask("clients", path)).headers["ETag"]
            body = {"reason": "They have a team of their own now.", "confirm": True}
            await self._visitor.command("POST", "clients", f"{path}/services/end", body, version)
            self.ended.add(client)
            await asyncio.sleep(2)


async def test_whatever_is_stopped_under_load_ends_well_in_time_and_nothing_is_lost_or_doubled(
    stack: Stack, visitor: Visitor
) -> None:
    await calm(stack)
    begun = await ends(stack)
    endpoint = await listening(visitor)
    clients = [each["client_id"] for each in await visitor.every("clients", "/clients")]
    work = Work(visitor)
    leaving, staying = clients[:ENDS], clients[ENDS:]
    upcoming = await visitor.every("renewals", "/renewals", upcoming="true", kind="renewal")
    renewals = [each for each in upcoming if each["client"]["client_id"] in staying]
    shares = [staying[number::WORKERS] for number in range(WORKERS)]
    tasks = [
        *(asyncio.create_task(work.count_use(share * 1000)) for share in shares),
        asyncio.create_task(work.decide(renewals)),
        asyncio.create_task(work.end(leaving)),
    ]
    told = {}
    for name in stack.containers():
        before = work.commands
        told[name] = await stopped_and_started(stack, name)
        await busy(work, before, tasks)
    work.over = True
    await asyncio.gather(*tasks)
    await calm(stack, later=NOTICE_SECONDS)

    shown = "\n".join(f"  {name}: exit {code} after {s:.1f} s" for name, (s, code) in told.items())
    print(f"\n{shown}\n  {work.summary}")  # noqa: T201
    assert {code for _, code in told.values()} == {0}, shown
    assert max(seconds for seconds, _ in told.values()) < GRACE_SECONDS, shown
    await nothing_lost_or_doubled(stack, visitor, work, begun, endpoint)


async def stopped_and_started(stack: Stack, name: str) -> tuple[float, int]:
    """How long the container took to stop, and with what it exited."""
    identity = stack.containers()[name]["Id"]
    begun = monotonic()
    await asyncio.to_thread(docker, "stop", identity)
    seconds = monotonic() - begun
    code = stack.states()[name]["ExitCode"]
    docker("start", identity)
    until = monotonic() + READY_SECONDS
    while stack.states()[name]["Health"]["Status"] != "healthy":
        assert monotonic() < until, f"{name} does not come back: {stack.states()[name]}"
        await asyncio.sleep(0.5)
    return seconds, code


async def busy(work: Work, before: int, tasks: list[asyncio.Task[None]]) -> None:
    """Wait until commands succeed again."""
    until = monotonic() + READY_SECONDS
    while work.commands < before + 2 * WORKERS:
        for task in tasks:
            if task.done():
                task.result()
        assert monotonic() < until, "commands do not come through"
        await asyncio.sleep(0.1)


async def listening(visitor: Visitor) -> str:
    """An endpoint that hears of the use of apps. It leads nowhere, so all of it waits there."""
    answer = await visitor.command(
        "POST",
        "webhooks",
        "/endpoints",
        {"url": "https://hooks.partner-tools.invalid/", "types": [AppUsageRecorded.TYPE]},
    )
    return str(answer.json()["endpoint_id"])


async def ends(stack: Stack) -> dict[TopicPartition, int]:
    """Where the facts about clients end now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka)
    await consumer.start()
    try:
        parts = [TopicPartition(AppUsageRecorded.TOPIC, number) for number in range(12)]
        found: dict[TopicPartition, int] = await consumer.end_offsets(parts)
        return found
    finally:
        await consumer.stop()


async def said_since(stack: Stack, begun: dict[TopicPartition, int]) -> Counter[str]:
    """How often each record about the use of apps was said."""
    end = await ends(stack)
    found: Counter[str] = Counter()
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka)
    await consumer.start()
    try:
        consumer.assign(list(end))
        for part, offset in begun.items():
            consumer.seek(part, offset)
        while any([await consumer.position(part) < end[part] for part in end]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    headers = dict(record.headers)
                    if headers["ce_type"].decode() == AppUsageRecorded.TYPE:
                        found[headers["ce_id"].decode()] += 1
    finally:
        await consumer.stop()
    return found


async def nothing_lost_or_doubled(
    stack: Stack, visitor: Visitor, work: Work, begun: dict[TopicPartition, int], endpoint: str
) -> None:
    """Owner, topics, read model, tiers, webhooks and mails agree on what happened."""
    dsns = stack.databases()
    clients = await rows(dsns["clients"], "SELECT client_id, apps_used FROM clients")
    said = await said_since(stack, begun)
    assert len(said) == work.commands
    assert work.used.items() <= usage(clients).items()
    page = await rows(dsns["dashboard"], "SELECT client_id, apps_used FROM model_a.clients")
    tiers = await rows(dsns["tiers"], "SELECT client_id, apps_used FROM clients")
    assert work.used.items() <= usage(page).items()
    assert work.used.items() <= usage(tiers).items()
    waiting = await rows(
        dsns["webhooks"],
        f"SELECT event_id FROM deliveries WHERE endpoint_id = '{endpoint}'",
    )
    assert Counter(str(row["event_id"]) for row in waiting) == Counter(said.keys())

    decided = await rows(
        dsns["dashboard"], "SELECT renewal_id FROM model_a.renewals WHERE status = 'renewed'"
    )
    assert work.decided, "nobody decided anything meanwhile"
    assert work.decided <= {str(row["renewal_id"]) for row in decided}
    left = await rows(dsns["dashboard"], "SELECT client_id FROM model_a.clients WHERE NOT active")
    assert work.ended, "nobody ended anything meanwhile"
    assert work.ended <= {str(row["client_id"]) for row in left}

    await every_mail_once(stack, visitor, work, dsns)
    for service, dsn in dsns.items():
        assert not await rows(dsn, "SELECT 1 FROM dead_letters"), service


async def every_mail_once(stack: Stack, visitor: Visitor, work: Work, dsns: dict[str, str]) -> None:
    """Of each end of services HubSpot's people are told, and no mail is in the catcher twice."""
    told = await rows(
        dsns["notifications"],
        "SELECT client_id FROM messages WHERE stage = 'services_ended' AND state = 'accepted'",
    )
    assert work.ended <= {str(row["client_id"]) for row in told}
    accepted = await rows(dsns["notifications"], "SELECT 1 FROM messages WHERE state = 'accepted'")
    mails = await visitor.http.get(f"{stack.url('mail')}/messages", params={"limit": "100000"})
    ids = [each["message_id"] for each in mails.json()]
    assert len(ids) == len(set(ids)) == len(accepted)


def usage(found: list[asyncpg.Record]) -> dict[str, int]:
    return {str(row["client_id"]): row["apps_used"] for row in found}


async def rows(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()
