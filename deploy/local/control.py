"""Starting and stopping the local system from a terminal, and showing how it goes."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

from deploy.local import jars, ports, state
from deploy.local.processes import tail
from deploy.local.settings import ROOT, LocalSettings
from deploy.local.state import Part

_POLL_SECONDS = 0.05
_BEYOND_GRACE_SECONDS = 60.0  # two rounds of stopping, and some


class FailedError(Exception):
    """What was asked for could not be done. The text is for the person who asked."""


def up(settings: LocalSettings) -> None:
    """Start everything that does not run yet, and return once all of it is ready.

    Raises FailedError with the reason, after stopping what was started.
    """
    begun = time.monotonic()
    running = state.supervisor(settings.folder)
    if running is None:
        _launch(settings)
    try:
        _follow(settings, begun)
    except FailedError:
        if running is None:
            down(settings)
        raise
    print(f"All ready after {time.monotonic() - begun:.1f} s.", flush=True)


def down(settings: LocalSettings) -> bool:
    """Stop everything; return whether there was something to stop."""
    pid = state.supervisor(settings.folder)
    if pid is not None:
        begun = time.monotonic()
        _end_supervisor(settings, pid)
        print(f"Stopped after {time.monotonic() - begun:.1f} s.", flush=True)
    left = state.end_orphans(settings.folder, grace=settings.stop_grace)
    if left:
        print(f"Ended what a killed supervisor had left: {', '.join(left)}.", flush=True)
    return pid is not None or bool(left)


def supervisor_log(settings: LocalSettings) -> Path:
    """Where the supervisor says what it does."""
    return settings.folder / "logs" / "supervisor.log"


def _launch(settings: LocalSettings) -> None:
    """Start the supervisor, away from this terminal."""
    down(settings)
    taken = list(_taken(settings))
    if taken:
        raise FailedError("\n".join(str(each) for each in taken))
    jars.java()
    jars.prepare()
    (settings.folder / "status.json").unlink(missing_ok=True)
    log = supervisor_log(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervisor"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while not (settings.folder / "status.json").exists():
        if process.poll() is not None:
            raise FailedError(f"The supervisor ended with {process.returncode}.{tail(log)}")
        time.sleep(_POLL_SECONDS)


def _taken(settings: LocalSettings) -> "list[ports.PortTakenError]":
    found = []
    for name, port, variable in settings.listeners():
        try:
            ports.require_free(name, port, variable)
        except ports.PortTakenError as error:
            found.append(error)
    return found


def _follow(settings: LocalSettings, begun: float) -> None:
    """Show each part as it becomes ready, until all are."""
    shown: set[str] = set()
    said = time.monotonic()
    while True:
        parts = state.read(settings.folder)
        for part in parts:
            if part.condition == "ready" and part.name not in shown:
                shown.add(part.name)
                print(f"  {part.name:<14} ready {part.seconds:6.1f} s  {part.where}", flush=True)
                said = time.monotonic()
        missing = [part for part in parts if part.condition != "ready"]
        if not missing:
            return
        _fail_if_hopeless(settings, missing, begun)
        if time.monotonic() - said > 10:  # noqa: PLR2004 - seconds of silence
            said = time.monotonic()
            print(f"  waiting for {', '.join(part.name for part in missing)} ...", flush=True)
        time.sleep(_POLL_SECONDS)


def _fail_if_hopeless(settings: LocalSettings, missing: list[Part], begun: float) -> None:
    failed = [part for part in missing if part.condition == "failed"]
    if failed:
        raise FailedError("\n".join(f"{part.name} failed: {part.detail}" for part in failed))
    if state.supervisor(settings.folder) is None:
        log = supervisor_log(settings)
        raise FailedError(f"The supervisor is gone.{tail(log)}")
    if time.monotonic() - begun > settings.start_timeout:
        late = "\n".join(
            f"{part.name} is still {part.condition}. {part.detail}{tail(Path(part.log))}"
            for part in missing
        )
        raise FailedError(
            f"Not ready after {settings.start_timeout:.0f} s (LOCAL_START_TIMEOUT):\n{late}"
        )


def _end_supervisor(settings: LocalSettings, pid: int) -> None:
    try:
        process = psutil.Process(pid)
        process.terminate()
    except psutil.NoSuchProcess:
        return
    deadline = time.monotonic() + 2 * settings.stop_grace + _BEYOND_GRACE_SECONDS
    while True:
        try:
            process.wait(timeout=5)
        except psutil.TimeoutExpired:
            left = [part.name for part in state.read(settings.folder) if part.pid is not None]
            print(f"  waiting for {', '.join(left)} to finish ...", flush=True)
            if time.monotonic() > deadline:
                process.kill()
        else:
            return
