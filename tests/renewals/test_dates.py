"""Deadlines, horizons and the instants of stages: by example, and for any zone and day."""

import csv
import itertools
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from services.renewals.domain import Kind, Status, dates, stages

VECTORS = Path(__file__).parent / "vectors"
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and zone[0].isupper())


def vectors(name: str) -> list[dict[str, str]]:
    with (VECTORS / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", vectors("deadlines.csv"), ids=lambda row: row["renewal_start"])
def test_terms_can_be_altered_until_45_days_before_the_new_term(row: dict[str, str]) -> None:
    start = date.fromisoformat(row["renewal_start"])

    assert dates.deadline(start).isoformat() == row["deadline"]
    assert (dates.deadline(start) + dates.DAY).isoformat() == row["renews_by_itself_on"]
    assert dates.enters_horizon(start).isoformat() == row["enters_horizon_on"]


@pytest.mark.parametrize("row", vectors("upcoming.csv"), ids=lambda row: row["now_utc"])
def test_what_is_to_be_acted_on_follows_from_the_partners_own_day(row: dict[str, str]) -> None:
    start = date.fromisoformat(row["renewal_start"])
    today = dates.today_in(row["partner_zone"], datetime.fromisoformat(row["now_utc"]))

    assert (start - today).days == int(row["days_to_renewal"])
    assert (dates.deadline(start) - today).days == int(row["days_to_deadline"])
    upcoming = dates.is_upcoming(
        serviced=row["serviced"] == "true",
        status=Status(row["status"]),
        start=start,
        last_day=dates.deadline(start),
        today=today,
    )
    assert upcoming == (row["upcoming"] == "true")


@pytest.mark.parametrize(
    "row", vectors("send_instants.csv"), ids=lambda row: row["stage_date"] + row["partner_zone"]
)
def test_a_stage_is_due_at_the_local_hour_also_when_clocks_change(row: dict[str, str]) -> None:
    due = dates.send_instant(
        date.fromisoformat(row["stage_date"]), row["send_hour"], row["partner_zone"]
    )

    assert due == datetime.fromisoformat(row["due_at_utc"])


days = some.dates(date(1990, 1, 1), date(2037, 12, 1))
hours = some.times().map(lambda t: f"{t.hour:02}:{t.minute:02}")


@given(days, hours, some.sampled_from(ZONES))
@example(date(2011, 12, 30), "09:00", "Pacific/Apia")  # a day that Samoa leapt over
@example(date(2024, 2, 29), "00:00", "America/Santiago")
def test_an_instant_is_the_first_at_which_the_local_time_is_reached(
    day: date, hour: str, zone: str
) -> None:
    due = dates.send_instant(day, hour, zone)

    def local(at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    wanted = datetime.combine(day, time.fromisoformat(hour))
    assert local(due) >= wanted
    assert local(due - timedelta(seconds=1)) < wanted
    if local(due) != wanted:  # the clocks leapt over it: nothing of the gap is waited for
        leap = local(due) - local(due - timedelta(seconds=1))
        assert leap > timedelta(seconds=1)


@given(some.dates(date(1950, 1, 1), date(2200, 1, 1)))
@example(date(2024, 2, 29))
@example(date(2023, 3, 31))
def test_days_are_calendar_days_whatever_the_months_length(start: date) -> None:
    assert (start - dates.deadline(start)).days == 45
    assert (start - dates.enters_horizon(start)).days == 120
    assert (start - dates.deadline(start, Kind.EMAIL_OVERAGE)).days == 14


numbers = some.sets(some.integers(0, stages.MOST_DAYS), min_size=1, max_size=8)


@given(days, hours, some.sampled_from(ZONES), numbers)
def test_windows_follow_each_other_and_none_outlasts_the_deadline(
    start: date, hour: str, zone: str, before: set[int]
) -> None:
    names = stages.checked(["outcome", *(f"d-{n}" for n in before), "entered"])
    plan = stages.plan(Kind.RENEWAL, start, zone, hour, names)
    closing = dates.send_instant(dates.deadline(start) + dates.DAY, "00:00", zone)

    assert [due.stage for due in plan] == list(names)
    for one, following in itertools.pairwise(plan):
        assert one.due_at <= following.due_at
        assert one.due_until == min(following.due_at, closing)
    assert plan[-1].due_until == dates.send_instant(start, "00:00", zone)


@given(
    days,
    some.sampled_from(ZONES),
    numbers,
    some.lists(some.integers(0, 130 * 24), min_size=1, max_size=40),
)
def test_however_seldom_one_looks_no_stage_is_told_early_late_or_twice(
    start: date, zone: str, before: set[int], looks: list[int]
) -> None:
    names = stages.checked(["entered", *(f"d-{n}" for n in before), "outcome"])
    plan = stages.plan(Kind.RENEWAL, start, zone, "09:00", names)
    begun = plan[0].due_at - timedelta(days=1)
    dealt_with: list[str] = []
    next_stage, next_at = stages.arm(plan, ())

    for hours_later in sorted(looks):
        now = begun + timedelta(hours=hours_later)
        while next_stage and next_at and next_at <= now:
            swept = stages.sweep(plan, next_stage, now)
            if swept.fired:
                assert swept.fired.due_at <= now < swept.fired.due_until
            gone = [*swept.superseded, *([swept.fired] if swept.fired else [])]
            dealt_with += [due.stage for due in gone]
            assert (swept.next_stage, swept.next_at) != (next_stage, next_at)
            next_stage, next_at = swept.next_stage, swept.next_at

    assert dealt_with == list(names)[: len(dealt_with)]
    last = begun + timedelta(hours=max(looks))
    for due in plan:
        if due.due_at <= last < due.due_until:
            assert due.stage in dealt_with


def test_a_zone_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is no IANA time zone"):
        dates.zone_of("Mars/Olympus")


def test_todays_date_is_taken_in_the_zone_given() -> None:
    midnight: Any = datetime(2026, 1, 1, tzinfo=UTC)
    assert dates.today_in("America/New_York", midnight) == date(2025, 12, 31)
    assert dates.today_in("Asia/Tokyo", midnight) == date(2026, 1, 1)
