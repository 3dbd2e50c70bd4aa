"""Somebody who is signed in, without going through the sign-in."""

from typing import Any
from uuid import UUID

from deploy.local.databases import Addresses
from services.dashboard.api import keeping
from services.dashboard.domain.seals import Seal
from services.dashboard.settings import Settings
from services.dashboard.store import sessions
from shared.chassis.database import Pool
from shared.chassis.identity import Role
from tests import tokens

SESSION_KEY = "a-secret-of-tests-and-of-nothing-else"
PUBLIC_URL = "https://dashboard.test"


def settings(address: Addresses, **other: Any) -> Settings:
    """The dashboard's settings on a database, with nothing but HTTP running."""
    told: dict[str, Any] = {
        "database_url": address.dsn,
        "kafka_servers": "localhost:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": f"{tokens.ISSUER}/jwks.json",
        "public_url": PUBLIC_URL,
        "session_key": SESSION_KEY,
        "run_consumers": False,
        "run_relay": False,
        "start_timeout": 5,
    }
    return Settings(**told | other)


async def sign_in(
    pool: Pool,
    user_id: UUID,
    partner_id: UUID,
    role: Role = "admin",
    *,
    name: str = "Some One",
    partner_ids: tuple[UUID, ...] = (),
    session_key: str = SESSION_KEY,
) -> dict[str, str]:
    """Begin a session; returns the headers of a request by this person, the cookie among them.

    ``Sec-Fetch-Site`` is there as a browser says it, so that forms may be posted.
    """
    cookie = keeping.new_cookie()
    token = tokens.token(user_id, partner_id, role, name=name)
    session = sessions.Session(
        digest=keeping.digest_of(cookie),
        user_id=user_id,
        partner_id=partner_id,
        role=role,
        name=name,
        sealed=Seal(session_key, "session").close({"token": token}),
        partner_ids=partner_ids,
    )
    async with pool.acquire() as tx:
        await sessions.save_session(
            tx, session, token_seconds=3600, refresh_seconds=None, seconds=3600
        )
    return {"Cookie": f"{keeping.COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
