"""Sessions, from the sign-in to their end: what the cookie holds, and what is kept of it."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import structlog
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from services.dashboard.senders.oidc import NotProven, Provider, ProviderAway, Tokens
from services.dashboard.settings import Settings
from services.dashboard.store import sessions, signals
from services.dashboard.store.partners import State
from services.dashboard.store.sessions import Found, Session
from shared.chassis.database import Connection, Pool
from shared.chassis.http.guards import POOL_WAIT_SECONDS
from shared.chassis.identity import KeysAway
from shared.chassis.seals import Seal

log = structlog.get_logger(__name__)

# The prefix makes browsers insist: over a secure connection, from this host, for all of it.
COOKIE: Final = "__Host-session"
BYTES: Final = 32
HOUR: Final = 3600.0
CLAIM_SECONDS: Final = 15.0  # for which one request refreshes a token and others do not
WAIT_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.1
AWAY: Final = "The sign-in cannot be confirmed at the moment. Try again in a few seconds."


def seal_of(settings: Settings) -> Seal:
    """What tokens are sealed with in the database."""
    return _seal(settings.session_key)


@lru_cache(maxsize=4)
def _seal(secret: str) -> Seal:
    return Seal(secret, "session")


@lru_cache(maxsize=1000)  # to open a seal for each request took a tenth of its time
def _opened(secret: str, sealed: str) -> Mapping[str, Any] | None:
    return _seal(secret).open(sealed)


def digest_of(cookie: str) -> bytes:
    """What is kept of a cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()


def new_cookie() -> str:
    """What a new session is opened with: 256 random bits."""
    return secrets.token_urlsafe(BYTES)


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Give a cookie that goes to nobody else and no script can read; it ends with the browser."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


async def begin(request: Request, tokens: Tokens) -> str | None:
    """Begin a session under a new name and end the one before; returns what opens it.

    None where the person may not come in: the partner has deactivated them.
    """
    state, cookie = request.app.state, new_cookie()
    settings: Settings = state.settings
    session = Session(
        digest_of(cookie),
        tokens.caller.user_id,
        tokens.caller.partner_id,
        tokens.caller.role,
        tokens.caller.name,
        seal_of(settings).close(tokens.sealable()),
        tokens.caller.partner_ids,
    )
    async with state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx, tx.transaction():
        if before := request.cookies.get(COOKIE):
            await _end(tx, digest_of(before))
        await sessions.save_session(
            tx,
            session,
            token_seconds=tokens.seconds,
            refresh_seconds=tokens.refresh_seconds,
            seconds=settings.session_hours * HOUR,
        )
        if await sessions.find_session(tx, session.digest, HOUR) is None:
            await sessions.end_session(tx, session.digest)
            return None
    return cookie


async def _end(tx: Connection, digest: bytes) -> None:
    """End a session, and have its open pages look."""
    if ended := await sessions.end_session(tx, digest):
        await signals.tell_ended(tx, ended.user_id)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with its token; ``state`` as it was found, None where it was waited for."""

    session: Session
    token: str
    state: State | None = None


async def find(request: Request) -> Opened | None:
    """The session that a request belongs to, with its token; None where there is none.

    A token that grows old is refreshed on the way. Raises HTTPException where it has expired
    and its issuer is away.
    """
    cookie = request.cookies.get(COOKIE)
    return None if not cookie else await open_session(request.app.state, digest_of(cookie))


async def open_session(state: Any, digest: bytes) -> Opened | None:
    """As `find`, of a session that is known by its digest."""
    settings: Settings = state.settings
    found = await look(state, digest)
    if found is None:
        return None
    tokens = _opened(settings.session_key, found.session.sealed)
    if tokens is None:
        return None
    if found.refresh_due:
        return await _refresh(state, found, tokens)
    if not found.token_holds:
        return await _await_refresh(state, digest)
    return Opened(found.session, str(tokens["token"]), found.state)


async def look(state: Any, digest: bytes) -> Found | None:
    """Whether a session holds, and what is kept of it."""
    pool: Pool = state.pool
    settings: Settings = state.settings
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
        return await sessions.find_session(tx, digest, settings.session_idle_hours * HOUR)


async def _refresh(state: Any, found: Found, tokens: Mapping[str, Any]) -> Opened | None:
    pool: Pool = state.pool
    provider: Provider = state.provider
    session = found.session
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
        mine = await sessions.claim_refresh(tx, session.digest, CLAIM_SECONDS)
    if not mine:
        if found.token_holds:
            return Opened(session, str(tokens["token"]))
        return await _await_refresh(state, session.digest)
    try:
        fresh = await provider.refresh(tokens, session.user_id, session.partner_id)
    except NotProven as error:
        log.info("session_ended", reason=str(error), user=str(session.user_id))
        async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
            await sessions.end_session(tx, session.digest)
        return None
    except (ProviderAway, KeysAway) as error:
        log.warning("token_not_refreshed", reason=str(error), holds=found.token_holds)
        if found.token_holds:
            return Opened(session, str(tokens["token"]))
        raise HTTPException(503, AWAY, {"Retry-After": "5"}) from error
    renewed = Session(
        session.digest,
        session.user_id,
        session.partner_id,
        fresh.caller.role,
        fresh.caller.name,
        seal_of(state.settings).close(fresh.sealable()),
        fresh.caller.partner_ids,
    )
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
        await sessions.renew_session(
            tx, renewed, token_seconds=fresh.seconds, refresh_seconds=fresh.refresh_seconds
        )
    return Opened(renewed, fresh.token)


async def _await_refresh(state: Any, digest: bytes) -> Opened | None:
    """Wait until another request has had the token refreshed."""
    for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        await asyncio.sleep(LOOK_SECONDS)
        found = await look(state, digest)
        if found is None:
            return None
        if found.token_holds and (tokens := seal_of(state.settings).open(found.session.sealed)):
            return Opened(found.session, str(tokens["token"]))
    raise HTTPException(503, AWAY, {"Retry-After": "5"})
