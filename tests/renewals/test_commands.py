"""The command line, as an operator uses it."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.databases import Addresses
from services.renewals import jobs
from shared.chassis import outbox
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts.renewals import ClientRenewalsSnapshot, PartnerPolicySnapshot
from tests import tokens
from tests.deliver import published
from tests.renewals.portfolio import ANN, NOON, AClient, APartner, hear, stages_told, watch

ROOT = Path(__file__).parent.parent.parent


def command(
    address: Addresses, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "RENEWALS_DATABASE_URL": address.dsn,
        "RENEWALS_OWNER_DATABASE_URL": address.owner_dsn,
        "KAFKA_SERVERS": "127.0.0.1:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "services.renewals", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_sweep_can_be_run_by_hand(address: Addresses, pool: Pool) -> None:
    soon = NOON.date() + timedelta(days=50)
    await hear(pool, APartner().now(), AClient().term(1, soon).now())

    done = command(address, "sweep")

    assert done.returncode == 0, done.stderr
    # by the wall clock these terms began long ago: it has settled, and nobody is told
    assert done.stdout == "1 settled, 1 looked at\n"
    assert await stages_told(pool) == []


async def test_snapshots_are_said_anew_with_higher_versions(pool: Pool, clock: ManualClock) -> None:
    await hear(pool, APartner().now(), *(AClient(record=n).term().now() for n in (1, 2)))

    assert await jobs.republish(pool, clock) == 3

    clients = await published(pool, ClientRenewalsSnapshot)
    assert [snapshot.version for snapshot in clients] == [1, 1, 2, 2]
    assert {len(snapshot.renewals) for snapshot in clients} == {1}
    assert [p.version for p in await published(pool, PartnerPolicySnapshot)] == [1, 2]


async def test_republish_says_how_much_it_said(address: Addresses, pool: Pool) -> None:
    await hear(pool, APartner().now())

    assert command(address, "republish").stdout == "1 snapshots recorded\n"


async def test_one_look_goes_on_while_batches_are_full(pool: Pool, clock: ManualClock) -> None:
    soon, passed = NOON.date() + timedelta(days=50), NOON.date() + timedelta(days=40)
    portfolio = [AClient(record=n).term(1, soon).term(2, passed).now() for n in range(1, 8)]
    await hear(pool, APartner().now(), *portfolio)

    assert await jobs.watch(pool, clock, limit=7) == 7  # what passed its deadline comes first
    assert await jobs.watch(pool, clock, limit=3) == 14

    assert sorted(await stages_told(pool)) == ["d-7"] * 7 + ["outcome"] * 7


async def test_where_one_sweep_fails_the_other_one_beside_it_still_ends(
    pool: Pool, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = NOON.date() + timedelta(days=50)
    portfolio = [AClient(record=n).term(1, soon).now() for n in range(1, 8)]
    await hear(pool, APartner().now(), *portfolio)
    insert, calls = outbox.insert, count()

    async def fail_in_the_second(*told: Any) -> None:
        if next(calls) == 1:
            raise ConnectionError("gone")
        await asyncio.sleep(0.1)
        await insert(*told)

    monkeypatch.setattr(outbox, "insert", fail_in_the_second)
    with pytest.raises(ConnectionError):
        await jobs.watch(pool, clock, limit=2)
    told = len(await stages_told(pool))
    await watch(pool, clock)

    assert told == 4  # by the first, and by the one beside the one that failed
    assert await stages_told(pool) == ["d-7"] * 7


async def test_what_is_due_is_told_by_its_age_and_what_became_of_it_is_counted(
    pool: Pool, clock: ManualClock
) -> None:
    soon, passed = NOON.date() + timedelta(days=50), NOON.date() + timedelta(days=40)
    await hear(pool, APartner().now(), AClient().term(1, soon).term(2, passed).now())
    registry = CollectorRegistry()
    figures = jobs.Figures(registry)

    def counted(outcome: str) -> float | None:
        return registry.get_sample_value("renewal_stages_total", {"outcome": outcome})

    assert (counted("told"), counted("superseded"), counted("deferred")) == (0, 0, 0)
    clock.advance(timedelta(minutes=7))
    async with pool.acquire() as tx:
        before = await jobs.read_standing(tx, clock.now())
    while await jobs.watch(pool, clock, figures=figures):
        pass
    async with pool.acquire() as tx:
        after = await jobs.read_standing(tx, clock.now())

    assert before["renewals_oldest_due_seconds"] >= 7 * 60
    assert after == {"renewals_oldest_due_seconds": 0}
    assert set(after) == set(jobs.STANDING)
    assert counted("told") == len(await stages_told(pool)) == 2
    assert registry.get_sample_value("renewals_settled_total") == 1


async def test_without_partners_there_is_nothing_to_settle(pool: Pool, clock: ManualClock) -> None:
    await watch(pool, clock)

    assert await jobs.run_settle_once(pool, clock) == 0


async def test_files_are_imported_from_the_command_line(
    address: Addresses, pool: Pool, tmp_path: Path
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    (tmp_path / "renewal_owners.csv").write_text(
        "Partner Hub ID;Record ID;Renewal owner;Notified user ID\r\n"
        "1;1;HubSpot;1\r\n"
        "1;7;HubSpot;\r\n"
    )

    done = command(address, "import", str(tmp_path), RENEWALS_IMPORT_WAIT="0")

    assert done.returncode == 1
    assert "renewal_owners.csv:3" in done.stdout + done.stderr
    [row] = await pool.fetch("SELECT owner, notified_user_id FROM clients")
    assert tuple(row) == ("hubspot", ANN)
