"""What sets a system of containers up, as far as it needs no Docker."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.containers import health, sample, secrets
from deploy.local.databases import SERVICES
from deploy.local.issuer import read_people

ROOT = Path(__file__).parents[2]
HEALTH = ROOT / "deploy" / "containers" / "health.py"


def everything(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in folder.glob("*/*")}


def test_secrets_are_made_up_once_and_kept(tmp_path: Path) -> None:
    written = secrets.make(tmp_path, server="postgres:5432")
    first = everything(tmp_path)
    assert len(first) == len(written)
    assert secrets.make(tmp_path, server="postgres:5432") == []
    assert everything(tmp_path) == first


def test_a_secret_that_somebody_put_there_stays_and_the_others_follow_it(tmp_path: Path) -> None:
    own = tmp_path / "clients" / "clients_database_url"
    own.parent.mkdir()
    own.write_text("postgresql://clients:mine@db.example.com/clients")
    secrets.make(tmp_path, server="postgres:5432")
    assert own.read_text() == "postgresql://clients:mine@db.example.com/clients"
    assert (tmp_path / "migrations" / own.name).read_text() == own.read_text()


def test_no_two_secrets_are_alike_nor_of_two_systems(tmp_path: Path) -> None:
    made = []
    for system in ("one", "another"):
        secrets.make(tmp_path / system, server="postgres:5432")
        made += [*everything(tmp_path / system).items()]
    own = [value for path, value in made if not path.startswith("migrations/")]
    owners = [value for path, value in made if path.endswith("_owner_database_url")]
    assert len(own + owners) == len(set(own + owners)) == 2 * (len(SERVICES) * 2 + 3)
    assert min(map(len, own)) >= 32


def test_a_service_gets_what_begins_with_its_name_and_never_its_owners_login(
    tmp_path: Path,
) -> None:
    secrets.make(tmp_path, server="postgres:5432")
    for service in SERVICES:
        names = [each.name for each in (tmp_path / service).iterdir()]
        assert all(name.startswith(f"{service}_") and "owner" not in name for name in names)


def test_whoever_may_enter_the_folder_may_read_and_nobody_may_write(tmp_path: Path) -> None:
    for each in secrets.make(tmp_path, server="postgres:5432"):
        assert each.stat().st_mode & 0o777 == 0o444


def test_the_sample_is_made_once_with_the_partners_apart(tmp_path: Path) -> None:
    people = tmp_path / "people.json"
    assert sample.make(tmp_path, people) is True
    there = {each.name for each in (tmp_path / "portfolio" / "partners").iterdir()}
    assert there == {"partners.csv", "partner_users.csv", "hubspot_team.csv"}
    assert any(each.role == "admin" for each in read_people(people))
    before = (tmp_path / "portfolio" / "sample.json").stat().st_mtime_ns
    assert sample.make(tmp_path, people) is False
    assert (tmp_path / "portfolio" / "sample.json").stat().st_mtime_ns == before


def test_once_all_is_imported_a_second_start_imports_nothing(tmp_path: Path) -> None:
    people = tmp_path / "people.json"
    sample.make(tmp_path, people)
    companies = tmp_path / "portfolio" / "clients" / "companies.csv"
    rows = companies.read_text().splitlines()
    sample.make(tmp_path, people)
    assert companies.read_text().splitlines() == rows, "the first start may have failed half-way"
    (tmp_path / "issuer-key.json").touch()
    sample.make(tmp_path, people)
    assert companies.read_text().splitlines() == rows[:1]


@contextmanager
def answering(line: bytes) -> Iterator[int]:
    """A port where a request is answered with this line, once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(line + b"\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"HTTP/1.1 200 OK", 0), (b"HTTP/1.1 503 Service Unavailable", 1), (b"nonsense", 1), (b"", 1)],
)
def test_a_container_is_healthy_if_its_service_says_so(line: bytes, code: int) -> None:
    with answering(line) as port:
        variables = os.environ | {"SERVICE": "tiers", "TIERS_HTTP_PORT": str(port)}
        done = subprocess.run([sys.executable, "-IS", HEALTH], env=variables, check=False)
    assert done.returncode == code


def test_a_container_in_which_nothing_listens_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert health.ready(port) is False
