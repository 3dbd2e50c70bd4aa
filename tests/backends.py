"""PostgreSQL and Kafka for the tests in containers: `TEST_BACKEND=containers`.

The images are those of docker-compose.yml. The servers are as quick and as careless as those that
the tests start without Docker.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import asyncpg

from deploy.local import ports
from deploy.local.kafka import serves

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

POSTGRES_IMAGE, KAFKA_IMAGE = "postgres:18", "apache/kafka:4.3.1"
PASSWORD = "not-a-secret"
SECONDS = 120.0


def wanted() -> bool:
    """Whether containers are asked for. Raises ValueError for what nobody knows."""
    backend = os.environ.get("TEST_BACKEND", "local")
    if backend not in ("local", "containers"):
        raise ValueError(f"TEST_BACKEND is {backend!r}: it should be local or containers")
    return backend == "containers"


def _prepared(image: str, inside: int, outside: int, memory: dict[str, str]) -> "DockerContainer":
    """A container to start, with a port on the loopback address and folders held in memory."""
    # The reaper of forgotten containers is one more image; these are removed in any case.
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image)
    address: Any = (ports.LOOPBACK, outside)  # as docker takes it, too
    container.ports = {f"{inside}/tcp": address}
    container.tmpfs = memory
    return container


@contextmanager
def postgres() -> Iterator[str]:
    """The superuser's DSN of a server that is thrown away."""
    [port] = ports.free_ports(1)
    dsn = f"postgresql://postgres:{PASSWORD}@{ports.LOOPBACK}:{port}/postgres"
    settings = {"max_connections": 400, "shared_buffers": "192MB", "timezone": "UTC", "jit": "off"}
    careless = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "2GB"}
    container = _prepared(POSTGRES_IMAGE, 5432, port, {"/var/lib/postgresql": ""})
    container.with_env("POSTGRES_PASSWORD", PASSWORD).with_kwargs(shm_size="256m")
    told = (f"-c {name}={value}" for name, value in (settings | careless).items())
    with container.with_command(" ".join(("postgres", *told))):
        _wait(lambda: _connects(dsn), POSTGRES_IMAGE)
        yield dsn


@contextmanager
def kafka() -> Iterator[str]:
    """The bootstrap servers of a broker that is thrown away."""
    [port] = ports.free_ports(1)
    servers = f"{ports.LOOPBACK}:{port}"
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://localhost:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{servers}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LOG_DIRS": "/var/lib/kafka/data",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "LOG_CLEANER_DEDUPE_BUFFER_SIZE": "16777216",
        "HEAP_OPTS": "-Xms128m -Xmx512m -XX:TieredStopAtLevel=1",
    }
    memory = {"/var/lib/kafka/data": "uid=1000,gid=1000,mode=0750"}
    container = _prepared(KAFKA_IMAGE, 9092, port, memory)
    with container.with_envs(**{f"KAFKA_{name}": value for name, value in settings.items()}):
        _wait(lambda: ports.is_open(port) and _elsewhere(lambda: serves(servers)), KAFKA_IMAGE)
        yield servers


def _connects(dsn: str) -> bool:
    async def connect() -> bool:
        try:
            await (await asyncpg.connect(dsn, timeout=5)).close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    return _elsewhere(connect)


def _elsewhere(ask: Callable[[], Coroutine[None, None, bool]]) -> bool:
    """Ask from a thread of its own: a loop may be running in this one."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(lambda: asyncio.run(ask())).result()


def _wait(answers: Callable[[], bool], image: str) -> None:
    until = monotonic() + SECONDS
    while not answers():
        if monotonic() > until:
            raise TimeoutError(f"{image} does not answer within {SECONDS:g} s")
        sleep(0.1)
