"""What the tiers service says: performance at once, the credited tier at each review."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer, WithJsonSchema

from .event import Currency, Data, Event, Money, PartnerId, Snapshot

EVENTS = "tiers.events.v1"
STATE = "tiers.state.v1"

Median = Annotated[
    Decimal,
    PlainSerializer(lambda median: f"{median:f}", return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?$",
            "description": "An exact median, as a decimal string.",
            "examples": ["4.5"],
        },
        mode="serialization",
    ),
]


class Performance(Data):
    """A partner's figures and the tier that they would give today."""

    tier: str | None = Field(default=None, description="None: no tier.")
    sold_mrr: Money = Field(description="MRR of the customers sold in the past 12 months.")
    managed_mrr: Money = Field(description="MRR of serviced clients, split among partners.")
    currency: Currency
    median_app_usage: Median | None = Field(
        default=None, description="None: no account contributes."
    )
    certified: bool = Field(description="Whether the partner's certification runs.")
    rule_set: str = Field(description="The rules that were applied.", examples=["2018-01"])


class TierEvent(Event):
    """A fact about a partner's tier."""

    TOPIC, KEY, SUBJECT = EVENTS, "partner_id", "partner_id"

    partner_id: PartnerId


class TierPerformanceChanged(TierEvent):
    """The figures, or the tier that they would give, changed."""

    TYPE = "tiers.TierPerformanceChanged.v1"

    performance: Performance = Field(description="The figures now.")
    previous_tier: str | None = Field(default=None, description="What the figures gave before.")


class TierCredited(TierEvent):
    """A review set the tier that the partner holds."""

    TYPE = "tiers.TierCredited.v1"

    tier: str | None = Field(default=None, description="The tier held from now on. None: no tier.")
    previous_tier: str | None = Field(
        default=None, description="The tier held before. None: no tier."
    )
    review_on: date = Field(description="The day of the review.")
    rule_set: str = Field(description="The rules that were applied.", examples=["2018-01"])


class CertificationRecorded(TierEvent):
    """The partner was certified, or its certification runs until another day."""

    TYPE = "tiers.CertificationRecorded.v1"

    certified_on: date | None = Field(default=None, description="First day; None where unknown.")
    expires_on: date | None = Field(default=None, description="Last day; None: runs without end.")


class PartnerTierSnapshot(Snapshot):
    """Where a partner stands."""

    TOPIC, TYPE = STATE, "tiers.PartnerTierSnapshot.v1"
    KEY, SUBJECT = "partner_id", "partner_id"

    partner_id: PartnerId
    credited_tier: str | None = Field(
        default=None, description="The tier that it holds. None: no tier."
    )
    credited_since: date | None = Field(default=None, description="None: never credited.")
    next_review_on: date | None = Field(
        default=None, description="When the credited tier may change."
    )
    certified_until: date | None = Field(default=None, description="Last day of its certification.")
    performance: Performance = Field(description="The figures now.")
