"""Signing people in at an OpenID provider: code flow with PKCE, any provider by its discovery."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx2
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from services.dashboard.settings import Settings
from shared.chassis.clock import SystemClock
from shared.chassis.identity import Caller, Unauthenticated, Verifier, caller_of
from shared.chassis.trust import trusted

log = structlog.get_logger(__name__)

CALLBACK: Final = "/session/callback"
SIGNED_OUT: Final = "/session/signed-out"
TIMEOUT_SECONDS: Final = 5.0
FRESH_SECONDS: Final = 600.0  # how long the provider's description is used without asking again
BYTES: Final = 32
ANSWERS: Final = (200, 400, 401)  # anything else is no answer to what was asked


class ProviderAway(Exception):  # noqa: N818 - says what is the matter
    """The provider cannot be reached, or is out of order; the same may go well later."""


class NotProven(Exception):  # noqa: N818 - says what is the matter
    """What came back proves nobody. The reason never repeats a token or a code."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun: what has to come back, and what is to follow."""

    state: str
    nonce: str
    verifier: str
    next: str
    partner_id: str = ""

    @classmethod
    def begin(cls, after: str, partner_id: str = "") -> "Attempt":
        """Begin one, with values that nobody guesses."""
        state, nonce, verifier = (secrets.token_urlsafe(BYTES) for _ in range(3))
        return cls(state, nonce, verifier, after, partner_id)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave, proven. ``token`` is the one for the services, for ``seconds``."""

    caller: Caller
    token: str
    seconds: float
    refresh: str | None = None
    id_token: str | None = None

    @property
    def refresh_seconds(self) -> float | None:
        """When to ask for fresh ones: half-way, so that an outage has time to pass."""
        return None if self.refresh is None else self.seconds / 2

    def sealable(self) -> dict[str, str | None]:
        """What is kept of them."""
        return {"token": self.token, "refresh": self.refresh, "id_token": self.id_token}


class Provider:
    """The provider of the settings. ``verifier`` proves the tokens that the services take."""

    def __init__(self, settings: Settings, verifier: Verifier) -> None:
        self._settings, self._verifier = settings, verifier
        self._of_ids = Verifier(
            settings.oidc_issuer, settings.oidc_client_id, settings.oidc_jwks_url
        )
        self._known: Mapping[str, Any] = {}
        self._asked = float("-inf")
        self._http: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Hold connections to the provider: to make a client for each question takes long."""
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, verify=trusted()) as self._http:
            yield
        self._http = None

    async def address(self, attempt: Attempt, *, other: bool = False) -> str:
        """Where to send a person to sign in; with ``other``, to choose who they are."""
        asked = {
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
            "audience": self._settings.oidc_audience,
            "prompt": "select_account" if other else None,
            "partner_id": attempt.partner_id or None,
        }
        return str(
            prepare_grant_uri(
                await self._endpoint("authorization_endpoint"),
                self._settings.oidc_client_id,
                "code",
                redirect_uri=self._settings.public_url + CALLBACK,
                scope=self._settings.oidc_scope,
                state=attempt.state,
                **asked,
            )
        )

    async def exchange(self, code: str, attempt: Attempt) -> Tokens:
        """Get the tokens of a person who came back. Raises NotProven, ProviderAway, KeysAway."""
        given = await self._ask(
            "authorization_code",
            code=code,
            redirect_uri=self._settings.public_url + CALLBACK,
            code_verifier=attempt.verifier,
        )
        return await self._proven(given, nonce=attempt.nonce)

    async def refresh(self, before: Mapping[str, Any], user_id: UUID, partner_id: UUID) -> Tokens:
        """Get fresh tokens for the same person at the same partner. Raises as `exchange`.

        ``before`` is what was sealable of the last ones; what is not given anew, stays.
        """
        given = await self._ask("refresh_token", refresh_token=before["refresh"])
        kept = {"refresh_token": before["refresh"], "id_token": before["id_token"]}
        fresh = await self._proven(kept | given, nonce=None)
        if (fresh.caller.user_id, fresh.caller.partner_id) != (user_id, partner_id):
            raise NotProven("the fresh token is somebody else's")
        return fresh

    async def farewell(self, id_token: str | None) -> str | None:
        """Where a person signs out at the provider, too; None where it has no such place."""
        try:
            place = await self._endpoint("end_session_endpoint")
        except ProviderAway:
            return None
        said = {
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": self._settings.public_url + SIGNED_OUT,
        }
        if id_token:
            said["id_token_hint"] = id_token
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in said.items())
        return f"{place}{'&' if '?' in place else '?'}{query}"

    async def _proven(self, given: Mapping[str, Any], *, nonce: str | None) -> Tokens:
        access, ident, refresh = (
            _text(given, name) for name in ("access_token", "id_token", "refresh_token")
        )
        token = ident if self._settings.oidc_token == "id_token" else access  # noqa: S105 - a name
        if token is None or (nonce is not None and ident is None):
            raise NotProven("a token is missing")
        try:
            claims = await self._verifier.prove(token)
            caller = caller_of(claims)
            if nonce is not None:
                await self._check_id(ident or "", nonce, claims)
        except Unauthenticated as error:
            raise NotProven(str(error)) from error
        left = float(claims["exp"]) - SystemClock().now().timestamp()
        return Tokens(caller, token, max(left, 0.0), refresh, ident)

    async def _check_id(self, token: str, nonce: str, claims: Mapping[str, Any]) -> None:
        """That the ID token answers this very request, and is about the same person."""
        said = await self._of_ids.prove(token)
        several = isinstance(said.get("aud"), list) and len(said["aud"]) > 1
        if ("azp" in said or several) and said.get("azp") != self._settings.oidc_client_id:
            raise NotProven("the ID token was made for another client")
        if not secrets.compare_digest(str(said.get("nonce", "")).encode(), nonce.encode()):
            raise NotProven("the ID token's nonce is not that of this sign-in")
        if said.get("sub") != claims.get("sub"):
            raise NotProven("the two tokens are of two people")

    async def _ask(self, grant: str, **said: str | None) -> dict[str, Any]:
        """Ask for tokens, as the client that we are."""
        settings, headers = self._settings, {"Accept": "application/json"}
        if settings.oidc_client_secret is None:
            said["client_id"] = settings.oidc_client_id
        elif await self._takes_basic():
            headers["Authorization"] = _basic(settings.oidc_client_id, settings.oidc_client_secret)
        else:
            said |= {
                "client_id": settings.oidc_client_id,
                "client_secret": settings.oidc_client_secret,
            }
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = prepare_token_request(grant, **said)
        address = await self._endpoint("token_endpoint")
        found = await self._fetch("POST", address, content=body.encode(), headers=headers)
        if str(found.get("token_type", "")).lower() != "bearer":
            raise NotProven("the provider gave no bearer token")
        return found

    async def _takes_basic(self) -> bool:
        ways: object = (await self._describe()).get("token_endpoint_auth_methods_supported")
        return not isinstance(ways, list) or "client_secret_basic" in ways

    async def _endpoint(self, name: str) -> str:
        found = (await self._describe()).get(name)
        if not self._usable(found):
            raise ProviderAway(f"the provider's description has no usable {name}")
        return str(found)

    def _usable(self, address: object) -> bool:
        """An address that is no less protected than the issuer's own."""
        parts = urlsplit(address if isinstance(address, str) else "")
        plain = urlsplit(self._settings.oidc_issuer).scheme == "http"
        return bool(parts.netloc) and (
            parts.scheme == "https" or (plain and parts.scheme == "http")
        )

    async def _describe(self) -> Mapping[str, Any]:
        """The provider's description, asked for once in ten minutes."""
        if self._known and monotonic() - self._asked < FRESH_SECONDS:
            return self._known
        issuer = self._settings.oidc_issuer
        address = issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            found = await self._fetch("GET", address)
        except (ProviderAway, NotProven) as error:
            if self._known:
                return self._known  # an old one is better than none
            raise ProviderAway(str(error)) from error
        if found.get("issuer") != issuer:
            raise ProviderAway("the provider's description is of another issuer")
        self._known, self._asked = found, monotonic()
        return found

    async def _fetch(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        if self._http is None:
            raise RuntimeError("the provider is asked while nothing runs")
        self._http.cookies.clear()  # what it may have set in one person's sign-in is not another's
        try:
            answer = await self._http.request(method, address, **more)
            found = (
                answer.json() if answer.status_code < httpx2.codes.INTERNAL_SERVER_ERROR else None
            )
        except httpx2.HTTPError as error:
            log.warning("provider_away", reason=repr(error))
            raise ProviderAway("the provider does not answer") from error
        except ValueError:
            found = None
        if not isinstance(found, dict):
            log.warning("provider_away", reason=f"status {answer.status_code}, no JSON object")
            raise ProviderAway("the provider is out of order")
        if answer.is_error:
            raise NotProven(f"the provider declined: {str(found.get('error', ''))[:60]}")
        return found


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) and value else None


def _basic(name: str, secret: str) -> str:
    """As RFC 6749 has it: both are written as in a form first."""
    both = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(both.encode()).decode()
