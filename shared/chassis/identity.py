"""Who calls, and for which partner: tokens are verified here and nowhere else."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

import httpx2
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.jws import JWSRegistry

from shared.chassis.clock import Clock, SystemClock
from shared.chassis.trust import trusted

log = structlog.get_logger(__name__)

Role: TypeAlias = Literal["admin", "member", "staff"]
Keys: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
ALGORITHMS = ("RS256", "ES256")
LONGEST = 8192  # characters of a token; more is not read
LEEWAY_SECONDS = 30
FRESH_SECONDS = 600.0  # how long keys are used without asking again
WAIT_SECONDS = 30.0  # the least time between two questions to the issuer


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Everything said to them is about ``partner_id`` alone.

    An admin may do everything, a member may read everything and decide on renewals and on a
    client's owner; staff of HubSpot only read. ``partner_ids`` are the partners that staff may
    ask the issuer for a token of.
    """

    user_id: UUID
    partner_id: UUID
    role: Role
    name: str
    partner_ids: tuple[UUID, ...] = field(default=(), kw_only=True)


class Unauthenticated(Exception):  # noqa: N818 - says what the caller is
    """The token proves nothing. The reason says why, and never repeats the token."""


class KeysAway(Exception):  # noqa: N818 - says what is the matter
    """The issuer's keys cannot be had now; the same token may be good later."""


class Verifier:
    """Verifies tokens of one issuer for one audience.

    ``jwks`` is the address of the issuer's keys, or a function that returns them. They are
    asked for once in ten minutes, and once more for a key id never seen, but never more often
    than every 30 seconds. Tokens live by the wall clock, also where the rest of the process has
    a shifted one, since their issuer does.
    """

    def __init__(
        self, issuer: str, audience: str, jwks: str | Keys, *, clock: Clock | None = None
    ) -> None:
        self._issuer, self._audience = issuer, audience
        self._fetch = jwks if callable(jwks) else _fetching(jwks)
        self._clock = clock or SystemClock()
        self._keys: dict[str, Key] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._registry = JWSRegistry(algorithms=list(ALGORITHMS))

    async def verify(self, token: str) -> Caller:
        """Say who the token's bearer is, or raise ``Unauthenticated`` or ``KeysAway``."""
        return caller_of(await self.prove(token))

    async def prove(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that its issuer made, for this audience, and that holds now.

        Raises ``Unauthenticated`` or ``KeysAway``.
        """
        if len(token) > LONGEST:
            raise Unauthenticated(f"the token is longer than {LONGEST} characters")
        key = await self._key(_key_id(token))
        try:
            decoded = jwt.decode(token, key, algorithms=ALGORITHMS, registry=self._registry)
        except (JoseError, ValueError) as error:
            raise Unauthenticated("the token's signature does not hold") from error
        self._check(decoded.claims)
        return decoded.claims

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _key(self, kid: str) -> Key:
        async with self._asking:
            age = self._now() - self._asked
            wait = WAIT_SECONDS if self._keys else 1.0
            if age >= FRESH_SECONDS or (kid not in self._keys and age >= wait):
                await self._ask()
        if key := self._keys.get(kid):
            return key
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))  # an issuer with one key need not name it
        if not self._keys:
            raise KeysAway("the issuer's keys cannot be had")
        raise Unauthenticated("the token is signed with a key that the issuer does not have")

    async def _ask(self) -> None:
        self._asked = self._now()  # a miss counts too, or anybody could make us ask for ever
        try:
            self._keys = dict(_usable(await self._fetch()))
        except (httpx2.HTTPError, JoseError, ValueError, TypeError, KeyError) as error:
            log.warning("keys_away", reason=repr(error), known=len(self._keys))

    def _check(self, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != self._issuer:
            raise Unauthenticated("the token's `iss` is not the issuer that is trusted here")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise Unauthenticated("the token's `aud` is not this service")
        now = self._now()
        if now >= _instant(claims, "exp") + LEEWAY_SECONDS:
            raise Unauthenticated("the token has expired")
        # Many issuers leave it out: then a token is valid from when it was made.
        if "nbf" in claims and now < _instant(claims, "nbf") - LEEWAY_SECONDS:
            raise Unauthenticated("the token is not valid yet")


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Who the bearer of a token with these claims is. Raises ``Unauthenticated``."""
    role = claims.get("role")
    if role not in ROLES:
        raise Unauthenticated(f"the token's `role` is none of {', '.join(ROLES)}")
    name = claims.get("name", "")
    choice = claims.get("partner_ids", []) if role == "staff" else []
    if not isinstance(choice, list):
        raise Unauthenticated("the token's `partner_ids` is no list")
    return Caller(
        user_id=_uuid(claims, "sub"),
        partner_id=_uuid(claims, "partner_id"),
        role=role,
        name=name if isinstance(name, str) else "",
        partner_ids=tuple(_as_uuid(each, "partner_ids") for each in choice),
    )


def _fetching(address: str) -> Keys:
    async def fetch() -> Mapping[str, Any]:
        async with httpx2.AsyncClient(
            timeout=5.0, follow_redirects=False, verify=trusted()
        ) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            found: Mapping[str, Any] = answer.json()
            return found

    return fetch


def _usable(found: Mapping[str, Any]) -> Iterator[tuple[str, Key]]:
    """Keep public keys for signatures; one of another kind is passed over, and never tried."""
    for each in found["keys"]:
        if not isinstance(each, dict) or each.get("kty") not in ("RSA", "EC"):
            continue
        key = import_key(each)
        if not key.is_private and key.get("use", "sig") == "sig":
            yield key.kid or "", key


def _key_id(token: str) -> str:
    """Read the header before anything is proven: only which key the token claims, if any."""
    try:
        header = _header(token)
    except (ValueError, RecursionError) as error:
        raise Unauthenticated("this is no token") from error
    if header.get("alg") not in ALGORITHMS:
        raise Unauthenticated(f"the token's `alg` is none of {', '.join(ALGORITHMS)}")
    kid = header.get("kid", "")
    if not isinstance(kid, str):
        raise Unauthenticated("the token's `kid` is no text")
    return kid


def _header(token: str) -> dict[str, Any]:
    first, *rest = token.split(".")
    if len(rest) != 2:  # noqa: PLR2004 - payload and signature
        raise ValueError("not three parts")
    header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    if not isinstance(header, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is the text that is wrong
    return header


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:  # noqa: PLR2004 - far beyond any date
        raise Unauthenticated(f"the token's `{name}` is no instant")
    return value


def _uuid(claims: Mapping[str, Any], name: str) -> UUID:
    return _as_uuid(claims.get(name), name)


def _as_uuid(value: object, name: str) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError as error:
        raise Unauthenticated(f"the token's `{name}` is no UUID") from error
