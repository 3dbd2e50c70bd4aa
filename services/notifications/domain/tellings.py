"""What is said about messages, as events: ids, never names or addresses."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.notifications.domain.messages import ENDED
from shared.contracts import notifications as told


@dataclass(frozen=True, slots=True)
class About:
    """The message that an event is about."""

    message_id: UUID
    client_id: UUID
    partner_id: UUID
    subject_id: UUID
    occasion: str
    kind: str
    stage: str
    audience: str | None
    recipient_id: UUID | None
    copied_user_id: UUID | None
    rule: str

    def fields(self, version: int, at: datetime) -> dict[str, Any]:
        """What every event about it carries."""
        change = self.kind != ENDED
        return {
            "version": version,
            "occurred_at": at,
            "message_id": self.message_id,
            "client_id": self.client_id,
            "partner_id": self.partner_id,
            "renewal_id": self.subject_id if change else None,
            "renewal_start": date.fromisoformat(self.occasion) if change else None,
            "kind": self.kind,
            "stage": self.stage,
            "audience": self.audience or "",
            "recipient_id": self.recipient_id,
            "copied_user_id": self.copied_user_id,
            "rule": self.rule,
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """A message that ended without being sent."""

    about: About
    version: int
    reason: str
    superseded: bool


def sent(about: About, version: int, at: datetime, attempts: int) -> told.ReminderSent:
    """The relay accepted it."""
    return told.ReminderSent(accepted_at=at, attempts=attempts, **about.fields(version, at))


def blocked(about: About, version: int, at: datetime, reason: str) -> told.ReminderBlocked:
    """Nobody valid can be told."""
    return told.ReminderBlocked(reason=reason, **about.fields(version, at))


def dropped(ended: Ended, at: datetime) -> told.ReminderDropped:
    """It is no longer right to send it, or too late."""
    return told.ReminderDropped(
        reason=ended.reason,
        superseded=ended.superseded,
        **ended.about.fields(ended.version, at),
    )


def failed(
    about: About, version: int, at: datetime, reason: str, attempts: int
) -> told.ReminderFailed:
    """The relay refused it for good, or put it off too often."""
    return told.ReminderFailed(reason=reason, attempts=attempts, **about.fields(version, at))


def in_doubt(about: About, version: int, at: datetime, attempts: int) -> told.ReminderInDoubt:
    """It was handed over, and nobody can tell whether it arrived."""
    return told.ReminderInDoubt(attempts=attempts, **about.fields(version, at))
