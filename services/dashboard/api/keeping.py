"""Sessions, from the sign-in to their end: what the cookie holds, and what is kept of it."""

import hashlib
import secrets
from typing import Any, Final

from fastapi import Request, Response

from services.dashboard.domain.seals import Seal
from services.dashboard.settings import Settings
from services.dashboard.store import sessions
from services.dashboard.store.sessions import Session
from shared.chassis.http.guards import POOL_WAIT_SECONDS

# The prefix makes browsers insist: over a secure connection, from this host, for all of it.
COOKIE: Final = "__Host-session"
BYTES: Final = 32
HOUR: Final = 3600.0


def seal_of(settings: Settings) -> Seal:
    """What tokens are sealed with in the database."""
    return Seal(settings.session_key, "session")


def digest_of(cookie: str) -> bytes:
    """What is kept of a cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()


def new_cookie() -> str:
    """What a new session is opened with: 256 random bits."""
    return secrets.token_urlsafe(BYTES)


def set_cookie(response: Response, value: str) -> None:
    """Give a cookie that ends with the browser, goes to nobody else, and no script can read."""
    response.set_cookie(COOKIE, value, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str = COOKIE) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


async def find(request: Request) -> tuple[Session, str] | None:
    """The session that a request belongs to, with its token; None where there is none."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    state = request.app.state
    settings: Settings = state.settings
    async with state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
        found = await sessions.find_session(
            tx, digest_of(cookie), settings.session_idle_hours * HOUR
        )
    if found is None:
        return None
    tokens: dict[str, Any] | None = seal_of(settings).open(found.session.sealed)
    if tokens is None:
        return None
    return found.session, str(tokens["token"])
