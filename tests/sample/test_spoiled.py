"""A spoiled portfolio through the commands: bad rows are reported exactly, good ones are kept."""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.databases import Addresses
from tests import tokens
from tests.conftest import MakeDatabase

ROOT = Path(__file__).parent.parent.parent
SIZE, EVERY = 2000, 50


def spoiled(folder: Path) -> dict[str, Any]:
    """Write the portfolio with the generator's own command; returns what has to be reported."""
    subprocess.run(
        [sys.executable, "-m", "deploy.sample", folder, "--clients", str(SIZE),
         "--spoil", str(EVERY), "--today", "2026-01-15"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads((folder / "spoiled.json").read_text("utf-8"))
    return found


def import_clients(folder: Path, database: Addresses, report: Path) -> tuple[int, dict[str, Any]]:
    """Run the import command of the clients service; returns its exit code and its report."""
    done = subprocess.run(
        [sys.executable, "-m", "services.clients", "import", folder, "--report", report],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "CLIENTS_DATABASE_URL": database.dsn,
            "KAFKA_SERVERS": "127.0.0.1:1",
            "OIDC_ISSUER": tokens.ISSUER,
            "OIDC_JWKS_URL": f"{tokens.ISSUER}/jwks.json",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text("utf-8"))


def places(problems: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter((each["file"], each["line"], each["column"], each["value"]) for each in problems)


async def test_the_report_of_the_command_is_what_was_spoiled_and_nothing_else(
    tmp_path: Path, database: MakeDatabase
) -> None:
    expected = spoiled(tmp_path)
    address = await database("clients")

    code, report = import_clients(tmp_path / "clients", address, tmp_path / "report.json")

    assert code == report["exit_code"] == 1
    assert report["committed"]
    assert report["problems_not_kept"] == 0
    assert {each["way"] for each in expected["problems"]} >= set(expected["ways"])
    assert len(expected["ways"]) == 10
    assert places(report["problems"]) == places(expected["problems"])
    assert all(each["expected"] for each in report["problems"]), "what would be right is missing"
    await hold_kept(address, tmp_path / "clients", report)

    code, again = import_clients(tmp_path / "clients", address, tmp_path / "again.json")

    assert places(again["problems"]) == places(expected["problems"])
    assert sum(each["created"] + each["changed"] for each in again["files"]) == 0


async def hold_kept(address: Addresses, folder: Path, report: dict[str, Any]) -> None:
    """Every row that is not in the report is in the database, and no other."""
    tables = {"companies.csv": "clients", "contacts.csv": "contacts"}
    tables["subscriptions.csv"] = "subscriptions"
    connection = await asyncpg.connect(address.dsn)
    for file, table in tables.items():
        with (folder / file).open(encoding="utf-8", newline="") as handle:
            rows = sum(1 for _ in csv.reader(handle)) - 1
        bad = len({each["line"] for each in report["problems"] if each["file"] == file})
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == rows - bad
    await connection.close()
