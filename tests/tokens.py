"""Tokens for tests: a key made in this process, and a verifier that trusts it without a network."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from shared.chassis.identity import Role, Verifier

ISSUER = "https://issuer.test"
AUDIENCE = "partner-tools"


@cache
def signing_key() -> ECKey:
    """The one key of this run."""
    return ECKey.generate_key("P-256", {"kid": "tests", "use": "sig"})


def jwks() -> dict[str, Any]:
    """What the issuer would publish."""
    return {"keys": [signing_key().as_dict(private=False)]}


def verifier(*, issuer: str = ISSUER) -> Verifier:
    """A verifier that knows the key of this run and asks nobody."""

    async def known() -> Mapping[str, Any]:
        return jwks()

    return Verifier(issuer, AUDIENCE, known)


def claims(
    user: UUID, partner: UUID, role: Role = "admin", *, name: str = "Some One", **other: Any
) -> dict[str, Any]:
    """The claims of a good token; a claim given as None is left out."""
    now = int(time.time())  # noqa: TID251 - tokens live by the wall clock
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user),
        "partner_id": str(partner),
        "role": role,
        "name": name,
        "iat": now,
        "nbf": now - 5,
        "exp": now + 3600,
    } | other
    return {key: value for key, value in made.items() if value is not None}


def token(
    user: UUID, partner: UUID, role: Role = "admin", *, name: str = "Some One", **other: Any
) -> str:
    """A signed token for this user of this partner."""
    made = claims(user, partner, role, name=name, **other)
    return jwt.encode({"alg": "ES256", "kid": "tests"}, made, signing_key(), ["ES256"])


def bearer(
    user: UUID, partner: UUID, role: Role = "admin", *, issuer: str = ISSUER
) -> dict[str, str]:
    """The header of a request by this user of this partner."""
    return {"Authorization": f"Bearer {token(user, partner, role, iss=issuer)}"}
