"""A system of containers from a clean clone, with ports and names of its own."""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from deploy.local import ports
from deploy.local.databases import SERVICES

ROOT = Path(__file__).parents[2]
IMAGES = (*SERVICES, "tools")
PORTS = (
    *("CLIENTS", "RENEWALS", "NOTIFICATIONS", "TIERS", "DASHBOARD", "WEBHOOKS"),
    *("ISSUER", "MAIL", "KAFKA", "POSTGRES"),
)
UP_SECONDS = 540


def run(
    *command: str | Path, timeout: float = 120, **other: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program; what it says is kept, whatever its end."""
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout, **other
    )


def docker(*arguments: str, timeout: float = 120) -> str:
    """What a docker command prints. Fails with what it says where it does."""
    done = run("docker", *arguments, timeout=timeout)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def clone(folder: Path) -> Path:
    """What was committed, as somebody gets it who has just heard of us."""
    done = run("git", "clone", "--quiet", "--no-local", ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def free_environment() -> dict[str, str]:
    """The variables by which this system shares no port, name or image with another one."""
    run_name = secrets.token_hex(3)
    free = ports.free_ports(len(PORTS))
    return {f"{name}_PORT": str(port) for name, port in zip(PORTS, free, strict=True)} | {
        "COMPOSE_PROJECT_NAME": f"partner-tools-test-{run_name}",
        "VERSION": f"test-{run_name}",
        "WEBHOOKS_ALLOWED_HOSTS": "partner-tools.invalid",  # a name that never leads anywhere
    }


@dataclass
class Stack:
    """The system that docker-compose.yml describes."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=free_environment)
    seconds: float = 0.0  # that it took to come up

    @property
    def project(self) -> str:
        """What Docker calls it."""
        return self.variables["COMPOSE_PROJECT_NAME"]

    @property
    def version(self) -> str:
        """The tag of its images."""
        return self.variables["VERSION"]

    def port(self, name: str) -> int:
        """Where something is reached on this machine."""
        return int(self.variables[f"{name.upper()}_PORT"])

    def url(self, name: str) -> str:
        """The address of something that speaks HTTP."""
        return f"http://127.0.0.1:{self.port(name)}"

    def image(self, name: str) -> str:
        """The image of a service, or ``tools``."""
        return f"partner-tools/{name}:{self.version}"

    def compose(
        self, *arguments: str, timeout: float = UP_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run docker compose in the clone, with the demo's profile."""
        return run(
            *("docker", "compose", "--profile", "demo", *arguments),
            cwd=self.folder,
            env=os.environ | self.variables,
            timeout=timeout,
        )

    def up(self) -> None:
        """Start it as the README says."""
        begun = monotonic()
        done = self.compose("up", "--wait")
        self.seconds = monotonic() - begun
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.complaints()}"

    def complaints(self) -> str:
        """The last that each container said that did not end well."""
        told = []
        for name, state in self.states().items():
            if state["ExitCode"] or state.get("Health", {}).get("Status") == "unhealthy":
                said = self.compose("logs", "--tail", "30", name.removeprefix(f"{self.project}-"))
                told.append(f"{name}: {state}\n{said.stdout}{said.stderr}")
        return "\n".join(told)

    def down(self) -> None:
        """End it and forget it, images too."""
        done = self.compose("down", "--volumes")
        assert done.returncode == 0, done.stderr
        there = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
        mine = [self.image(name) for name in IMAGES if self.image(name) in there]
        if mine:
            docker("image", "rm", *mine)

    def containers(self, *, every: bool = False) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says of each that runs, by the name in docker-compose.yml."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = docker("ps", "--quiet", "--filter", label, *(["--all"] if every else [])).split()
        found = json.loads(docker("inspect", *ids)) if ids else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def states(self) -> dict[str, Any]:
        """How each is, those that ended too."""
        return {name: each["State"] for name, each in self.containers(every=True).items()}

    def secret(self, container: str, name: str) -> str:
        """What stands in a file of secrets, as a container sees it."""
        return self.compose("exec", "-T", container, "cat", f"/run/secrets/{name}").stdout.strip()

    def databases(self) -> dict[str, str]:
        """The DSN of each service's database, as PostgreSQL's superuser."""
        password = self.secret("postgres", "postgres_password")
        server = f"postgresql://postgres:{password}@127.0.0.1:{self.port('postgres')}"
        return {service: f"{server}/{service}" for service in SERVICES}

    @property
    def kafka(self) -> str:
        """Kafka's listener for this machine."""
        return f"127.0.0.1:{self.port('kafka')}"
