"""Where partners stand: reviews, certifications, tiers held; without any database."""

from datetime import UTC, date, datetime
from decimal import Decimal

from services.tiers.domain import standing
from services.tiers.domain.figures import Figures, Sums
from services.tiers.domain.ladder import Ending, expiry_ladder
from services.tiers.domain.rules import Book, assess
from services.tiers.domain.standing import Certification, Credited
from shared.contracts import tiers
from tests.tiers.portfolio import partner as told_partner
from tests.tiers.rules import BOOK, DAY, a_partner, january, points, rates

AT = datetime(2026, 1, 10, 12, tzinfo=UTC)


def test_a_certification_holds_through_its_last_day() -> None:
    partner = a_partner()
    assert partner.certification(date(2024, 12, 31)) is None
    assert partner.certification(date(2025, 1, 1)) is not None
    assert partner.certification(date(2026, 1, 31)) is not None
    assert partner.certification(date(2026, 2, 1)) is None


def test_of_two_certifications_the_one_that_holds_longer_is_shown() -> None:
    forever = Certification(date(2025, 6, 1))
    partner = a_partner(certifications=(*a_partner().certifications, forever))
    assert partner.certification(DAY) == forever


def test_a_review_credits_the_performance_of_its_day() -> None:
    partner, said = standing.stand(a_partner(), BOOK, AT)
    assert len(said) == 2
    after, made, told = standing.visit(partner, partner.figures, date(2026, 1, 15), BOOK, AT)
    assert made is not None
    assert (made.tier, made.previous_tier, made.note) == ("Gold", None, "")
    kinds = [type(each) for each in told]
    assert kinds == [tiers.TierCredited, tiers.PartnerTierSnapshot]
    assert after.standing.credited_tier == "Gold"
    assert after.standing.credited_since == date(2026, 1, 15)
    assert after.standing.next_review_on == date(2026, 7, 15)


def test_a_review_that_finds_the_same_tier_leaves_its_first_day_as_it_was() -> None:
    held = (Credited(date(2025, 7, 15), "Gold", "import"),)
    partner = a_partner(credited=held)
    after, made, _ = standing.visit(partner, partner.figures, date(2026, 1, 15), BOOK, AT)
    assert made is not None
    assert after.standing.credited_since == date(2025, 7, 15)


def test_between_reviews_the_credited_tier_stays() -> None:
    partner = a_partner(credited=(Credited(date(2025, 7, 15), "Diamond", "review"),))
    after, made, _ = standing.visit(partner, partner.figures, date(2026, 1, 14), BOOK, AT)
    assert made is None
    assert after.standing.credited_tier == "Diamond"
    assert after.standing.performance is not None
    assert after.standing.performance.tier == "Gold"


def test_a_review_takes_the_tier_of_a_partner_that_has_lost_it() -> None:
    partner = a_partner(
        credited=(Credited(date(2025, 7, 15), "Gold", "review"),), certifications=()
    )
    after, made, told = standing.visit(partner, partner.figures, date(2026, 1, 15), BOOK, AT)
    assert made is not None
    assert after.standing.credited_tier is None
    assert after.standing.credited_since == date(2026, 1, 15)
    assert isinstance(told[0], tiers.TierCredited)
    assert told[0].previous_tier == "Gold"


def test_where_no_tier_can_be_computed_a_review_keeps_the_tier_and_says_why() -> None:
    book = Book.of([points().model_copy(update={"in_force_from": date(2022, 1, 1)})], [])
    partner = a_partner(credited=(Credited(date(2025, 7, 15), "Gold", "review"),))
    after, made, told = standing.visit(partner, partner.figures, date(2026, 1, 15), book, AT)
    assert made is not None
    assert "no tier can be computed" in made.note
    assert after.standing.credited_tier == "Gold"
    assert not any(isinstance(each, tiers.TierCredited) for each in told)


def test_without_any_rule_set_nothing_is_assessed_and_nothing_reviewed() -> None:
    partner = a_partner(credited=(Credited(date(2025, 7, 15), "Gold", "import"),))
    after, made, told = standing.visit(
        partner, partner.figures, date(2026, 1, 15), Book.of([], []), AT
    )
    assert (made, told) == (None, [])
    assert after.standing.credited_tier == "Gold"


def test_the_days_missed_in_an_outage_are_visited_in_order() -> None:
    partner = a_partner(reviewed_until=date(2025, 1, 20))
    assert standing.days_to_visit(partner, BOOK, date(2026, 1, 20)) == [
        date(2025, 7, 15),
        date(2026, 1, 15),
        date(2026, 1, 20),
    ]
    assert standing.days_to_visit(partner, BOOK, date(2025, 7, 15)) == [date(2025, 7, 15)]
    fresh = a_partner(reviewed_until=None)
    assert standing.days_to_visit(fresh, BOOK, date(2026, 1, 20)) == [date(2026, 1, 20)]


def test_what_did_not_change_is_not_said_again() -> None:
    partner, said = standing.stand(a_partner(), BOOK, AT)
    assert said
    assert standing.stand(partner, BOOK, AT) == (partner, [])
    assert standing.stand(a_partner(known_version=0), BOOK, AT)[1] == []


def test_versions_of_a_partner_only_grow() -> None:
    partner, first = standing.certify(
        a_partner(), [Certification(date(2026, 2, 1), date(2027, 1, 31))], AT
    )
    partner, second = standing.stand(partner, BOOK, AT)
    partner, _, third = standing.visit(partner, partner.figures, date(2026, 7, 15), BOOK, AT)
    versions = [each.version for each in (*first, *second, *third)]
    assert versions == sorted(versions)
    assert partner.version == versions[-1]


def test_a_certification_told_again_is_not_news_and_a_longer_one_is() -> None:
    partner = a_partner()
    [known] = partner.certifications
    assert standing.certify(partner, [known], AT) == (partner, [])
    longer = Certification(known.certified_on, date(2026, 12, 31))
    after, said = standing.certify(partner, [longer], AT)
    assert len(said) == 1
    assert after.certifications == (longer,)


def test_an_imported_tier_replaces_another_of_its_day_only() -> None:
    partner = a_partner(credited=(Credited(date(2025, 7, 15), "Gold", "review"),))
    same = standing.hold(partner, [Credited(date(2025, 7, 15), "Gold", "import")])
    assert same == partner
    other = standing.hold(partner, [Credited(date(2025, 1, 15), "Silver", "import")])
    held = other.credited_on(DAY)
    assert held is not None
    assert held.tier == "Gold"


def test_a_partner_is_met_again_only_by_a_newer_word() -> None:
    partner = a_partner(known_version=3)
    assert standing.meet(partner, told_partner(version=3)) == partner
    assert standing.meet(partner, told_partner(version=4, zone="Asia/Tokyo")).time_zone == (
        "Asia/Tokyo"
    )


def test_the_expiry_ladder_ends_at_nothing_and_its_steps_are_the_sold_figure() -> None:
    book = rates(("EUR", "2026-01-01", "1.0333"))
    endings = [
        Ending(date(2026, 2, 1), "EUR", Decimal("33.33")),
        Ending(date(2026, 2, 1), "USD", Decimal("10.00")),
        Ending(date(2026, 5, 1), "EUR", Decimal("0.01")),
        Ending(date(2026, 5, 1), "CHF", Decimal("9.00")),
    ]
    steps = expiry_ladder(endings, book, "USD", DAY)
    figures = Figures(
        {
            ("EUR", ""): Sums(Decimal("33.34"), Decimal(0)),
            ("USD", ""): Sums(Decimal("10.00"), Decimal(0)),
        }
    )
    sold = assess(figures, certified=True, rules=january(), book=book, day=DAY).sold
    assert sum(step.expiring for step in steps) == sold
    assert [step.remaining for step in steps] == [Decimal("0.01"), Decimal("0.00")]
