"""Two versions side by side, a migration between them, and the way back; nobody notices."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local.settings import ROOT
from tests.faults.bed import Bed, told
from tests.faults.cohort import Cohort, bring_in
from tests.faults.evidence import check, in_doubt
from tests.operations.people import People
from tests.operations.release import MIGRATIONS, make_next_version

pytestmark = [pytest.mark.operations, pytest.mark.delivery, pytest.mark.timeout(900)]

UPGRADED = ("clients", "renewals", "notifications")
CLIENTS = 140
NOT_STARTED = 3


class Fleet:
    """Which replicas of which version run; a load balancer asks it where they listen."""

    def __init__(self, system: Bed, tree: Path) -> None:
        self._system, self._tree = system, tree
        self._serving: dict[str, list[str]] = {service: [service] for service in UPGRADED}

    def ports(self, service: str) -> Sequence[int]:
        """Those that the load balancer knows."""
        return [self._system.services[name].port for name in self._serving[service]]

    async def add(self, service: str, name: str, *, tree: Path = ROOT) -> None:
        """Start one more replica, and let it be asked once it is ready."""
        self._system.launch(service, name=name, tree=str(tree))
        await self._system.ready(name)
        self._serving[service].append(name)

    async def add_next(self, service: str) -> None:
        """Start a replica of the next version."""
        await self.add(service, f"{service} next", tree=self._tree)

    async def remove(self, service: str, name: str) -> None:
        """Stop a replica by SIGTERM; nobody asks it any more."""
        self._serving[service].remove(name)
        assert await self._system.stop(name) == 0, self._system.services[name].log.read_text()
        del self._system.services[name]


async def migrate(system: Bed, service: str, tree: Path) -> None:
    """Run the next version's migrations as the job of a release does, while all goes on."""
    owner = {f"{service.upper()}_OWNER_DATABASE_URL": system.databases[service].owner_dsn}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}", "migrate"),
        cwd=tree,
        env=system.environment(service, **owner),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    assert f"applied {service}/{MIGRATIONS[service][0]}" in printed.decode()


async def too_early(system: Bed, service: str, tree: Path) -> None:
    """The next version says in a line what it waits for, and is not ready; its platform retries."""
    name = f"{service} too early"
    system.launch(service, name=name, tree=str(tree), START_TIMEOUT="1")
    assert await system.died(name) == NOT_STARTED
    written = system.services.pop(name).log.read_text()
    assert f"migration {service}/{MIGRATIONS[service][0]} is not applied" in written
    assert "Traceback" not in written


@asynccontextmanager
async def busy(people: People, cohort: Cohort) -> AsyncIterator[None]:
    """All the while a client's services end here and a renewal is decided there."""

    enough = asyncio.Event()

    async def work() -> None:
        for number in range(0, len(cohort.clients), 2):
            if enough.is_set():
                return
            await people.end_services(cohort, number)
            await people.decide(cohort, number + 1)
            await asyncio.sleep(0.3)

    working = asyncio.create_task(work())
    yield
    enough.set()
    await working


async def by_version(system: Bed, service: str, query: str) -> dict[str | None, int]:
    return {row[0]: row[1] for row in await system.fetch(service, query)}


async def test_an_upgrade_and_the_way_back_fail_no_request_and_lose_and_double_no_message(
    system: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    following = make_next_version(tmp_path / "next")
    following.chmod(0o755)
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    doubted = await in_doubt(system)
    fleet = Fleet(system, following)
    people = People(fleet.ports)
    async with busy(people, cohort):
        system.move_to(cohort.due("d-15"))
        await asyncio.gather(*(too_early(system, service, following) for service in MIGRATIONS))
        await asyncio.gather(*(migrate(system, service, following) for service in MIGRATIONS))
        await asyncio.gather(*(fleet.add_next(service) for service in UPGRADED))
        system.move_to(cohort.due("d-7"))  # both versions work on this
        await asyncio.sleep(3)
        await asyncio.gather(*(fleet.remove(service, service) for service in UPGRADED))
        system.move_to(cohort.due("d-1"))  # the next version alone
        await asyncio.sleep(2)
        await asyncio.gather(*(fleet.add(service, service) for service in UPGRADED))
        await asyncio.gather(*(fleet.remove(s, f"{s} next") for s in UPGRADED))
        system.move_to(cohort.due("d-0"))  # this version again, on the new schema
        await asyncio.sleep(1)
    await system.quiet()
    assert not people.refused
    assert people.done > 20
    assert await in_doubt(system) == doubted, "what was in hand was not noted"
    figures = await check(system, [cohort])
    assert figures["sent twice, marked"] == 0
    sent = await by_version(
        system, "notifications", "SELECT sent_by, count(*) FROM attempts GROUP BY 1"
    )
    assert min(sent[None], sent["next"]) > CLIENTS / 4, f"not both of them sent: {sent}"
    noted = await by_version(
        system,
        "clients",
        "SELECT noted_by, count(*) FROM history WHERE actor_id NOTNULL GROUP BY 1",
    )
    assert noted.keys() == {None, "next"}, f"not both of them answered: {noted}"
    with capsys.disabled():
        answered = f"{people.done} commands in {people.tries} tries"
        print(f"\n  {answered}; mails by version {sent}; {told(figures)}")  # noqa: T201
    system.sound = False  # the schema is the next version's; the next test gets a bed of its own
