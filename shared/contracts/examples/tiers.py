"""What the tiers service says about the partner of the story."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from shared.contracts import tiers
from shared.contracts.event import Event
from shared.contracts.examples.story import PARTNER, at

_PERFORMANCE = tiers.Performance(
    tier="Gold",
    sold_mrr=Decimal("2240.00"),
    managed_mrr=Decimal("6815.50"),
    currency="USD",
    median_app_usage=Decimal("4.5"),
    certified=True,
    rule_set="2018-01",
)


def said() -> Iterator[Event]:
    """One of each event."""
    yield tiers.TierPerformanceChanged(
        version=21,
        occurred_at=at(2026, 1, 2, 8, 16),
        partner_id=PARTNER,
        performance=_PERFORMANCE,
        previous_tier="Silver",
    )
    yield tiers.TierCredited(
        version=22,
        occurred_at=at(2026, 1, 15, 5, 0),
        partner_id=PARTNER,
        tier="Gold",
        previous_tier="Silver",
        review_on=date(2026, 1, 15),
        rule_set="2018-01",
    )
    yield tiers.CertificationRecorded(
        version=4,
        occurred_at=at(2025, 9, 1, 9, 0),
        partner_id=PARTNER,
        certified_on=date(2025, 9, 1),
        expires_on=date(2026, 10, 1),
    )
    yield tiers.PartnerTierSnapshot(
        version=22,
        occurred_at=at(2026, 1, 15, 5, 0),
        partner_id=PARTNER,
        credited_tier="Gold",
        credited_since=date(2026, 1, 15),
        next_review_on=date(2026, 7, 15),
        certified_until=date(2026, 10, 1),
        performance=_PERFORMANCE,
    )
