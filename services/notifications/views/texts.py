"""Values as people read them: names without tricks, days, money."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

LONGEST = 120
# Controls end headers; marks of direction make a text read as another one.
_TRICKS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)
_SPACES = re.compile(r"\s+")

KINDS: Final = {
    "renewal": "subscription renewal",
    "contact_tier_upgrade": "contact tier upgrade",
    "email_overage": "e-mail overage",
}


def plain(value: str, longest: int = LONGEST) -> str:
    """A name as one line of visible text, cut where it is too long."""
    if value.isascii() and value.isprintable() and len(value) <= longest and "  " not in value:
        return value.strip()
    value = _SPACES.sub(" ", _TRICKS.sub(" ", value)).strip()
    return value if len(value) <= longest else value[: longest - 1].rstrip() + "…"


def days_left(deadline: date, today: date) -> str:
    """The true days to the deadline."""
    days = (deadline - today).days
    if days == 0:
        return "today is the last day"
    return "1 day left" if days == 1 else f"{days} days left"


def in_days(start: date, today: date) -> str:
    """The true days to the renewal start."""
    days = (start - today).days
    return "in 1 day" if days == 1 else f"in {days} days"


def amount(said: str) -> Decimal:
    """An amount as events write it."""
    return Decimal(said)


def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency, such as '1,250.00 USD'."""
    return f"{amount:,.2f} {currency}"


def difference(before: Decimal, after: Decimal, currency: str) -> str:
    """What changes, with its sign, or that nothing does."""
    change = after - before
    return f"{change:+,.2f} {currency}" if change else "no change"
