"""What time it is: the only reader of the wall clock, and clocks that can be moved."""

import re
from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SHIFT = re.compile(r"([+-]?)((?:\d+[wdhms])+|\d+(?:\.\d+)?)")
_EXPECTED = "expected a shift such as +8d, -1h30m or a number of seconds"


class Clock(Protocol):
    """Tells the time. Whatever depends on time is given one, and never looks itself."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""

    def today(self, zone: str) -> date:
        """The calendar date in an IANA zone."""


class _Days(ABC):
    """The date that follows from the instant."""

    @abstractmethod
    def now(self) -> datetime: ...

    def today(self, zone: str) -> date:
        """The calendar date in an IANA zone."""
        return self.now().astimezone(ZoneInfo(zone)).date()


class SystemClock(_Days):
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)


class FileClock(_Days):
    """The machine's clock, shifted by what a file says; read again whenever the file changes.

    For demonstrations and tests: every process that names the same file moves at once.
    No file, or an empty one that was never filled, is no shift.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._shift = timedelta()
        self.now()

    def now(self) -> datetime:
        """The shifted instant, in UTC.

        Raises ValueError where the file holds something else than a shift.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._shift = None, timedelta()
        else:
            if (seen := (stat.st_mtime_ns, stat.st_size)) != self._seen:
                # An empty file is one that is just being written: the last shift holds.
                if text := self._path.read_text(encoding="utf-8").strip():
                    self._shift = parse_shift(text, where=str(self._path))
                self._seen = seen
        return datetime.now(UTC) + self._shift


class ManualClock(_Days):
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def now(self) -> datetime:
        """The instant that it was set to, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Move to an aware instant, forwards or backwards."""
        if now.tzinfo is None:
            raise ValueError(f"{now!r} has no zone; give an aware instant, such as one in UTC")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move by a duration."""
        self._now += by


class ClockSettings(Protocol):
    """What decides which clock a service reads."""

    @property
    def clock_file(self) -> Path | None:
        """The file with the shift, or None for the plain clock."""


def from_settings(settings: ClockSettings) -> Clock:
    """The clock of a service."""
    return FileClock(settings.clock_file) if settings.clock_file else SystemClock()


def parse_shift(text: str, *, where: str = "shift") -> timedelta:
    """Read ``+8d``, ``-1h30m`` or a number of seconds."""
    found = _SHIFT.fullmatch(text)
    if not found:
        raise ValueError(f"{where}: {text!r} is no shift; {_EXPECTED}")
    sign, amount = found.groups()
    parts = re.findall(r"(\d+)([wdhms])", amount)
    shift = (
        sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())
        if parts
        else timedelta(seconds=float(amount))
    )
    return -shift if sign == "-" else shift
