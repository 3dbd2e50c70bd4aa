"""What every answer says to the browser, who may ask, and what is shown where it goes wrong."""

import gzip
import re
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI

from deploy.local.databases import Addresses
from services.dashboard.main import create_app
from services.dashboard.views.assets import ASSETS
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.dashboard.conftest import settings_for
from tests.dashboard.people import ADMIN, BRIGHTWATER, MEMBER
from tests.dashboard.signing_in import sign_in
from tests.dashboard.visiting import ORIGIN, running

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PROMISED = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
HTML = "text/html; charset=utf-8"
FRAMED = 'aria-label="Main"'


def app_of(page: httpx2.AsyncClient) -> FastAPI:
    app: FastAPI = page._transport.app  # type: ignore[attr-defined]  # of the test's transport
    return app


def addresses(app: FastAPI) -> set[tuple[str, str]]:
    """Every address that answers, by method; what varies in it is nothing that there is."""
    return {
        (method, re.sub(r"{[^}]*}", str(uuid4()), route.path))
        for route in app.state.addresses
        for method in route.methods
        if route.path != "/stream"
    }


async def test_every_answer_of_every_address_is_hardened(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    asked = addresses(app_of(page)) | {
        ("GET", "/nothing/here"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/a%00b"),
        ("DELETE", "/dashboard"),
    }
    for who in ({}, {"HX-Request": "false"}, {"HX-Request": "true"}):
        headers = who and who | await sign_in(pool, ADMIN, BRIGHTWATER)
        for method, path in sorted(asked):
            answer = await page.request(method, path, headers=headers)
            told = {name: answer.headers.get(name) for name in PROMISED}
            assert told == PROMISED, f"{method} {path}"
            assert "permissions-policy" in answer.headers
            kept = "public, max-age=86400" if path == "/favicon.ico" else "no-store"
            assert answer.headers["cache-control"] == kept, f"{method} {path}"
            assert "strict-transport-security" not in answer.headers, "this is plain HTTP"
            assert "problem+json" not in answer.headers.get("content-type", "")


async def test_over_https_the_browser_is_told_to_stay_there(
    address: Addresses, clock: ManualClock
) -> None:
    settings = settings_for(address.dsn, public_url="https://dashboard.example.com/")
    async with running(create_app(settings, clock)) as http:
        answer = await http.get("/session/signed-out", headers={"Host": "dashboard.example.com"})
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


FOREIGN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ORIGIN + ".evil.example"},
    {"Origin": ORIGIN.replace("18105", "18106")},
    {"Referer": ORIGIN + "/dashboard"},
]


async def test_what_another_site_posts_is_refused_everywhere(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    cookie = {"Cookie": (await sign_in(pool, ADMIN, BRIGHTWATER))["Cookie"]}
    changing = [each for each in addresses(app_of(page)) if each[0] not in ("GET", "HEAD")]
    assert changing
    for headers in FOREIGN:
        for method, path in changing:
            answer = await page.request(method, path, headers=cookie | headers)
            assert answer.status_code == 403, f"{path} {headers}"
            assert "Nothing was changed" in answer.text
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": ORIGIN}])
async def test_a_form_of_our_own_is_taken_also_from_older_browsers(
    headers: dict[str, str], page: httpx2.AsyncClient, pool: Pool
) -> None:
    cookie = {"Cookie": (await sign_in(pool, ADMIN, BRIGHTWATER))["Cookie"]}
    answer = await page.post("/session/sign-out", headers=cookie | headers)
    assert answer.status_code == 200
    assert await pool.fetchval("SELECT count(*) FROM sessions") == 0


async def test_under_another_name_there_is_no_page(page: httpx2.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[", "127.0.0.1@evil.example"):
        answer = await page.get("/session/signed-out", headers={"Host": host})
        assert answer.status_code == 404, host
        assert ORIGIN in answer.text


async def test_probes_answer_under_whatever_name_they_are_asked(page: httpx2.AsyncClient) -> None:
    answer = await page.get("/readyz", headers={"Host": "10.0.0.7:8000"})
    assert answer.json()["status"] == "ready"


async def test_pages_and_files_are_sent_compressed(page: httpx2.AsyncClient, pool: Pool) -> None:
    admin = await sign_in(pool, ADMIN, BRIGHTWATER)
    for path in ("/session/signed-out", ASSETS["app.css"].url, ASSETS["htmx.js"].url):
        async with page.stream("GET", path, headers=admin | {"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert "accept-encoding" in answer.headers["vary"].lower()
            raw = b"".join([part async for part in answer.aiter_raw()])
        plain = await page.get(path, headers=admin | {"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(raw) == plain.content


async def test_who_builds_on_the_events_reads_the_reference_without_signing_in(
    page: httpx2.AsyncClient,
) -> None:
    led = await page.get("/reference")
    assert (led.status_code, led.headers["location"]) == (308, "/reference/events.html")
    told = await page.get("/reference/events.html")
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert "renewals.RenewalDeadlineApproaching" in told.text
    for named in re.findall(r'<link rel="stylesheet" href="([^"]+)">', told.text):
        assert (await page.get(f"/reference/{named}")).status_code == 200
    assert (await page.get("/reference/asyncapi.json")).json()["asyncapi"].startswith("3.")
    assert (await page.get("/reference/..%2Fids.py")).status_code == 404


async def test_files_are_kept_for_ever_under_the_name_of_their_content(
    page: httpx2.AsyncClient,
) -> None:
    for asset in ASSETS.values():
        answer = await page.get(asset.url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.content == asset.body
    css = ASSETS["app.css"]
    for path in ("/static/0000000000000000/app.css", f"/static/{css.digest}/htmx.js"):
        assert (await page.get(path)).status_code == 404
    for path in (f"/static/{css.digest}/..%2F..%2Fsettings.py", f"/static/{css.digest}/NOTICE"):
        assert (await page.get(path)).status_code == 404
    icon = await page.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/svg+xml"


async def test_what_a_mail_names_leads_to_the_page(page: httpx2.AsyncClient) -> None:
    some = uuid4()
    ends = {
        f"/clients/{some}": f"/dashboard?panel=client:{some}",
        f"/renewals/{some}": f"/renewals?panel=renewal:{some}",
        f"/options/{some}": f"/renewals/{some}/options",
    }
    for path, end in ends.items():
        assert (await page.get(path)).headers["location"] == end


async def test_an_address_that_nobody_has_is_told_in_the_frame_to_who_is_signed_in(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    admin = await sign_in(pool, ADMIN, BRIGHTWATER)
    known = await page.get("/nothing/here", headers=admin)
    assert (known.status_code, known.headers["content-type"]) == (404, HTML)
    assert FRAMED in known.text
    assert "Brightwater Digital" in known.text

    stranger = await page.get("/nothing/here")
    assert (stranger.status_code, stranger.headers["content-type"]) == (404, HTML)
    assert FRAMED not in stranger.text
    assert "Brightwater" not in stranger.text


async def test_what_is_not_for_a_role_is_told_in_the_frame_and_to_htmx_in_a_part(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    member = await sign_in(pool, MEMBER, BRIGHTWATER, "member")
    whole = await page.get("/session/partner", headers=member)
    assert whole.status_code == 403
    assert FRAMED in whole.text
    assert "Only staff of HubSpot" in whole.text

    part = await page.get("/session/partner", headers=member | {"HX-Request": "true"})
    assert part.status_code == 403
    assert "<html" not in part.text
    assert 'role="alert"' in part.text


async def test_a_method_that_an_address_has_not_is_told_with_those_that_it_has(
    page: httpx2.AsyncClient,
) -> None:
    answer = await page.get("/session/sign-out")
    assert (answer.status_code, answer.headers["content-type"]) == (405, HTML)
    assert answer.headers["allow"] == "POST"


async def test_a_form_that_is_not_filled_in_is_told_in_words(
    page: httpx2.AsyncClient, pool: Pool
) -> None:
    admin = await sign_in(pool, ADMIN, BRIGHTWATER)
    answer = await page.post("/session/partner", headers=admin, data={"partner_id": "<b>"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, HTML)
    assert "partner_id" in answer.text
    assert "<b>" not in answer.text


async def test_who_asks_too_often_is_asked_to_wait(
    address: Addresses, filled: Pool, clock: ManualClock
) -> None:
    admin = await sign_in(filled, ADMIN, BRIGHTWATER)
    settings = settings_for(address.dsn, partner_rate=0.5)
    async with running(create_app(settings, clock)) as http:
        assert (await http.get("/session/partner", headers=admin)).status_code == 403
        answer = await http.get("/session/partner", headers=admin)
    assert (answer.status_code, answer.headers["content-type"]) == (429, HTML)
    assert answer.headers["retry-after"] == "1"


async def test_without_its_database_the_page_says_so_and_that_it_passes(
    page: httpx2.AsyncClient, pool: Pool, postgres: str, address: Addresses
) -> None:
    import asyncpg

    admin = await sign_in(pool, ADMIN, BRIGHTWATER)
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"ALTER DATABASE {address.name} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            address.name,
        )
        # The first finds connections that are gone, the others none that may be made.
        answers = [await page.get("/dashboard", headers=admin) for _ in range(8)]
    finally:
        await connection.execute(f"ALTER DATABASE {address.name} ALLOW_CONNECTIONS true")
        await connection.close()
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (503, HTML)
        assert answer.headers["retry-after"]
        assert FRAMED not in answer.text


async def test_a_bug_is_told_as_a_page_without_its_insides(
    page: httpx2.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await sign_in(pool, ADMIN, BRIGHTWATER)
    monkeypatch.setattr(app_of(page).state, "provider", None)
    answer = await page.get("/session/sign-in", headers=admin)
    assert (answer.status_code, answer.headers["content-type"]) == (500, HTML)
    assert "Something went wrong" in answer.text
    assert "AttributeError" not in answer.text
    assert answer.headers["x-request-id"]
