"""What the supervisor says about each of its processes, in a file that every command reads."""

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from deploy.local import processes

Condition = Literal["waiting", "starting", "ready", "restarting", "failed", "stopping", "stopped"]


@dataclass(slots=True)
class Part:
    """One process, or one step, of the local system."""

    name: str
    where: str
    log: str
    condition: Condition = "waiting"
    detail: str = ""
    pid: int | None = None
    born: float | None = None  # when the process began, so that its number means no other
    seconds: float | None = None  # from the start of everything until it was ready
    restarts: int = 0


class Board:
    """The parts, written down whenever one of them changes. Safe among threads."""

    def __init__(self, folder: Path, parts: Iterable[Part]) -> None:
        self._path = folder / "status.json"
        self._parts = {part.name: part for part in parts}
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._write()

    def set(self, name: str, condition: Condition, detail: str = "") -> None:
        """A part is in another condition."""
        with self._lock:
            part = self._parts[name]
            part.condition, part.detail = condition, detail
            if condition == "ready" and part.seconds is None:
                part.seconds = round(time.monotonic() - self._begun, 1)
            if condition == "restarting":
                part.restarts += 1
            self._write()

    def set_process(self, name: str, pid: int | None) -> None:
        """A part has a process, or has none any more."""
        with self._lock:
            part = self._parts[name]
            part.pid, part.born = pid, None if pid is None else _born(pid)
            self._write()

    def condition(self, name: str) -> Condition:
        """The condition of a part."""
        with self._lock:
            return self._parts[name].condition

    def _write(self) -> None:
        fresh = self._path.with_suffix(".tmp")
        fresh.write_text(json.dumps([asdict(part) for part in self._parts.values()]))
        fresh.rename(self._path)


def read(folder: Path) -> list[Part]:
    """What the supervisor wrote last; nothing if it never ran here."""
    path = folder / "status.json"
    return [Part(**each) for each in json.loads(path.read_text())] if path.exists() else []


class Claim:
    """The right to be the one supervisor of a folder; the system takes it back at any death."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A bare number, which Python closes at no time: the claim ends with the process.
        self._file = os.open(folder / "supervisor.pid", os.O_RDWR | os.O_CREAT, 0o644)

    def take(self) -> bool:
        """Become the supervisor; False if there is one."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)
        return True


def supervisor(folder: Path) -> int | None:
    """The process number of the supervisor, or None if none runs."""
    path = folder / "supervisor.pid"
    if not path.exists():
        return None
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            return int(handle.read() or 0) or None
        return None


def end_orphans(folder: Path, *, grace: float) -> list[str]:
    """End what a supervisor that was killed left behind; returns the names."""
    left = [part for part in read(folder) if part.pid is not None and _lives(part)]
    for part in left:
        # PostgreSQL takes SIGTERM for "when everybody has gone", and SIGINT for "now".
        ask = signal.SIGINT if part.name == "postgres" else signal.SIGTERM
        processes.signal_group(part.pid or 0, ask)
    deadline = time.monotonic() + grace
    while any(map(_lives, left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for part in left:
        if _lives(part):
            processes.signal_group(part.pid or 0, signal.SIGKILL)
    return [part.name for part in left]


def _born(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _lives(part: Part) -> bool:
    try:
        process = psutil.Process(part.pid)
        same = part.born is not None and abs(process.create_time() - part.born) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
