"""Starting and stopping a child process so that it never outlives who started it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 45.0
_PR_SET_PDEATHSIG = 1


class NotStartedError(Exception):
    """A process ended, or did not answer in time, while it was being started."""


def start(
    command: Sequence[object],
    *,
    log: Path | None = None,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start a command in a process group of its own.

    On Linux the child is sent ``on_parent_death`` when the *thread* that called this ends:
    call it from one that lives as long as the child should. ``user`` needs root.
    """
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            user=user,
            group=_group_of(user),
            extra_groups=[] if user else None,
            start_new_session=True,
            # The only way to ask the kernel; it calls into libc and nothing else.
            preexec_fn=_tie_to_parent(on_parent_death),  # noqa: PLW1509
        )
    finally:
        if output:
            output.close()


def stop(
    process: "subprocess.Popen[bytes]",
    *,
    ask: signal.Signals = signal.SIGTERM,
    grace: float = GRACE_SECONDS,
) -> int:
    """Ask a process to end; after ``grace`` seconds end its whole group. Returns its exit code."""
    signal_group(process.pid, ask)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        kill(process)
    signal_group(process.pid, signal.SIGKILL)  # what it may have left in its group
    return process.returncode


def run(command: Sequence[object], *, user: str | None = None) -> None:
    """Run a command to its end; raise NotStartedError, with what it said, if it fails."""
    parts = [str(part) for part in command]
    done = subprocess.run(
        parts,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        user=user,
        group=_group_of(user),
        extra_groups=[] if user else None,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()
        raise NotStartedError(f"{parts[0]} ended with {done.returncode}: {said}")


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group at once, as a crash would."""
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the group of a process that `start` started, if it still is."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        # macOS says EPERM for a group of which only a zombie is left.
        return


def wait_until(
    answers: Callable[[], bool],
    process: "subprocess.Popen[bytes]",
    *,
    name: str,
    log: Path | None,
    timeout: float,
) -> None:
    """Wait until ``answers()``. Raises NotStartedError, with the end of the log."""
    deadline = time.monotonic() + timeout
    while not answers():
        if process.poll() is not None:
            raise NotStartedError(f"{name} ended with {process.returncode}.{tail(log)}")
        if time.monotonic() > deadline:
            kill(process)
            raise NotStartedError(f"{name} did not answer within {timeout:.0f} s.{tail(log)}")
        time.sleep(0.05)


def tail(log: Path | None, lines: int = 15) -> str:
    """The end of a log as a paragraph, or nothing if there is none."""
    if log is None or not log.exists():
        return ""
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return f"\nThe end of {log}:\n  " + "\n  ".join(last) if last else ""


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def _tie_to_parent(number: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return tie
