"""Signing in, by the demo's issuer and by another provider."""

import warnings
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from deploy.local.databases import Addresses
from services.dashboard.main import create_app
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.dashboard import entering
from tests.dashboard.conftest import settings_for
from tests.dashboard.entering import CLIENT, OVERSEER, be, begin, sign_in
from tests.dashboard.people import ADMIN, BRIGHTWATER, LEFT, MEMBER, NORDLICHT
from tests.dashboard.visiting import ORIGIN, Visitor, local, query, running

SECRET = "a secret with : and % in it"


async def sessions_of(pool: Pool) -> list[tuple[object, ...]]:
    rows = await pool.fetch("SELECT user_id, partner_id, role, name FROM sessions ORDER BY role")
    return [tuple(row) for row in rows]


async def test_who_comes_without_a_session_signs_in_and_is_back_where_they_were(
    visitor: Visitor, provider: str, pool: Pool
) -> None:
    asked = await visitor.get("/renewals?sort=deadline&owner=partner")
    assert asked.status_code == 303
    begun = await visitor.get(asked.headers["location"])
    told = query(begun.headers["location"])
    assert begun.headers["location"].startswith(f"{provider}/authorize?")
    assert told["code_challenge_method"] == "S256"
    assert told["redirect_uri"] == f"{ORIGIN}/session/callback"

    answer = await visitor.get(local(await be(ADMIN, begun.headers["location"])))

    assert answer.headers["location"] == "/renewals?sort=deadline&owner=partner"
    assert set(visitor.cookies) == {"__Host-session"}
    assert await visitor.is_signed_in()
    assert await sessions_of(pool) == [(ADMIN, BRIGHTWATER, "admin", "Ada Brook")]


async def test_the_cookie_is_a_secret_that_the_database_does_not_hold(
    visitor: Visitor, pool: Pool
) -> None:
    await sign_in(visitor, ADMIN)

    assert len(visitor.session or "") == 43, "256 bits"
    [row] = await pool.fetch("SELECT * FROM sessions")
    kept = " ".join(str(value) for value in row.values())
    assert (visitor.session or "") not in kept
    assert "eyJhbGciOiJFUzI1NiI" not in kept, "no token either"


async def test_several_pages_that_sign_in_at_once_all_come_back(visitor: Visitor) -> None:
    """As a browser does that opens yesterday's tabs in the morning."""
    first, second = await begin(visitor, "/renewals"), await begin(visitor, "/dashboard")

    assert (await visitor.get(local(await be(ADMIN, second)))).headers["location"] == "/dashboard"
    late = await visitor.get(local(await be(ADMIN, first)))

    assert (late.status_code, late.headers["location"]) == (303, "/")
    assert await visitor.is_signed_in()


async def test_who_does_not_finish_at_the_provider_is_told_and_can_try_again(
    visitor: Visitor,
) -> None:
    state = query(await begin(visitor))["state"]
    answer = await visitor.get(f"/session/callback?error=access_denied&state={state}")

    assert answer.status_code == 403
    assert "Try it again" in answer.text
    assert "/session/sign-in" in answer.text


async def test_someone_whom_the_partner_has_deactivated_does_not_come_in(
    visitor: Visitor, pool: Pool
) -> None:
    answer = await visitor.get(local(await be(LEFT, await begin(visitor))))

    assert answer.status_code == 403
    assert "has deactivated you" in answer.text
    assert visitor.session is None
    assert await sessions_of(pool) == []


async def test_staff_sees_the_page_of_the_partner_that_it_chooses_by_a_token_of_that_partner(
    visitor: Visitor, pool: Pool
) -> None:
    await sign_in(visitor, OVERSEER)
    chooser = await visitor.get("/session/partner")
    assert "Brightwater Digital" in chooser.text
    assert "Nordlicht Agentur" in chooser.text

    chosen = await visitor.post("/session/partner", partner_id=str(NORDLICHT))
    place = chosen.headers["refresh"].removeprefix("0; url=")
    assert query(place)["partner_id"] == str(NORDLICHT)
    answer = await visitor.get(local(await be(OVERSEER, place)))

    assert answer.status_code == 303
    assert await sessions_of(pool) == [(OVERSEER, NORDLICHT, "staff", "Tom Okafor")]


async def test_staff_chooses_no_partner_that_the_provider_does_not_name(
    visitor: Visitor, provider: str
) -> None:
    await sign_in(visitor, OVERSEER)
    elsewhere = str(MEMBER)

    assert (await visitor.post("/session/partner", partner_id=elsewhere)).status_code == 403
    begun = (await visitor.post("/session/partner", partner_id=str(NORDLICHT))).headers["refresh"]
    forged = begun.removeprefix("0; url=").replace(str(NORDLICHT), elsewhere)
    assert query(await be(OVERSEER, forged))["error"] == "access_denied"
    other = begun.removeprefix("0; url=").replace(str(NORDLICHT), str(BRIGHTWATER))
    answer = await visitor.get(local(await be(OVERSEER, other)))
    assert answer.status_code == 403, "a token of another partner than the one chosen"


@pytest.mark.parametrize("person", [ADMIN, MEMBER])
async def test_the_partners_own_people_have_nothing_to_choose(
    visitor: Visitor, person: object
) -> None:
    await sign_in(visitor, ADMIN if person == ADMIN else MEMBER)

    assert (await visitor.get("/session/partner")).status_code == 403
    answer = await visitor.post("/session/partner", partner_id=str(NORDLICHT))
    assert answer.status_code == 403


@pytest.fixture
def another_provider() -> Iterator[str]:
    """One that we have not written: its tokens for the services are the ID tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not moved on from what authlib deprecates
        yield from _another_provider()


def _another_provider() -> Iterator[str]:
    from oidc_provider_mock import User, run_server_in_thread

    claims = {"partner_id": str(BRIGHTWATER), "role": "member", "name": "Max Ibarra"}
    user = User(sub=str(MEMBER), claims=claims)
    with run_server_in_thread(user_claims=[user], require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def page_elsewhere(
    another_provider: str, address: Addresses, filled: Pool, clock: ManualClock
) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_for(
        address.dsn,
        oidc_issuer=another_provider,
        oidc_jwks_url=f"{another_provider}/jwks",
        oidc_audience=CLIENT,
        oidc_token="id_token",
        oidc_client_secret=SECRET,
    )
    async with running(create_app(settings, clock)) as http:
        yield http


async def test_any_provider_that_can_be_discovered_signs_people_in_and_out(
    page_elsewhere: httpx2.AsyncClient, another_provider: str, pool: Pool
) -> None:
    visitor = Visitor(page_elsewhere)
    place = await entering.begin(visitor, "/renewals")
    async with httpx2.AsyncClient() as http:
        agreed = await http.post(place, data={"sub": str(MEMBER)})

    answer = await visitor.get(local(agreed.headers["location"]))

    assert answer.headers["location"] == "/renewals"
    assert await sessions_of(pool) == [(MEMBER, BRIGHTWATER, "member", "Max Ibarra")]
    left = await visitor.post("/session/sign-out")
    assert left.headers["refresh"].startswith(f"0; url={another_provider}/")
    assert not await visitor.is_signed_in()


async def test_without_its_provider_the_page_says_so(
    address: Addresses, filled: Pool, clock: ManualClock
) -> None:
    settings = settings_for(address.dsn, oidc_issuer="http://127.0.0.1:1")
    async with running(create_app(settings, clock)) as http:
        answer = await Visitor(http).get("/session/sign-in")

    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
    assert answer.headers["retry-after"]
