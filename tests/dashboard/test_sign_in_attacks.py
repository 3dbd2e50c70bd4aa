"""What an attacker may try at the sign-in, and what comes of it: nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from deploy.local import ports
from deploy.local.databases import Addresses
from services.dashboard.domain.addresses import own_path
from services.dashboard.main import create_app
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests import tokens
from tests.browser.site import answering
from tests.dashboard.conftest import settings_for
from tests.dashboard.entering import AUDIENCE, CLIENT, be, begin, sign_in
from tests.dashboard.people import ADMIN, BRIGHTWATER, MEMBER
from tests.dashboard.visiting import Visitor, local, query, running


async def test_a_state_that_is_not_of_this_sign_in_is_refused(visitor: Visitor) -> None:
    code = query(await be(ADMIN, await begin(visitor)))["code"]
    for state in ("", "&state=", "&state=guessed", f"&state={'x' * 5000}"):
        answer = await visitor.get(f"/session/callback?code={code}{state}")
        assert answer.status_code == 403
    assert visitor.session is None


async def test_an_address_that_somebody_sent_signs_nobody_in(
    visitor: Visitor, page: httpx2.AsyncClient
) -> None:
    """The attacker's own code and state, opened in the victim's browser."""
    attacker = Visitor(page)
    prepared = local(await be(ADMIN, await begin(attacker)))

    assert (await visitor.get(prepared)).status_code == 403
    await begin(visitor)
    assert (await visitor.get(prepared)).status_code == 403
    assert visitor.session is None


async def test_a_stolen_code_is_worth_nothing_in_another_sign_in(
    visitor: Visitor, page: httpx2.AsyncClient
) -> None:
    """PKCE: the code belongs to a secret that never left the victim's sign-in."""
    stolen = query(await be(ADMIN, await begin(visitor)))["code"]
    thief = Visitor(page)
    state = query(await begin(thief))["state"]

    answer = await thief.get(f"/session/callback?code={stolen}&state={state}")

    assert answer.status_code == 403
    assert thief.session is None


async def test_a_code_works_once(visitor: Visitor, pool: Pool) -> None:
    back = local(await be(ADMIN, await begin(visitor)))
    before = dict(visitor.cookies)
    assert (await visitor.get(back)).status_code == 303

    visitor.cookies = before
    assert (await visitor.get(back)).status_code == 403
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 1


async def test_a_sign_in_that_was_changed_on_the_way_is_none(visitor: Visitor) -> None:
    back = local(await be(ADMIN, await begin(visitor)))
    sealed = visitor.cookies["__Host-sign-in"]
    for changed in (sealed[:-4] + "AAAA", sealed.replace(".", "", 1), "a.b.c.d.e", ""):
        visitor.cookies["__Host-sign-in"] = changed
        assert (await visitor.get(back)).status_code == 403


async def test_a_session_given_by_somebody_else_is_never_taken_over(
    visitor: Visitor, page: httpx2.AsyncClient
) -> None:
    """Session fixation: what opens the session is new at each sign-in, and the old one ends."""
    visitor.cookies["__Host-session"] = "chosen-by-an-attacker"
    await sign_in(visitor, ADMIN)
    first = visitor.session
    assert first != "chosen-by-an-attacker"

    await sign_in(visitor, MEMBER)
    assert visitor.session != first
    old = Visitor(page)
    old.cookies["__Host-session"] = first or ""
    assert not await old.is_signed_in()


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/%09/evil.example".replace("%09", "\t"),
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: a=b",
    "/a\nLocation: //evil.example",
    " /dashboard",
    "dashboard",
    "/../..//evil.example",
    "/.//evil.example",
    "/session/sign-out",
    "/ü",
    "/" + "a" * 3000,
    "",
]


async def test_the_sign_in_leads_to_this_site_alone(visitor: Visitor) -> None:
    ends = {wanted: await sign_in(visitor, ADMIN, wanted) for wanted in ELSEWHERE}
    assert ends == dict.fromkeys(ELSEWHERE, "/")


async def test_what_would_split_the_header_stays_as_it_was_written(visitor: Visitor) -> None:
    after = "/renewals?q=%0d%0aSet-Cookie:%20a=b&x=%2F%2Fevil.example"
    assert await sign_in(visitor, ADMIN, after) == after
    assert quote(after, safe="/?=&%:") == after


@given(st.text())
def test_whatever_is_asked_for_the_way_on_is_a_path_of_this_site(wanted: str) -> None:
    found = own_path(wanted)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isascii()
    assert found.isprintable()
    assert "\\" not in found


@dataclass
class Rogue:
    """A provider whose answers a test decides on; it signs with the key of the tests."""

    url: str
    app: FastAPI = field(default_factory=FastAPI)
    answer: dict[str, Any] = field(default_factory=dict)
    issuer: str = ""

    def __post_init__(self) -> None:
        self.app.add_api_route("/.well-known/openid-configuration", self.describe)
        self.app.add_api_route("/jwks.json", tokens.jwks)
        self.app.add_api_route("/token", self.give, methods=["POST"])

    def describe(self) -> dict[str, str]:
        place = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("authorization", "token")}
        return {"issuer": self.issuer or self.url, **place}

    def give(self) -> dict[str, Any]:
        return self.answer


@pytest.fixture
async def rogue() -> AsyncIterator[Rogue]:
    [port] = ports.free_ports(1)
    made = Rogue(f"http://{ports.LOOPBACK}:{port}")
    async with answering(made.app, port):
        yield made


@pytest.fixture
async def misled(rogue: Rogue, address: Addresses, clock: ManualClock) -> AsyncIterator[Visitor]:
    settings = settings_for(
        address.dsn, oidc_issuer=rogue.url, oidc_jwks_url=f"{rogue.url}/jwks.json"
    )
    async with running(create_app(settings, clock)) as http:
        yield Visitor(http)


def given_tokens(
    rogue: Rogue, nonce: str, access: dict[str, Any], ident: dict[str, Any]
) -> dict[str, Any]:
    """The answer of a good provider, but for what is said otherwise."""
    common = {"iss": rogue.url, "nbf": None}
    ours = {"aud": AUDIENCE} | common | access
    theirs = {"aud": CLIENT, "nonce": nonce} | common | ident
    return {
        "token_type": "Bearer",
        "access_token": tokens.token(ADMIN, BRIGHTWATER, **ours),
        "id_token": tokens.token(ADMIN, BRIGHTWATER, **theirs),
    }


async def come_back(visitor: Visitor, rogue: Rogue, answer: dict[str, Any]) -> int:
    rogue.answer = answer
    state = query(rogue.answer.pop("begun"))["state"]
    answered = await visitor.get(f"/session/callback?code=any&state={state}")
    return answered.status_code


async def test_a_good_answer_signs_in(misled: Visitor, rogue: Rogue) -> None:
    begun = await begin(misled)
    good = given_tokens(rogue, query(begun)["nonce"], {}, {})
    assert await come_back(misled, rogue, good | {"begun": begun}) == 303


BAD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the nonce of another sign-in", {}, {"nonce": "replayed"}),
    ("no nonce", {}, {"nonce": None}),
    ("an ID token for another client", {}, {"aud": "another-client"}),
    ("an ID token for several, made for another", {}, {"aud": [CLIENT, "b"], "azp": "b"}),
    ("an ID token for several that does not say for whom", {}, {"aud": [CLIENT, "b"]}),
    ("an ID token of another issuer", {}, {"iss": "https://evil.example"}),
    ("an expired ID token", {}, {"exp": 1}),
    ("an ID token of somebody else", {}, {"sub": str(MEMBER)}),
    ("an access token for another service", {"aud": "mail"}, {}),
    ("an access token of another issuer", {"iss": "https://evil.example"}, {}),
    ("an expired access token", {"exp": 1}, {}),
    ("a role that there is not", {"role": "owner"}, {}),
    ("no partner", {"partner_id": None}, {}),
    ("partners that are none", {"role": "staff", "partner_ids": "all"}, {}),
]


async def test_an_answer_with_one_wrong_claim_signs_nobody_in(
    misled: Visitor, rogue: Rogue, pool: Pool
) -> None:
    for what, access, ident in BAD:
        begun = await begin(misled)
        bad = given_tokens(rogue, query(begun)["nonce"], access, ident)
        assert await come_back(misled, rogue, bad | {"begun": begun}) == 403, what
    assert misled.session is None
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 0


async def test_tokens_that_prove_nothing_sign_nobody_in(misled: Visitor, rogue: Rogue) -> None:
    begun = await begin(misled)
    good = given_tokens(rogue, query(begun)["nonce"], {}, {})
    claims = tokens.claims(ADMIN, BRIGHTWATER, iss=rogue.url, aud=AUDIENCE)
    stranger = ECKey.generate_key("P-256", {"kid": "tests"})
    shared = OctKey.generate_key(256, {"kid": "tests"})
    forged = [
        jwt.encode({"alg": "ES256", "kid": "tests"}, claims, stranger, ["ES256"]),
        jwt.encode({"alg": "HS256", "kid": "tests"}, claims, shared, ["HS256"]),
        good["access_token"].rpartition(".")[0] + ".",
        good["id_token"],  # for us, not for the services
        "opaque",
        "",
    ]
    for token in forged:
        answer = good | {"access_token": token, "begun": begun}
        assert await come_back(misled, rogue, answer) == 403
    assert await come_back(misled, rogue, good | {"id_token": "", "begun": begun}) == 403
    assert await come_back(misled, rogue, good | {"token_type": "mac", "begun": begun}) == 403
    assert misled.session is None


async def test_a_description_of_another_issuer_is_not_believed(
    misled: Visitor, rogue: Rogue
) -> None:
    rogue.issuer = "https://evil.example"
    assert (await misled.get("/session/sign-in")).status_code == 503


async def test_ten_sign_ins_at_once_make_ten_sessions_that_do_not_mix(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    visitors = [Visitor(page) for _ in range(10)]
    people = [ADMIN, MEMBER] * 5
    await asyncio.gather(
        *(sign_in(visitor, person) for visitor, person in zip(visitors, people, strict=True))
    )
    rows = await pool.fetch("SELECT user_id FROM sessions")
    assert sorted(row["user_id"] for row in rows) == sorted(people)
    assert len({visitor.session for visitor in visitors}) == 10
