"""What the tiers service says: performance at once, the credited tier at each review."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from shared.contracts.event import Currency, Data, Event, Money, Snapshot

EVENTS = "tiers.events.v1"
STATE = "tiers.state.v1"


class Performance(Data):
    """A partner's figures and the tier that they would give today."""

    tier: str | None = Field(None, description="None: no tier.")
    sold_mrr: Money
    managed_mrr: Money
    currency: Currency
    median_app_usage: Decimal | None = Field(None, description="None: no account contributes.")
    certified: bool
    rule_set: str


class TierEvent(Event):
    """A fact about a partner's tier."""

    TOPIC, KEY, SUBJECT = EVENTS, "partner_id", "partner_id"

    partner_id: UUID


class TierPerformanceChanged(TierEvent):
    """The figures, or the tier that they would give, changed."""

    TYPE = "tiers.TierPerformanceChanged.v1"

    performance: Performance
    previous_tier: str | None = None


class TierCredited(TierEvent):
    """A review set the tier that the partner holds."""

    TYPE = "tiers.TierCredited.v1"

    tier: str | None = None
    previous_tier: str | None = None
    review_on: date
    rule_set: str


class CertificationRecorded(TierEvent):
    """The partner was certified, or its certification runs until another day."""

    TYPE = "tiers.CertificationRecorded.v1"

    certified_on: date | None = None
    expires_on: date | None = None


class PartnerTierSnapshot(Snapshot):
    """Where a partner stands."""

    TOPIC, TYPE = STATE, "tiers.PartnerTierSnapshot.v1"
    KEY, SUBJECT = "partner_id", "partner_id"

    partner_id: UUID
    credited_tier: str | None = None
    credited_since: date | None = None
    next_review_on: date | None = None
    certified_until: date | None = None
    performance: Performance
