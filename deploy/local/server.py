"""A server that is one of our own commands and says over HTTP when it is ready."""

import http.client
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deploy.local import ports, processes
from deploy.local.settings import ROOT


class Server(Protocol):
    """What can be started, asked whether it answers, and stopped."""

    log: Path

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process, once launched."""

    def launch(self) -> None:
        """Start, without waiting."""

    def answers(self) -> bool:
        """Whether it is ready."""

    def stop(self, grace: float) -> None:
        """Ask it to end, and see that it does."""


class Module:
    """A Python module run as a program, that answers on ``/readyz``."""

    def __init__(
        self,
        arguments: Sequence[object],
        *,
        port: int,
        log: Path,
        env: Mapping[str, str],
        tree: Path = ROOT,
    ) -> None:
        """``tree`` is where the module is looked for: this checkout, or another version's."""
        self.port, self.log, self._tree = port, log, tree
        self._command = [sys.executable, "-m", *arguments]
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running program. Raises RuntimeError before `launch`."""
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process

    def launch(self) -> None:
        """Start without waiting."""
        self._process = processes.start(self._command, log=self.log, cwd=self._tree, env=self._env)

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        return ready(self.port)

    def stop(self, grace: float = processes.GRACE_SECONDS) -> None:
        """Ask it to finish what it holds."""
        processes.stop(self.process, grace=grace)


def ready(port: int) -> bool:
    """Whether what listens on the port answers ``/readyz`` with 200."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
