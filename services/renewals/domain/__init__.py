"""What the renewals service decides: dates, stages, owners, and what follows from terms."""

from services.renewals.domain.dates import deadline, enters_horizon, send_instant, today_in
from services.renewals.domain.kinds import DECISIONS, HORIZON, NOTICE, Kind, Refused, Status
from services.renewals.domain.owners import Default
from services.renewals.domain.policies import Client, Partner, Services
from services.renewals.domain.quotes import Quote
from services.renewals.domain.renewals import Renewal, decide, settle
from services.renewals.domain.stages import Due
from services.renewals.domain.terms import Book

__all__ = [
    "DECISIONS",
    "HORIZON",
    "NOTICE",
    "Book",
    "Client",
    "Default",
    "Due",
    "Kind",
    "Partner",
    "Quote",
    "Refused",
    "Renewal",
    "Services",
    "Status",
    "deadline",
    "decide",
    "enters_horizon",
    "send_instant",
    "settle",
    "today_in",
]
