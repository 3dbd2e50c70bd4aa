"""A real Apache Kafka: one KRaft node on the loopback address."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import cache, jars, ports, processes
from deploy.local.certificates import Authority
from deploy.local.secured import ADMIN, Secured
from shared.chassis.access import Access

HERE = Path(__file__).parent
CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={folder}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
offsets.retention.minutes=525600
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
log.cleaner.dedupe.buffer.size=16777216
"""
_OPEN = """\
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
"""


class Kafka:
    """A broker whose settings, log and data live in a folder, which it keeps over a restart."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        controller_port: int,
        quick: bool = False,
        heap: str = "512m",
        log: Path | None = None,
        secured: Secured | None = None,
    ) -> None:
        """``quick`` is for tests: a third of the time to start, less throughput later.

        It compiles less, and has Java's classes from an `archive`.

        Open to everybody on this machine, unless it is ``secured``.
        """
        self.folder, self.port, self.controller_port = folder, port, controller_port
        self.log = log or folder / "kafka.log"
        self.servers = f"{ports.LOOPBACK}:{port}"
        self.secured = secured
        self._flags = ["-Dauthorizer.level=DEBUG"] if secured else []
        self._flags += [f"-Xmx{heap}", f"-Xms{heap}" if not quick else "-Xms128m"]
        self._flags += ["-XX:TieredStopAtLevel=1"] if quick else []
        self._quick = quick
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running broker. Raises RuntimeError before `launch`."""
        if self._process is None:
            raise RuntimeError("Kafka was not started")
        return self._process

    def access(self, user: str = ADMIN) -> Access:
        """How a user reaches it."""
        if self.secured is None:
            return Access.to(self.servers)
        return self.secured.by_password(user, self.folder, port=self.port)

    def certified(self, user: str, *, authority: Authority | None = None) -> Access:
        """How a user reaches it with a new certificate; a stranger has another authority.

        Raises RuntimeError for a broker that is not secured.
        """
        if self.secured is None:
            raise RuntimeError("this broker knows nobody")
        return self.secured.by_certificate(user, self.folder, authority=authority)

    def start(self, timeout: float = 60.0) -> None:
        """Start, and return once it answers.

        Raises PortTakenError, JavaMissingError, WrongJarsError or NotStartedError.
        """
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Start without waiting."""
        ports.require_free("Kafka", self.port)
        ports.require_free("Kafka's controller", self.controller_port)
        self._launch(f"-XX:SharedArchiveFile={archive()}" if self._quick else None)

    def write_archive(self, path: Path) -> None:
        """Run for a moment, and have Java write down the classes that were loaded."""
        self._launch(None, f"-XX:ArchiveClassesAtExit={path}")
        self.wait()
        self.stop()

    def _launch(self, option: str | None, at_end: str | None = None) -> None:
        command = [*self._java(), *filter(None, [option])]
        settings = self._write_settings()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(command, settings)
        command += filter(None, [at_end])
        self._process = processes.start([*command, "kafka.Kafka", settings], log=self.log)

    def wait(self, timeout: float = 60.0) -> None:
        """Return once it answers."""
        processes.wait_until(
            self.answers, self.process, name="Kafka", log=self.log, timeout=timeout
        )

    def answers(self) -> bool:
        """Whether it takes part in its cluster, as a client sees it."""
        if not ports.is_open(self.port):
            return False
        with ThreadPoolExecutor(1) as other:  # a loop may be running in this thread
            return other.submit(asyncio.run, serves(self.access())).result()

    def stop(self, grace: float = processes.GRACE_SECONDS) -> None:
        """Shut down in order: closes its logs, so that the next start is quick."""
        processes.stop(self.process, grace=grace)

    def kill(self) -> None:
        """Crash."""
        processes.kill(self.process)

    def _java(self) -> list[str]:
        classpath = os.pathsep.join(str(jar) for jar in jars.resolve())
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}"
        return [str(jars.java()), *self._flags, logging, "-cp", classpath]

    def _write_settings(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "server.properties"
        numbers = {"port": self.port, "controller_port": self.controller_port}
        if self.secured:
            self.secured.prepare(self.folder)
            listeners = self.secured.listeners(self.folder, **numbers)
        else:
            listeners = _OPEN.format(host=ports.LOOPBACK, **numbers)
        common = _PROPERTIES.format(host=ports.LOOPBACK, folder=self.folder / "data", **numbers)
        settings.write_text(common + listeners)
        return settings

    def _format(self, command: list[str], settings: Path) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", settings]
        users = self.secured.format_options() if self.secured else []
        processes.run([*command, *arguments, *users])


def archive() -> Path:
    """Java's picture of the broker's classes, as they are once they are loaded.

    Made when it is first asked for, by a broker that runs for a moment, and kept. Java leaves
    one alone that is of another Java or of other jars.
    """
    java = jars.java().resolve()
    told = f"{java} {java.stat().st_mtime_ns} {jars.CHECKSUMS.read_text()}"
    path = cache.folder() / f"kafka-{sha256(told.encode()).hexdigest()[:16]}.jsa"
    if path.exists():
        return path
    jars.prepare()
    with cache.locked(cache.folder() / "kafka.lock"):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                made, (port, other) = Path(folder) / path.name, ports.free_ports(2)
                broker = Kafka(Path(folder) / "kafka", port=port, controller_port=other)
                broker.write_archive(made)
                made.rename(path)
    return path


async def serves(servers: str | Access) -> bool:
    """Whether a broker there takes part in its cluster."""
    options = Access.to(servers).options("look")
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=2000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await admin.close()
