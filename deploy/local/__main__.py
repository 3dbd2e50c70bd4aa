"""The command line: up, down, status, logs, clock, jars."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from pydantic import ValidationError

from deploy.local import control, jars, processes, state
from deploy.local.settings import LocalSettings
from shared.chassis.clock import parse_shift

_EXPECTED_ERRORS = (
    control.FailedError,
    jars.JavaMissingError,
    jars.WrongJarsError,
    processes.NotStartedError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if it was done, 1 if it could not be, 3 where nothing runs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start Kafka, PostgreSQL, the mail sink, the issuer, services")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="what runs, where, since when")
    logs = commands.add_parser("logs", help="show and follow the logs")
    logs.add_argument("name", nargs="?", help="of one process only")
    logs.add_argument("--lines", type=int, default=20, help="how many of the past (20)")
    logs.add_argument("--no-follow", action="store_true", help="end after these")
    clock = commands.add_parser("clock", help="show or shift the clock of all services")
    clock.add_argument("shift", nargs="?", help="such as +8d or +1h30m; 0 for the true time")
    commands.add_parser("jars", help="write jars.sha512 anew, after a change of pom.xml")
    given = parser.parse_args(arguments)
    try:
        return _run(given, LocalSettings())
    except _EXPECTED_ERRORS as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        for each in error.errors():
            name = f"LOCAL_{each['loc'][0]}".upper()
            print(f"{name} is {each['input']!r}: {each['msg']}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return 1


def _run(given: argparse.Namespace, settings: LocalSettings) -> int:
    match given.command:
        case "up":
            control.up(settings)
        case "down":
            if not control.down(settings):
                print("Nothing runs.")
        case "status":
            return _status(settings)
        case "logs":
            return _logs(settings, given.name, given.lines, follow=not given.no_follow)
        case "clock":
            return _clock(settings, given.shift)
        case "jars":
            print(f"{jars.write_checksums()} jars in {jars.CHECKSUMS}")
    return 0


def _status(settings: LocalSettings) -> int:
    if state.supervisor(settings.folder) is None:
        print("Nothing runs. Start it with: python -m deploy.local up")
        return 3
    parts = state.read(settings.folder)
    print(f"{'':14} {'state':11} {'pid':>7} {'restarts':>8} {'memory':>9}  where")
    for part in parts:
        pid, memory = part.pid or "", _memory(part.pid)
        line = f"{part.name:14} {part.condition:11} {pid:>7} {part.restarts:8} {memory:>9}"
        print(f"{line}  {part.where}  {part.detail}".rstrip())
    return 0 if all(part.condition == "ready" for part in parts) else 1


def _memory(pid: int | None) -> str:
    try:
        return "" if pid is None else f"{psutil.Process(pid).memory_info().rss >> 20} MiB"
    except psutil.Error:
        return ""


def _logs(settings: LocalSettings, name: str | None, lines: int, *, follow: bool) -> int:
    folder = settings.folder / "logs"
    files = sorted(folder.glob(f"{name or '*'}.log"))
    if not files:
        known = ", ".join(path.stem for path in sorted(folder.glob("*.log")))
        print(f"There is no log of {name or 'anything'}; there are: {known or 'none'}.")
        return 1
    ends = {path: _show_past(path, lines) for path in files}
    while follow:
        for path, end in ends.items():
            ends[path] = _show_new(path, end)
        time.sleep(0.2)
    return 0


def _show_past(path: Path, lines: int) -> int:
    content = path.read_bytes()
    for line in content.decode(errors="replace").splitlines()[-lines:] if lines else []:
        print(f"{path.stem:14} {line}")
    return len(content)


def _show_new(path: Path, end: int) -> int:
    with path.open("rb") as handle:
        handle.seek(end)
        content = handle.read()
    whole = content[: content.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        print(f"{path.stem:14} {line}", flush=True)
    return end + len(whole)


def _clock(settings: LocalSettings, shift: str | None) -> int:
    path = settings.clock_file
    if shift is None:
        print(path.read_text().strip() if path.exists() else "no shift")
        return 0
    try:
        parse_shift(shift)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(shift)
    fresh.rename(path)
    print(f"Every service's clock is shifted by {shift}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
