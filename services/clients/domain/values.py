"""What a value must look like to be kept: each check returns it tidied, or says what is right."""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import available_timezones

LONGEST_TEXT: Final = 10_000
LONGEST_PRODUCT: Final = 200
LONGEST_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1
LONGEST_HOST: Final = 253
LONGEST_LOCAL: Final = 64
BIGGEST_ID: Final = 2**53 - 1  # what every JSON reader keeps exactly
MOST_APPS: Final = 17
HIGHEST_AMOUNT: Final = Decimal("999999999999.99")
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2199, 12, 31)

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"(?:[A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]{1,58}[A-Za-z0-9])"
EMAIL: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_TOP}$"
ROLE: Final = r"^[a-z][a-z0-9_]{0,39}$"

_WORD, _INNER = r"[^\W_]", r"(?:[^\W_]|-)"
_EMAIL = re.compile(EMAIL.strip("^$"))
_ROLE = re.compile(ROLE.strip("^$"))
_HOST = re.compile(rf"(?:{_WORD}(?:{_INNER}{{0,61}}{_WORD})?\.)+[^\W\d_]{_INNER}*{_WORD}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINES_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

CURRENCIES: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
    KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a list would take a page
)


def text(value: str) -> str:
    """One line of text, with single spaces. Marks that only turn the writing's way are kept."""
    plain = " ".join(value.split())
    if _CONTROL.search(plain):
        raise ValueError("text without control characters")
    if len(plain) > LONGEST_TEXT:
        raise ValueError(f"at most {LONGEST_TEXT} characters")
    return plain


def some_text(value: str) -> str:
    """As `text`, and not empty."""
    plain = text(value)
    if not plain:
        raise ValueError("a text that is not empty")
    return plain


def product(value: str) -> str:
    """A product's name, as `some_text`."""
    plain = some_text(value)
    if len(plain) > LONGEST_PRODUCT:
        raise ValueError(f"a product's name of at most {LONGEST_PRODUCT} characters")
    return plain


def lines(value: str) -> str:
    """Text that may have several lines."""
    plain = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _LINES_CONTROL.search(plain):
        raise ValueError("text without control characters")
    if len(plain) > LONGEST_TEXT:
        raise ValueError(f"at most {LONGEST_TEXT} characters")
    return plain


def email(value: str) -> str:
    """An address that a message can be sent to: RFC 5321's, without quotes and in ASCII.

    The host is lower-cased; the local part is kept, since only its host may read it.
    """
    plain = value.strip(" ")
    local, _, host = plain.rpartition("@")
    if (
        not _EMAIL.fullmatch(plain)
        or len(plain) > LONGEST_EMAIL
        or len(local) > LONGEST_LOCAL
        or len(host) > LONGEST_HOST
    ):
        raise ValueError("one e-mail address, such as ana@example.com")
    return f"{local}@{host.lower()}"


def host(value: str) -> str:
    """A domain name, lower-cased, in letters of any language."""
    plain = value.strip().rstrip(".").lower()
    if not _HOST.fullmatch(plain) or len(plain) > LONGEST_HOST:
        raise ValueError("a domain name, such as example.com")
    return plain


def currency(value: str) -> str:
    """A currency in use, by its ISO 4217 code."""
    plain = value.strip().upper()
    if plain not in CURRENCIES:
        raise ValueError("an ISO 4217 code of a currency in use, such as USD")
    return plain


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"Factory", "localtime", "posixrules"})


def time_zone(value: str) -> str:
    """A zone that the IANA database names."""
    plain = value.strip()
    if plain not in _zones():
        raise ValueError("an IANA time zone, such as Europe/Berlin")
    return plain


def role(value: str) -> str:
    """A role, as a word: `Decision Maker` is decision_maker."""
    plain = "_".join(value.lower().replace("-", " ").split())
    if not _ROLE.fullmatch(plain):
        raise ValueError("a role, such as decision_maker, primary or billing")
    return plain


def day(value: date) -> date:
    """A date that a contract can have."""
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError(f"a date from {FIRST_DAY} to {LAST_DAY}")
    return value
