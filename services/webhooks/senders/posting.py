"""A request, and what came of it: nothing is followed, and of an answer little is read."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpcore2

from services.webhooks.domain import Outcome, Reach, Refused, allowed
from services.webhooks.senders.network import Guarded, NotAllowedError, Resolve, resolve
from services.webhooks.settings import Settings

MOST_READ: Final = 64 * 1024  # bytes of an answer's body; nobody looks at them
HELD_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Posting:
    """What is sent, and where to."""

    url: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it; ``asked`` is for how long the receiver wants to be left alone."""

    outcome: Outcome
    status: int | None = None
    asked: timedelta | None = None


def reach_of(settings: Settings) -> Reach:
    """How far endpoints may be, by the settings."""
    return Reach(
        tuple(filter(None, settings.allowed_hosts.split(","))),
        frozenset(map(int, settings.allowed_ports.split(","))),
        settings.allow_loopback,
    )


class Poster:
    """Posts over connections that are held for a while."""

    def __init__(self, settings: Settings, find: Resolve = resolve) -> None:
        self._settings, self._reach = settings, reach_of(settings)
        trusted = ssl.create_default_context(cafile=settings.ca_file)
        trusted.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=settings.concurrency,
            max_keepalive_connections=settings.concurrency,
            keepalive_expiry=HELD_SECONDS,
            network_backend=Guarded(self._reach, find),
        )

    async def close(self) -> None:
        """Give the connections up."""
        await self._pool.aclose()

    async def post(self, posting: Posting, now: datetime) -> Answer:
        """Post once. Whatever happens is an answer; nothing is raised but by a bug."""
        try:
            allowed(posting.url, self._reach)  # what is allowed may have changed since it was said
            async with asyncio.timeout(self._settings.total_timeout):
                return await self._post(posting, now)
        except (Refused, NotAllowedError):
            return Answer(Outcome.FORBIDDEN)
        except (TimeoutError, httpcore2.TimeoutException):
            return Answer(Outcome.TIMED_OUT)
        except httpcore2.ConnectError:
            return Answer(Outcome.UNREACHABLE)
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            return Answer(Outcome.BROKEN)

    async def _post(self, posting: Posting, now: datetime) -> Answer:
        waits = {
            "connect": self._settings.connect_timeout,
            "read": self._settings.total_timeout,
            "write": self._settings.total_timeout,
            "pool": self._settings.total_timeout,
        }
        length = str(len(posting.body)).encode()
        async with self._pool.stream(
            "POST",
            posting.url,
            headers=[*posting.headers, (b"content-length", length)],
            content=posting.body,
            extensions={"timeout": waits},
        ) as answer:
            read = 0
            async for part in answer.aiter_stream():
                read += len(part)
                if read > MOST_READ:
                    break  # the status says it all; the connection is not held on to
            return _answer(answer.status, dict(answer.headers), now)


def _answer(status: int, headers: dict[bytes, bytes], now: datetime) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(Outcome.DELIVERED, status)
    if status == HTTPStatus.GONE:
        return Answer(Outcome.GONE, status)
    if status < HTTPStatus.BAD_REQUEST:
        return Answer(Outcome.REDIRECTED, status)
    named = {name.lower(): value for name, value in headers.items()}
    return Answer(Outcome.ANSWERED, status, retry_after(named.get(b"retry-after", b""), now))


def retry_after(said: bytes, now: datetime) -> timedelta | None:
    """For how long a receiver asks to be left alone: seconds, or until an instant; None if not."""
    text = said.decode("latin-1").strip()
    if text.isdecimal() and text.isascii():
        return timedelta(seconds=int(text[:9]))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(until - now, timedelta())
