"""A chart says what its table says."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.domain.standing import Expiries, Expiry, Rung, Threshold, month_by_month
from services.dashboard.views import charts, formats

amounts = st.decimals(0, 999_999_999_999, places=2)


def rungs(actual: str, *required: str) -> tuple[Rung, ...]:
    return tuple(
        Rung(
            tier=f"Tier {place}",
            thresholds=(
                Threshold(figure="sold_mrr", required=Decimal(each), actual=Decimal(actual)),
            ),
        )
        for place, each in enumerate(required)
    )


def place(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


@given(amounts, st.lists(amounts, min_size=1, max_size=6))
def test_a_figure_passes_the_mark_of_a_tier_exactly_if_it_meets_its_threshold(
    actual: Decimal, required: list[Decimal]
) -> None:
    ladder = rungs(str(actual), *map(str, sorted(required)))
    track = charts.track("Sold MRR", "sold_mrr", "USD", ladder)

    assert track is not None
    assert 0 <= place(track.filled) <= 100
    for mark, rung in zip(track.marks, ladder, strict=True):
        assert mark.met == rung.met
        if rung.met:
            assert place(track.filled) >= place(mark.x)
        else:
            assert place(track.filled) <= place(mark.x)
        assert formats.amount(rung.thresholds[0].required).removesuffix(".00") == mark.amount
        assert mark.amount in track.told


def test_steps_are_equally_wide_and_a_figure_stands_where_it_is_between_two() -> None:
    track = charts.track("Sold MRR", "sold_mrr", "USD", rungs("1612.50", "1125", "2100", "3750"))

    assert track is not None
    assert [place(mark.x) for mark in track.marks] == [28.57, 57.14, 85.71]
    assert place(track.filled) == 42.86  # in the middle between the first and the second
    assert track.value == "1,612.50\u00a0USD"


def test_no_track_is_drawn_of_a_figure_that_no_tier_asks_for() -> None:
    assert charts.track("Points", "points", "points", rungs("1.00", "2.00")) is None


@given(st.lists(amounts, min_size=1, max_size=13))
def test_the_columns_say_what_the_months_are(endings: list[Decimal]) -> None:
    left = sum(endings, Decimal(0))
    months = []
    for number, each in enumerate(endings):
        left -= each
        month = date(2026 + number // 12, number % 12 + 1, 1)
        months.append(Expiry(month=month, expiring=each, remaining=left))
    found = Expiries(
        as_of=date(2026, 1, 15), currency="EUR", sold_mrr=sum(endings, Decimal(0)),
        months=tuple(months),
    )  # fmt: skip

    shown = month_by_month(found)
    columns = charts.columns(shown, "EUR")

    assert [each for each in shown if each in found.months] == list(found.months)

    if not found.sold_mrr:
        assert columns == ()
        return
    for column, each_month in zip(columns, shown, strict=True):
        assert formats.money(each_month.expiring, "EUR") in column.told
        assert formats.money(each_month.remaining, "EUR") in column.told
        assert column.kept_y + column.kept_height == charts.COLUMNS_HEIGHT
        assert column.ends_y + column.ends_height == column.kept_y
        assert (column.ends_height > 0) == (each_month.expiring > 0)


def test_months_in_which_nothing_ends_stand_between_the_others() -> None:
    found = Expiries(
        as_of=date(2025, 12, 15),
        currency="USD",
        sold_mrr=Decimal(300),
        months=(
            Expiry(month=date(2026, 2, 1), expiring=Decimal(100), remaining=Decimal(200)),
            Expiry(month=date(2026, 4, 1), expiring=Decimal(200), remaining=Decimal(0)),
        ),
    )

    shown = [
        (each.month.month, int(each.expiring), int(each.remaining))
        for each in month_by_month(found)
    ]

    assert shown == [(12, 0, 300), (1, 0, 300), (2, 100, 200), (3, 0, 200), (4, 200, 0)]


def test_a_line_stays_as_it_was_until_a_day_on_which_it_changed() -> None:
    days = [(date(2026, 1, 1), Decimal(100)), (date(2026, 1, 6), Decimal(50))]

    line = charts.line("Sold MRR", "USD", days, until=date(2026, 1, 11))

    assert line is not None
    assert line.path == "M0 0H50.00V45H100"
    assert [dot.told for dot in line.dots] == [
        "1 Jan 2026: 100.00\u00a0USD",
        "6 Jan 2026: 50.00\u00a0USD",
    ]
    assert (line.first, line.last, line.highest) == ("1 Jan 2026", "11 Jan 2026", "100.00\u00a0USD")


def test_no_line_is_drawn_where_no_time_has_passed_and_one_of_nothing_lies_on_the_ground() -> None:
    today = date(2026, 1, 1)

    assert charts.line("Sold MRR", "USD", [], until=today) is None
    assert charts.line("Sold MRR", "USD", [(today, Decimal(1))], until=today) is None
    flat = charts.line("Sold MRR", "USD", [(date(2025, 1, 1), Decimal(0))], until=today)
    assert flat is not None
    assert flat.path == "M0 90H100"


def test_the_median_stands_on_the_scale_of_all_apps_with_its_gate() -> None:
    scale = charts.scale(Decimal("8.50"), Decimal(3))

    assert scale is not None
    assert scale.median == "50.00%"
    assert scale.gate == "17.65%"
    assert scale.told == "Median app usage: 8.5 of 17 apps, and at least 3 is asked for"
    assert charts.scale(None, Decimal(3)) is None
    without_gate = charts.scale(Decimal(10), None)
    assert without_gate is not None
    assert without_gate.gate == ""
    assert charts.apps(Decimal("10.0")) == "10"
