"""The demo's issuer: anybody may be anyone, so nobody else may reach it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from deploy.local import issuer
from deploy.local.issuer import NotLoopbackError, Person, require_loopback
from shared.chassis.identity import Caller, Verifier

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:18100"
ANN = Person(
    id=uuid4(), partner_id=uuid4(), partner="Acme <Agency>", role="member", name="Ann Example"
)


def client(folder: Path) -> httpx2.AsyncClient:
    app = issuer.create_app(folder, issuer=ADDRESS, audience="partner-tools", lifetime=60)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_it_refuses_to_listen_where_others_could_reach_it(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="loopback address only"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_listens_on_this_machine(host: str) -> None:
    require_loopback(host)


def started(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """The issuer's command, which is to end by itself."""
    command = [sys.executable, "-m", "deploy.local.issuer", "--folder", str(folder), *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )


def test_the_command_refuses_too(tmp_path: Path) -> None:
    run = started(tmp_path, "--host", "0.0.0.0")
    assert run.returncode == 1
    assert "not 0.0.0.0" in run.stderr


@pytest.mark.parametrize("name", ["issuer.localhost", "tokens-of-demo.localhost"])
def test_in_a_container_its_name_leads_a_browser_to_its_own_machine(name: str) -> None:
    assert issuer.name_of_a_container(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "issuer",
        "localhost",
        "0.0.0.0",
        "id.example.com",
        "issuer.localhost.example.com",
        "a b.localhost",
    ],
)
def test_in_a_container_it_refuses_a_name_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotLoopbackError, match=r"ends in \.localhost"):
        issuer.name_of_a_container(name)


def test_the_command_refuses_such_a_name_too(tmp_path: Path) -> None:
    run = started(tmp_path, "--in-container", "id.example.com")
    assert run.returncode == 1
    assert "not id.example.com" in run.stderr


async def test_in_a_container_it_answers_under_its_name_and_no_other(tmp_path: Path) -> None:
    name = "http://issuer.localhost:18100"
    app = issuer.create_app(tmp_path, issuer=name, audience="partner-tools", lifetime=60)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http:
        found = await http.get(f"{name}/.well-known/openid-configuration")
        assert found.json()["issuer"] == name
        assert found.json()["token_endpoint"] == f"{name}/token"
        for other in ("http://id.example.com:18100", "http://172.18.0.5:18100"):
            assert (await http.get(f"{other}/people")).status_code == 400


async def test_a_service_believes_its_tokens(tmp_path: Path) -> None:
    issuer.write_people(tmp_path / "people.json", [ANN])
    async with client(tmp_path) as http:
        answer = (await http.get("/token", params={"person": str(ANN.id)})).json()
        keys = (await http.get("/jwks.json")).json()

    async def published() -> Mapping[str, Any]:
        return dict(keys)

    caller = await Verifier(ADDRESS, "partner-tools", published).verify(answer["access_token"])

    assert caller == Caller(ANN.id, ANN.partner_id, "member", "Ann Example")
    assert "d" not in keys["keys"][0], "the private part of the key is nobody's business"


async def test_its_key_outlives_it_and_is_for_its_owner_only(tmp_path: Path) -> None:
    async with client(tmp_path) as first, client(tmp_path) as second:
        assert (await first.get("/jwks.json")).json() == (await second.get("/jwks.json")).json()
    assert (tmp_path / "issuer-key.json").stat().st_mode & 0o077 == 0


async def test_there_is_no_token_for_somebody_unknown(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        assert (await http.get("/token", params={"person": str(uuid4())})).status_code == 404
        assert (await http.get("/token", params={"person": "ann"})).status_code == 422
        assert "Nobody yet" in (await http.get("/")).text


async def test_the_chooser_shows_the_people_of_the_moment(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        issuer.write_people(tmp_path / "people.json", [ANN])
        page = await http.get("/")
        people = await http.get("/people")

    assert "Acme &lt;Agency&gt;" in page.text
    assert f"/token?person={ANN.id}" in page.text
    assert [each["id"] for each in people.json()] == [str(ANN.id)]


async def test_another_host_name_is_refused(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        answer = await http.get("/people", headers={"host": "attacker.example"})
    assert answer.status_code == 400
