"""A mail server that keeps what it gets and delivers nothing, with a page to read it."""

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from deploy.local import ports, sink_page
from deploy.local.mailbox import Mailbox
from deploy.local.sink_page import Behaviour
from shared.chassis.clock import SystemClock

BIGGEST = 32 * 1024 * 1024
_PLAIN = re.compile(r"<([\w.+-]{1,64}@[\w.-]{1,255})>(.*)", re.ASCII | re.DOTALL)


class _Session(SMTP):
    """Reads a plain address without the whole grammar of RFC 5322, which takes most of the time."""

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN.match(arg)
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)


class Sink:
    """The handler that aiosmtpd calls for each step of a session."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.behaviour = Behaviour(count=0)
        self._clock = SystemClock()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a recipient, or refuse it as `behaviour` says."""
        del server, session
        if (behaviour := self._take("rcpt", [address])) is not None:
            await asyncio.sleep(behaviour.delay)
            if behaviour.reply:
                return behaviour.reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a message, and only then say so."""
        del session
        behaviour = self._take("data", envelope.rcpt_tos) or Behaviour(count=0)
        await asyncio.sleep(behaviour.delay)
        if behaviour.reply:
            return behaviour.reply
        if behaviour.hang_up == "before":
            _cut(server)
            return "421 4.4.2 Gone"
        mail = self.mailbox.keep(
            _content(envelope),
            at=self._clock.now().isoformat(),
            mail_from=envelope.mail_from or "",
            rcpt_to=envelope.rcpt_tos,
        )
        if behaviour.hang_up == "after":
            _cut(server)
        return f"250 2.0.0 OK: kept as {mail.id}"

    def _take(self, at: str, recipients: list[str]) -> Behaviour | None:
        """The behaviour, if it is about this step, with one message less to go."""
        behaviour = self.behaviour
        if behaviour.count == 0 or behaviour.at != at:
            return None
        if behaviour.recipient is not None and behaviour.recipient not in recipients:
            return None
        self.behaviour = behaviour.model_copy(update={"count": behaviour.count - 1})
        return behaviour


def _content(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content.encode() if isinstance(content, str) else content


def _cut(server: SMTP) -> None:
    """End a connection without a word, as a crash or a cable would."""
    cast("asyncio.Transport", server.transport).abort()


def create_app(folder: Path, smtp_port: int, *, host: str = ports.LOOPBACK) -> FastAPI:
    """The page and its JSON; while it lives, the SMTP server on the address ``host`` too."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        mailbox = Mailbox(folder)
        app.state.sink = sink = Sink(mailbox)
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            return _Session(
                sink, data_size_limit=BIGGEST, enable_SMTPUTF8=True, hostname="sink.localhost"
            )

        server = await loop.create_server(session, host, smtp_port, backlog=1024)
        try:
            yield
        finally:
            server.close()
            mailbox.close()

    app = FastAPI(title="Mail sink", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(ports.LOCAL_NAMES))
    app.include_router(sink_page.router)
    return app


def main() -> None:
    """Run until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.sink", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the mail is kept")
    parser.add_argument("--smtp-port", type=int, default=11025)
    parser.add_argument("--http-port", type=int, default=11080)
    parser.add_argument(
        "--in-container",
        action="store_true",
        help="listen on all addresses of this container",
    )
    arguments = parser.parse_args()
    host = ports.EVERYWHERE if arguments.in_container else ports.LOOPBACK
    try:
        ports.require_free("The mail sink", arguments.smtp_port, "--smtp-port")
        ports.require_free("The mail sink's page", arguments.http_port, "--http-port")
    except ports.PortTakenError as error:
        sys.exit(str(error))
    uvicorn.run(
        create_app(arguments.folder, arguments.smtp_port, host=host),
        host=host,
        port=arguments.http_port,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
