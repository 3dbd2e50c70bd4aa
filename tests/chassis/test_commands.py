"""The command line, as whoever runs the service meets it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import typer
from typer.testing import CliRunner

import services
from deploy.local import ports
from deploy.local.databases import Addresses
from shared.chassis import commands, dead_letters, telemetry
from shared.chassis.database import open_pool
from shared.contracts import clients, topics
from tests import tokens
from tests.conftest import MakeDatabase

COMMAND = [sys.executable, "-m", "tests.chassis.gadgets.process"]


def environment(where: Addresses | None = None, **other: Any) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("COV")}
    given = {
        "GADGETS_DATABASE_URL": where.dsn if where else "postgresql://gadgets@127.0.0.1:1/x",
        "KAFKA_SERVERS": "127.0.0.1:1",
        "OIDC_ISSUER": tokens.ISSUER,
        "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        "START_TIMEOUT": "0",
    }
    if where:
        given["GADGETS_OWNER_DATABASE_URL"] = where.owner_dsn
    return kept | given | {name: str(value) for name, value in other.items()}


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def patched(env: Mapping[str, str]) -> Iterator[None]:
    """Make this process one that runs the gadgets service, with this environment alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "__path__", [*services.__path__, str(Path(__file__).parent)])
        for name in {*os.environ} - {"PATH", "HOME", "TMPDIR"}:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        yield


def gadgets(*arguments: object, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
    """Give a command; but for `serve`, in this process, where it starts at once."""
    if arguments[0] == "serve":
        served = process("serve", **(env or environment()))
        return Done(served.returncode, served.stdout, served.stderr)

    def invoke() -> Done:
        with patched(env or environment()):
            given = [*map(str, arguments)]
            result = CliRunner().invoke(commands.cli("gadgets"), given, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    with ThreadPoolExecutor(1) as alone:  # a command runs an event loop, and so do the tests
        return alone.submit(invoke).result(60)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    telemetry.configure_logging("tests", "warning")


def process(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_the_commands_and_needs_no_settings() -> None:
    done = process("--help")
    assert done.returncode == 0
    for command in ("serve", "migrate", "topics", "dead-letters", "import"):
        assert command in done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys, services
services.__path__.append("tests/chassis")
from shared.chassis.commands import cli
cli("gadgets")
print([name for name in ("asyncpg", "fastapi", "faststream", "pydantic") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "command", [["serve"], ["migrate"], ["topics"], ["dead-letters", "list"], ["import", "."]]
)
def test_bad_settings_end_each_command_with_2_and_a_line_for_each(command: list[str]) -> None:
    done = gadgets(*command, env={"LOG_LEVEL": "loud"})
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("GADGETS_DATABASE_URL is not set: ")
    assert any(line.startswith("LOG_LEVEL is 'loud'") for line in lines)


@pytest.mark.parametrize(
    "command", [["serve"], ["migrate"], ["dead-letters", "list"], ["import", "."]]
)
def test_without_a_database_each_command_says_so_in_a_line_and_ends_with_3(
    command: list[str],
) -> None:
    done = gadgets(
        *command,
        env=environment(GADGETS_OWNER_DATABASE_URL="postgresql://o:hunter2@127.0.0.1:1/x"),
    )
    told = done.stderr + done.stdout
    assert done.returncode == 3, told
    assert "PostgreSQL did not answer at 127.0.0.1:1/x within 0 s" in told
    assert "Traceback" not in told
    assert "hunter2" not in told


def test_without_kafka_the_service_does_not_start_and_topics_says_so(
    gadgets_at: Addresses,
) -> None:
    for command in ("serve", "topics"):
        done = gadgets(command, env=environment(gadgets_at))
        told = done.stderr + done.stdout
        assert done.returncode == 3, told
        assert "Kafka at 127.0.0.1:1 did not answer" in told
        assert "Traceback" not in told


async def test_migrate_applies_once_and_says_what(database: MakeDatabase) -> None:
    where = await database("gadgets")
    conn = await asyncpg.connect(where.owner_dsn)
    await conn.execute("DELETE FROM schema_migrations WHERE name LIKE '%0002%'")
    await conn.execute("DROP TABLE idempotency_keys")
    serve = gadgets("serve", env=environment(where))
    first = gadgets("migrate", env=environment(where))
    second = gadgets("migrate", env=environment(where))
    await conn.close()
    assert serve.returncode == 3
    assert "0002_idempotency.sql is not applied; run" in serve.stdout
    assert first.stdout.splitlines() == [
        "applied chassis/0002_idempotency.sql",
        "gadgets: 1 applied, the database is up to date",
    ]
    assert second.stdout == "gadgets: 0 applied, the database is up to date\n"


def test_migrate_asks_for_the_owners_address() -> None:
    done = gadgets("migrate")
    assert (done.returncode, done.stderr) == (
        2,
        "GADGETS_OWNER_DATABASE_URL is not set: the database, as its owner\n",
    )


async def test_a_migration_that_was_changed_is_refused(database: MakeDatabase) -> None:
    where = await database("gadgets")
    conn = await asyncpg.connect(where.owner_dsn)
    await conn.execute("UPDATE schema_migrations SET checksum = '' WHERE name LIKE '%0002%'")
    await conn.close()
    done = gadgets("migrate", env=environment(where))
    assert done.returncode == 1
    assert "was changed after it had been applied" in done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shops.csv").write_text("Record ID;Name\n1;Ann\nx;Bob\n3;Cy\n")
    return tmp_path


def test_import_reports_to_people_and_machines_and_by_its_exit_code(
    gadgets_at: Addresses, folder: Path
) -> None:
    env = environment(gadgets_at)
    trial = gadgets("import", folder, "--dry-run", env=env)
    strict = gadgets("import", folder, "--strict", env=env)
    first = gadgets("import", folder, "--report", folder / "report.json", env=env)
    report = json.loads((folder / "report.json").read_text())
    (folder / "shops.csv").write_text("Record ID;Name\n1;Ann\n3;Cy\n")
    again = gadgets("import", folder, env=env)
    (folder / "shops.csv").write_text("Number;Name\n1;Ann\n")
    unusable = gadgets("import", folder, env=env)

    assert [done.returncode for done in (trial, strict, first, again, unusable)] == [1, 1, 1, 0, 2]
    assert "dry run: nothing was changed" in trial.stdout
    assert "strict: nothing was changed" in strict.stdout
    assert "shops.csv:3: Record ID: 'x'; expected a whole number, 1 or more" in first.stdout
    assert "shops.csv: 3 rows, 1 bad" in first.stderr
    assert (report["files"][0]["created"], report["exit_code"]) == (2, 1)
    assert again.stdout.splitlines()[1].split()[:6] == ["shops.csv", "2", "0", "0", "2", "0"]
    assert "has no column 'Record ID'" in unusable.stderr


def test_import_explains_its_files_without_a_database() -> None:
    env = {"TERM": "dumb"}
    described = gadgets("import", "--describe", env=env)
    template = gadgets("import", "--template", "SHOPS.csv", env=env)
    unknown = gadgets("import", "--template", "ships.csv", env=env)
    nothing = gadgets("import", env=env)
    assert "Record ID [key]: Its number." in described.stdout
    assert template.stdout.splitlines()[0] == "Record ID,Shop name,Region,Opened,Turnover"
    assert unknown.stderr == "'ships.csv' is none of the files: shops.csv\n"
    assert (nothing.returncode, unknown.returncode) == (2, 2)


def test_a_report_that_could_not_be_written_is_said_before_the_import(folder: Path) -> None:
    done = gadgets("import", folder, "--report", folder / "nowhere" / "report.json")
    assert (done.returncode, done.stderr) == (
        2,
        f"{folder / 'nowhere'} is no folder to write a report to\n",
    )


async def test_a_database_that_goes_away_meanwhile_is_said_in_a_line(
    gadgets_at: Addresses,
) -> None:
    async def cut_off(work: commands.Work) -> None:
        async with work.pool.acquire() as tx:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def command() -> None:
        with patched(environment(gadgets_at)):
            commands.run("gadgets", cut_off)

    with pytest.raises(typer.Exit) as ended:
        await asyncio.to_thread(command)
    assert ended.value.exit_code == 3


async def bury(where: Addresses, offset: int, value: bytes) -> int:
    """Set a record aside, as an inbox does."""
    conn = await asyncpg.connect(where.dsn)
    number: int = await conn.fetchval(
        """
        INSERT INTO dead_letters (consumer, source, event_id, type, topic, partition, "offset",
                                  written_at, key, headers, value, error, stack)
        VALUES ($1, '/clients', gen_random_uuid(), $2, $3, 0, $4, now(), 'k', $5, $6,
                'ValueError: it was bad', 'Traceback: here')
        RETURNING id
        """,
        f"gadgets.{clients.EVENTS}",
        clients.ServicesEnded.TYPE,
        clients.EVENTS,
        offset,
        "[]",
        value,
    )
    await conn.close()
    return number


async def test_dead_letters_are_listed_shown_retried_and_discarded(gadgets_at: Addresses) -> None:
    env = environment(gadgets_at)
    one, two, three = [await bury(gadgets_at, n, b"{not json") for n in range(3)]
    listed = gadgets("dead-letters", "list", "--limit", 2, env=env)
    shown = gadgets("dead-letters", "show", one, env=env)
    missing = gadgets("dead-letters", "show", 999, env=env)
    retried = gadgets("dead-letters", "retry", one, 999, env=env)
    asked = gadgets("dead-letters", "discard", two, env=env, typed="n\n")
    discarded = gadgets("dead-letters", "discard", two, three, "--yes", env=env)
    left = gadgets("dead-letters", "list", env=env)

    assert [line.split()[0] for line in listed.stdout.splitlines()] == [str(one), str(two), "2"]
    assert "clients.events.v1/0@0  tries 1  ValueError: it was bad" in listed.stdout
    assert "value:    {not json" in shown.stdout
    assert "Traceback: here" in shown.stdout
    assert (missing.returncode, missing.stderr) == (1, "there is no dead letter 999\n")
    assert retried.returncode == 1
    assert f"{one}: dead letter {one} failed again" in retried.stderr
    assert "there is no open dead letter 999" in retried.stderr
    assert asked.returncode == 1
    assert discarded.stdout == f"{two}: done\n{three}: done\n"
    assert left.stdout.splitlines()[-1] == "1 of 1 open"
    async with open_pool(gadgets_at.dsn) as pool, pool.acquire() as tx:
        letter = await dead_letters.find(tx, one)
    assert letter is not None
    assert letter.tries == 2


class Served:
    """The service as a process of its own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        [self.port] = ports.free_ports(1)
        self.process = subprocess.Popen(
            [*COMMAND, "serve"],
            env={**env, "GADGETS_HTTP_PORT": str(self.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def await_ready(self) -> None:
        until = time.monotonic() + 40
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.1)
        self.process.kill()
        raise AssertionError(self.process.communicate()[0])

    def end(self, by: signal.Signals | None = signal.SIGTERM) -> tuple[int, list[Any]]:
        if by is not None:
            self.process.send_signal(by)
        out, _ = self.process.communicate(timeout=45)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def serve() -> Iterator[Any]:
    started: list[Served] = []

    def start(env: Mapping[str, str]) -> Served:
        started.append(Served(env))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


ALONE = {"GADGETS_RUN_RELAY": "false", "GADGETS_RUN_CONSUMERS": "false"}


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_stop_ends_with_0_and_logs_json(
    gadgets_at: Addresses, serve: Any, by: signal.Signals
) -> None:
    service = serve(environment(gadgets_at, **ALONE))
    service.await_ready()
    assert service.get("/gadgets").status_code == 401
    code, lines = service.end(by)
    assert code == 0
    assert {"started", "stopping"} <= {line["event"] for line in lines}
    assert {line["service"] for line in lines} == {"gadgets"}


def test_a_service_one_part_of_which_ends_by_itself_ends_with_1(
    gadgets_at: Addresses, serve: Any
) -> None:
    service = serve(environment(gadgets_at, GADGETS_RUN_FAILING="true", **ALONE))
    code, lines = service.end(by=None)
    assert code == 1
    [line] = [line for line in lines if line["event"] == "ended_by_itself"]
    assert "this part fails" in line["exception"]


def test_a_port_that_is_taken_is_said(gadgets_at: Addresses, serve: Any) -> None:
    first = serve(environment(gadgets_at, **ALONE))
    first.await_ready()
    second = process("serve", **environment(gadgets_at, GADGETS_HTTP_PORT=first.port, **ALONE))
    assert second.returncode in (1, 3)
    assert "address already in use" in second.stdout


@pytest.mark.delivery
async def test_with_kafka_a_service_consumes_and_relays_and_still_ends_with_0(
    gadgets_at: Addresses, kafka: str, serve: Any
) -> None:
    env = environment(gadgets_at, KAFKA_SERVERS=kafka, START_TIMEOUT=30)
    made = await asyncio.to_thread(gadgets, "topics", "--all", env=env)
    assert made.stdout.endswith(f"{len(topics.REGISTRY)} topics are there\n")
    service = serve(env)
    await asyncio.to_thread(service.await_ready)
    ready = service.get("/readyz").json()
    metrics = service.get("/metrics").text
    code, lines = await asyncio.to_thread(service.end)
    assert ready["kafka"][0]["group"] == f"gadgets.{clients.EVENTS}"
    assert 'inbox_stopped{group="gadgets.clients.events.v1"} 0.0' in metrics
    assert "relay_shards" in metrics
    assert code == 0, lines


async def test_a_command_of_the_services_own_gets_what_it_works_with(
    gadgets_at: Addresses,
) -> None:
    async def count(work: commands.Work) -> Any:
        assert work.settings.kafka_servers == "127.0.0.1:1"
        assert work.clock.now().tzinfo is not None
        return await work.pool.fetchval("SELECT count(*) FROM gadgets")

    def command() -> Any:
        with patched(environment(gadgets_at)):
            return commands.run("gadgets", count)

    assert await asyncio.to_thread(command) == 0
