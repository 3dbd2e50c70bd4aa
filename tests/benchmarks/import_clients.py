"""IMPORT: from the CSV files of a portfolio, some rows spoiled, to clients with their events."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.benchmarks.ground import ROOT, Ground
from tests.benchmarks.oracle import VoidError
from tests.benchmarks.result import Result

PARTNERS = 20
SPOILED_EVERY = 1000
TABLES = ("partners", "clients", "contacts", "subscriptions", "history", "outbox")


class Cost(NamedTuple):
    """What a command took."""

    seconds: float
    cpu: float
    rss_mib: float


async def run(ground: Ground, *, size: int, repeats: int) -> Result:
    """Import a portfolio into an empty database by the command, then copy what came of it."""
    folder = ground.folder / "sample"
    _write(folder, size)
    result = Result("IMPORT", "import, spoiled rows reported", size, "clients/s")
    server = urlsplit(ground.postgres.dsn)
    connection = await asyncpg.connect(urlunsplit(server._replace(path="/clients")))
    try:
        for _ in range(repeats):
            await connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
            await connection.execute("CHECKPOINT")
            cost = await asyncio.to_thread(_import, ground, folder)
            _hold(folder)
            result.ours.append(size / cost.seconds)
            result.cpu.append(cost.cpu / size * 1000)
            ground.peaks["clients"] = max(ground.peaks.get("clients", 0.0), cost.rss_mib)
        result.limits["COPY of what came of it alone"] = size / await _copy_again(connection)
    finally:
        await connection.close()
    return result


def _write(folder: Path, size: int) -> None:
    command = [sys.executable, "-m", "deploy.sample", str(folder), "--clients", str(size)]
    command += ["--partners", str(PARTNERS), "--spoil", str(SPOILED_EVERY)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def _import(ground: Ground, folder: Path) -> Cost:
    environment = {
        **os.environ,
        "KAFKA_SERVERS": ground.kafka.servers,
        "OIDC_ISSUER": "http://127.0.0.1:1",
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks.json",
        "CLIENTS_DATABASE_URL": ground.services["clients"].dsn,
    }
    command = [sys.executable, "-m", "services.clients", "import", str(folder / "clients")]
    command += ["--report", str(folder / "report.json")]
    with (ground.folder / "import.log").open("wb") as log:
        began = perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        _, _, used = os.wait4(process.pid, 0)
    took = perf_counter() - began
    return Cost(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _hold(folder: Path) -> None:
    """Raise VoidError where the report is not exactly what was spoiled."""
    told, spoiled = (
        Counter(map(_place, json.loads((folder / name).read_text("utf-8"))["problems"]))
        for name in ("report.json", "spoiled.json")
    )
    if told != spoiled:
        raise VoidError(f"reported {told - spoiled}, and not {spoiled - told}")


def _place(problem: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(problem[name]) for name in ("file", "line", "column", "value"))


async def _copy_again(connection: "asyncpg.Connection[asyncpg.Record]") -> float:
    """Empty the tables, and return in how many seconds COPY alone fills them."""
    kept: dict[str, tuple[list[str], BytesIO]] = {}
    for table in TABLES:
        columns = await connection.fetchval(
            """
            SELECT array_agg(attname::text)
              FROM pg_attribute
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND attgenerated = ''
            """,
            table,
        )
        rows = BytesIO()
        await connection.copy_from_table(table, columns=columns, output=rows, format="binary")
        kept[table] = columns, rows
    await connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    began = perf_counter()
    for table, (columns, rows) in kept.items():
        rows.seek(0)
        await connection.copy_to_table(table, columns=columns, source=rows, format="binary")
    return perf_counter() - began
