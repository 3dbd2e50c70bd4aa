"""The services as real processes on a broker, a database and a mail sink of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx2
from pydantic_core import to_json

from deploy.local import databases, ports
from deploy.local.databases import Addresses
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.quiet import Quiet
from deploy.local.server import Module
from deploy.local.settings import ROOT
from shared.chassis.clock import FileClock
from shared.chassis.database import migrate
from shared.chassis.kafka import ensure_topics
from shared.contracts import topics
from tests import tokens
from tests.journeys.system import Person

SERVICES = ("clients", "renewals", "notifications", "tiers")
GROUPS = [
    inbox.group
    for service in SERVICES
    for inbox in import_module(f"services.{service}.main").INBOXES
]
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LASTS_SECONDS = 90.0  # until all is quiet, at the most
PASSWORD = "not-a-secret"
KILLED = -signal.SIGKILL
SOME_BAD = 1  # what an import exits with where rows name what has not arrived yet
# What is said, kept beside the outbox, from which the relay deletes it.
_KEEP = """
    CREATE TABLE said (shard smallint, id bigint, event_id uuid, topic text, key text, subject text,
                       written_by xid8, could_see pg_snapshot);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO public.said
            SELECT shard, id, event_id, topic, key, headers ->> 'ce_subject',
                   pg_current_xact_id(), pg_current_snapshot()
              FROM fresh;
            RETURN NULL;
        END $$;
    CREATE TRIGGER keep AFTER INSERT ON outbox REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION keep();
"""
_UNFINISHED = """
    SELECT count(*) FROM messages WHERE state IN ('planned', 'claimed', 'handed_over', 'deferred')
"""


class Bed:
    """All there is, and the hand that breaks it."""

    def __init__(self, folder: Path) -> None:
        found = ports.free_ports(6 + len(SERVICES))
        self.ports = dict(zip(SERVICES, found[6:], strict=True))
        self.smtp_port, self.mail_port = found[2:4]
        self.folder = folder
        folder.mkdir(mode=0o755)
        self.kafka = Kafka(folder / "kafka", port=found[0], controller_port=found[1], quick=True)
        self.postgres = Postgres(folder / "postgres", port=found[4], throw_away=True)
        self.databases: dict[str, Addresses] = {}
        self.services: dict[str, Module] = {}
        self.clock = FileClock(folder / "clock")
        self.kills = 0
        self.kills_of_sender = 0
        self.poison: set[str] = set()  # keys of what nobody committed
        self.sound = True
        self.cohorts = 0
        self._issuer_port = found[5]

    # Starting and stopping

    def start_ground(self) -> None:
        """Start broker and database, together."""
        self.kafka.launch()
        self.postgres.start()
        self.kafka.wait()

    async def prepare(self) -> None:
        """Make topics, databases and a copy of whatever is said; set the clock."""
        self.databases = await databases.create_service_databases(
            self.postgres.dsn, SERVICES, password=PASSWORD
        )
        await ensure_topics(self.kafka.servers, topics.REGISTRY)
        await asyncio.gather(*(self._make(name) for name in SERVICES))
        self.move_to(NOON)

    async def _make(self, service: str) -> None:
        owner = self.databases[service].owner_dsn
        await migrate(owner, service, ROOT / "services" / service / "migrations")
        connection = await asyncpg.connect(owner)
        await connection.execute(_KEEP)
        await connection.close()

    def environment(self, service: str, **told: str) -> dict[str, str]:
        """What a process of this service is told."""
        prefix = service.upper()
        # Those that are killed could not say what they covered, and measuring doubles their work.
        return (
            {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
            | {
                "KAFKA_SERVERS": self.kafka.servers,
                "KAFKA_SESSION_TIMEOUT": "6",
                "START_TIMEOUT": "30",
                "OIDC_ISSUER": tokens.ISSUER,
                "OIDC_JWKS_URL": f"http://127.0.0.1:{self._issuer_port}/jwks.json",
                "CLOCK_FILE": str(self.folder / "clock"),
                "NOTIFICATIONS_SMTP_PORT": str(self.smtp_port),
                "NOTIFICATIONS_CLAIM_LEASE": "3",
                "NOTIFICATIONS_SEND_LEASE": "6",
                "NOTIFICATIONS_UPKEEP_IDLE": "1",
                "NOTIFICATIONS_ENDED_NOTICE_DELAY": "0",
                f"{prefix}_DATABASE_URL": self.databases[service].dsn,
                f"{prefix}_HTTP_PORT": str(self.ports[service]),
            }
            | told
        )

    def launch(self, service: str, *, name: str = "", tree: str = str(ROOT), **told: str) -> Module:
        """Start a process of a service, without waiting; named, it is one more of that service.

        ``tree`` is the checkout that it comes from.
        """
        port = self.ports[service]
        if name and name != service:
            [port] = ports.free_ports(1)
            told[f"{service.upper()}_HTTP_PORT"] = str(port)
        module = self.services[name or service] = Module(
            [f"services.{service}", "serve"],
            port=port,
            log=self.folder / f"{name or service}.log",
            env=self.environment(service, **told),
            tree=Path(tree),
        )
        module.launch()
        return module

    async def start(self, *names: str, **told: str) -> None:
        """Start services (all, unless some are named), and wait until they are ready."""
        for name in names or SERVICES:
            self.launch(name, **told)
        await asyncio.gather(*(self.ready(name) for name in names or SERVICES))

    async def ready(self, service: str, seconds: float = 60) -> None:
        """Wait until a service says that it is ready."""
        module = self.services[service]

        def answers() -> bool:
            code = module.process.poll()
            assert code is None, f"{service} ended with {code}; see {module.log}"
            return module.answers()

        await until(answers, f"{service} is ready", seconds)

    async def kill(self, service: str) -> None:
        """End a service as a crash would."""
        process = self.services[service].process
        assert process.poll() is None, f"{service} ended by itself: {process.returncode}"
        process.kill()
        assert await asyncio.to_thread(process.wait, 10) == KILLED
        self.count_kill(service)

    def count_kill(self, service: str) -> None:
        """Note that a process died in the middle of its work."""
        self.kills += 1
        self.kills_of_sender += service == "notifications"

    async def stop(self, service: str) -> int:
        """Ask a service to stop, as its supervisor would; return its exit code."""
        process = self.services[service].process
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, 60)

    async def died(self, service: str, seconds: float = 60) -> int:
        """Wait until a service ends; return its exit code."""
        try:
            return await asyncio.to_thread(self.services[service].process.wait, seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{service} still runs after {seconds:g} s") from None

    def pids(self) -> dict[str, int]:
        """The processes that run now; fails where one ended by itself."""
        for name, module in self.services.items():
            code = module.process.poll()
            assert code is None, f"{name} ended by itself, with {code}; see {module.log}"
        return {name: module.process.pid for name, module in self.services.items()}

    async def revive(self) -> None:
        """Start whatever does not run."""
        gone = [
            name
            for name in SERVICES
            if name not in self.services or self.services[name].process.poll() is not None
        ]
        if gone:
            await self.start(*gone)

    # Using

    def move_to(self, at: datetime) -> None:
        """Let every process' clock jump to an instant, from which it goes on."""
        shift = (at - datetime.now(UTC)).total_seconds()  # noqa: TID251 - the distance is the point
        fresh = self.folder / "clock.fresh"
        fresh.write_text(f"{shift:+f}")
        fresh.rename(self.folder / "clock")

    async def command(self, service: str, *arguments: str) -> tuple[int, str]:
        """Run a command of a service beside it, as an operator would: its code, what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}", *arguments),
            cwd=ROOT,
            env=self.environment(service),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    async def import_files(self, service: str, folder: Path) -> None:
        """Run a service's own import, as a person would: again where it was too early."""
        begun = monotonic()
        while True:
            code, printed = await self.command(service, "import", str(folder))
            if code == 0:
                return
            assert code == SOME_BAD, printed
            assert monotonic() - begun < LASTS_SECONDS, printed

    def http(self, service: str, person: Person, timeout: float = 20) -> httpx2.AsyncClient:
        """Call a service as somebody."""
        return httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.ports[service]}",
            headers=tokens.bearer(person.user_id, person.partner_id, person.role),
            timeout=timeout,
        )

    async def insist(
        self, service: str, person: Person, method: str, path: str, body: object, version: int
    ) -> httpx2.Response:
        """Give a command until it is done, as a person would whose page says: try again."""
        begun = monotonic()
        async with self.http(service, person) as client:
            while True:
                with suppress(httpx2.TransportError):
                    headers = {"If-Match": f'"{version}"'}
                    answer = await client.request(method, path, json=body, headers=headers)
                    if answer.status_code < 300:
                        return answer
                    assert answer.status_code == 503, answer.text
                assert monotonic() - begun < LASTS_SECONDS, f"{service} does not come back"
                await asyncio.sleep(0.1)

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Look into a service's database."""
        connection = await asyncpg.connect(self.databases[service].owner_dsn)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def mails(self) -> list[dict[str, Any]]:
        """All that the mail sink accepted, in its order."""
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.mail_port}") as client:
            found: list[dict[str, Any]] = (
                await client.get("/messages", params={"limit": 1_000_000})
            ).json()
        return sorted(found, key=lambda mail: int(mail["id"]))

    async def quiet(self, seconds: float = LASTS_SECONDS) -> None:
        """Wait until nothing is on its way any more, and every message has its end."""
        dsns = {name: self.databases[name].owner_dsn for name in SERVICES}
        calm, begun = 0, monotonic()
        async with Quiet(self.kafka.servers, dsns) as look:
            while calm < 3:
                left = await look.left(self.clock.now(), SERVICES, GROUPS)
                [[count]] = await look.fetch("notifications", _UNFINISHED)
                left += [f"{count} messages without an end"] if count else []
                calm = 0 if left else calm + 1
                self.pids()
                assert not left or monotonic() - begun < seconds, (
                    f"after {seconds:g} s there is still {', '.join(left)}; see {self.folder}"
                )
                await asyncio.sleep(0.1)


async def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something is so; it is looked at in another thread, since it may block."""
    begun = monotonic()
    while not await asyncio.to_thread(condition):
        assert monotonic() - begun < seconds, f"after {seconds:g} s still not: {what}"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def bed(folder: Path) -> AsyncIterator[Bed]:
    """A bed with everything running but the services; nothing is left of it afterwards."""
    made = Bed(folder)
    async with AsyncExitStack() as stack:
        stack.callback(_end, made)
        made.start_ground()
        await made.prepare()
        sink_ports = ["--smtp-port", made.smtp_port, "--http-port", made.mail_port]
        sink = Module(
            ["deploy.local.sink", "--folder", folder / "mail", *sink_ports],
            port=made.mail_port,
            log=folder / "mail.log",
            env=os.environ,
        )
        sink.launch()
        stack.callback(sink.stop, 5)
        stack.enter_context(_Issuer(made._issuer_port))
        await until(sink.answers, "the sink takes mail")
        yield made


def _end(made: Bed) -> None:
    for module in made.services.values():
        with suppress(ProcessLookupError):
            module.process.kill()
        module.process.wait()
    with suppress(RuntimeError):
        made.kafka.kill()
    with suppress(RuntimeError):
        made.postgres.stop(5)  # killed, it would leave its shared memory behind


class _Issuer:
    """Publishes the key of this run, for services that are other processes."""

    def __init__(self, port: int) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = to_json(tokens.jwks())
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def told(mapping: Mapping[str, object]) -> str:
    """A line for the report of a run."""
    return ", ".join(f"{name} {value}" for name, value in mapping.items())
