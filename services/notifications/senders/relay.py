"""Held connections to the mail relay, and a pause while it is away."""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import TypeAlias

import structlog

from services.notifications.senders.session import (
    CLOSING,
    Answer,
    Mail,
    RelayAwayError,
    Session,
)
from services.notifications.settings import Settings
from shared.chassis import tracing

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
_Todo: TypeAlias = deque[tuple[int, Mail]]


class Relay:
    """Held connections to the mail relay, and a pause while it is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: list[Session] = []
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

    async def _work(self, todo: _Todo, answers: list[Answer | None]) -> None:
        async with self._free:
            session: Session | None = None
            following: tuple[int, Mail] | None = None
            try:
                while following or todo:
                    session = await self._session(session)
                    if not (following or todo):
                        break
                    place, mail = following or todo.popleft()
                    # Only where there is enough for all: a few mails go out side by side.
                    following = todo.popleft() if len(todo) >= self._at_a_time else None
                    ahead = following[1] if following else None
                    deliver = self._deliver_traced if tracing.on() else self._deliver
                    answer = answers[place] = await deliver(session, mail, ahead)
                    if answer.about_us:
                        self._step_back(answer.text)
                        break
                    if answer.result == "accepted":
                        self._well()
            except RelayAwayError:
                pass  # what is left stays unsent, and is told so
            finally:
                if following:
                    todo.appendleft(following)
                if session is not None and session.release():
                    self._idle.append(session)

    async def _deliver_traced(self, session: Session, mail: Mail, following: Mail | None) -> Answer:
        settings = self._settings
        told: dict[str, tracing.Value] = {
            "server.address": settings.smtp_host,
            "server.port": settings.smtp_port,
            "network.protocol.name": "smtp",
            "partner_tools.message_id": str(mail.message_id),
        }
        span, result = tracing.begin("client", "SMTP send", mail.trace, told), "unknown"
        try:
            answer = await self._deliver(session, mail, following)
            result = answer.result
            if answer.code is not None:
                span.set({"smtp.response.code": answer.code})
            return answer
        finally:
            span.set({"partner_tools.outcome": result})
            span.end(None if result == "accepted" else result)

    async def _deliver(self, session: Session, mail: Mail, following: Mail | None) -> Answer:
        if monotonic() > mail.send_by:
            session.release()
            return Answer("not_sent", text="it was held too long to be sent safely")
        held = session.used
        answer = await session.deliver(mail, following)
        if held and (answer.result == "not_sent" or answer.code == CLOSING):
            # The other side may have closed a held connection long ago; surely nothing was sent.
            await self._connect(session)
            answer = await session.deliver(mail)
        return answer

    async def _session(self, session: Session | None) -> Session:
        if session is not None and session.usable:
            return session
        while self._idle:
            held = self._idle.pop()
            if held.usable:
                return held
        return await self._open()

    async def _open(self) -> Session:
        session = Session(self._settings)
        await self._connect(session)
        return session

    async def _connect(self, session: Session) -> None:
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
        for session in sessions:
            session.leave()
