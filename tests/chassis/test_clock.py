"""The clocks: one that runs, one that a file shifts, one that stands still."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.chassis.clock import FileClock, ManualClock, SystemClock, from_settings, parse_shift


def near(moment: datetime, shift: timedelta) -> bool:
    return abs(moment - SystemClock().now() - shift) < timedelta(seconds=5)


def test_the_date_is_that_of_the_zone() -> None:
    clock = ManualClock(datetime(2026, 1, 15, 23, 30, tzinfo=UTC))
    assert clock.today("UTC") == date(2026, 1, 15)
    assert clock.today("Europe/Berlin") == date(2026, 1, 16)
    assert clock.today("America/New_York") == date(2026, 1, 15)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2026, 1, 15, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(days=2))
    assert clock.now() == datetime(2026, 1, 17, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no zone"):
        clock.set(datetime(2026, 1, 15))  # noqa: DTZ001 -- the point


def test_a_service_without_a_file_reads_the_machines_clock(tmp_path: Path) -> None:
    assert isinstance(from_settings(SimpleNamespace(clock_file=None)), SystemClock)
    assert near(SystemClock().now(), timedelta())
    shifted = from_settings(SimpleNamespace(clock_file=tmp_path / "clock"))
    assert isinstance(shifted, FileClock)


def test_a_file_moves_the_clock_of_a_running_process(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = FileClock(path)
    assert near(clock.now(), timedelta())
    path.write_text("+8d\n")
    assert near(clock.now(), timedelta(days=8))
    path.write_text("-1h30m")
    assert near(clock.now(), timedelta(hours=-1, minutes=-30))
    path.unlink()
    assert near(clock.now(), timedelta())


def test_a_file_that_is_just_being_written_does_not_move_the_clock_back(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_text("+8d")
    clock = FileClock(path)
    path.write_text("")
    os.utime(path, (1, 1))
    assert near(clock.now(), timedelta(days=8))


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("+8d", timedelta(days=8)),
        ("2w", timedelta(weeks=2)),
        ("-1d12h", timedelta(days=-1, hours=-12)),
        ("90", timedelta(seconds=90)),
        ("-0.5", timedelta(seconds=-0.5)),
        ("+45m10s", timedelta(minutes=45, seconds=10)),
    ],
)
def test_a_shift_is_read(text: str, shift: timedelta) -> None:
    assert parse_shift(text) == shift


@pytest.mark.parametrize("text", ["tomorrow", "8 d", "+8x", "d", "--3d", "1d2"])
def test_what_is_no_shift_is_refused_by_file_and_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clock"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"clock: .* is no shift; expected a shift such as \+8d"):
        FileClock(path)
