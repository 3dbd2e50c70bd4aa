"""What the notifications service says: what became of each message. Ids only, no addresses."""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime, Field

from .event import ClientId, Event, PartnerId

EVENTS = "notifications.events.v1"


class MessageEvent(Event):
    """A fact about one message, or about one that could not be made."""

    TOPIC, SUBJECT = EVENTS, "message_id"

    message_id: UUID = Field(description="The message: one stage for one recipient.")
    client_id: ClientId
    partner_id: PartnerId
    renewal_id: UUID | None = Field(
        default=None, description="None for a message about ended services."
    )
    renewal_start: date | None = Field(default=None, description="First day of the new terms.")
    kind: str = Field(description="renewal, contact_tier_upgrade, email_overage or services_ended.")
    stage: str = Field(description="The renewal's stage, or 'services_ended'.")
    audience: str = Field(description="client, partner or hubspot.")
    recipient_id: UUID | None = Field(
        default=None, description="Contact, partner user or HubSpot person, by the audience."
    )
    copied_user_id: UUID | None = Field(
        default=None, description="The partner's user in Cc, if any."
    )
    rule: str = Field(
        default="", description="The rule of the owner policy that named the recipient."
    )


class ReminderSent(MessageEvent):
    """The mail relay accepted the message."""

    TYPE = "notifications.ReminderSent.v1"

    accepted_at: AwareDatetime = Field(description="When the relay said yes.")
    attempts: int = Field(default=1, ge=1, description="How often it was handed over.")


class ReminderBlocked(MessageEvent):
    """Nobody valid could be told. It is sent once somebody can, until the deadline."""

    TYPE = "notifications.ReminderBlocked.v1"

    reason: str = Field(description="Why, in words for people; no addresses.")


class ReminderDropped(MessageEvent):
    """It was no longer right to send it: decided, moved, ended, or overtaken."""

    TYPE = "notifications.ReminderDropped.v1"

    reason: str = Field(description="Why, in words for people; no addresses.")
    superseded: bool = Field(default=False, description="A later stage took its place.")


class ReminderFailed(MessageEvent):
    """The mail relay refused it for good, or all attempts are used up."""

    TYPE = "notifications.ReminderFailed.v1"

    reason: str = Field(description="Why, in words for people; no addresses.")
    attempts: int = Field(default=1, ge=1, description="How often it was handed over.")


class ReminderInDoubt(MessageEvent):
    """It was handed over and the answer never came: accepted or not, nobody can tell."""

    TYPE = "notifications.ReminderInDoubt.v1"

    attempts: int = Field(default=1, ge=1, description="How often it was handed over.")
