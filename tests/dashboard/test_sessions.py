"""What becomes of a session: who it lets do what, how it goes on, and each way that it ends."""

import asyncio
import re
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.main import create_app
from services.dashboard.store import sessions
from shared.chassis.clock import ManualClock, SystemClock
from shared.chassis.database import Pool
from shared.chassis.seals import Seal
from shared.contracts import clients
from tests.dashboard import entering
from tests.dashboard.conftest import settings_for
from tests.dashboard.entering import OVERSEER, sign_in
from tests.dashboard.people import ADMIN, BRIGHTWATER, HUB, MEMBER, USERS
from tests.dashboard.signing_in import sign_in as sign_in_at_once
from tests.dashboard.visiting import Visitor, query, running
from tests.deliver import deliver

CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
OF_ITSELF = {
    "/session/sign-out",
    "/session/sign-out-everywhere",
    "/session/partner",
    "/theme",
}


async def aged(pool: Pool, column: str, by: str) -> None:
    await pool.execute(f"UPDATE sessions SET {column} = {column} - interval '{by}'")


async def deactivate(pool: Pool, user_id: object) -> None:
    users = tuple(
        each.model_copy(update={"active": each.active and each.user_id != user_id})
        for each in USERS
    )
    snapshot = clients.PartnerSnapshot(
        version=99,
        occurred_at=SystemClock().now(),
        partner_id=BRIGHTWATER,
        hub_id=HUB,
        name="Brightwater Digital",
        time_zone="America/New_York",
        users=users,
        team=(),
    )
    [inbox] = [each for each in handlers.INBOXES if each.topic == clients.PartnerSnapshot.TOPIC]
    await deliver(inbox, pool, snapshot)


async def test_a_session_ends_on_its_last_hour_even_in_use(visitor: Visitor, pool: Pool) -> None:
    await sign_in(visitor, ADMIN)
    assert await visitor.is_signed_in()

    await aged(pool, "expires_at", "12 hours")
    assert not await visitor.is_signed_in()


async def test_a_session_that_nobody_uses_ends(visitor: Visitor, pool: Pool) -> None:
    await sign_in(visitor, ADMIN)
    await aged(pool, "seen_at", "3 hours")
    assert await visitor.is_signed_in(), "which is a use"
    await aged(pool, "seen_at", "3 hours")
    assert await visitor.is_signed_in()

    await aged(pool, "seen_at", "5 hours")
    assert not await visitor.is_signed_in()


async def test_a_session_without_a_refresh_token_ends_with_its_token(filled: Pool) -> None:
    await sign_in_at_once(filled, ADMIN, BRIGHTWATER)
    lasts = await filled.fetchval("SELECT expires_at - token_until FROM sessions")
    assert lasts.total_seconds() == 0


async def test_sessions_that_ended_are_forgotten_and_others_are_not(filled: Pool) -> None:
    for _ in range(3):
        await sign_in_at_once(filled, ADMIN, BRIGHTWATER)
    digests = [row["digest"] for row in await filled.fetch("SELECT digest FROM sessions")]
    await filled.execute("UPDATE sessions SET expires_at = now() WHERE digest = $1", digests[0])
    await filled.execute(
        "UPDATE sessions SET seen_at = now() - interval '5 hours' WHERE digest = $1", digests[1]
    )

    assert await sessions.forget_old(filled, SystemClock(), idle_seconds=4 * 3600) == 2
    assert [row["digest"] for row in await filled.fetch("SELECT digest FROM sessions")] == [
        digests[2]
    ]


async def test_signing_out_ends_this_session_here_and_at_the_provider(
    visitor: Visitor, page: httpx2.AsyncClient, provider: str, pool: Pool
) -> None:
    elsewhere = Visitor(page)
    await sign_in(visitor, ADMIN)
    await sign_in(elsewhere, ADMIN)
    kept = dict(visitor.cookies)

    answer = await visitor.post("/session/sign-out")

    place = answer.headers["refresh"].removeprefix("0; url=")
    assert place.startswith(f"{provider}/end-session?")
    assert query(place)["post_logout_redirect_uri"].endswith("/session/signed-out")
    assert visitor.session is None
    visitor.cookies = kept
    assert not await visitor.is_signed_in(), "the old cookie opens nothing any more"
    assert await elsewhere.is_signed_in()
    assert "You are signed out" in (await visitor.get("/session/signed-out")).text


async def test_signing_out_everywhere_ends_every_session_of_the_person(
    page: httpx2.AsyncClient,
) -> None:
    here, there, colleague = Visitor(page), Visitor(page), Visitor(page)
    for visitor, person in ((here, ADMIN), (there, ADMIN), (colleague, MEMBER)):
        await sign_in(visitor, person)

    await here.post("/session/sign-out-everywhere")

    assert not await here.is_signed_in()
    assert not await there.is_signed_in()
    assert await colleague.is_signed_in()


async def test_signing_out_twice_harms_nobody(visitor: Visitor) -> None:
    assert (await visitor.post("/session/sign-out")).status_code == 200
    await sign_in(visitor, ADMIN)
    await visitor.post("/session/sign-out")
    assert (await visitor.post("/session/sign-out")).status_code == 200


async def test_htmx_is_sent_to_the_sign_in_from_where_it_was(visitor: Visitor) -> None:
    answer = await visitor.get(
        "/renewals?cursor=2",
        **{"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:18105/renewals?q=a"},
    )
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/session/sign-in?next=%2Frenewals%3Fq%3Da"


async def test_what_is_posted_without_a_session_is_not_done_and_says_so(visitor: Visitor) -> None:
    answer = await visitor.post("/session/partner", partner_id=str(uuid4()))
    assert answer.status_code == 401
    assert "Nothing was changed" in answer.text


async def test_a_deactivation_ends_the_sessions_of_the_user_at_once(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    admin, member = Visitor(page), Visitor(page)
    await sign_in(admin, ADMIN)
    await sign_in(member, MEMBER)

    await deactivate(pool, MEMBER)

    assert not await member.is_signed_in()
    assert await admin.is_signed_in()


async def test_staff_and_strangers_may_give_no_command(page: httpx2.AsyncClient) -> None:
    staff, stranger = Visitor(page), Visitor(page)
    await sign_in(staff, OVERSEER)
    app = page._transport.app  # type: ignore[attr-defined]  # of the test's own transport
    commands = {
        re.sub(r"{[^}]*}", str(uuid4()), route.path)
        for route in app.state.addresses
        if CHANGES & set(route.methods) and route.path not in OF_ITSELF
    }
    told = {path: (await staff.post(path)).status_code for path in commands}
    assert told == dict.fromkeys(commands, 403)
    told = {path: (await stranger.post(path)).status_code for path in commands}
    assert told == dict.fromkeys(commands, 401)


async def test_a_token_is_refreshed_half_way_and_once_however_many_ask(
    visitor: Visitor, pool: Pool
) -> None:
    await sign_in(visitor, ADMIN)
    [before] = await pool.fetch("SELECT sealed, refresh_at, token_until FROM sessions")
    half = (before["token_until"] - before["refresh_at"]).total_seconds()
    assert half == pytest.approx(1800, abs=5)
    await aged(pool, "refresh_at", "31 minutes")

    assert all(await asyncio.gather(*(visitor.is_signed_in() for _ in range(8))))

    [after] = await pool.fetch("SELECT sealed, refresh_at > now() AS later FROM sessions")
    assert after["sealed"] != before["sealed"]
    assert after["later"]
    await aged(pool, "refresh_at", "31 minutes")
    assert await visitor.is_signed_in(), "the refresh token is the new one: each works once"


async def test_a_token_that_expired_is_refreshed_before_the_page_is_shown(
    visitor: Visitor, pool: Pool
) -> None:
    await sign_in(visitor, ADMIN)
    await aged(pool, "refresh_at", "2 hours")
    await aged(pool, "token_until", "2 hours")

    assert all(await asyncio.gather(*(visitor.is_signed_in() for _ in range(4))))
    assert await pool.fetchval("SELECT token_until > now() FROM sessions")


async def test_the_session_ends_where_the_provider_gives_no_fresh_token(
    visitor: Visitor, pool: Pool, tmp_path: Path
) -> None:
    await sign_in(visitor, ADMIN)
    await aged(pool, "refresh_at", "31 minutes")
    (tmp_path / "people.json").write_text("[]")

    assert not await visitor.is_signed_in()
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 0


async def test_while_the_provider_is_away_pages_open_as_long_as_the_token_holds(
    address: Addresses, filled: Pool, clock: ManualClock, tmp_path: Path
) -> None:
    async with entering.local_issuer(tmp_path) as url:
        settings = settings_for(address.dsn, oidc_issuer=url, oidc_jwks_url=f"{url}/jwks.json")
        app = create_app(settings, clock)
        async with running(app) as http:
            visitor = Visitor(http)
            await sign_in(visitor, ADMIN)
    async with running(app) as http:
        left = Visitor(http)
        left.cookies = visitor.cookies
        await aged(filled, "refresh_at", "31 minutes")
        assert await left.is_signed_in()

        await aged(filled, "refresh_at", "2 hours")
        await aged(filled, "token_until", "2 hours")
        answer = await left.get("/dashboard")
        assert answer.status_code == 503
        assert "cannot be confirmed" in answer.text


@given(st.text(max_size=200))
def test_whatever_is_not_sealed_opens_to_nothing(text: str) -> None:
    assert Seal("a key", "session").open(text) is None


def test_a_seal_opens_what_it_closed_and_no_other_key_or_purpose_does() -> None:
    closed = Seal("a key", "session").close({"token": "eyJ"})
    assert "eyJ0b2tlbiI" not in closed
    assert Seal("a key", "session").open(closed) == {"token": "eyJ"}
    assert Seal("another", "session").open(closed) is None
    assert Seal("a key", "sign-in").open(closed) is None
