"""The kinds of contract change and their statuses, and what a person is refused."""

from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal


class Kind(StrEnum):
    """What needs a decision."""

    RENEWAL = "renewal"
    CONTACT_TIER_UPGRADE = "contact_tier_upgrade"
    EMAIL_OVERAGE = "email_overage"


class Status(StrEnum):
    """Where a contract change stands.

    ``WITHDRAWN`` is never published: its products are gone, and only the record remains of
    the stages that somebody was told.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    RENEWED = "renewed"
    CANCELLATION_REQUESTED = "cancellation_requested"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


DECISIONS: Final = {
    Kind.RENEWAL: (Status.RENEWED, Status.CANCELLATION_REQUESTED),
    Kind.CONTACT_TIER_UPGRADE: (Status.CONFIRMED, Status.CANCELLATION_REQUESTED),
    Kind.EMAIL_OVERAGE: (Status.CONFIRMED, Status.CANCELLATION_REQUESTED),
}

NOTICE: Final = {
    Kind.RENEWAL: timedelta(days=45),
    Kind.CONTACT_TIER_UPGRADE: timedelta(days=14),
    Kind.EMAIL_OVERAGE: timedelta(days=14),
}

HORIZON: Final = {
    Kind.RENEWAL: timedelta(days=120),
    Kind.CONTACT_TIER_UPGRADE: timedelta(days=30),
    Kind.EMAIL_OVERAGE: timedelta(days=30),
}

UPCOMING_DAYS: Final = 120


class Refused(Exception):  # noqa: N818 - says what happened to the person's wish
    """A rule says no to a person: which field, why, and whether it may be right later (409)."""

    def __init__(self, field: str, reason: str, status: Literal[409, 422] = 422) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.status = field, reason, status
