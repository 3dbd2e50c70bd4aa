"""Deadlines, days left, and the instants at which a local time begins."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.renewals.domain.kinds import HORIZON, NOTICE, UPCOMING_DAYS, Kind, Status

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def deadline(start: date, kind: Kind = Kind.RENEWAL) -> date:
    """The last day on which terms can be altered. The day itself is still open."""
    return start - NOTICE[kind]


def enters_horizon(start: date, kind: Kind = Kind.RENEWAL) -> date:
    """The first day on which the change is shown and told."""
    return start - HORIZON[kind]


def today_in(zone: str, now: datetime) -> date:
    """The calendar day of an instant in an IANA time zone."""
    return now.astimezone(zone_of(zone)).date()


def todays_in(zones: Iterable[str], now: datetime) -> dict[str, date]:
    """The calendar day of an instant in each zone; names that are no zones are left out."""
    found = {}
    for zone in zones:
        with suppress(ValueError):
            found[zone] = today_in(zone, now)
    return found


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name. Raises ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as 'Europe/Berlin'") from error


def is_upcoming(
    *, serviced: bool, status: Status, start: date, last_day: date, today: date
) -> bool:
    """Whether it is one of the "renewals to act on", and so counts in Alerts."""
    return (
        serviced
        and status is Status.PENDING
        and last_day >= today
        and start <= today + timedelta(days=UPCOMING_DAYS)
    )


@lru_cache(maxsize=65536)
def send_instant(day: date, at: str, zone: str) -> datetime:
    """The instant, in UTC, at which the local time ``at`` (HH:MM) of a day begins in a zone.

    A local time that the clocks leap over stands for the first instant after the gap; one that
    comes twice for the first.
    """
    tz = zone_of(zone)
    local = datetime.combine(day, time.fromisoformat(at))
    instant = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == local:
        return instant
    return _end_of_gap(local, tz)


def _end_of_gap(local: datetime, tz: ZoneInfo) -> datetime:
    """Close in on the instant at which the clocks leap over a local time, to the second."""
    after = local.replace(tzinfo=tz, fold=0).astimezone(UTC)
    before = local.replace(tzinfo=tz, fold=1).astimezone(UTC)
    old = before.astimezone(tz).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(tz).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
