"""Servers to measure on, each run its own: Kafka and PostgreSQL on disk, with fsync on."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from deploy.local import databases, ports, processes
from deploy.local.databases import Addresses
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from shared.chassis.database import migrate
from shared.chassis.kafka import ensure_topics
from shared.contracts import topics

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60.0


@dataclass(slots=True)
class Process:
    """A service as it runs in production, and what it cost."""

    name: str
    popen: "Popen[bytes]"
    port: int
    log: Path
    cpu: float = 0.0
    rss_mib: float = 0.0

    def note(self) -> None:
        """Remember its CPU seconds and its highest memory so far."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        self.rss_mib = int(peak.split()[1]) / 1024
        times = psutil.Process(self.popen.pid).cpu_times()
        self.cpu = times.user + times.system


@dataclass(slots=True)
class Ground:
    """The servers, and the service processes on them."""

    folder: Path
    kafka: Kafka
    postgres: Postgres
    services: dict[str, Addresses]
    peaks: dict[str, float] = field(default_factory=dict)

    @property
    def clock(self) -> Path:
        """The file that shifts the clock of every service."""
        return self.folder / "clock"

    @contextmanager
    def service(self, name: str, roles: Mapping[str, bool], **other: str) -> Iterator[Process]:
        """Run a service with some of its roles, from ready to stopped."""
        [port] = ports.free_ports(1)
        prefix = name.upper()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KAFKA_SERVERS": self.kafka.servers,
            "CLOCK_FILE": str(self.clock),
            "LOG_LEVEL": "warning",
            "OIDC_ISSUER": "http://127.0.0.1:1",
            "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks.json",
            f"{prefix}_DATABASE_URL": self.services[name].dsn,
            f"{prefix}_HTTP_PORT": str(port),
            **{f"{prefix}_RUN_{role.upper()}": str(on).lower() for role, on in roles.items()},
            **other,
        }
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-m", f"services.{name}", "serve"]
        process = Process(
            name, processes.start(command, log=log, cwd=ROOT, env=environment), port, log
        )
        try:
            processes.wait_until(
                lambda: _is_ready(port), process.popen, name=name, log=log, timeout=START_SECONDS
            )
            yield process
            process.note()
            self.peaks[name] = max(self.peaks.get(name, 0.0), process.rss_mib)
        finally:
            processes.stop(process.popen)


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Start everything in a folder of its own, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="partner-tools-bench-"))
    folder.chmod(0o755)
    port, controller_port, postgres_port = ports.free_ports(3)
    # A broker that just started spends more on compiling itself than on the records, which one in
    # production did long ago. Compiled quickly it is no faster than that one, and leaves the cores.
    kafka = Kafka(
        folder / "kafka", port=port, controller_port=controller_port, heap="1g", quick=True
    )
    postgres = Postgres(folder / "postgres", port=postgres_port)
    try:
        kafka.launch()
        postgres.start()
        password = secrets.token_hex(8)
        made = await databases.create_service_databases(postgres.dsn, password=password)
        for name, address in made.items():
            await migrate(address.owner_dsn, name, ROOT / "services" / name / "migrations")
        await asyncio.to_thread(kafka.wait)
        await ensure_topics(kafka.servers, topics.REGISTRY)
        yield Ground(folder, kafka, postgres, made)
    finally:
        for server in (kafka, postgres):
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def write_json(path: Path, content: object) -> None:
    """Write a result for other programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, default=str) + "\n")
