"""What the service says anew, and what an operator types."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.local.databases import Addresses
from services.clients import jobs
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool, open_pool
from shared.contracts import clients
from tests import tokens
from tests.clients import portfolio
from tests.clients.conftest import settings_for
from tests.clients.portfolio import NORTH, OURS
from tests.conftest import MakeDatabase
from tests.deliver import pending, published

ROOT = Path(__file__).parent.parent.parent


async def test_every_snapshot_is_said_anew_at_its_version(
    pool: Pool, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    await portfolio.bring(pool, tmp_path, portfolio.two_partners(), clock)
    first = await published(pool, clients.ClientSnapshot)
    await pool.execute("DELETE FROM outbox")

    assert await jobs.republish(pool, clock) == 6

    again = await published(pool, clients.ClientSnapshot)
    partners = await published(pool, clients.PartnerSnapshot)
    assert sorted(again, key=lambda each: each.client_id) == sorted(
        first, key=lambda each: each.client_id
    )
    assert sorted(each.version for each in partners) == [3, 6]
    assert len(await pending(pool)) == 6


async def test_the_snapshots_of_one_partner_are_said_anew(
    pool: Pool, tmp_path: Path, clock: ManualClock
) -> None:
    await portfolio.bring(pool, tmp_path, portfolio.two_partners(), clock)
    await pool.execute("DELETE FROM outbox")

    assert await jobs.republish(pool, clock, OURS) == 4

    assert {each.partner_id for each in await published(pool, clients.ClientSnapshot)} == {OURS}


def command(
    address: Addresses, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CLIENTS_DATABASE_URL": address.dsn,
        "CLIENTS_OWNER_DATABASE_URL": address.owner_dsn,
        "KAFKA_SERVERS": "127.0.0.1:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "services.clients", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_an_operator_migrates_imports_and_says_anew(
    database: MakeDatabase, tmp_path: Path
) -> None:
    address = await database("clients")
    files = portfolio.two_partners()
    files["contacts.csv"].append(portfolio.contact(NORTH, 599, 99, "Orphan"))
    folder = portfolio.write(tmp_path, files)

    migrated = await asyncio.to_thread(command, address, "migrate")
    imported = await asyncio.to_thread(command, address, "import", str(folder))
    one = await asyncio.to_thread(command, address, "republish", "--partner", str(NORTH))
    everybody = await asyncio.to_thread(command, address, "republish")

    assert migrated.returncode == 0, migrated.stderr
    assert imported.returncode == 1, imported.stdout + imported.stderr
    assert "contacts.csv:5" in imported.stdout + imported.stderr
    assert one.stdout == "4 snapshots recorded\n"
    assert everybody.stdout == "6 snapshots recorded\n"
    async with open_pool(address.dsn) as pool:
        assert len(await published(pool, clients.ClientSnapshot)) == 4 + 3 + 4


@pytest.mark.parametrize(
    ("field", "pattern", "reason"),
    [
        ("crm_link", "https://app.example.com/{hub}", "{hub} and {record}"),
        ("crm_link", "https://app.example.com/{hub}/{record}/{name}", "no other place"),
        ("portal_link", "https://{account}.example.com/", "host is fixed"),
        ("portal_link", "https://user@app.example.com/{account}", "without a user"),
        ("portal_link", "http://app.example.com/{account}", "https://"),
        ("portal_link", "javascript:alert({account})", "https://"),
    ],
)
def test_links_lead_to_a_fixed_host_and_vary_by_ids_alone(
    field: str, pattern: str, reason: str
) -> None:
    with pytest.raises(ValidationError, match=field) as refused:
        settings_for("postgresql://x@127.0.0.1/x", **{field: pattern})
    assert reason in str(refused.value)


def test_links_may_lead_to_this_machine_for_a_demonstration() -> None:
    pattern = "http://127.0.0.1:18106/portal/{account}"
    assert settings_for("postgresql://x@127.0.0.1/x", portal_link=pattern).portal_link == pattern
