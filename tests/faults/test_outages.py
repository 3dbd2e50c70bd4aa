"""Broker and database go away under load and come back, and nobody has to help."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from time import monotonic

import httpx2
import pytest

from tests.faults.bed import SERVICES, Bed, told, until
from tests.faults.cohort import Cohort, bring_in, decide, end_services
from tests.faults.evidence import check, in_doubt
from tests.journeys.system import Person

AWAY_SECONDS = float(os.environ.get("FAULT_SECONDS", "6"))
CLIENTS = 160
STAGES = ("d-15", "d-7", "d-0")

pytestmark = [
    pytest.mark.faults,
    pytest.mark.delivery,
    pytest.mark.timeout(200 + 2 * AWAY_SECONDS),
]


async def stages_fall_due(system: Bed, cohort: Cohort) -> None:
    """Two stages while the server is away, so that one overtakes the other."""
    for stage in STAGES[1:]:
        await asyncio.sleep(AWAY_SECONDS / 4)
        system.move_to(cohort.due(stage))


async def people_go_on(system: Bed, cohort: Cohort) -> None:
    for number in range(10):
        begun = monotonic()
        await end_services(system, cohort, number)
        await decide(system, cohort, 50 + number)
        assert monotonic() - begun < 10, "a command waited for Kafka"
        await asyncio.sleep(AWAY_SECONDS / 20)
    for service in SERVICES:
        ready = await answer(system, service, cohort.admin, "/readyz")
        assert ready.status_code == HTTPStatus.OK


async def back(began: float, condition: Callable[[], Awaitable[bool]]) -> float:
    while not await condition():
        assert monotonic() - began < 30
        await asyncio.sleep(0.05)
    return monotonic() - began


async def answer(system: Bed, service: str, person: Person, path: str) -> httpx2.Response:
    async with system.http(service, person) as client:
        return await client.get(path)


async def test_without_kafka_commands_work_no_service_starts_and_all_is_told_later(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    pids = system.pids()
    system.move_to(cohort.due(STAGES[0]))
    await asyncio.sleep(0.7)
    system.kafka.kill()
    gone = monotonic()
    await asyncio.gather(
        stages_fall_due(system, cohort),
        people_go_on(system, cohort),
        none_starts(system, "Kafka"),
    )
    await asyncio.sleep(max(0, gone + AWAY_SECONDS - monotonic()))
    system.kafka.launch()
    await until(system.kafka.answers, "Kafka answers")
    begun = monotonic()
    await the_late_one_starts(system)
    await system.quiet()
    assert system.pids() == pids, "a service had to be started anew"
    figures = await check(system, [cohort])
    with capsys.disabled():
        quiet = f"quiet {monotonic() - begun:.1f} s after it was back"
        print(f"\n  Kafka away for {begun - gone:.1f} s, {quiet}: {told(figures)}")  # noqa: T201
    system.sound = True


async def test_without_postgresql_callers_are_asked_to_wait_no_service_starts_and_nothing_is_lost(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    await system.stop("notifications")
    # As in production: an outage shorter than the lease leaves nothing in doubt.
    await system.start("notifications", NOTIFICATIONS_SEND_LEASE="900")
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    pids, doubted = system.pids(), await in_doubt(system)
    system.move_to(cohort.due(STAGES[0]))
    await asyncio.sleep(0.7)
    system.postgres.kill()
    gone = monotonic()
    due = asyncio.create_task(stages_fall_due(system, cohort))
    for service, path in (("clients", "/clients"), ("renewals", "/renewals")):
        begun = monotonic()
        refused = await answer(system, service, cohort.admin, path)
        assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE, refused.text
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert monotonic() - begun < 10, "a caller had to wait for an answer"
    for service in SERVICES:
        ready = await answer(system, service, cohort.admin, "/readyz")
        assert ready.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert (await answer(system, service, cohort.admin, "/livez")).status_code == HTTPStatus.OK
    insisting = asyncio.gather(*(end_services(system, cohort, number) for number in range(5)))
    await asyncio.gather(due, none_starts(system, "PostgreSQL"))
    await asyncio.sleep(max(0, gone + AWAY_SECONDS - monotonic()))
    system.postgres.launch()
    await until(system.postgres.answers, "PostgreSQL answers")
    begun = monotonic()

    async def serves() -> bool:
        found = await answer(system, "clients", cohort.admin, "/clients")
        return found.status_code == HTTPStatus.OK

    serving = await back(begun, serves)
    await insisting
    await the_late_one_starts(system)
    await system.quiet()
    assert system.pids() == pids, "a service had to be started anew"
    assert await in_doubt(system) == doubted
    figures = await check(system, [cohort])
    with capsys.disabled():
        quiet = f"serving {serving:.1f} s and quiet {monotonic() - begun:.1f} s after it was back"
        print(f"\n  PostgreSQL away for {begun - gone:.1f} s, {quiet}: {told(figures)}")  # noqa: T201
    system.sound = True


async def test_services_that_are_asked_to_stop_under_load_end_in_time_and_lose_nothing(
    system: Bed,
) -> None:
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    before = await in_doubt(system)
    system.move_to(cohort.due(STAGES[0]) + timedelta(seconds=1))
    await asyncio.sleep(0.7)
    begun = monotonic()
    codes = await asyncio.gather(*(system.stop(service) for service in SERVICES))
    assert codes == [0, 0, 0, 0]
    assert monotonic() - begun < 45
    await system.start()
    await system.quiet()
    assert await in_doubt(system) == before, "what was in hand was not noted"
    await check(system, [cohort])
    system.sound = True


LATE = "a late tiers"


async def none_starts(system: Bed, absent: str) -> None:
    """One more process of each service says in a line what it misses, and exits; one waits."""
    names = {f"{service} without {absent}": service for service in SERVICES}
    begun = monotonic()
    for name, service in names.items():
        system.launch(service, name=name, START_TIMEOUT="1")
    codes = {name: await system.died(name) for name in names}
    assert codes == dict.fromkeys(names, 3)
    assert monotonic() - begun < 1 + 20  # four interpreters start at a time
    for name, service in names.items():
        written = system.services.pop(name).log.read_text()
        said = [line for line in written.splitlines() if f"{service} cannot start" in line]
        assert len(said) == 1, written
        assert f"cannot start: {absent}" in said[0]
        assert "did not answer" in said[0]
        assert "Traceback" not in written
        assert "not-a-secret" not in written
    system.launch("tiers", name=LATE, START_TIMEOUT="600")


async def the_late_one_starts(system: Bed) -> None:
    await system.ready(LATE)
    assert await system.stop(LATE) == 0
    del system.services[LATE]
