"""The command line, as an operator uses it."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from deploy.local.databases import Addresses
from services.renewals import jobs
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts.renewals import ClientRenewalsSnapshot, PartnerPolicySnapshot
from tests import tokens
from tests.deliver import published
from tests.renewals.portfolio import NOON, AClient, APartner, hear, stages_told, watch

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


async def test_without_partners_there_is_nothing_to_settle(pool: Pool, clock: ManualClock) -> None:
    await watch(pool, clock)

    assert await jobs.run_settle_once(pool, clock) == 0
