"""People who look at the page: each asks, reads, and asks again. A process of its own.

Standard input says where, as whom, what and for how long; standard output how long each took.
"""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle
from random import Random
from time import perf_counter
from typing import Any, Final

LONGEST_HEAD: Final = 1 << 16
HEADERS: Final = (
    "Accept-Encoding: gzip\r\nSec-Fetch-Site: same-origin\r\nConnection: keep-alive\r\n"
)
OK: Final = b"200"


class Reader:
    """One person's browser: one connection that is kept."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._in: asyncio.StreamReader | None = None
        self._out: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect."""
        self._in, self._out = await asyncio.open_connection(
            "127.0.0.1", self._port, limit=LONGEST_HEAD
        )

    async def get(self, path: str, *, part: bool) -> int:
        """Ask for a page, or for a part as htmx does; return how many bytes came."""
        assert self._in is not None
        assert self._out is not None
        asked_by_htmx = f"HX-Request: true\r\nHX-Current-URL: http://127.0.0.1{path}\r\n"
        self._out.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: {self._cookie}\r\n"
            f"{HEADERS}{asked_by_htmx if part else ''}\r\n".encode()
        )
        head = await self._in.readuntil(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        assert status.split()[1] == OK, f"{path} was answered {status.decode()}"
        headers = dict(line.lower().split(b": ", 1) for line in lines if line)
        if length := headers.get(b"content-length"):
            return len(head) + len(await self._in.readexactly(int(length)))
        return len(head) + await self._chunks()

    async def _chunks(self) -> int:
        assert self._in is not None
        came = 0
        while size := int(await self._in.readuntil(b"\r\n"), 16):
            came += len(await self._in.readexactly(size + 2))
        await self._in.readexactly(2)
        return came

    async def close(self) -> None:
        """Hang up."""
        if self._out is not None:
            self._out.close()
            await self._out.wait_closed()


async def read(asked: Mapping[str, Any]) -> dict[str, list[float]]:
    """Let all of them read for some seconds; return milliseconds by what was asked for."""
    took: dict[str, list[float]] = defaultdict(list)
    readers = [
        Reader(port, cookie) for port, cookie in zip(cycle(asked["ports"]), asked["cookies"])
    ]
    for reader in readers:
        await reader.open()
    until = perf_counter() + asked["seconds"]
    views: Sequence[tuple[str, str, bool]] = asked["views"]
    words = Random(4)  # noqa: S311 - what people look for

    async def go_on(reader: Reader, first: int) -> None:
        at = first
        while perf_counter() < until:
            name, path, part = views[at % len(views)]
            began = perf_counter()
            await reader.get(path.format(word=words.choice(asked["words"])), part=part)
            took[name].append((perf_counter() - began) * 1000)
            at += 1
            if asked["pause"]:
                await asyncio.sleep(asked["pause"])

    await asyncio.gather(*(go_on(reader, place) for place, reader in enumerate(readers)))
    for reader in readers:
        await reader.close()
    return took


if __name__ == "__main__":
    json.dump(asyncio.run(read(json.load(sys.stdin))), sys.stdout)
