"""The demo's issuer as a provider: it believes anybody who they are, and nobody anything else."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local import issuer
from deploy.local.issuer import CLIENT, Person
from deploy.local.issuer_grants import CODE_SECONDS, Asked, Grants, challenge_of
from shared.chassis.identity import Caller, Verifier

ADDRESS = "http://127.0.0.1:18100"
CALLBACK = "http://127.0.0.1:18105/session/callback"
VERIFIER = "a-verifier-of-forty-three-characters-and-more"
ACME, OTHER = uuid4(), uuid4()
ANN = Person(id=uuid4(), partner_id=ACME, partner="Acme <Agency>", role="admin", name="Ann <b>")
TOM = Person(
    id=uuid4(),
    partner_id=ACME,
    partner="HubSpot",
    role="staff",
    name="Tom",
    partner_ids=(ACME, OTHER),
)
ASKED = {
    "client_id": CLIENT,
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid profile",
    "state": "s",
    "nonce": "n",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    issuer.write_people(tmp_path / "people.json", [ANN, TOM])
    app = issuer.create_app(tmp_path, issuer=ADDRESS, audience="partner-tools", lifetime=60)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def said(answer: httpx2.Response) -> dict[str, str]:
    """What the browser is sent back with."""
    assert answer.status_code == 303, answer.text
    place = urlsplit(answer.headers["location"])
    assert place.geturl().startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(place.query).items()}


async def code_for(http: httpx2.AsyncClient, person: UUID, **other: str) -> str:
    told = said(await http.get("/authorize", params=ASKED | other | {"person": str(person)}))
    assert told["state"] == "s"
    return told["code"]


async def redeem(http: httpx2.AsyncClient, code: str, /, **other: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await http.post("/token", data=form | other)


async def test_the_chooser_names_everybody_by_partner_and_role(http: httpx2.AsyncClient) -> None:
    page = await http.get("/authorize", params=ASKED)

    assert "Who are you?" in page.text
    assert "<caption>Acme &lt;Agency&gt;</caption>" in page.text
    assert "Ann &lt;b&gt;" in page.text
    assert "Partner admin" in page.text
    assert "HubSpot staff" in page.text


async def test_its_pages_have_no_style_or_script_within(http: httpx2.AsyncClient) -> None:
    for path in ("/", "/authorize", "/end-session"):
        page = await http.get(path, params=ASKED)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<style" not in page.text
        assert "style=" not in page.text
        assert "<script" not in page.text
    assert (await http.get("/style.css")).headers["content-type"].startswith("text/css")


async def test_the_tokens_name_the_person_and_answer_the_question(
    http: httpx2.AsyncClient,
) -> None:
    answer = await redeem(http, await code_for(http, ANN.id))
    given, keys = answer.json(), (await http.get("/jwks.json")).json()

    async def published() -> Mapping[str, Any]:
        return dict(keys)

    assert answer.headers["cache-control"] == "no-store"
    caller = await Verifier(ADDRESS, "partner-tools", published).verify(given["access_token"])
    assert caller == Caller(ANN.id, ACME, "admin", "Ann <b>")
    ident = jwt.decode(given["id_token"], ECKey.import_key(keys["keys"][0])).claims
    assert (ident["aud"], ident["nonce"], ident["sub"]) == (CLIENT, "n", str(ANN.id))


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/session/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example/session/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.example/session/callback"},
        {"redirect_uri": CALLBACK + "/../elsewhere"},
        {"redirect_uri": CALLBACK + "?more=1"},
        {"redirect_uri": "http://[::1/session/callback"},
        {"redirect_uri": ""},
    ],
    ids=str,
)
async def test_it_sends_nobody_to_where_it_does_not_know(
    other: dict[str, str], http: httpx2.AsyncClient
) -> None:
    answer = await http.get("/authorize", params=ASKED | other | {"person": str(ANN.id)})
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"person": str(UUID(int=1))}, "access_denied"),
    ],
    ids=str,
)
async def test_what_is_asked_wrongly_is_said_to_who_asked(
    other: dict[str, str], error: str, http: httpx2.AsyncClient
) -> None:
    told = said(await http.get("/authorize", params=ASKED | {"person": str(ANN.id)} | other))
    assert (told["error"], told["state"]) == (error, "s")


@pytest.mark.parametrize(
    "other",
    [
        {"code_verifier": "guessed"},
        {"code_verifier": ""},
        {"code_verifier": challenge_of(VERIFIER)},
        {"redirect_uri": CALLBACK.replace("18105", "18106")},
        {"code": "guessed"},
    ],
    ids=str,
)
async def test_a_code_is_worth_something_to_who_asked_for_it_alone(
    other: dict[str, str], http: httpx2.AsyncClient
) -> None:
    code = await code_for(http, ANN.id)
    refused = await redeem(http, code, **other)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


async def test_codes_and_refresh_tokens_work_once_and_a_second_use_ends_all_that_came_of_it(
    http: httpx2.AsyncClient,
) -> None:
    async def refresh(token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}
        return await http.post("/token", data=form)

    code = await code_for(http, ANN.id)
    first = (await redeem(http, code)).json()["refresh_token"]
    second = (await refresh(first)).json()["refresh_token"]
    third = (await refresh(second)).json()["refresh_token"]
    assert (await refresh(second)).status_code == 400
    assert (await refresh(third)).status_code == 400, "somebody has a copy"

    code = await code_for(http, ANN.id)
    fresh = (await redeem(http, code)).json()["refresh_token"]
    assert (await redeem(http, code)).status_code == 400
    assert (await refresh(fresh)).status_code == 400


def test_a_code_lives_a_minute() -> None:
    now = [0.0]
    grants = Grants(lambda: now[0])
    codes = [grants.promise(Asked(**ASKED), ANN.id, ACME) for _ in range(2)]
    told = {"client_id": CLIENT, "redirect_uri": CALLBACK, "verifier": VERIFIER}
    now[0] = CODE_SECONDS
    assert grants.redeem(codes[0], **told) is not None
    now[0] = CODE_SECONDS + 0.1
    assert grants.redeem(codes[1], **told) is None


async def test_another_client_and_another_kind_of_grant_are_refused(
    http: httpx2.AsyncClient,
) -> None:
    assert (await redeem(http, "any", client_id="another")).json() == {"error": "invalid_client"}
    answer = await redeem(http, "any", grant_type="password")
    assert answer.json() == {"error": "unsupported_grant_type"}


async def test_staff_goes_on_as_the_same_person_to_a_partner_that_it_may_choose(
    http: httpx2.AsyncClient,
) -> None:
    async def partner_of(code: str) -> str:
        token = (await redeem(http, code)).json()["access_token"]
        keys = (await http.get("/jwks.json")).json()["keys"]
        return str(jwt.decode(token, ECKey.import_key(keys[0])).claims["partner_id"])

    assert "Who are you?" in (await http.get("/authorize", params=ASKED)).text
    assert await partner_of(await code_for(http, TOM.id)) == str(ACME)
    wanted = ASKED | {"partner_id": str(OTHER)}
    code = said(await http.get("/authorize", params=wanted))["code"]
    assert await partner_of(code) == str(OTHER)

    elsewhere = ASKED | {"partner_id": str(uuid4())}
    assert said(await http.get("/authorize", params=elsewhere))["error"] == "access_denied"
    await http.get("/end-session")
    assert "Who are you?" in (await http.get("/authorize", params=wanted)).text
    hinted = wanted | {"login_hint": str(ANN.id)}
    assert said(await http.get("/authorize", params=hinted))["error"] == "access_denied"


async def test_after_the_end_of_a_session_one_is_back_at_the_page_and_nowhere_else(
    http: httpx2.AsyncClient,
) -> None:
    back = "http://127.0.0.1:18105/session/signed-out"
    answer = await http.get("/end-session", params={"post_logout_redirect_uri": back, "state": "x"})
    assert answer.headers["location"] == f"{back}?state=x"
    for other in ("https://evil.example/session/signed-out", "//evil.example", ""):
        answer = await http.get("/end-session", params={"post_logout_redirect_uri": other})
        assert answer.status_code == 200
        assert "You are signed out" in answer.text


async def test_it_describes_itself_as_openid_providers_do(http: httpx2.AsyncClient) -> None:
    told = (await http.get("/.well-known/openid-configuration")).json()
    assert told["issuer"] == ADDRESS
    for name in ("authorization_endpoint", "token_endpoint", "end_session_endpoint", "jwks_uri"):
        assert told[name].startswith(f"{ADDRESS}/")
