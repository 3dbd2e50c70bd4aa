"""What the issuer has promised: codes that work once, and refresh tokens that work once each."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict

CODE_SECONDS = 60
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CALLBACK, SIGNED_OUT = "/session/callback", "/session/signed-out"


class Asked(BaseModel):
    """An authorization request, as far as it matters here; all else is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    prompt: str = ""
    login_hint: str = ""
    partner_id: str = ""

    @property
    def error(self) -> str | None:
        """What is wrong with it, in OAuth's words; None: nothing."""
        if self.response_type != "code":
            return "unsupported_response_type"
        if "openid" not in self.scope.split():
            return "invalid_scope"
        if self.code_challenge_method != "S256" or not self.code_challenge:
            return "invalid_request"  # PKCE is a must here
        return "login_required" if self.prompt == "none" else None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or a refresh token stands for: one person, at one partner, for one client."""

    person: UUID
    partner: UUID
    client_id: str
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""
    family: str = ""  # all that came of one sign-in
    until: float = 0.0


class Grants:
    """Kept in memory: who was promised something before a restart signs in anew."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._codes: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._used: dict[str, str] = {}  # what was used, and its family

    def promise(self, asked: Asked, person: UUID, partner: UUID) -> str:
        """Make a code."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = Grant(
            person,
            partner,
            asked.client_id,
            asked.redirect_uri,
            asked.code_challenge,
            asked.nonce,
            secrets.token_urlsafe(8),
            self._now() + CODE_SECONDS,
        )
        return code

    def redeem(
        self, code: str, *, client_id: str, redirect_uri: str, verifier: str
    ) -> Grant | None:
        """What a code stands for, once; a second time ends all that came of the first."""
        grant = self._codes.pop(code, None)
        if grant is None:
            self._end_family(self._used.get(code))
            return None
        self._used[code] = grant.family
        fits = (grant.client_id, grant.redirect_uri) == (client_id, redirect_uri)
        proven = hmac.compare_digest(challenge_of(verifier), grant.challenge)
        return grant if fits and proven and self._now() <= grant.until else None

    def promise_refresh(self, grant: Grant) -> str:
        """Make a refresh token that goes on with a grant."""
        token = secrets.token_urlsafe(24)
        self._refresh[token] = grant
        return token

    def refresh(self, token: str, *, client_id: str) -> Grant | None:
        """What a refresh token stands for, once."""
        grant = self._refresh.pop(token, None)
        if grant is None:
            self._end_family(self._used.get(token))
            return None
        self._used[token] = grant.family
        return grant if grant.client_id == client_id else None

    def _end_family(self, family: str | None) -> None:
        if family is not None:
            self._refresh = {t: g for t, g in self._refresh.items() if g.family != family}


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_ours(address: str, path: str) -> bool:
    """Whether an address is the dashboard's on this machine, on whatever port it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return (
        parts.scheme == "http"
        and parts.hostname in LOOPBACK
        and "@" not in parts.netloc
        and (parts.path, parts.query, parts.fragment) == (path, "", "")
    )
