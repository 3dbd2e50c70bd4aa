"""Commands and replies on a connection that is greeted and logged in."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.chassis import crash

LONGEST_REPLY: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay said: its code, and its text in one line."""

    code: int
    text: str


class LostError(ConnectionError):
    """The connection is gone, or what came over it is no SMTP."""


class Dialogue(asyncio.Protocol):
    """Takes a connection over and reads replies in the order of the commands.

    Unlike a client that waits for each reply, it can have several commands on the way, which
    RFC 2920 allows where the relay offers PIPELINING: half the round trips of a mail.
    """

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool) -> None:
        self._transport, self.pipelining = transport, pipelining
        self._buffer = b""
        self._said: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost: str | None = None
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return self._lost is None and not self._transport.is_closing()

    @property
    def usable(self) -> bool:
        """Whether a new exchange can begin: connected, and nothing unasked was said."""
        return self.alive and not self._replies

    def close(self) -> None:
        """Cut the connection."""
        self._fail("closed here")
        self._transport.abort()

    def leave(self) -> None:
        """Say goodbye and close once that is sent; the answer does not matter."""
        if self.usable:
            self._transport.write(b"QUIT\r\n")
        self._fail("closed here")
        self._transport.close()

    def write(self, data: bytes) -> None:
        """Send. Raises LostError."""
        if self._lost is not None:
            raise LostError(self._lost)
        self._transport.write(data)

    async def ask(self, commands: Sequence[bytes], seconds: float) -> list[Reply]:
        """Give commands, at once where the relay allows it, and hear a reply to each.

        Where it does not, the first refusal ends it, except that of a further recipient.
        Raises LostError or TimeoutError.
        """
        if self.pipelining:
            self.write(b"".join(commands))
            return await self.hear(len(commands), seconds)
        replies: list[Reply] = []
        for place, command in enumerate(commands):
            self.write(command)
            replies += await self.hear(1, seconds)
            if replies[-1].code >= 400 and place != 2:  # noqa: PLR2004 - MAIL, RCPT, RCPT, DATA
                break
        return replies

    async def hear(self, count: int, seconds: float) -> list[Reply]:
        """Hear so many replies. Raises LostError or TimeoutError."""
        async with asyncio.timeout(seconds):
            return [await self._reply() for _ in range(count)]

    async def send(self, data: bytes, seconds: float) -> Reply:
        """Send what begins with a mail and its final dot, and hear what became of that mail.

        Raises as ``hear``.
        """
        self.write(data)
        crash.point("sender.after_dot")
        [reply] = await self.hear(1, seconds)
        return reply

    async def _reply(self) -> Reply:
        while not self._replies:
            if self._lost is not None:
                raise LostError(self._lost)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._replies.popleft()

    def data_received(self, data: bytes) -> None:
        """Cut what came into lines and replies."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(line.rstrip(b"\r"))
        if len(self._buffer) + sum(map(len, self._said)) > LONGEST_REPLY:
            self._fail("a reply without an end")
            self._transport.abort()
        if self._replies and self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _line(self, line: bytes) -> None:
        code, rest = line[:3], line[3:]
        if not code.isdigit() or rest[:1] not in (b"", b" ", b"-"):
            self._fail("what came is no reply")
            self._transport.abort()
            return
        self._said.append(rest[1:].decode("utf-8", "replace").strip())
        if rest[:1] != b"-":
            self._replies.append(Reply(int(code), " ".join(self._said)))
            self._said = []

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing will be answered any more."""
        self._fail(str(exc) if exc else "the relay closed the connection")

    def _fail(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
