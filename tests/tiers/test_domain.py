"""What tiers decide: credits, splits, medians, tiers, reviews; without any database."""

import csv
import statistics
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.tiers.domain import Refused, credit
from services.tiers.domain.clients import Client, sold_until
from services.tiers.domain.figures import UNKNOWN, Figures, Sums
from services.tiers.domain.rules import (
    LARGEST,
    Book,
    MrrTier,
    assess,
    read_rule_set,
)
from shared.contracts import ids
from tests.tiers import model
from tests.tiers.rules import BOOK, DAY, ID, figures_of, january, points, rates, shipped

VECTORS = Path(__file__).parent / "vectors" / "tiers.csv"


with VECTORS.open() as lines:
    ROWS = list(csv.DictReader(lines))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "/".join(row.values()))
def test_each_worked_example_gives_its_tier(row: dict[str, str]) -> None:
    figures = figures_of(row["sold_mrr_usd"], row["managed_mrr_usd"], row["median_app_usage"])
    found = assess(
        figures, certified=row["certified"] == "true", rules=january(), book=BOOK, day=DAY
    )
    assert (found.tier or "none") == row["performance_tier"]
    assert found.median == Decimal(row["median_app_usage"])


@given(
    amount=st.decimals(0, 10**9, places=2),
    partners=st.integers(1, 60),
)
def test_shares_add_up_to_the_amount_and_differ_by_a_cent_at_most(
    amount: Decimal, partners: int
) -> None:
    shares = credit.split(amount, partners)
    assert sum(shares) == amount
    assert max(shares) - min(shares) <= Decimal("0.01")
    assert shares == sorted(shares, reverse=True)
    assert shares == [model.share(amount, rank, partners) for rank in range(partners)]


@given(st.lists(st.integers(0, 17), max_size=40))
def test_the_median_is_exact(apps: list[int]) -> None:
    usage = [0] * (UNKNOWN + 1)
    for each in apps:
        usage[each] += 1
    found = Figures({}, tuple(usage)).median
    if not apps:
        assert found is None
    else:
        exact = statistics.median([Fraction(each) for each in apps])
        assert found == Decimal(exact.numerator) / Decimal(exact.denominator)


def a_client(**values: object) -> Client:
    base = Client(
        client_id=ids.client_id(1, 1),
        partner_id=ID,
        account_id=7,
        sold=True,
        sold_on=DAY,
        managed=True,
        serviced=True,
        mrr={"USD": Decimal(100)},
    )
    return replace(base, **values)  # type: ignore[arg-type]


@given(sold_on=st.dates(date(2000, 1, 1), date(2100, 1, 1)), after=st.integers(-2, 370))
def test_a_sale_counts_from_its_day_for_twelve_months(sold_on: date, after: int) -> None:
    day = sold_on + timedelta(days=after)
    end = sold_until(sold_on)
    assert a_client(sold_on=sold_on).sold_counts(day) == (sold_on <= day < end)
    assert (end.month, end.day) == (sold_on.month, sold_on.day) or (
        (sold_on.month, sold_on.day) == (2, 29) and (end.month, end.day) == (3, 1)
    )


def test_a_sale_on_a_leap_day_counts_through_28_february() -> None:
    client = a_client(sold_on=date(2024, 2, 29))
    assert client.sold_counts(date(2025, 2, 28))
    assert not client.sold_counts(date(2025, 3, 1))


def test_a_sale_without_a_day_or_in_the_future_gives_no_credit() -> None:
    assert not a_client(sold_on=None).sold_counts(DAY)
    assert not a_client(sold_on=DAY + timedelta(1)).sold_counts(DAY)
    assert a_client(sold_on=None).sold_until is None


def test_an_account_that_pays_nothing_is_left_out_of_the_median() -> None:
    free = a_client(mrr={"USD": Decimal("0.00")}, apps_used=9, used_until=DAY)
    worth = credit.weigh([free], {ID: DAY})
    assert worth.contributions == {}


def test_no_tier_without_any_account_whatever_the_revenue() -> None:
    figures = Figures({("USD", ""): Sums(Decimal(10**6), Decimal(10**6))})
    found = assess(figures, certified=True, rules=january(), book=BOOK, day=DAY)
    assert found.tier is None
    assert found.next_tier == "Silver"


def test_the_way_to_the_next_tier_says_what_is_missing() -> None:
    found = assess(
        figures_of("2500.00", "4000.00", "5"),
        certified=True,
        rules=january(),
        book=BOOK,
        day=DAY,
    )
    assert (found.tier, found.next_tier) == ("Silver", "Gold")
    missing = dict(found.ladder)["Gold"]
    assert [(each.figure, each.met, each.missing) for each in missing] == [
        ("sold_mrr", True, Decimal(0)),
        ("managed_mrr", False, Decimal("2000.00")),
    ]


def test_at_the_top_there_is_no_next_tier() -> None:
    found = assess(
        figures_of("10000.00", "50000.00", "3"), certified=True, rules=january(), book=BOOK, day=DAY
    )
    assert (found.tier, found.next_tier) == ("Diamond", None)


def test_a_currency_counts_by_the_latest_rate_of_the_day_or_before() -> None:
    book = rates(("EUR", "2026-01-01", "1.10"), ("EUR", "2026-01-10", "1.20"))
    figures = figures_of("1000.00", "0.00", "5", "EUR")
    amounts = [
        assess(figures, certified=True, rules=january(), book=book, day=DAY + timedelta(days)).sold
        for days in (-1, 0, 400)
    ]
    assert amounts == [Decimal("1100.00"), Decimal("1200.00"), Decimal("1200.00")]


def test_without_a_rate_by_that_day_a_currency_is_left_out_and_named() -> None:
    book = rates(("EUR", "2026-01-11", "1.10"))
    found = assess(
        figures_of("1000.00", "20.00", "5", "EUR"),
        certified=True,
        rules=january(),
        book=book,
        day=DAY,
    )
    assert found.sold + found.managed == 0
    [left_out] = found.excluded
    assert (left_out.currency, left_out.sold, left_out.managed) == (
        "EUR",
        Decimal("1000.00"),
        Decimal("20.00"),
    )
    assert "no rate from EUR to USD" in left_out.reason


def test_a_currency_is_converted_once_by_its_sum_half_a_cent_up() -> None:
    book = rates(("EUR", "2026-01-01", "1.005"))
    figures = Figures(
        {
            ("EUR", "Germany"): Sums(Decimal("0.50"), Decimal(0)),
            ("EUR", "France"): Sums(Decimal("0.50"), Decimal(0)),
            ("USD", "Germany"): Sums(Decimal("0.01"), Decimal(0)),
        }
    )
    found = assess(figures, certified=True, rules=january(), book=book, day=DAY)
    assert found.sold == Decimal("1.02")


def test_an_impossible_sum_is_left_out_instead_of_breaking_everything() -> None:
    figures = figures_of(str(LARGEST * 9), "1.00", "5")
    found = assess(figures, certified=True, rules=january(), book=BOOK, day=DAY)
    assert found.sold + found.managed == 0
    assert "cannot be right" in found.excluded[0].reason


def test_the_points_model_counts_points_and_says_that_no_tier_can_be_computed() -> None:
    figures = figures_of("1000.00", "2000.00", "5")
    found = assess(figures, certified=True, rules=points(), book=BOOK, day=DAY)
    assert found.points == Decimal("70.00")
    assert found.tier is None
    assert found.next_tier is None
    assert "no tier can be computed until it is configured" in found.unknown


def test_the_points_model_with_thresholds_gives_a_tier_from_the_same_input() -> None:
    rules = points()
    thresholds = ("50", "70", "70.01", "500")
    configured = rules.model_copy(
        update={
            "tiers": tuple(
                tier.model_copy(update={"points": Decimal(value)})
                for tier, value in zip(rules.tiers, thresholds, strict=True)
            )
        }
    )
    figures = figures_of("1000.00", "2000.00", "5")
    found = assess(figures, certified=True, rules=configured, book=BOOK, day=DAY)
    assert (found.tier, found.next_tier) == ("Platinum", "Diamond")
    [missing] = dict(found.ladder)["Diamond"]
    assert (missing.figure, missing.missing) == ("points", Decimal("0.01"))


def test_growth_markets_count_double_and_currencies_without_a_rate_not_at_all() -> None:
    rules = points()
    weights = rules.weights.model_copy(update={"growth_countries": ("INDIA",)})
    figures = Figures(
        {
            ("USD", "India"): Sums(Decimal(0), Decimal(100)),
            ("USD", "Germany"): Sums(Decimal(0), Decimal(100)),
            ("CHF", "India"): Sums(Decimal(0), Decimal(100)),
        }
    )
    found = assess(
        figures,
        certified=True,
        rules=rules.model_copy(update={"weights": weights}),
        book=BOOK,
        day=DAY,
    )
    assert found.points == Decimal("3.00")


def test_the_rule_set_in_force_is_the_one_that_began_last() -> None:
    later = january().model_copy(
        update={"name": "later", "in_force_from": date(2026, 3, 1), "review_days": ("04-30",)}
    )
    book = Book.of([*shipped(), later], [])
    assert book.in_force(date(2017, 12, 31)) is None
    assert (book.in_force(date(2026, 2, 28)) or later).name == "2018-01"
    assert (book.in_force(date(2026, 3, 1)) or january()).name == "later"
    assert book.reviews(date(2025, 7, 15), date(2027, 4, 30)) == [
        date(2026, 1, 15),
        date(2026, 4, 30),
        date(2027, 4, 30),
    ]
    assert Book.of([], []).next_review(DAY) is None


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ('{"kind": "mrr"}', "name"),
        ('{"kind": "guess"}', "kind"),
        ("not json", "JSON"),
        ('{"kind":"mrr","name":"x","title":"X","tiers":[]}', "tiers"),
        (
            (
                '{"kind":"mrr","name":"x","title":"X","review_days":["02-29"],'
                '"tiers":[{"tier":"A","sold":"1","managed":"1"}]}'
            ),
            "is not a day of every year",
        ),
        (
            (
                '{"kind":"mrr","name":"x","title":"X","review_days":["soon"],'
                '"tiers":[{"tier":"A","sold":"1","managed":"1"}]}'
            ),
            "is no MM-DD",
        ),
        (
            (
                '{"kind":"mrr","name":"x","title":"X","tiers":[{"tier":"A","sold":"2","managed":"1"},'
                '{"tier":"B","sold":"1","managed":"1"}]}'
            ),
            "B asks for less",
        ),
        (
            (
                '{"kind":"mrr","name":"x","title":"X","tiers":[{"tier":"A","sold":"1","managed":"1"},'
                '{"tier":"A","sold":"1","managed":"1"}]}'
            ),
            "each tier once",
        ),
        (
            (
                '{"kind":"points","name":"x","title":"X","tiers":[{"tier":"A","points":"2"},'
                '{"tier":"B","points":"1"}]}'
            ),
            "asks for less than the one below it",
        ),
        (
            '{"kind":"points","name":"x","title":"X","weights":{"per":"0"},"tiers":[{"tier":"A"}]}',
            "more than 0",
        ),
        ('{"kind":"mrr","name":"x","title":"X","surprise":1,"tiers":[]}', "surprise"),
    ],
)
def test_a_rule_set_that_cannot_be_right_is_refused(document: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        read_rule_set(document)


def test_the_shipped_rule_sets_are_those_of_the_program() -> None:
    assert [each.name for each in shipped()] == ["2018-01", "2022-points"]
    assert january().tiers[0] == MrrTier(tier="Silver", sold=Decimal(1125), managed=Decimal(1125))
    assert january().review_days == ("01-15", "07-15")
    assert points().in_force_from is None
    assert all(tier.points is None for tier in points().tiers)


def test_a_refusal_names_the_field_and_what_would_be_right() -> None:
    refused = Refused("tier", "one that there is", 409)
    assert (refused.field, refused.reason, refused.status) == ("tier", "one that there is", 409)


def test_a_client_of_which_only_facts_were_heard_gives_nothing() -> None:
    unknown = Client(client_id=UUID(int=1), partner_id=ID)
    worth = credit.weigh([unknown], {ID: DAY})
    assert (worth.credits, worth.contributions) == ({}, {})
    assert credit.turn(worth, [unknown], {ID: DAY}) == worth
