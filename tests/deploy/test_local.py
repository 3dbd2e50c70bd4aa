"""``python -m deploy.local`` on ports and in a folder of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import ports, state
from deploy.local.settings import LocalSettings

pytestmark = pytest.mark.timeout(400)  # it begins together with what starts everywhere else

ROOT = Path(__file__).parents[2]
PORTS = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "SMTP", "MAIL", "ISSUER")


class Local:
    """The command line in an environment of its own."""

    def __init__(self, folder: Path) -> None:
        names = [f"LOCAL_{name}_PORT" for name in PORTS]
        self.ports = dict(zip(names, ports.free_ports(len(names)), strict=True))
        self.env = os.environ | {name: str(port) for name, port in self.ports.items()}
        self.env |= {"LOCAL_FOLDER": str(folder), "LOCAL_ONLY": "none"}
        self.folder = folder

    def __call__(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", *arguments],
            cwd=ROOT,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def pids(self) -> dict[str, int]:
        return {part.name: part.pid for part in state.read(self.folder) if part.pid is not None}

    def listening(self) -> list[str]:
        return [name for name, port in self.ports.items() if ports.is_open(port)]


@pytest.fixture
def local(scratch: Path) -> Iterator[Local]:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    folder.chmod(0o755)
    command = Local(folder)
    yield command
    command("down")
    shutil.rmtree(folder)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.faults
def test_what_runs_is_reused_mended_and_ended_without_a_trace(local: Local) -> None:
    up = local("up")
    assert up.returncode == 0, up.stdout
    first = local.pids()
    assert first.keys() == {"kafka", "postgres", "mail", "issuer"}
    assert len(local.listening()) == len(PORTS)

    again = local("up")
    assert again.returncode == 0
    assert local.pids() == first

    os.kill(first["mail"], signal.SIGKILL)
    until(lambda: local.pids().get("mail", first["mail"]) != first["mail"])
    until(lambda: local("status").returncode == 0)
    assert re.search(r"mail +ready +\d+ +1 ", local("status").stdout)

    everything = [*local.pids().values(), state.supervisor(local.folder) or 0]
    down = local("down")
    assert down.returncode == 0, down.stdout
    assert not any(map(lives, everything))
    assert local.listening() == []
    assert local("status").returncode == 3
    assert "Nothing runs" in local("down").stdout


@pytest.mark.faults
def test_nothing_outlives_a_supervisor_that_is_killed(local: Local) -> None:
    up = local("up")
    assert up.returncode == 0, up.stdout
    left = local.pids().values()
    supervisor = state.supervisor(local.folder)
    assert supervisor is not None

    os.kill(supervisor, signal.SIGKILL)
    local("down")

    assert not any(map(lives, left))
    assert local.listening() == []


def test_a_taken_port_stops_nothing_half_way(local: Local) -> None:
    with socket.create_server((ports.LOOPBACK, local.ports["LOCAL_SMTP_PORT"])):
        up = local("up")

    assert up.returncode == 1
    assert f"port {local.ports['LOCAL_SMTP_PORT']}" in up.stdout
    assert "Set LOCAL_SMTP_PORT=" in up.stdout
    assert local.pids() == {}
    assert local.listening() == []


def test_a_setting_that_is_none_is_told_by_its_name(local: Local) -> None:
    up = local("up", LOCAL_KAFKA_PORT="many")

    assert up.returncode == 1
    assert up.stdout.startswith("LOCAL_KAFKA_PORT is 'many'")


def test_without_java_it_says_what_is_missing(local: Local) -> None:
    up = local("up", JAVA_HOME="/nonexistent")

    assert up.returncode == 1
    assert up.stdout.strip().startswith("Kafka needs Java 17 or newer, but JAVA_HOME=/nonexistent")
    assert local.listening() == []


def test_the_clock_is_shifted_by_what_is_a_shift(local: Local) -> None:
    assert local("clock").stdout.strip() == "no shift"
    assert local("clock", "+8d").returncode == 0
    assert local("clock").stdout.strip() == "+8d"

    wrong = local("clock", "tomorrow")

    assert wrong.returncode == 1
    assert "'tomorrow' is no shift" in wrong.stdout
    assert local("clock").stdout.strip() == "+8d"


def test_logs_are_shown_by_name(local: Local) -> None:
    folder = local.folder / "logs"
    folder.mkdir()
    (folder / "clients.log").write_text("one\ntwo\nthree\n")

    assert local("logs", "clients", "--lines", "2", "--no-follow").stdout.split() == [
        *("clients", "two"),
        *("clients", "three"),
    ]
    unknown = local("logs", "client", "--no-follow")
    assert unknown.returncode == 1
    assert "there are: clients" in unknown.stdout


def test_a_service_is_told_where_everything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    monkeypatch.setenv("LOCAL_POSTGRES_PORT", "25432")
    told = LocalSettings().environment()

    assert told["KAFKA_SERVERS"] == "127.0.0.1:19092"
    assert told["TIERS_DATABASE_URL"].endswith("@127.0.0.1:25432/tiers")
    assert told["TIERS_DATABASE_URL"].startswith("postgresql://tiers:")
    assert told["TIERS_OWNER_DATABASE_URL"].startswith("postgresql://tiers_owner:")
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0
    assert LocalSettings().environment() == told
