"""Somebody who is signed in, without going through the sign-in."""

from uuid import UUID

from services.dashboard.api import keeping
from services.dashboard.store import sessions
from shared.chassis.database import Pool
from shared.chassis.identity import Role
from shared.chassis.seals import Seal
from tests import tokens

SESSION_KEY = "a secret of tests, thirty-two characters and more"


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
        sealed=Seal(session_key, "session").close(
            {"token": token, "refresh": None, "id_token": None}
        ),
        partner_ids=partner_ids,
    )
    async with pool.acquire() as tx:
        await sessions.save_session(
            tx, session, token_seconds=3600, refresh_seconds=None, seconds=3600
        )
    return {"Cookie": f"{keeping.COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
