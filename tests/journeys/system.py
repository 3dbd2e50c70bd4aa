"""All services in this process, on a real Kafka, PostgreSQL and mail sink, with one clock."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from deploy.local import ports, sink
from deploy.local.databases import Addresses
from deploy.local.mailbox import Filter, parse
from deploy.local.quiet import Quiet
from deploy.local.sink_page import Behaviour
from shared.chassis.access import Access
from shared.chassis.clock import ManualClock
from shared.chassis.identity import Role
from shared.contracts import topics
from tests import tokens

ROOT = Path(__file__).parent.parent.parent
SERVICES = ("clients", "renewals", "notifications", "tiers")
QUIET_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who calls."""

    user_id: UUID
    partner_id: UUID
    role: Role = "admin"


@dataclass(slots=True)
class Letter:
    """A mail that the relay accepted, and to whom its envelope went."""

    to: tuple[str, ...]
    subject: str
    mail: EmailMessage
    message_id: str


@dataclass(slots=True)
class System:
    """The services by name; each can be started and stopped alone, as an outage would."""

    kafka: str
    clock: ManualClock
    databases: Mapping[str, Addresses]
    folder: Path
    smtp_port: int
    issuer: str = tokens.ISSUER
    apps: dict[str, FastAPI] = field(default_factory=dict)
    _running: dict[str, AsyncExitStack] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _sink: sink.Sink = field(init=False)
    _quiet: Quiet = field(init=False)

    async def __aenter__(self) -> Self:
        app = sink.create_app(self.folder / "mail", self.smtp_port)
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        self._sink = app.state.sink
        dsns = {name: address.dsn for name, address in self.databases.items()}
        self._quiet = await self._stack.enter_async_context(Quiet(self.looks_as(), dsns))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop(*self._running)
        await self._stack.aclose()

    async def start(self, *names: str) -> None:
        """Start services (all, unless some are named), each with everything that it does."""
        for name in names or SERVICES:
            app = self._create_app(name)
            stack = AsyncExitStack()
            await stack.enter_async_context(self.running(app))
            self.apps[name], self._running[name] = app, stack

    def running(self, app: FastAPI) -> AbstractAsyncContextManager[object]:
        """Run an application: all that it does by itself. It is called without a socket."""
        return app.router.lifespan_context(app)

    def looks_as(self) -> str | Access:
        """As whom the test itself looks at Kafka."""
        return self.kafka

    def settings_of(self, name: str) -> dict[str, object]:
        """What a service's settings say that is not the same for all of them."""
        if name == "notifications":
            # Nobody takes an end back here, and the clock stands still while all waits for quiet.
            return {"smtp_port": self.smtp_port, "ended_notice_delay": 0}
        if name == "webhooks":
            return {
                "secrets_key": "not a secret, and as long as it has to be",
                "allowed_hosts": "example.com",
                "run_courier": False,
            }
        return {}

    def _create_app(self, name: str) -> FastAPI:
        settings = import_module(f"services.{name}.settings").Settings(
            database_url=self.databases[name].dsn,
            kafka_servers=self.kafka,
            oidc_issuer=self.issuer,
            oidc_jwks_url=f"{self.issuer}/jwks.json",
            **self.settings_of(name),
        )
        main = import_module(f"services.{name}.main")
        app: FastAPI = main.create_app(
            settings, self.clock, verifier=tokens.verifier(issuer=self.issuer)
        )
        return app

    async def stop(self, *names: str) -> None:
        """Stop services as SIGTERM would."""
        await asyncio.gather(*(self._running.pop(name).aclose() for name in list(names)))

    @asynccontextmanager
    async def http(self, service: str, person: Person) -> AsyncIterator[httpx2.AsyncClient]:
        """Call a running service as somebody."""
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.apps[service]),
            base_url=f"http://{service}.test",
            headers=tokens.bearer(
                person.user_id, person.partner_id, person.role, issuer=self.issuer
            ),
        ) as client:
            yield client

    async def import_files(self, service: str, folder: Path, *options: str) -> str:
        """Run the service's own import command, as a person would; return what it printed."""
        prefix = service.upper()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{service}",
            "import",
            str(folder),
            *options,
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "KAFKA_SERVERS": self.kafka,
                "OIDC_ISSUER": tokens.ISSUER,
                "OIDC_JWKS_URL": f"{tokens.ISSUER}/jwks.json",
                "CLOCK_FILE": str(self._clock_file()),
                f"{prefix}_DATABASE_URL": self.databases[service].dsn,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        text = printed.decode()
        assert process.returncode == 0, text
        return text

    def _clock_file(self) -> Path:
        """A shift that makes another process agree with the clock of this one."""
        from datetime import UTC, datetime

        path = self.folder / "clock"
        now = datetime.now(UTC)  # noqa: TID251 - the distance to the wall clock is the point
        path.write_text(f"{(self.clock.now() - now).total_seconds():+f}")
        return path

    async def until_letters(self, count: int, seconds: float = QUIET_SECONDS) -> None:
        """Wait until so many mails have arrived."""
        until = monotonic() + seconds
        while len(self.letters()) < count:
            assert monotonic() < until, f"only {len(self.letters())} of {count} mails arrived"
            await asyncio.sleep(0.05)

    def _groups(self) -> list[str]:
        return [inbox.group for name in self._running for inbox in self.apps[name].state.inboxes]

    def letters(self, to: str | None = None) -> list[Letter]:
        """The mails that arrived so far, in their order."""
        return [
            Letter(
                tuple(mail.rcpt_to),
                mail.subject,
                parse(self._sink.mailbox.raw(mail.id)),
                mail.message_id,
            )
            for mail in sorted(self._sink.mailbox.list(Filter(to=to)), key=lambda mail: mail.id)
        ]

    def addressees(self) -> set[str]:
        """Everybody who got any mail, To or Cc."""
        return {address for letter in self.letters() for address in letter.to}

    async def ledger(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Look into the notifications database."""
        return await self.fetch("notifications", query, *arguments)

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Look into a service's database."""
        return await self._quiet.fetch(service, query, *arguments)

    def misbehave(self, behaviour: Behaviour) -> None:
        """Let the mail relay treat the next mails in another way."""
        self._sink.behaviour = behaviour

    async def until(self, service: str, query: str, least: int) -> None:
        """Wait until a count in a service's database is reached."""
        until = monotonic() + QUIET_SECONDS
        while (count := (await self.fetch(service, query))[0][0]) < least:
            assert monotonic() < until, f"{count} of {least}: {query}"
            await asyncio.sleep(0.05)

    async def quiet(self, seconds: float = QUIET_SECONDS, *, but_deferred: bool = False) -> None:
        """Wait until nothing is on its way any more: outboxes, topics, sweep and ledger.

        With ``but_deferred``, what the mail relay put off may wait for its next try.
        """
        until = monotonic() + seconds
        calm = 0
        while calm < 2:
            left = await self._quiet.left(
                self.clock.now(), self._running, self._groups(), but_deferred=but_deferred
            )
            calm = 0 if left else calm + 1
            if left and monotonic() > until:
                raise AssertionError(f"after {seconds:g} s there is still {', '.join(left)}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def system(
    kafka: str, databases: Mapping[str, Addresses], folder: Path, clock: ManualClock
) -> AsyncIterator[System]:
    """Everything but the services, which the test starts."""
    assert {topic.owner for topic in topics.REGISTRY} >= set(SERVICES)
    [smtp_port] = ports.free_ports(1)
    async with System(kafka, clock, databases, folder, smtp_port) as made:
        yield made
