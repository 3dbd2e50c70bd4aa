"""Services die at random moments, and nothing is lost, doubled or out of order."""

import asyncio
import os
import random
import secrets

import pytest

from tests.faults.bed import SERVICES, Bed, told
from tests.faults.cohort import Cohort, bring_in, decide, end_services
from tests.faults.evidence import check

pytestmark = [pytest.mark.faults, pytest.mark.delivery, pytest.mark.timeout(300)]

CLIENTS = 420
WAVES = ("d-15", "d-7", "d-0", "outcome")


async def kill_at_some_moment(
    system: Bed, service: str, moment: random.Random, within: float
) -> None:
    await asyncio.sleep(moment.uniform(0, within))
    await system.kill(service)
    await system.start(service)


async def kill_all(system: Bed, moment: random.Random, within: float) -> None:
    await asyncio.gather(
        *(kill_at_some_moment(system, service, moment, within) for service in SERVICES)
    )


async def people(system: Bed, cohort: Cohort, wave: int) -> None:
    """In each wave, services of five clients end, and five other renewals are decided."""
    for number in range(wave * 10, wave * 10 + 5):
        await end_services(system, cohort, number)
        if WAVES[wave] != "outcome":
            await decide(system, cohort, number + 5)


async def test_twenty_kills_over_two_thousand_reminders_lose_and_double_nothing(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbits(32))
    moment = random.Random(seed)  # noqa: S311 - moments, no secrets
    before = system.kills
    incoming = asyncio.create_task(bring_in(system, CLIENTS))
    await asyncio.sleep(2)  # both imports begin by importing Python's modules
    await kill_all(system, moment, 4)
    cohort = await incoming
    await system.quiet()
    for wave, stage in enumerate(WAVES):
        system.move_to(cohort.due(stage))
        await asyncio.gather(kill_all(system, moment, 2.5), people(system, cohort, wave))
        await system.quiet()
    figures = await check(system, [cohort])
    with capsys.disabled():
        print(f"\n  seed {seed}: {told(figures)}")  # noqa: T201 - what a run is repeated by
    assert system.kills - before == 20
    assert figures["due keys"] >= 2000
    system.sound = True
