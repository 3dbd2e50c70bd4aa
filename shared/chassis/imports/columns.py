"""The columns of a CSV file, and how what stands in them is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import available_timezones

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
BIGGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column may hold.

    ``parse`` gets a text without blanks around it, never an empty one, and raises ValueError
    for what it cannot read; ``expected`` says what would be right.
    """

    parse: Callable[[str], Any]
    expected: str
    example: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file.

    ``name`` is what stands above it, letter case aside; ``aliases`` are accepted as well.
    ``field`` is what the service calls it. A ``required`` column has to be there, with a value
    in each row; where one that is not required is missing or empty the value is ``default``.
    The ``key`` columns of a file, together, are different in each row.
    """

    name: str
    field: str
    kind: Kind
    description: str
    example: str = ""
    required: bool = True
    key: bool = False
    aliases: tuple[str, ...] = ()
    default: Any = None

    @property
    def sample(self) -> str:
        """A value as it may stand in the file."""
        return self.example or (self.kind.example if self.required else "")


def text(longest: int = 200, *, example: str = "text") -> Kind:
    """A line or more of text."""

    def parse(value: str) -> str:
        if len(value) > longest or "\0" in value:
            raise ValueError(value)
        return value

    return Kind(parse, f"text of at most {longest} characters", example)


_WHOLE = re.compile(r"-?[0-9]{1,19}")


def integer(lowest: int = 0, highest: int = BIGGEST, *, example: str = "1") -> Kind:
    """A whole number."""

    def parse(value: str) -> int:
        if not _WHOLE.fullmatch(value) or not lowest <= (number := int(value)) <= highest:
            raise ValueError(value)
        return number

    upper = f" to {highest}" if highest != BIGGEST else " or more"
    return Kind(parse, f"a whole number, {lowest}{upper}", example)


_PLAIN = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,2})?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{2}")
_CONTINENTAL = re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]{2}")
MOST_MONEY = Decimal("999999999999.99")


def money() -> Kind:
    """An amount that is not negative.

    Thousands may be grouped where two decimals show which sign is which: 1,234.50 and 1.234,50
    are read, 1,234 is not, since it may be either.
    """

    def parse(value: str) -> Decimal:
        if _PLAIN.fullmatch(value):
            amount = Decimal(value)
        elif _GROUPED.fullmatch(value):
            amount = Decimal(value.replace(",", ""))
        elif _CONTINENTAL.fullmatch(value):
            amount = Decimal(value.replace(".", "").replace(",", "."))
        else:
            raise ValueError(value)
        if amount > MOST_MONEY:
            raise ValueError(value)
        return amount

    return Kind(parse, "an amount with at most two decimals, such as 1234.50", "1234.50")


_CURRENCY = re.compile(r"[A-Za-z]{3}")


def currency() -> Kind:
    """An ISO 4217 code."""

    def parse(value: str) -> str:
        if not _CURRENCY.fullmatch(value):
            raise ValueError(value)
        return value.upper()

    return Kind(parse, "a currency code of three letters, such as USD", "USD")


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)


def day(*, example: str = "2026-03-31") -> Kind:
    """A date; a time of day behind it, as in HubSpot's exports, is left out."""

    def parse(value: str) -> date:
        if not _DAY.match(value) or (len(value) > 10 and not _TIME.fullmatch(value, 10)):  # noqa: PLR2004 - YYYY-MM-DD
            raise ValueError(value)
        found = date.fromisoformat(value[:10])
        if not EARLIEST <= found <= LATEST:
            raise ValueError(value)
        return found

    return Kind(parse, "a date that there is, as YYYY-MM-DD", example)


def instant(*, example: str = "2026-03-31 14:05") -> Kind:
    """A date and a time; UTC where no offset is given."""

    def parse(value: str) -> datetime:
        if not _DAY.match(value) or not _TIME.fullmatch(value, 10):
            raise ValueError(value)
        found = datetime.fromisoformat(value)
        if not EARLIEST <= found.date() <= LATEST:
            raise ValueError(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    return Kind(parse, "a date and a time, as YYYY-MM-DD HH:MM", example)


_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "no", "n", "0"), False),
}


def boolean() -> Kind:
    """Yes or no."""
    return choice(_BOOLEANS, expected="true or false (or yes, no, 1, 0)", example="true")


def choice(
    values: Mapping[str, Any] | tuple[str, ...], *, expected: str = "", example: str = ""
) -> Kind:
    """One of these, letter case aside; a mapping says what each stands for."""
    meanings = values if isinstance(values, Mapping) else {value: value for value in values}
    folded = {name.casefold(): meaning for name, meaning in meanings.items()}

    def parse(value: str) -> Any:
        try:
            return folded[value.casefold()]
        except KeyError as error:
            raise ValueError(value) from error

    return Kind(
        parse, expected or f"one of: {', '.join(meanings)}", example or next(iter(meanings))
    )


_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
LONGEST_EMAIL, LONGEST_LOCAL_PART = 254, 64


def email(*, example: str = "ann@example.com") -> Kind:
    """An e-mail address, kept in lower case."""

    def parse(value: str) -> str:
        if (
            not _EMAIL.fullmatch(value)
            or len(value) > LONGEST_EMAIL
            or value.index("@") > LONGEST_LOCAL_PART
        ):
            raise ValueError(value)
        return value.lower()

    return Kind(parse, "an e-mail address, such as ann@example.com", example)


_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
LONGEST_DOMAIN = 253


def domain(*, example: str = "example.com") -> Kind:
    """A company's domain, without https:// and without a path."""

    def parse(value: str) -> str:
        lowered = value.lower()
        if not _DOMAIN.fullmatch(lowered) or len(lowered) > LONGEST_DOMAIN:
            raise ValueError(value)
        return lowered

    return Kind(parse, "a domain alone, such as example.com", example)


def time_zone(*, example: str = "Europe/Dublin") -> Kind:
    """An IANA time zone."""
    zones: set[str] = set()

    def parse(value: str) -> str:
        if not zones:
            zones.update(available_timezones())
        if value not in zones:
            raise ValueError(value)
        return value

    return Kind(parse, "an IANA time zone, such as Europe/Dublin", example)
