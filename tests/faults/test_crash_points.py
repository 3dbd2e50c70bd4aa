"""Services die at the points that the code names, between two things that belong together."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.settings import ROOT
from shared.contracts.clients import ServicesEnded
from tests.deliver import record_of
from tests.faults.bed import KILLED, SERVICES, Bed
from tests.faults.cohort import bring_in
from tests.faults.evidence import check, in_doubt

pytestmark = [pytest.mark.faults, pytest.mark.delivery, pytest.mark.timeout(200)]

# Where each service dies in its first life, in its second, and so on.
LIVES = {
    "clients": ["outbox.before_send", "outbox.after_produce"],
    "renewals": ["inbox.in_batch", "outbox.after_produce"],
    "notifications": ["inbox.after_commit"],
    "tiers": ["inbox.between_halves"],
}
# Where senders die that work side by side, and how much each may leave in doubt.
SENDERS = [
    "sender.handed_over",
    "sender.before_dot",
    "sender.after_dot",
    "sender.after_answer",
    "sender.before_note",
]
IN_DOUBT = 4
COURIERS = ["courier.before_note"]  # where tests/webhooks/test_replicas.py has one die


def test_every_point_that_the_code_names_is_crashed_at() -> None:
    named = {
        point
        for folder in ("shared", "services")
        for path in Path(ROOT, folder).rglob("*.py")
        for point in re.findall(r"crash\.point\(\"([\w.]+)\"\)", path.read_text())
    }
    assert named == {*SENDERS, *COURIERS, *(point for each in LIVES.values() for point in each)}


async def test_dying_between_two_steps_of_delivery_loses_and_doubles_nothing(system: Bed) -> None:
    await asyncio.gather(*(system.stop(service) for service in LIVES))
    await poison(system)
    async with asyncio.TaskGroup() as together:
        incoming = together.create_task(bring_in(system, 24))
        for service, points in LIVES.items():
            together.create_task(live_and_die(system, service, points))
    await system.quiet()
    await asyncio.gather(*(discard(system, service) for service in SERVICES))
    await system.quiet()
    await check(system, [incoming.result()])
    system.sound = True


async def live_and_die(system: Bed, service: str, points: Sequence[str]) -> None:
    for point in points:
        system.launch(service, CRASH_AT=point)
        assert await system.died(service) == KILLED, system.services[service].log
        system.count_kill(service)
    await system.start(service)


async def test_dying_between_two_steps_of_sending_leaves_no_more_in_doubt_than_allowed(
    system: Bed,
) -> None:
    cohort = await bring_in(system, 80)
    await system.quiet()
    before = await in_doubt(system)
    await system.stop("notifications")
    await system.start("notifications", NOTIFICATIONS_RUN_SENDER="false")
    for point in SENDERS:
        told = {"CRASH_AT": point, "NOTIFICATIONS_IN_DOUBT": str(IN_DOUBT)}
        others = {f"NOTIFICATIONS_RUN_{part}": "false" for part in ("CONSUMERS", "RELAY", "UPKEEP")}
        system.launch("notifications", name=point, **told, **others)
    await asyncio.gather(*(system.ready(point) for point in SENDERS))
    system.move_to(cohort.due("d-15"))
    for point in SENDERS:
        assert await system.died(point) == KILLED, system.services[point].log
        system.count_kill("notifications")
        del system.services[point]
    await system.stop("notifications")
    await system.start("notifications")
    await system.quiet()
    left = await in_doubt(system) - before
    assert 1 <= left <= IN_DOUBT * len(SENDERS), left
    await check(system, [cohort])
    system.sound = True


async def poison(system: Bed) -> None:
    """Two events that no table can hold, of one key, so that they come in one batch."""
    client = uuid4()
    system.poison.add(str(client))
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka.servers)
    await producer.start()
    for version in (1, 2):
        at = system.clock.now()
        event = ServicesEnded(
            version=version,
            occurred_at=at,
            client_id=client,
            partner_id=UUID(int=1),
            period=2**70,
            ended_at=at,
            ended_by=UUID(int=2),
            reason="more periods than there are days",
        )
        record = record_of(event)
        await producer.send_and_wait(
            record.topic, record.value, key=record.key, headers=list(record.headers)
        )
    await producer.stop()


async def discard(system: Bed, service: str) -> None:
    """What an operator does about a record that is past help."""
    query = "SELECT id FROM dead_letters WHERE status = 'open'"
    numbers = [str(row[0]) for row in await system.fetch(service, query)]
    if not numbers:
        return
    code, printed = await system.command(service, "dead-letters", "discard", "--yes", *numbers)
    assert code == 0, printed
