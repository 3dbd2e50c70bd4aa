"""Each image: small, alone, and its commands without a shell."""

import json
from typing import Any

import pytest

from deploy.local.databases import SERVICES
from tests.containers.stack import Stack, docker, run

MOST_BYTES = 180 * 1024**2
BASE = "python:3.13-slim"
SHELLS = ("/usr/bin/dash", "/usr/bin/bash", "/usr/bin/sh")
UNUSABLE, NOT_STARTED = 2, 3
OTHERS = """
import importlib.util, os, sys
sys.path.insert(0, "/app")
import services
print(sorted(os.listdir("/app/services")))
print([n for n in sys.argv[1:] if importlib.util.find_spec(f"services.{n}")])
print([n for n in ("deploy", "tests", "pip", "uv") if importlib.util.find_spec(n)])
"""
ONLY_WITHOUT_SHELL = [f"--volume=/dev/null:{shell}:ro" for shell in SHELLS]
FENCED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")


def inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_small_and_says_what_it_is(stack: Stack, service: str) -> None:
    found = inspected(stack.image(service))
    over = found["Size"] - inspected(BASE)["Size"]
    assert over < MOST_BYTES
    print(f"\n  {service}: {over / 1024**2:.0f} MiB over {BASE}")  # noqa: T201
    labels = found["Config"]["Labels"]
    for name in ("title", "description", "licenses", "version", "revision", "created"):
        assert labels[f"org.opencontainers.image.{name}"], name
    assert service in labels["org.opencontainers.image.title"]
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Healthcheck"]["Test"][0] == "CMD"
    assert not any("SECRET" in each or "PASSWORD" in each for each in found["Config"]["Env"])


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_service_and_no_other(stack: Stack, service: str) -> None:
    others = [each for each in SERVICES if each != service]
    said = docker(
        *("run", "--rm", "--network=none", "--entrypoint=python", stack.image(service)),
        *("-c", OTHERS, *others),
    )
    there, found, tools = said.splitlines()
    assert service in there
    assert not any(each in there for each in others)
    assert found == "[]"
    assert tools == "[]"


def test_every_command_runs_without_a_shell_and_with_nothing_to_write_to(stack: Stack) -> None:
    def told(service: str, *arguments: str) -> str:
        return docker(
            *("run", "--rm", "--network=none", *ONLY_WITHOUT_SHELL, *FENCED),
            *(stack.image(service), *arguments),
        )

    for service in SERVICES:
        commands = told(service, "--help")
        assert all(each in commands for each in ("serve", "migrate", "topics", "dead-letters"))
    assert "companies.csv" in told("clients", "import", "--describe")
    assert "retry" in told("webhooks", "dead-letters", "--help")
    none = run(
        "docker", "run", "--rm", *ONLY_WITHOUT_SHELL, "--entrypoint=sh", stack.image("tiers")
    )
    assert none.returncode in (126, 127), "there was a shell after all"


def test_migrate_and_topics_may_run_again_beside_the_running_system(stack: Stack) -> None:
    for service in ("renewals", "webhooks"):
        again = stack.compose("run", "--rm", "--no-deps", f"migrate-{service}")
        assert again.returncode == 0, again.stderr
        assert f"{service}: 0 applied, the database is up to date" in again.stdout
    again = stack.compose("run", "--rm", "--no-deps", "topics")
    assert again.returncode == 0, again.stderr
    assert "topics are there" in again.stdout
    letters = stack.compose("exec", "-T", "clients", "python", "entry.py", "dead-letters", "list")
    assert "0 of 0 open" in letters.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_that_is_missing_ends_it_with_2_and_a_line(stack: Stack, service: str) -> None:
    given = {
        f"{service.upper()}_DATABASE_URL": f"postgresql://{service}:x@127.0.0.1/{service}",
        "KAFKA_SERVERS": "127.0.0.1:9092",
        "OIDC_ISSUER": "https://id.example.com",
        "OIDC_JWKS_URL": "https://id.example.com/jwks.json",
        "DASHBOARD_SESSION_KEY": "x" * 32,
        "WEBHOOKS_SECRETS_KEY": "x" * 32,
    }
    del given["OIDC_ISSUER"]
    settings = [f"--env={name}={value}" for name, value in given.items()]
    done = run(
        *("docker", "run", "--rm", "--network=none", *FENCED, *settings, stack.image(service))
    )
    assert done.returncode == UNUSABLE
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("OIDC_ISSUER is not set: ")


def test_who_is_asked_to_end_before_it_serves_ends_at_once(stack: Stack) -> None:
    """The first process of a container gets no signal that it has not asked for."""
    settings = [
        "--env=CLIENTS_DATABASE_URL=postgresql://clients:x@192.0.2.1/clients",
        "--env=KAFKA_SERVERS=192.0.2.1:9092",
        "--env=OIDC_ISSUER=https://id.example.com",
        "--env=OIDC_JWKS_URL=https://id.example.com/jwks.json",
        "--env=CLIENTS_OWNER_DATABASE_URL=postgresql://clients:x@192.0.2.1/clients",
    ]
    identity = docker(
        "run", "--detach", "--network=none", *settings, stack.image("clients"), "migrate"
    )
    try:
        for _ in range(50):
            if run("docker", "exec", identity, "python", "-c", "").returncode == 0:
                break
        docker("stop", "--time=30", identity)
        state = json.loads(docker("inspect", identity))[0]["State"]
        assert state["ExitCode"] in (143, NOT_STARTED), state
    finally:
        docker("rm", "--force", identity)
