"""What the tiers service answers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from pydantic import Field

from services.tiers.domain.rules import Assessment, Excluded, PointsRules, Requirement, RuleSet
from services.tiers.domain.standing import Partner, Review
from services.tiers.store import Behind
from shared.chassis.http import View
from shared.contracts.event import Currency, Money
from shared.contracts.tiers import Median, Performance


class CreditedTier(View):
    """The tier that the partner holds; it changes at reviews only."""

    tier: str | None = Field(description="null: no tier.", examples=["Gold"])
    since: date | None = Field(description="null: never credited.")


class Threshold(View):
    """One figure that a tier asks for."""

    figure: str = Field(description="sold_mrr, managed_mrr or points.", examples=["sold_mrr"])
    required: Money
    actual: Money
    missing: Money = Field(description="0.00 where it is met.")
    met: bool

    @classmethod
    def of(cls, asked: Requirement) -> Self:
        """Show a requirement."""
        return cls.model_validate(asked)


class Rung(View):
    """A tier, and what it asks for besides the gates."""

    tier: str = Field(examples=["Platinum"])
    met: bool
    thresholds: list[Threshold]


class MedianGate(View):
    """The median of apps used, over the accounts that give credit, and the gate it has to pass."""

    median: Median | None = Field(description="null: no such account has a recorded use.")
    required: Median
    met: bool
    accounts: int = Field(description="Accounts that the median is taken over.")
    accounts_without_use: int = Field(description="Left out: no use was ever recorded.")


class CertificationGate(View):
    """Whether the partner is certified today, and until when."""

    certified: bool
    required: bool
    met: bool
    certified_on: date | None
    expires_on: date | None = Field(description="The last day; null: none known, or no end.")


class NotCounted(View):
    """Revenue that no figure counts, in its own currency, and why."""

    currency: Currency
    sold: Money
    managed: Money
    reason: str = Field(examples=["no rate from CHF to USD on 2026-01-10 or before"])

    @classmethod
    def of(cls, excluded: Excluded) -> Self:
        """Show what is excluded."""
        return cls.model_validate(excluded)


class Tier(View):
    """Where the partner stands: what it holds, and what today's figures would give."""

    partner_id: UUID
    time_zone: str = Field(examples=["America/New_York"])
    as_of: date = Field(description="The day in the partner's zone, of which the figures are.")
    credited: CreditedTier
    next_review_on: date | None
    rule_set: str = Field(examples=["2018-01"])
    performance: str | None = Field(
        description="The tier that the figures give; null: none.", examples=["Gold"]
    )
    unknown: str = Field(
        description="Why no tier can be computed; empty where one can.", examples=[""]
    )
    currency: Currency
    sold_mrr: Money
    managed_mrr: Money
    points: Decimal | None = Field(
        description="null: the rule set counts no points.", examples=["70.00"]
    )
    next_tier: str | None = Field(
        description="null: at the top, or none can be computed.", examples=["Platinum"]
    )
    ladder: list[Rung]
    median_app_usage: MedianGate
    certification: CertificationGate
    excluded: list[NotCounted]

    @classmethod
    def of(cls, partner: Partner, found: Assessment, undated: list[tuple[str, Decimal]]) -> Self:
        """Show a partner as assessed; ``undated`` are sales of which nobody knows the day."""
        ladder = [
            Rung(
                tier=tier,
                met=all(each.met for each in asked),
                thresholds=[Threshold.of(each) for each in asked],
            )
            for tier, asked in found.ladder
        ]
        no_day = [
            NotCounted(
                currency=currency,
                sold=mrr,
                managed=Decimal(0),
                reason="sold, but the day of the sale is not known",
            )
            for currency, mrr in undated
        ]
        held = partner.credited_on(partner.day)
        return cls(
            partner_id=partner.partner_id,
            time_zone=partner.time_zone,
            as_of=partner.day,
            credited=CreditedTier(
                tier=held.tier if held else None, since=held.since if held else None
            ),
            next_review_on=partner.standing.next_review_on,
            rule_set=found.rules.name,
            performance=found.tier,
            unknown=found.unknown,
            currency=found.rules.currency,
            sold_mrr=found.sold,
            managed_mrr=found.managed,
            points=found.points,
            next_tier=found.next_tier,
            ladder=ladder,
            median_app_usage=_median(partner, found),
            certification=_certification(partner, found),
            excluded=[NotCounted.of(each) for each in found.excluded] + no_day,
        )


def _median(partner: Partner, found: Assessment) -> MedianGate:
    *known, unknown = partner.figures.usage
    required = found.rules.gates.median_app_usage
    return MedianGate(
        median=found.median,
        required=required,
        met=found.median is not None and found.median >= required,
        accounts=sum(known),
        accounts_without_use=unknown,
    )


def _certification(partner: Partner, found: Assessment) -> CertificationGate:
    """Show the one that holds; where none does, the one that ended last or begins next."""
    shown = partner.certification(partner.day) or max(
        partner.certifications, key=lambda each: each.certified_on, default=None
    )
    required = found.rules.gates.certified
    return CertificationGate(
        certified=found.certified,
        required=required,
        met=found.certified or not required,
        certified_on=shown.certified_on if shown else None,
        expires_on=shown.expires_on if shown else None,
    )


class ContributionView(View):
    """A client behind a figure."""

    client_id: UUID
    account_id: int = Field(description="HubSpot account of the customer.", examples=[20000001])
    record_id: int = Field(description="The company in the partner's CRM.", examples=[7000000001])
    name: str = Field(examples=["Willow Lighting Inc."])
    domain: str = Field(examples=["willow-lighting.example"])
    currency: Currency | None = Field(description="null for the median.")
    mrr: Money | None = Field(description="The client's whole revenue in this currency.")
    credit: Money | None = Field(description="What of it counts for the figure.")
    partners: int | None = Field(description="Among how many partners managed revenue is split.")
    sold_on: date | None
    sold_until: date | None = Field(description="First day on which the sale counts no more.")
    apps_used: int | None = Field(description="null: no use was ever recorded.")

    @classmethod
    def of(cls, behind: Behind) -> Self:
        """Show a client."""
        return cls.model_validate(behind)


class PerformanceDay(View):
    """Performance at the end of a day on which it changed."""

    day: date
    performance: Performance


class ReviewView(View):
    """What a review found and set."""

    review_on: date
    reviewed_at: datetime
    tier: str | None = Field(description="The tier held from then on; null: none.")
    previous_tier: str | None
    performance: Performance
    note: str = Field(description="Why the tier was left as it was; empty where it was set.")

    @classmethod
    def of(cls, review: Review, at: datetime) -> Self:
        """Show a review."""
        return cls(
            review_on=review.review_on,
            reviewed_at=at,
            tier=review.tier,
            previous_tier=review.previous_tier,
            performance=review.performance,
            note=review.note,
        )


class Expiry(View):
    """A month in which sold credit ends."""

    month: date = Field(description="Its first day.", examples=["2026-03-01"])
    expiring: Money = Field(description="Sold credit that counts today and ends in the month.")
    remaining: Money = Field(description="What of today's sold credit is left after the month.")


class Expiries(View):
    """When the sold credit of today ends; all months together are the sold figure."""

    as_of: date
    currency: Currency
    sold_mrr: Money
    months: list[Expiry]


class RuleSetView(View):
    """A rule set: dated data, not code."""

    name: str = Field(examples=["2018-01"])
    title: str = Field(examples=["Solutions Partner Program, January 2018"])
    kind: str = Field(description="mrr or points.", examples=["mrr"])
    in_force: bool = Field(description="Whether it is the one that counts today.")
    in_force_from: date | None = Field(description="null: kept for comparison.")
    computable: bool = Field(description="Whether all its thresholds have a value.")
    rules: dict[str, Any] = Field(description="The whole rule set, as it was configured.")

    @classmethod
    def of(cls, rules: RuleSet, *, in_force: bool) -> Self:
        """Show a rule set."""
        unknown = isinstance(rules, PointsRules) and any(t.points is None for t in rules.tiers)
        return cls(
            name=rules.name,
            title=rules.title,
            kind=rules.kind,
            in_force=in_force,
            in_force_from=rules.in_force_from,
            computable=not unknown,
            rules=rules.model_dump(mode="json"),
        )
