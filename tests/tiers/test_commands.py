"""The command line, as an operator uses it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner, Result

from deploy.local.databases import Addresses
from services.tiers.__main__ import app
from services.tiers.handlers import from_state
from shared.chassis.database import Pool
from tests import tokens
from tests.deliver import deliver, pending
from tests.tiers.portfolio import AClient, figures, partner, standing
from tests.tiers.rules import january

Command: TypeAlias = Callable[..., Result]


@pytest.fixture
def command(address: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command as a process of its own would: outside of this event loop."""
    given = {
        "TIERS_DATABASE_URL": address.dsn,
        "TIERS_OWNER_DATABASE_URL": address.owner_dsn,
        "TIERS_IMPORT_WAIT": "0",
        "KAFKA_SERVERS": "127.0.0.1:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        "START_TIMEOUT": "0",
        "CLOCK_FILE": str(tmp_path / "clock"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


async def within(command: Command, *arguments: str) -> Result:
    return await asyncio.to_thread(command, *arguments)


async def test_recompute_says_that_nothing_differs(pool: Pool, command: Command) -> None:
    await deliver(from_state, pool, partner(), AClient(1).told())
    done = await within(command, "recompute", "--check")
    assert (done.exit_code, done.stdout) == (0, "0 differences\n")


async def test_recompute_with_check_names_differences_and_leaves_them(
    pool: Pool, command: Command
) -> None:
    await deliver(from_state, pool, partner(), AClient(1).told())
    await pool.execute("UPDATE sums SET managed = 5")
    for _ in range(2):
        done = await within(command, "recompute", "--check")
        assert done.exit_code == 1
        assert "figures" in done.stdout
        assert done.stdout.endswith("1 differences\n")


async def test_recompute_mends_what_differs(pool: Pool, command: Command) -> None:
    clients = [AClient(n) for n in range(1, 71)]
    await deliver(from_state, pool, partner(), *(each.told() for each in clients))
    await pool.execute("UPDATE credits SET managed = 5")
    done = await within(command, "recompute")
    assert done.exit_code == 1
    assert "and 20 more" in done.stdout
    assert "70 differences, mended" in done.stdout
    assert (await within(command, "recompute", "--check")).exit_code == 0


async def test_review_moves_partners_to_their_today(
    pool: Pool, command: Command, tmp_path: Path
) -> None:
    await deliver(from_state, pool, partner())
    assert "1 partners moved" in (await within(command, "review")).stdout
    assert "0 partners moved" in (await within(command, "review")).stdout
    (tmp_path / "clock").write_text("+400d")
    assert "1 partners moved" in (await within(command, "review")).stdout
    assert await pool.fetchval("SELECT count(*) FROM reviews") == 2


async def test_republish_says_where_everybody_stands(pool: Pool, command: Command) -> None:
    await deliver(from_state, pool, partner(1), partner(2))
    count = len(await pending(pool))
    assert "2 snapshots" in (await within(command, "republish")).stdout
    assert len(await pending(pool)) == count + 2


async def test_a_rule_set_from_a_file_is_in_force_at_once(
    pool: Pool, command: Command, tmp_path: Path
) -> None:
    await deliver(from_state, pool, partner(), AClient(1).told())
    file = tmp_path / "rules.json"
    document = json.loads(january().model_dump_json()) | {
        "name": "mine",
        "in_force_from": "2020-01-01",
    }
    file.write_text(json.dumps(document))
    assert "mine: saved" in (await within(command, "rule-set", str(file))).stdout
    assert "mine: already so" in (await within(command, "rule-set", str(file))).stdout
    assert (await standing(pool)).performance.rule_set == "mine"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "No such file"), ("{}", "kind"), ('{"kind": "points", "name": "X Y"}', "name")],
)
async def test_a_file_that_is_no_rule_set_is_refused(
    command: Command, tmp_path: Path, content: str | None, complaint: str
) -> None:
    file = tmp_path / "rules.json"
    if content is not None:
        file.write_text(content)
    done = await within(command, "rule-set", str(file))
    assert done.exit_code == 2
    assert complaint in done.stderr


async def test_import_is_a_command_too(pool: Pool, command: Command, tmp_path: Path) -> None:
    await deliver(from_state, pool, partner(), AClient(1, mrr={"EUR": "10.00"}).told())
    (tmp_path / "currency_rates.csv").write_text("Date,From,To,Rate\n2020-01-02,EUR,USD,2\n")
    done = await within(command, "import", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert (await figures(pool))[1] == "20.00"
