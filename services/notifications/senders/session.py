"""One connection to the mail relay, and what surely happened to each mail."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast
from uuid import UUID

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.notifications.senders.dialogue import Dialogue, Reply
from services.notifications.settings import Settings
from shared.chassis import crash
from shared.chassis.telemetry import scrub

Result: TypeAlias = Literal["accepted", "deferred", "rejected", "unknown", "not_sent"]

CLOSING: Final = 421
OK: Final = range(200, 300)
GO_ON: Final = 354
LATER: Final = range(400, 500)
LONGEST_ANSWER: Final = 500


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be sent, with CRLF line ends throughout.

    ``send_by`` is the monotonic time (seconds) after which it is no longer ours to send;
    ``trace`` is the traceparent of what led to it, while spans are made.
    """

    sender: str
    to: str
    copied: str | None
    body: bytes
    send_by: float
    trace: str | None = None
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What surely happened. ``about_us``: the relay answered, yet not about this message."""

    result: Result
    code: int | None = None
    text: str = ""
    about_us: bool = False


class RelayAwayError(Exception):
    """The relay cannot be reached, or does not take our mail at all."""


class Session:
    """One connection, logged in and greeted, for one mail at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dialogue: Dialogue | None = None
        self._announced: Mail | None = None
        self.used = False

    async def open(self) -> None:
        """Connect, secure, greet and log in; raises RelayAwayError with the reason."""
        self.close()
        smtp = self._client()
        try:
            async with asyncio.timeout(self._settings.smtp_connect_timeout):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await smtp.ehlo()
        except SMTPResponseException as error:
            smtp.close()
            raise RelayAwayError(_said(Reply(error.code, error.message))) from error
        except (SMTPException, OSError) as error:  # TimeoutError and TLS errors among them
            smtp.close()
            raise RelayAwayError(_lost(error)) from error
        transport = cast("asyncio.Transport", smtp.transport)
        self._dialogue = Dialogue(transport, pipelining=smtp.supports_extension("pipelining"))
        self.used = False

    def _client(self) -> SMTP:
        settings = self._settings
        tls = settings.smtp_security != "none"
        return SMTP(
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

    @property
    def usable(self) -> bool:
        """Whether a mail can be handed over; where one was announced, that very mail."""
        if self._dialogue is None:
            return False
        return self._dialogue.alive if self._announced else self._dialogue.usable

    def close(self) -> None:
        """Cut the connection."""
        self._announced = None
        if self._dialogue is not None:
            self._dialogue.close()

    def release(self) -> bool:
        """Whether the connection can wait for other mails; one that awaits a mail is cut."""
        if self._announced is not None:
            self.close()
        return self.usable

    def leave(self) -> None:
        """Say goodbye."""
        if self._dialogue is not None:
            self._dialogue.leave()

    async def deliver(self, mail: Mail, following: Mail | None = None) -> Answer:
        """Hand a mail over and say what surely happened to it.

        ``following`` is the mail that is delivered next: where the relay allows it, it is
        announced together with the end of this one, which saves a round trip (RFC 2920).
        """
        dialogue = self._dialogue
        announced, self._announced = self._announced is mail, None
        if dialogue is None or not dialogue.alive:
            return Answer("not_sent", text="the connection was gone")
        try:
            refused, note = await self._announce(dialogue, mail, announced=announced)
        except OSError as error:
            self.close()
            return Answer("not_sent", text=_lost(error))
        if refused is not None:
            return refused
        crash.point("sender.before_dot")
        ahead = following if dialogue.pipelining else None
        data = [_stuffed(mail.body), b".\r\n", *(_commands(ahead) if ahead else ())]
        try:
            answer = await dialogue.send(b"".join(data), self._settings.smtp_data_timeout)
        except OSError as error:
            # The dot may have arrived, and the answer been lost: nobody here can tell.
            self.close()
            return Answer("unknown", text=_lost(error))
        crash.point("sender.after_answer")
        self._announced = ahead
        return self._judge(answer, note)

    async def _announce(
        self, dialogue: Dialogue, mail: Mail, *, announced: bool
    ) -> tuple[Answer | None, str]:
        """Name sender and recipients; gives an answer where that is the end of it."""
        commands, seconds = _commands(mail), self._settings.smtp_command_timeout
        if announced:
            said = await dialogue.hear(len(commands), seconds)
        else:
            said = await dialogue.ask(commands, seconds)
        self.used = True
        refusal = self._refusal(said, len(commands))
        if refusal is not None:
            await self._clear(dialogue, said)
            return refusal, ""
        copy = said[2] if mail.copied else None
        if copy is not None and copy.code not in OK:
            return None, f" (the copy was refused: {_said(copy)})"
        return None, ""

    def _refusal(self, said: Sequence[Reply], asked: int) -> Answer | None:
        closing = [reply for reply in said if reply.code == CLOSING]
        if closing:
            return self._judge(closing[0], "")
        if said[0].code not in OK:
            return self._judge(said[0], "", about_us=True)
        if said[1].code not in OK:
            return self._judge(said[1], "")
        if len(said) < asked or said[-1].code != GO_ON:
            return self._judge(said[-1], "")
        return None

    async def _clear(self, dialogue: Dialogue, said: Sequence[Reply]) -> None:
        """Make the connection fit for the next mail, or give it up.

        A relay that took only the copy waits for the mail now: without the dot it gets none.
        """
        if said[-1].code == GO_ON or any(reply.code == CLOSING for reply in said):
            self.close()
        else:
            await dialogue.ask([b"RSET\r\n"], self._settings.smtp_command_timeout)

    def _judge(self, said: Reply, note: str, *, about_us: bool = False) -> Answer:
        text = _said(said) + note
        if said.code in OK:
            return Answer("accepted", said.code, text)
        if said.code == CLOSING:
            self.close()
            return Answer("deferred", said.code, text, about_us=True)
        if about_us or said.code in LATER:
            return Answer("deferred", said.code, text, about_us)
        return Answer("rejected", said.code, text)


def _commands(mail: Mail) -> list[bytes]:
    """What comes before a mail: MAIL, RCPT once or twice, DATA."""
    recipients = (mail.to, mail.copied) if mail.copied else (mail.to,)
    lines = [f"MAIL FROM:<{mail.sender}>", *(f"RCPT TO:<{to}>" for to in recipients), "DATA"]
    return [f"{line}\r\n".encode("ascii") for line in lines]


def _stuffed(body: bytes) -> bytes:
    """Double the dot that begins a line, as RFC 5321 4.5.2 asks: alone it would end the mail."""
    return body.replace(b"\r\n.", b"\r\n..") if b"\r\n." in body else body


def _said(reply: Reply) -> str:
    return scrub(f"{reply.code} {' '.join(reply.text.split())}")[:LONGEST_ANSWER]


def _lost(error: BaseException) -> str:
    return scrub(str(error) or type(error).__name__)[:LONGEST_ANSWER]
