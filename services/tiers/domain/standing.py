"""Where a partner stands: performance at once, the credited tier at reviews."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from services.tiers.domain.figures import Figures
from services.tiers.domain.rules import Assessment, Book, assess
from shared.contracts import clients, tiers
from shared.contracts.event import Event, Tombstone

Said: TypeAlias = Event | Tombstone


@dataclass(frozen=True, slots=True)
class Certification:
    """From when to when, both days included, a partner is certified. None: without an end."""

    certified_on: date
    expires_on: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it holds on this day."""
        return self.certified_on <= day and (self.expires_on is None or day <= self.expires_on)


@dataclass(frozen=True, slots=True)
class Credited:
    """A tier held from a day on; None: from then on none."""

    since: date
    tier: str | None
    source: str  # review, or import


@dataclass(frozen=True, slots=True)
class Review:
    """What a review found, and the tier held after it."""

    partner_id: UUID
    review_on: date
    tier: str | None
    previous_tier: str | None
    performance: tiers.Performance
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What consumers are told about a partner."""

    credited_tier: str | None = None
    credited_since: date | None = None
    next_review_on: date | None = None
    certified_until: date | None = None
    performance: tiers.Performance | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner, its figures on ``day``, and where it stands.

    ``known_version`` is that of the partner's snapshot: 0 while only its clients were heard of,
    and then nothing is said about it yet. ``reviewed_until`` is the day up to which all reviews
    are done; None until the days are first counted here, so that no review is made up for a time
    before that. ``heard_at`` is when that happened which changed the standing last.
    """

    partner_id: UUID
    day: date
    reviewed_until: date | None = None
    hub_id: int | None = None
    time_zone: str = "UTC"
    known_version: int = 0
    erased: bool = False
    figures: Figures = field(default_factory=Figures)
    certifications: Sequence[Certification] = ()
    credited: Sequence[Credited] = ()
    standing: Standing = field(default_factory=Standing)
    version: int = 0
    heard_at: datetime | None = None

    @property
    def known(self) -> bool:
        """Whether the partner was told, and not erased."""
        return self.known_version > 0 and not self.erased

    def certification(self, day: date) -> Certification | None:
        """The certification that holds longest of those that hold on a day."""
        holding = [each for each in self.certifications if each.holds(day)]
        return max(holding, key=lambda each: each.expires_on or date.max, default=None)

    def credited_on(self, day: date) -> Credited | None:
        """The tier held on a day: the entry that began last by then."""
        begun = [each for each in self.credited if each.since <= day]
        return max(begun, key=lambda each: each.since, default=None)


Decision: TypeAlias = tuple[Partner, list[Said]]


def meet(partner: Partner, told: clients.PartnerSnapshot) -> Partner:
    """Take in what the clients service says of a partner; an older word changes nothing."""
    if told.version <= partner.known_version:
        return partner
    ZoneInfo(told.time_zone)  # an unknown zone fails here, before days are counted in it
    return replace(
        partner,
        hub_id=told.hub_id,
        time_zone=told.time_zone,
        known_version=told.version,
        erased=False,
    )


def erase(partner: Partner) -> Decision:
    """Forget the partner and take back what was said about it."""
    gone = Partner(
        partner_id=partner.partner_id,
        day=partner.day,
        reviewed_until=partner.reviewed_until,
        figures=partner.figures,
        known_version=partner.known_version,
        erased=True,
        version=partner.version + 1,
    )
    if partner.erased or partner.heard_at is None:
        return replace(gone, version=partner.version), []
    tombstone = Tombstone(
        topic=tiers.STATE,
        key=str(partner.partner_id),
        owner="tiers",
        occurred_at=partner.heard_at,
        version=gone.version,
    )
    return gone, [tombstone]


def stand(partner: Partner, book: Book, at: datetime | None) -> Decision:
    """Assess the partner on its day, and say what changed; where nothing did, say nothing.

    Without a time, as after an erasure that carries none, the last one heard of stands for it.
    """
    at = at or partner.heard_at
    if not partner.known or at is None:
        return partner, []
    assessment = assessed(partner, book)
    credited = partner.credited_on(partner.day)
    certification = partner.certification(partner.day)
    standing = Standing(
        credited_tier=credited.tier if credited else None,
        credited_since=credited.since if credited else None,
        next_review_on=book.next_review(_next_after(partner)),
        certified_until=certification.expires_on if certification else None,
        performance=performance(assessment) if assessment else None,
    )
    if standing == partner.standing:
        return partner, []
    before, partner = (
        partner,
        replace(partner, standing=standing, version=partner.version + 1, heard_at=at),
    )
    return partner, _changes(before, partner, at)


def stand_all(
    partners: Iterable[Partner], book: Book, at: datetime | None
) -> tuple[list[Partner], list[Said]]:
    """Do that for several."""
    decided = [stand(partner, book, at) for partner in partners]
    return [partner for partner, _ in decided], [each for _, said in decided for each in said]


def _next_after(partner: Partner) -> date:
    return max(partner.day, partner.reviewed_until or partner.day)


def _changes(before: Partner, after: Partner, at: datetime) -> list[Said]:
    was, now = before.standing.performance, after.standing.performance
    if now is None:
        return []
    said: list[Said] = []
    if now != was:
        said.append(
            tiers.TierPerformanceChanged(
                version=after.version,
                occurred_at=at,
                partner_id=after.partner_id,
                performance=now,
                previous_tier=was.tier if was else None,
            )
        )
    return [*said, snapshot(after, now, at)]


def snapshot(
    partner: Partner, figures: tiers.Performance, at: datetime
) -> tiers.PartnerTierSnapshot:
    """The whole truth about where the partner stands."""
    standing = partner.standing
    return tiers.PartnerTierSnapshot(
        version=partner.version,
        occurred_at=at,
        partner_id=partner.partner_id,
        credited_tier=standing.credited_tier,
        credited_since=standing.credited_since,
        next_review_on=standing.next_review_on,
        certified_until=standing.certified_until,
        performance=figures,
    )


def assessed(partner: Partner, book: Book, *, rule_set: str | None = None) -> Assessment | None:
    """Assess by a named rule set, or by the one in force; None where there is none."""
    rules = book.named(rule_set) if rule_set else book.in_force(partner.day)
    if rules is None:
        return None
    certified = partner.certification(partner.day) is not None
    return assess(partner.figures, certified=certified, rules=rules, book=book, day=partner.day)


def performance(assessment: Assessment) -> tiers.Performance:
    """An assessment, as consumers are told it."""
    return tiers.Performance(
        tier=assessment.tier,
        sold_mrr=assessment.sold,
        managed_mrr=assessment.managed,
        currency=assessment.rules.currency,
        median_app_usage=assessment.median,
        certified=assessment.certified,
        rule_set=assessment.rules.name,
    )


def days_to_visit(partner: Partner, book: Book, today: date) -> list[date]:
    """The days to which the partner moves one after the other: each missed review, then today.

    The first time there is only today. Today may also be a day earlier, after a change of zone.
    """
    if partner.reviewed_until is None:
        return [today]
    missed = book.reviews(partner.reviewed_until, today)
    return missed if missed and missed[-1] == today else [*missed, today]


def visit(
    partner: Partner, figures: Figures, day: date, book: Book, at: datetime
) -> tuple[Partner, Review | None, list[Said]]:
    """Come to a day with the figures of that day, and be reviewed if it is a day for it."""
    there, made, credited = review(_arrive(partner, figures, day), book, at)
    stood, said = stand(there, book, at)
    return stood, made, credited + said


def _arrive(partner: Partner, figures: Figures, day: date) -> Partner:
    return replace(partner, figures=figures, day=day, reviewed_until=partner.reviewed_until or day)


def review(partner: Partner, book: Book, at: datetime) -> tuple[Partner, Review | None, list[Said]]:
    """Review the partner on its day, where that is a review day that was not done yet.

    The partner then holds the tier of its performance. Where no tier can be computed, it keeps
    the one it has, and the review says why.
    """
    day, done = partner.day, partner.reviewed_until
    if not partner.known or done is None or day not in book.reviews(done, day):
        return partner, None, []
    assessment = assessed(partner, book)
    if assessment is None:
        return partner, None, []
    held = partner.credited_on(day)
    before = held.tier if held else None
    tier = before if assessment.unknown else assessment.tier
    credited = partner.credited
    if tier != before:
        credited = [
            *(each for each in credited if each.since != day),
            Credited(day, tier, "review"),
        ]
    partner = replace(partner, credited=credited, reviewed_until=day, version=partner.version + 1)
    found = performance(assessment)
    made = Review(partner.partner_id, day, tier, before, found, assessment.unknown)
    if assessment.unknown:
        return partner, made, []
    said = tiers.TierCredited(
        version=partner.version,
        occurred_at=at,
        partner_id=partner.partner_id,
        tier=tier,
        previous_tier=before,
        review_on=day,
        rule_set=found.rule_set,
    )
    return partner, made, [said]


def certify(partner: Partner, told: Iterable[Certification], at: datetime) -> Decision:
    """Record certifications; one that began on the same day as a known one replaces it."""
    known = {each.certified_on: each for each in partner.certifications}
    said: list[Said] = []
    version = partner.version
    for each in told:
        if known.get(each.certified_on) == each:
            continue
        known[each.certified_on] = each
        version += 1
        said.append(
            tiers.CertificationRecorded(
                version=version,
                occurred_at=at,
                partner_id=partner.partner_id,
                certified_on=each.certified_on,
                expires_on=each.expires_on,
            )
        )
    if not said:
        return partner, []
    held = tuple(known[day] for day in sorted(known))
    return replace(partner, certifications=held, version=version), said


def hold(partner: Partner, told: Iterable[Credited]) -> Partner:
    """Take over tiers that the partner was given before its reviews were done here."""
    known = {each.since: each for each in partner.credited}
    for each in told:
        if each.since not in known or known[each.since].tier != each.tier:
            known[each.since] = each
    held = tuple(known[day] for day in sorted(known))
    return partner if held == tuple(partner.credited) else replace(partner, credited=held)
