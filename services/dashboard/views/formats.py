"""Values as people read them: money, days, names, and what is near a limit."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

LONGEST: Final = 200
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

ROLES: Final = {"admin": "Partner admin", "member": "Partner member", "staff": "HubSpot staff"}
PARTIES: Final = {"hubspot": "HubSpot", "partner": "Partner", "default": "Default setting"}
KINDS: Final = {
    "renewal": "Renewal",
    "contact_tier_upgrade": "Contact tier upgrade",
    "email_overage": "E-mail overage",
    "services_ended": "Services ended",
}
STATUSES: Final = {
    "pending": "Pending",
    "confirmed": "Confirmed",
    "renewed": "Renewed",
    "cancellation_requested": "Cancellation requested",
    "ended": "Services ended",
}
PEOPLE: Final = {
    "decision_maker": "Decision maker",
    "primary": "Primary contact",
    "billing": "Billing contact",
    "channel_account_manager": "Channel Account Manager",
    "channel_consultant": "Channel Consultant",
    "renewal_manager": "Renewal manager",
}
BANDS: Final = {"low": "Low", "medium": "Medium", "high": "High"}


def day(value: date | None) -> str:
    """A day such as '19 Jan 2026'; the same in every language that reads English."""
    if value is None:
        return "–"
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime | None, zone: str) -> str:
    """A moment in a zone, such as '19 Jan 2026, 09:00'."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone))
    return f"{day(local.date())}, {local:%H:%M}"


def amount(value: Decimal | str | None) -> str:
    """An amount without its currency, such as '1,250.00'."""
    return "–" if value is None else f"{Decimal(value):,.2f}"


def money(value: Decimal | str | None, currency: str | None) -> str:
    """An amount with its currency, such as '1,250.00 USD'; the space does not break."""
    return "–" if value is None else f"{Decimal(value):,.2f}\u00a0{currency or ''}".rstrip()


def moneys(values: Mapping[str, Decimal | str]) -> str:
    """Amounts of several currencies beside each other, the first first; never added up."""
    return " + ".join(money(value, currency) for currency, value in values.items()) or "–"


def change(value: Decimal) -> str:
    """A difference with its sign; a true minus, as wide as the plus."""
    if not value:
        return "0.00"
    return f"+{value:,.2f}" if value > 0 else f"−{-value:,.2f}"


def days_left(days: int) -> str:
    """How many days are left until a day; 0 is the day itself."""
    if days == 0:
        return "today"
    if days == 1:
        return "1 day left"
    return f"{days:,} days left" if days > 0 else f"{_days(-days)} ago"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def urgency(days: int) -> str:
    """The tone of a number of days that are left."""
    if days < 0:
        return "quiet"
    return "bad" if days <= 7 else "warn" if days <= 15 else "info"  # noqa: PLR2004 - stages


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, such as '1 client' or '12 clients'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def age(since: timedelta) -> str:
    """How old something is, roughly, as people say it."""
    minutes = max(0, int(since.total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{counted(minutes, 'minute')} ago"
    hours = minutes // 60
    return f"{counted(hours, 'hour')} ago" if hours < 48 else f"{_days(hours // 24)} ago"  # noqa: PLR2004 - two days


def band(apps: int | None) -> str:
    """The usage band of a number of apps: low, medium or high; empty where unknown."""
    if apps is None:
        return ""
    return "low" if apps <= 3 else "medium" if apps <= 6 else "high"  # noqa: PLR2004 - HubSpot's bands


def nearness(used: int, limit: int) -> tuple[str, str]:
    """How near a use is to its limit: words and a tone."""
    if not limit:
        return ("no limit told", "quiet") if not used else ("over the limit", "bad")
    percent = used * 100 // limit
    if used > limit:
        return f"{used - limit:,} over the limit", "bad"
    if percent >= 90:  # noqa: PLR2004 - a tenth is left
        return f"{percent} % used, {limit - used:,} left", "warn"
    return f"{percent} % used", "good"


def shorten(text: str, longest: int = LONGEST) -> str:
    """A text that leaves room for others."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def person_role(role: str) -> str:
    """A role of a person in words; one that is not known here, as it was said."""
    return PEOPLE.get(role, role.replace("_", " ").capitalize())
