"""Connections that go to the address which was looked at, and to no other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import httpcore2
from typing_extensions import override

from services.webhooks.domain import Reach, may_connect

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class NotAllowedError(Exception):
    """A name leads to where no endpoint may be."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, those to try first first. Raises OSError where there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Guarded(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, looks at all it leads to, and connects to that.

    TLS comes after it, and checks the certificate by the name.
    """

    def __init__(self, reach: Reach, find: Resolve = resolve) -> None:
        self._reach, self._find = reach, find
        self._plain = httpcore2.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._find(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved") from error
        if not may_connect(host, addresses, self._reach):
            raise NotAllowedError(f"{host} leads to where no endpoint may be")
        failed: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed
