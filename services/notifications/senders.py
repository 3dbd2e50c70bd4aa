"""The mail relay: held connections, and what surely happened to each mail."""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal, TypeAlias

import structlog
from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException
from aiosmtplib.protocol import SMTPProtocol

from services.notifications.settings import Settings
from shared.chassis import crash
from shared.chassis.telemetry import scrub

log = structlog.get_logger(__name__)

Result: TypeAlias = Literal["accepted", "deferred", "rejected", "unknown", "not_sent"]

CLOSING: Final = 421
OK: Final = range(200, 300)
GO_ON: Final = 354
LATER: Final = range(400, 500)
LONGEST_ANSWER = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
_LOST = (SMTPException, OSError)  # TimeoutError and ConnectionError among them


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be sent, with CRLF line ends throughout.

    ``send_by`` is the monotonic time (seconds) after which it is no longer ours to send.
    """

    sender: str
    to: str
    copied: str | None
    body: bytes
    send_by: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What surely happened. ``about_us``: the relay answered, yet not about this message."""

    result: Result
    code: int | None = None
    text: str = ""
    about_us: bool = False


class RelayAwayError(Exception):
    """The relay cannot be reached, or does not take our mail at all."""


class _Session:
    """One connection, logged in and greeted, for one mail at a time."""

    def __init__(self, settings: Settings) -> None:
        tls = settings.smtp_security != "none"
        self._settings = settings
        self._smtp = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=settings.smtp_password,
            local_hostname=settings.mail_domain,
            timeout=settings.smtp_connect_timeout,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            tls_context=ssl.create_default_context(cafile=settings.smtp_ca_file) if tls else None,
        )
        self.used = False

    async def open(self) -> None:
        """Connect; raises RelayAwayError with the reason."""
        try:
            await self._smtp.connect()
            if self._smtp.is_ehlo_or_helo_needed:
                await self._smtp.ehlo()
        except SMTPResponseException as error:
            self.close()
            raise RelayAwayError(_said(error.code, error.message)) from error
        except (*_LOST, ssl.SSLError) as error:
            self.close()
            raise RelayAwayError(scrub(str(error) or type(error).__name__)) from error

    @property
    def usable(self) -> bool:
        return self._smtp.is_connected

    def close(self) -> None:
        """Cut the connection."""
        self._smtp.close()

    async def quit(self) -> None:
        """Say goodbye, without waiting long for the answer."""
        try:
            await self._smtp.quit(timeout=1.0)
        except _LOST:
            pass
        finally:
            self.close()

    async def deliver(self, mail: Mail) -> Answer:
        """Hand a mail over and say what surely happened to it."""
        protocol = self._smtp.protocol
        if protocol is None:
            return Answer("not_sent", text="the connection was gone")
        try:
            refused, note = await self._announce(protocol, mail)
        except _LOST as error:
            self.close()
            return Answer("not_sent", text=_lost(error))
        if refused is not None:
            return refused
        crash.point("sender.before_dot")
        try:
            protocol.write(_stuffed(mail.body) + b".\r\n")
            crash.point("sender.after_dot")
            answer = await protocol.read_response(timeout=self._settings.smtp_data_timeout)
        except _LOST as error:
            # The dot may have arrived, and the answer been lost: nobody here can tell.
            self.close()
            return Answer("unknown", text=_lost(error))
        self.used = True
        return self._judge(answer, note)

    async def _announce(self, protocol: SMTPProtocol, mail: Mail) -> tuple[Answer | None, str]:
        """Name sender and recipients; gives an answer where that is the end of it."""
        wait = self._settings.smtp_command_timeout
        said = await protocol.execute_command(
            b"MAIL", b"FROM:<%s>" % mail.sender.encode(), timeout=wait
        )
        if said.code not in OK:
            return await self._end(protocol, said, about_us=True), ""
        said = await protocol.execute_command(b"RCPT", b"TO:<%s>" % mail.to.encode(), timeout=wait)
        if said.code not in OK:
            return await self._end(protocol, said), ""
        note = ""
        if mail.copied:
            copy = await protocol.execute_command(
                b"RCPT", b"TO:<%s>" % mail.copied.encode(), timeout=wait
            )
            if copy.code not in OK:
                note = f" (the copy was refused: {_said(copy.code, copy.message)})"
        said = await protocol.execute_command(b"DATA", timeout=wait)
        if said.code != GO_ON:
            return await self._end(protocol, said), ""
        return None, note

    async def _end(
        self, protocol: SMTPProtocol, said: SMTPResponse, *, about_us: bool = False
    ) -> Answer:
        """Judge a refusal before the dot, and clear the connection for the next mail."""
        if said.code == CLOSING:
            self.close()
        else:
            await protocol.execute_command(b"RSET", timeout=self._settings.smtp_command_timeout)
        self.used = True
        return self._judge(said, "", about_us=about_us)

    def _judge(self, said: SMTPResponse, note: str, *, about_us: bool = False) -> Answer:
        text = _said(said.code, said.message) + note
        if said.code in OK:
            return Answer("accepted", said.code, text)
        if said.code == CLOSING:
            self.close()
            return Answer("deferred", said.code, text, about_us=True)
        if about_us or said.code in LATER:
            return Answer("deferred", said.code, text, about_us)
        return Answer("rejected", said.code, text)


def _stuffed(body: bytes) -> bytes:
    """Double the dot that begins a line, as RFC 5321 4.5.2 asks: alone it would end the mail."""
    return body.replace(b"\r\n.", b"\r\n..") if b"\r\n." in body else body


def _said(code: int, message: str) -> str:
    return scrub(f"{code} {' '.join(message.split())}")[:LONGEST_ANSWER]


def _lost(error: BaseException) -> str:
    return scrub(str(error) or type(error).__name__)[:LONGEST_ANSWER]


class Relay:
    """Held connections to the mail relay, and a pause while it is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: list[_Session] = []
        self._free = asyncio.Semaphore(settings.smtp_connections)
        self._at_a_time = max(1, settings.smtp_connections // settings.lanes)
        self._pause = 0.0
        self._until = 0.0
        self.away: str | None = None  # why nothing can be sent now

    @property
    def paused(self) -> bool:
        """Whether the relay is left alone for a while, since it took nothing."""
        return monotonic() < self._until

    async def ready(self) -> bool:
        """Whether mail can be handed over; while the relay is away, it is asked ever less."""
        if self.paused:
            return False
        if any(session.usable for session in self._idle):
            return True
        try:
            async with self._free:
                self._idle.append(await self._open())
        except RelayAwayError:
            return False
        self.away = None
        return True

    async def send(self, mails: Sequence[Mail]) -> list[Answer]:
        """Send mails, several at a time, and say what happened to each, in their order."""
        todo = deque(enumerate(mails))
        answers: list[Answer | None] = [None] * len(mails)
        workers = min(len(mails), self._at_a_time)
        await asyncio.gather(*(self._work(todo, answers) for _ in range(workers)))
        unsent = Answer("not_sent", text=self.away or "the relay was away", about_us=True)
        return [answer or unsent for answer in answers]

    async def _work(self, todo: deque[tuple[int, Mail]], answers: list[Answer | None]) -> None:
        async with self._free:
            session: _Session | None = None
            try:
                while todo:
                    session = await self._session(session)
                    if not todo:
                        break
                    place, mail = todo.popleft()
                    answer = answers[place] = await self._deliver(session, mail)
                    if answer.about_us:
                        self._step_back(answer.text)
                        break
                    if answer.result == "accepted":
                        self._well()
            except RelayAwayError:
                pass  # what is left stays unsent, and is told so
            finally:
                if session is not None and session.usable:
                    self._idle.append(session)

    async def _deliver(self, session: _Session, mail: Mail) -> Answer:
        if monotonic() > mail.send_by:
            return Answer("not_sent", text="it was held too long to be sent safely")
        held = session.used
        answer = await session.deliver(mail)
        if held and (answer.result == "not_sent" or answer.code == CLOSING):
            # The other side may have closed a held connection long ago; surely nothing was sent.
            session.close()
            await self._connect(session)
            answer = await session.deliver(mail)
        return answer

    async def _session(self, session: _Session | None) -> _Session:
        if session is not None and session.usable:
            return session
        while self._idle:
            held = self._idle.pop()
            if held.usable:
                return held
        return await self._open()

    async def _open(self) -> _Session:
        session = _Session(self._settings)
        await self._connect(session)
        return session

    async def _connect(self, session: _Session) -> None:
        try:
            await session.open()
        except RelayAwayError as error:
            self._step_back(str(error))
            raise

    def _well(self) -> None:
        self.away, self._pause, self._until = None, 0.0, 0.0

    def _step_back(self, reason: str) -> None:
        if self.away is None:
            log.warning("relay_away", reason=reason)
        self.away = reason
        if monotonic() >= self._until:
            self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, self._pause * 2))
            self._until = monotonic() + self._pause

    async def close(self) -> None:
        """Say goodbye on every connection that is not in use."""
        sessions, self._idle = self._idle, []
        await asyncio.gather(*(session.quit() for session in sessions if session.usable))
