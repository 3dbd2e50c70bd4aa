"""What docker-compose.yml says, without a Docker: variables, waiting, and how it is fenced."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONCE = {name for name, each in SERVICES.items() if each.get("restart") == "no"}
NAMES = sorted({each for service in SERVICES.values() for each in service.get("profiles", [])})
PROFILES = [set(), *({each} for each in NAMES), set(NAMES)]


def active(profiles: set[str]) -> set[str]:
    """The services that `up` starts with these profiles."""
    return {
        name
        for name, each in SERVICES.items()
        if not each.get("profiles") or set(each["profiles"]) & profiles
    }


def test_env_example_has_every_variable_and_no_other() -> None:
    read = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert told == read


def test_a_default_in_env_example_is_the_one_of_the_file() -> None:
    of_file = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^${}]*)\}", TEXT))
    told = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    examples = {name for name, value in told.items() if "example" in value or "SMTP" in name}
    for name, value in of_file.items():
        if name not in examples:
            assert told[name] == value, name


@pytest.mark.parametrize("profiles", PROFILES, ids=lambda each: "+".join(sorted(each)) or "none")
def test_with_every_profile_something_that_stays_waits_for_each_job(profiles: set[str]) -> None:
    """`up --wait` calls a job that has ended a failure, unless a service depends on its end."""
    awaited = {
        job
        for name in active(profiles) - ONCE
        for job, how in SERVICES[name].get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert active(profiles) & ONCE <= awaited


@pytest.mark.parametrize("profiles", PROFILES, ids=lambda each: "+".join(sorted(each)) or "none")
def test_what_starts_with_a_profile_depends_on_nothing_outside_it(profiles: set[str]) -> None:
    started = active(profiles)
    for name in started:
        assert set(SERVICES[name].get("depends_on", {})) <= started, name


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_fenced(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert all(":/var/run/docker.sock" not in str(each) for each in service.get("volumes", []))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_whatever_stays_has_time_to_end_and_starts_again_by_itself(name: str) -> None:
    assert SERVICES[name]["stop_grace_period"] == "45s"
    assert SERVICES[name]["restart"] == "unless-stopped"
    if name != "otel-collector":  # its image holds nothing to ask with
        assert "start_period" in SERVICES[name]["healthcheck"]


def test_each_image_is_of_a_fixed_version() -> None:
    for name, service in SERVICES.items():
        image = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", service["image"])
        tag = image.rpartition(":")[2]
        assert tag != image, f"{name} has no version"
        assert tag != "latest", name


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|_KEY|DATABASE_URL", variable)
            assert not secret or str(value).startswith("/run/secrets"), f"{name}: {variable}"


def test_a_service_sees_its_own_secrets_and_no_other() -> None:
    mounted = {
        name: {each for each in map(str, service.get("volumes", [])) if "secrets-" in each}
        for name, service in SERVICES.items()
        if name not in ONCE
    }
    for name in ("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks"):
        assert mounted.pop(name) == {f"secrets-{name}:/run/secrets:ro"}
    assert mounted.pop("postgres") == {"secrets-postgres:/run/secrets:ro"}
    assert not any(mounted.values())
