"""A receiver on this machine: it keeps what it got, and answers as a test wants it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True)
class Got:
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("ce-partitionkey", "")

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def version(self) -> int:
        return int(self.headers["ce-aggregateversion"])


Answer: TypeAlias = Callable[[Got], Awaitable[bytes]]


def reply(status: int, headers: str = "", body: bytes = b"") -> bytes:
    """An answer as it goes over the wire."""
    head = f"HTTP/1.1 {status} Some Words\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def always(status: int, headers: str = "", body: bytes = b"") -> Answer:
    async def answer(_: Got) -> bytes:
        return reply(status, headers, body)

    return answer


async def hang(_: Got) -> bytes:
    await asyncio.sleep(60)
    return b""


@dataclass
class Receiver:
    port: int = 0
    tls: bool = False
    got: list[Got] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: always(204))
    connections: int = 0
    in_hand: int = 0
    most_in_hand: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}/in"

    def of(self, key: object) -> list[Got]:
        return [each for each in self.got if each.key == str(key)]

    @property
    def versions(self) -> list[int]:
        return [each.version for each in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.partition(": ") for line in head[1:] if line]
        headers = {name.lower(): value for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Got(head[0].split(" ")[1], headers, body)
        self.got.append(got)
        self.in_hand += 1
        self.most_in_hand = max(self.most_in_hand, self.in_hand)
        try:
            said = await self.answer(got)
        finally:
            self.in_hand -= 1
        writer.write(said)
        await writer.drain()
        return bool(said)

    async def hang_up(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def receiving(
    context: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Receiver]:
    receiver = Receiver(tls=context is not None)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await receiver.hang_up()
    await server.wait_closed()


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """The authority to trust, and what a server with that name shows; both are one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = (
        [x509.IPAddress(ip_address(name))] if name[0].isdigit() else [x509.DNSName(name)]
    )
    now = datetime.now(UTC)  # noqa: TID251 - TLS goes by the wall clock
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    secret = folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return pem, context
