"""One process that starts everything in order, restarts what dies, and ends everything."""

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local import databases, ports, postgres
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.processes import NotStartedError, tail
from deploy.local.server import Module, Server
from deploy.local.settings import LocalSettings
from deploy.local.state import Board, Claim, Part

FIRST_TRIES = 3
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
BIGGEST_LOG_BYTES = 20 * 1024**2  # what is larger at a start is put aside, once
_POLL_SECONDS = 0.05

log = logging.getLogger("supervisor")


class Stopping(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The system is being stopped while something starts."""


class Watch(threading.Thread):
    """Keeps one server running. A child is tied to the thread that started it: this one."""

    def __init__(
        self, name: str, server: Server, board: Board, *, needs: Sequence[str], grace: float
    ) -> None:
        super().__init__(name=name)
        self.stopping = threading.Event()
        self._server, self._board, self._needs, self._grace = server, board, needs, grace
        self._deaths = 0
        self._was_ready = False

    def run(self) -> None:
        """Start, and start again, until told to stop."""
        try:
            self._await_needs()
            while True:
                self._once()
        except Stopping:
            self._board.set(self.name, "stopped")
        except Exception:
            log.exception("%s failed", self.name)
            self._board.set(self.name, "failed", f"see {self._server.log}")

    def _once(self) -> None:
        """One life of the server, and the pause after it."""
        begun = time.monotonic()
        try:
            self._start()
            self._guard()
            detail = f"ended with {self._server.process.returncode}"
        except (NotStartedError, ports.PortTakenError) as error:
            detail = str(error)
        finally:
            self._board.set_process(self.name, None)
        if time.monotonic() - begun > STEADY_SECONDS:
            self._deaths = 0
        self._deaths += 1
        if not self._was_ready and self._deaths >= FIRST_TRIES:
            self._board.set(self.name, "failed", detail + tail(self._server.log))
            self.stopping.wait()
            raise Stopping
        pause = min(0.25 * 2**self._deaths, LONGEST_BACKOFF_SECONDS)
        log.warning("%s %s; again in %.1f s", self.name, detail, pause)
        self._board.set(self.name, "restarting", detail)
        self._pause(pause)

    def _start(self) -> None:
        self._board.set(self.name, "starting")
        self._server.launch()
        self._board.set_process(self.name, self._server.process.pid)
        while not self._server.answers():
            if self._server.process.poll() is not None:
                raise NotStartedError(f"ended with {self._server.process.returncode}")
            self._stop_if_asked()
            time.sleep(_POLL_SECONDS)
        self._was_ready = True
        self._board.set(self.name, "ready")

    def _guard(self) -> None:
        while self._server.process.poll() is None:
            self._stop_if_asked()
            self.stopping.wait(0.2)

    def _stop_if_asked(self) -> None:
        if self.stopping.is_set():
            self._board.set(self.name, "stopping")
            self._server.stop(self._grace)
            raise Stopping

    def _await_needs(self) -> None:
        while not all(self._board.condition(need) == "ready" for need in self._needs):
            self._pause(_POLL_SECONDS)

    def _pause(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopping


class Supervisor:
    """Everything that runs, and the steps between."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._logs = settings.folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        for each in self._logs.glob("*.log"):
            if each.stem != "supervisor" and each.stat().st_size > BIGGEST_LOG_BYTES:
                each.replace(each.with_suffix(".log.1"))
        self._environment = settings.environment()
        self._ground = self._ground_servers()
        self._services = self._service_servers()
        where = self._addresses()
        names = [*self._ground, "topics", "databases", *self._services]
        self._board = Board(
            settings.folder, [Part(name, where[name], str(self._log(name))) for name in names]
        )
        self._asked = threading.Event()
        self._done = threading.Event()

    def stop(self) -> None:
        """Ask everything to end."""
        self._asked.set()

    def run(self) -> None:
        """Start everything; return once everything has ended, after `stop`."""
        ground = self._watch(self._ground, needs=())
        steps = [
            self._step("topics", self._make_topics, needs="kafka"),
            self._step("databases", self._make_databases, needs="postgres"),
        ]
        services = self._watch(self._services, needs=("topics", "databases", "mail", "issuer"))
        self._asked.wait()
        log.info("stopping")
        self._done.set()
        _end(services)
        for step in steps:
            step.join()
        _end(ground)
        log.info("stopped")

    def _watch(self, servers: Mapping[str, Server], *, needs: Sequence[str]) -> list[Watch]:
        grace = self._settings.stop_grace
        watches = [
            Watch(name, server, self._board, needs=needs, grace=grace)
            for name, server in servers.items()
        ]
        for each in watches:
            each.start()
        return watches

    def _step(self, name: str, work: Callable[[], None], *, needs: str) -> threading.Thread:
        """Do something once, as soon as what it needs is ready."""

        def run() -> None:
            while self._board.condition(needs) != "ready":
                if self._done.wait(_POLL_SECONDS):
                    return
            self._board.set(name, "starting")
            try:
                work()
            except Exception as error:
                log.exception("%s failed", name)
                self._board.set(name, "failed", f"{type(error).__name__}: {error}")
            else:
                self._board.set(name, "ready")

        thread = threading.Thread(target=run, name=name)
        thread.start()
        return thread

    def _make_topics(self) -> None:
        from shared.chassis.kafka import ensure_topics
        from shared.contracts import topics

        asyncio.run(ensure_topics(self._settings.kafka_servers, topics.REGISTRY))

    def _make_databases(self) -> None:
        asyncio.run(self._migrate())

    async def _migrate(self) -> None:
        from shared.chassis.database import migrate
        from shared.chassis.settings import migrations_of

        settings, services = self._settings, tuple(self._services)
        made = await databases.create_service_databases(
            settings.superuser_dsn(), services, password=settings.password()
        )
        for service, address in made.items():
            for name in await migrate(address.owner_dsn, service, migrations_of(service)):
                log.info("migrated %s", name)

    def _ground_servers(self) -> dict[str, Server]:
        settings, folder = self._settings, self._settings.folder
        return {
            "kafka": Kafka(
                folder / "kafka",
                port=settings.kafka_port,
                controller_port=settings.kafka_controller_port,
                quick=True,
                log=self._log("kafka"),
            ),
            "postgres": Postgres(
                postgres.home(folder / "postgres"),
                port=settings.postgres_port,
                password=settings.password(),
                log=self._log("postgres"),
            ),
            "mail": self._module(
                "mail",
                settings.mail_port,
                ["deploy.local.sink", "--folder", folder / "mail"],
                ["--smtp-port", settings.smtp_port, "--http-port", settings.mail_port],
            ),
            "issuer": self._module(
                "issuer",
                settings.issuer_port,
                ["deploy.local.issuer", "--folder", settings.people_file.parent],
                ["--port", settings.issuer_port],
            ),
        }

    def _service_servers(self) -> dict[str, Server]:
        return {
            service: self._module(
                service, self._settings.service_port(service), [f"services.{service}"], ["serve"]
            )
            for service in self._settings.services
        }

    def _module(self, name: str, port: int, *arguments: Sequence[object]) -> Module:
        flat = [part for each in arguments for part in each]
        return Module(flat, port=port, log=self._log(name), env=self._environment)

    def _addresses(self) -> dict[str, str]:
        settings = self._settings
        return {
            "kafka": settings.kafka_servers,
            "postgres": f"{ports.LOOPBACK}:{settings.postgres_port}",
            "mail": f"{settings.mail} (SMTP on {settings.smtp_port})",
            "issuer": settings.issuer,
            "topics": "",
            "databases": "",
        } | {service: settings.service_url(service) for service in settings.services}

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def _end(watches: Sequence[Watch]) -> None:
    for watch in watches:
        watch.stopping.set()
    for watch in watches:
        watch.join()


def main() -> int:
    """Run until SIGTERM; 1 if another supervisor has the folder."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    settings = LocalSettings()
    claim = Claim(settings.folder)
    if not claim.take():
        log.error("another supervisor has %s", settings.folder)
        return 1
    supervisor = Supervisor(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
