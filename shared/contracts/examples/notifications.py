"""What the notifications service says about the messages of the story."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid5

from shared.contracts import notifications
from shared.contracts.event import Event
from shared.contracts.examples.story import (
    ADMIN,
    BUYER,
    CLIENT,
    MEMBER,
    PARTNER,
    RENEWAL,
    START,
    at,
)


def _message(version: int, moment: datetime, stage: str, **told: Any) -> dict[str, Any]:
    return {
        "version": version,
        "occurred_at": moment,
        "message_id": uuid5(RENEWAL, f"{stage}:{told['audience']}"),
        "client_id": CLIENT,
        "partner_id": PARTNER,
        "renewal_id": RENEWAL,
        "renewal_start": START,
        "kind": "renewal",
        "stage": stage,
        **told,
    }


def said() -> Iterator[Event]:
    """One of each event."""
    client: dict[str, Any] = {"audience": "client", "rule": "hubspot owns: decision_maker"}
    partner: dict[str, Any] = {"audience": "partner", "rule": "partner owns: point of contact"}
    sent = at(2025, 12, 5, 14, 0)
    yield notifications.ReminderSent(
        **_message(3, sent, "d-45", recipient_id=BUYER, copied_user_id=MEMBER, **client),
        accepted_at=sent,
        attempts=1,
    )
    yield notifications.ReminderBlocked(
        **_message(1, at(2026, 1, 4, 14, 0), "d-15", **partner),
        reason="The point of contact is deactivated, and the partner has no active admin.",
    )
    yield notifications.ReminderDropped(
        **_message(2, at(2026, 1, 12, 14, 0), "d-7", recipient_id=ADMIN, **partner),
        reason="The renewal was decided before the message went out.",
        superseded=False,
    )
    yield notifications.ReminderFailed(
        **_message(6, at(2026, 1, 18, 20, 15), "d-1", recipient_id=BUYER, **client),
        reason="550 5.1.1 no such mailbox",
        attempts=5,
    )
    yield notifications.ReminderInDoubt(
        **_message(4, at(2026, 1, 19, 14, 0), "d-0", recipient_id=BUYER, **client),
        attempts=1,
    )
