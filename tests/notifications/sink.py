"""A real SMTP server in this process that keeps mails, and fails where a test scripts it."""

import asyncio
import email
import email.policy
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Kept:
    """A mail that was answered with 250."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)


@dataclass
class Sink:
    """What was kept, and what is to go wrong next, command by command.

    A fault is an answer such as ``"450 later"``, or ``"cut"`` for a connection that is lost.
    ``faults["RCPT dora@acme.example"]`` is asked before ``faults["RCPT"]``.
    """

    port: int = 0
    kept: list[Kept] = field(default_factory=list)
    faults: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    connections: int = 0
    seen: list[str] = field(default_factory=list)
    pipelining: bool = False

    def fail(self, at: str, *answers: str) -> None:
        self.faults[at].extend(answers)

    def fault(self, command: str, about: str = "") -> str | None:
        for name in (f"{command} {about}".strip(), command):
            if self.faults[name]:
                return self.faults[name].popleft()
        return None

    @property
    def recipients(self) -> list[str]:
        return sorted(address for kept in self.kept for address in kept.recipients)

    @property
    def mails(self) -> list[EmailMessage]:
        return [kept.mail for kept in self.kept]

    # What aiosmtpd asks, by the names and with the arguments that it asks with.
    # ruff: noqa: ARG002

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, host: str, responses: list[str]
    ) -> list[str]:
        session.host_name = host
        offered = ["250-PIPELINING"] if self.pipelining else []
        return [*responses[:-1], *offered, responses[-1]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.fault("MAIL", address)
        if answer:
            return _cut(server) if answer == "cut" else answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.seen.append(address)
        answer = self.fault("RCPT", address)
        if answer:
            return _cut(server) if answer == "cut" else answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        first = envelope.rcpt_tos[0]
        answer = self.fault("DOT", first)
        if answer == "cut":
            return _cut(server)
        if answer and answer.startswith("wait"):
            await asyncio.sleep(float(answer.split()[1]))
        elif answer and answer != "keep and cut":
            return answer
        content = envelope.original_content or b""
        self.kept.append(Kept(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return _cut(server) if answer == "keep and cut" else "250 OK"


def _cut(server: Any) -> str:
    server.transport.abort()
    return "421 gone"


class _Server(SMTP):
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        answer = self.event_handler.fault("DATA")
        if answer == "cut":
            _cut(self)
            return
        if answer:
            await self.push(answer)
            return
        await super().smtp_DATA(arg)


@asynccontextmanager
async def serving(
    *, tls: ssl.SSLContext | None = None, password: str | None = None, pipelining: bool = False
) -> AsyncIterator[Sink]:
    """A server on a free port, in this loop, for as long as it is entered."""
    sink, made = Sink(pipelining=pipelining), []

    def authenticate(
        server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == (password or "").encode()
        return AuthResult(success=good, handled=False)

    def protocol() -> SMTP:
        sink.connections += 1
        server = _Server(
            sink,
            hostname="sink.example",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=authenticate if password else None,
            auth_required=password is not None,
            auth_require_tls=tls is not None,
            loop=asyncio.get_running_loop(),
        )
        made.append(server)
        return server

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    sink.port = listener.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        listener.close()
        for server in made:
            if server.transport is not None:
                _cut(server)
        await asyncio.sleep(0)
