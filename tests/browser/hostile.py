"""Texts that would do harm if somebody believed them, in every field that takes a text."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from tests.journeys.portfolio import Portfolio

MARKUP: Final = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;{{7*7}}</td></dialog>"
TURNED: Final = "abc\u202edcb\u2066\u200f evil\u202c"
FORMULAS: Final = ('=HYPERLINK("http://evil.example","x")', "+1+1", "-2+3", "@SUM(A1)")
LENGTH: Final = 10_000
WORDS: Final = (MARKUP, TURNED, *FORMULAS)


def long(start: str) -> str:
    """As long a text as is taken."""
    return start + "W" * (LENGTH - len(start))


def add(portfolio: Portfolio, record: int, start: date) -> None:
    """A partner of whom nothing is well meant: a client for each text, ``record`` the first."""
    portfolio.partner(MARKUP)
    portfolio.user(1, "hal@hostile.example", "admin")
    for number, text in enumerate(WORDS, start=10):
        _user(portfolio, number, text)
    portfolio.team("cam@hubspot.example", "channel_account_manager", long(MARKUP))
    for number, text in enumerate(_texts(), start=record):
        about: dict[str, Any] = {
            "Company name": text,
            "Company Domain Name": f"hostile-{number}.example",
            "Industry": text,
            "City": text,
            "Country/Region": text,
            "Phone Number": text,
            "Renewal manager name": text,
            "Contact tier": text,
            "Contacts limit": 100,
            "Contacts used": 99,
        }
        portfolio.client(
            "Hostile",
            manager="remy@hubspot.example",
            renewal_start=start,
            record=number,
            product=text[:180],
            **about,
        )
        portfolio.add(
            "clients/contacts.csv",
            {
                "Record ID": 90_000 + number,
                "First Name": text,
                "Last Name": text[:50],
                "Email": f"dm@hostile-{number}.example",
                "Job Title": text,
                "Phone Number": text,
                "Associated Company ID": number,
                "Roles": "decision_maker",
            },
        )
        portfolio.add(
            "renewals/quotes.csv",
            {
                "Record ID": number,
                "Renewal start": start,
                "Option": text[:100],
                "Product": text[:180],
                "Renewal MRR": "900.00",
                "Currency": "USD",
                "Default": "yes",
            },
        )


def _texts() -> Iterator[str]:
    yield from WORDS
    yield long(MARKUP)


def _user(portfolio: Portfolio, number: int, text: str) -> None:
    portfolio.add(
        "clients/partner_users.csv",
        {
            "User ID": number,
            "First Name": text,
            "Last Name": "Person",
            "Email": f"user-{number}@hostile.example",
            "Role": "member",
            "Status": "active",
        },
    )
