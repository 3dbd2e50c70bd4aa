"""A mail server that only counts, and a sender that only sends: both as quick as they can be."""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import cast

import uvloop

READY = "ready"


class CountingServer(asyncio.Protocol):
    """One session: takes everything, understands pipelining, keeps the key of each mail."""

    def __init__(self, keys: Counter[str]) -> None:
        self._keys = keys
        self._left = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._out = cast("asyncio.Transport", transport)
        self._out.write(b"220 counting\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer all commands that are whole."""
        self._left += data
        answers: list[bytes] = []
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            whole, found, rest = self._left.partition(end)
            if not found:
                break
            self._left = rest
            answers.append(self._take(whole) if self._in_data else self._command(whole))
        if answers:
            self._out.write(b"".join(answers))

    def _take(self, mail: bytes) -> bytes:
        self._in_data = False
        self._keys[_message_id(mail.partition(b"\r\n\r\n")[0])] += 1
        return b"250 2.0.0 OK\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-counting\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        if verb == b"QUIT":
            self._out.close()
            return b"221 bye\r\n"
        return b"250 OK\r\n"


def _message_id(head: bytes) -> str:
    """The Message-ID; the whole of a mail's head takes longer to parse than the mail to send."""
    for line in head.replace(b"\r\n ", b" ").split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"message-id":
            return value.strip().decode()
    return ""


async def serve(port: int, door: int) -> None:
    """Take mail on ``port``; say on ``door`` how much came, as JSON. Prints once it is ready."""
    keys: Counter[str] = Counter()

    async def report(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline() == b"clear\n":
            keys.clear()
        found = {"mails": keys.total(), "distinct": len(keys)}
        writer.write(json.dumps(found).encode() + b"\n")
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: CountingServer(keys), "127.0.0.1", port, backlog=256)
    server = await asyncio.start_server(report, "127.0.0.1", door)
    print(READY, flush=True)  # noqa: T201 - who started it waits for this
    await server.serve_forever()


async def ask(door: int, what: bytes = b"count\n") -> dict[str, int]:
    """Ask the server how much came, or to forget it (``clear``)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door)
    writer.write(what)
    found: dict[str, int] = json.loads(await reader.readline())
    writer.close()
    return found


async def send_raw(port: int, mails: Sequence[bytes], connections: int = 4) -> float:
    """Send ready mails, pipelined, with nothing in the way; return mails a second."""

    async def lane(part: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"EHLO limit\r\n")
        while not (await reader.readline()).startswith(b"250 "):
            pass
        for mail in part:
            writer.write(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
            for _ in range(3):
                await reader.readline()
            writer.write(mail + b"\r\n.\r\n")
            await reader.readline()
        writer.write(b"QUIT\r\n")
        await reader.readline()
        writer.close()

    began = perf_counter()
    await asyncio.gather(*(lane(mails[n::connections]) for n in range(connections)))
    return len(mails) / (perf_counter() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("door", type=int)
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.door))
