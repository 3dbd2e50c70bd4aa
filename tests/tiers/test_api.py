"""What a partner's people are told of their tier, and that nobody else's is ever among it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx2
import pytest

from services.tiers import jobs
from services.tiers.handlers import from_events, from_state
from services.tiers.main import create_app
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import ids
from tests import tokens
from tests.deliver import deliver
from tests.tiers.conftest import PARTNER, Asking, settings_for
from tests.tiers.portfolio import NOON, AClient, partner

PATHS = (
    "/tier",
    "/tier/contributions?figure=sold",
    "/tier/contributions?figure=managed",
    "/tier/contributions?figure=median",
    "/tier/history",
    "/tier/reviews",
    "/tier/expiries",
    "/rule-sets",
)


async def certify(pool: Pool, until: date | None = date(2026, 12, 31)) -> None:
    await pool.execute("INSERT INTO certifications VALUES ($1, '2025-01-01', $2)", PARTNER, until)


async def test_where_a_partner_stands_is_told_with_what_is_missing(pool: Pool, ask: Asking) -> None:
    await certify(pool)
    await deliver(
        from_state,
        pool,
        partner(zone="Europe/Berlin"),
        AClient(1, sold_on=date(2025, 6, 1), mrr="2500.00", apps=6).told(),
        AClient(2, mrr="1000.50", apps=3).told(),
        AClient(3, mrr="200.00", apps=None).told(),
    )
    told = await ask.json("/tier")

    assert told["as_of"] == "2026-01-10"
    assert told["time_zone"] == "Europe/Berlin"
    assert told["credited"] == {"tier": None, "since": None}
    assert told["next_review_on"] == "2026-01-15"
    assert (told["performance"], told["next_tier"]) == ("Silver", "Gold")
    assert (told["sold_mrr"], told["managed_mrr"], told["currency"]) == (
        "2500.00",
        "3700.50",
        "USD",
    )
    gold = told["ladder"][1]
    assert (gold["tier"], gold["met"]) == ("Gold", False)
    assert gold["thresholds"][1] == {
        "figure": "managed_mrr",
        "required": "6000.00",
        "actual": "3700.50",
        "missing": "2299.50",
        "met": False,
    }
    assert told["median_app_usage"] == {
        "median": "4.5",
        "required": "3",
        "met": True,
        "accounts": 2,
        "accounts_without_use": 1,
    }
    assert told["certification"] == {
        "certified": True,
        "required": True,
        "met": True,
        "certified_on": "2025-01-01",
        "expires_on": "2026-12-31",
    }
    assert told["excluded"] == []
    assert told["unknown"] == ""


async def test_what_is_not_counted_is_shown_with_the_reason(pool: Pool, ask: Asking) -> None:
    await deliver(
        from_state,
        pool,
        partner(),
        AClient(1, sold_on=date(2025, 6, 1), mrr={"CHF": "70.00"}).told(),
        AClient(2, sold=True, mrr="30.00").told(),
    )
    told = await ask.json("/tier")

    assert told["sold_mrr"] == "0.00"
    assert [(each["currency"], each["sold"], each["managed"]) for each in told["excluded"]] == [
        ("CHF", "70.00", "70.00"),
        ("USD", "30.00", "0.00"),
    ]
    assert "no rate from CHF to USD" in told["excluded"][0]["reason"]
    assert "day of the sale is not known" in told["excluded"][1]["reason"]


async def test_a_certification_that_ended_is_shown_with_its_last_day(
    pool: Pool, ask: Asking
) -> None:
    await certify(pool, until=date(2025, 12, 31))
    await deliver(from_state, pool, partner())
    told = (await ask.json("/tier"))["certification"]
    assert (told["certified"], told["met"], told["expires_on"]) == (False, False, "2025-12-31")


async def test_the_same_figures_can_be_seen_by_another_rule_set(pool: Pool, ask: Asking) -> None:
    await deliver(from_state, pool, partner(), AClient(1, mrr="1000.00").told())
    told = await ask.json("/tier", rule_set="2022-points")
    assert (told["rule_set"], told["points"], told["performance"]) == ("2022-points", "10.00", None)
    assert "no tier can be computed" in told["unknown"]
    assert told["ladder"] == []

    refused = await ask.get("/tier", rule_set="2099")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "rule_set"
    assert "2018-01" in refused.json()["errors"][0]["reason"]


async def test_a_partner_never_heard_of_is_not_found(ask: Asking) -> None:
    for path in ("/tier", "/tier/expiries"):
        answer = await ask.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert await ask.pages("/tier/history") == []
    assert len((await ask.json("/rule-sets"))["items"]) == 2


async def test_without_a_rule_set_in_force_there_is_nothing_to_show(
    pool: Pool, ask: Asking
) -> None:
    await deliver(from_state, pool, partner())
    await pool.execute("DELETE FROM rule_sets")
    answer = await ask.get("/tier")
    assert answer.status_code == 404
    assert "No rule set" in answer.json()["detail"]


async def test_the_clients_behind_each_figure_add_up_to_it(pool: Pool, ask: Asking) -> None:
    clients = [
        AClient(n, sold_on=date(2025, 6, 1) if n % 2 else None, mrr=f"{n}00.00", apps=n % 7)
        for n in range(1, 12)
    ]
    await deliver(from_state, pool, partner(), *(each.told() for each in clients))
    tier = await ask.json("/tier")
    for figure in ("sold", "managed"):
        for sort in ("name", "-name", "figure", "-figure"):
            rows = await ask.pages("/tier/contributions", figure=figure, sort=sort, limit=3)
            assert f"{sum(Decimal(row['credit']) for row in rows):.2f}" == tier[f"{figure}_mrr"]
            keys = [
                (row["name"] if "name" in sort else Decimal(row["credit"]), row["client_id"])
                for row in rows
            ]
            assert keys == sorted(keys, reverse=sort.startswith("-"))
    for sort in ("name", "-name", "figure", "-figure"):
        rows = await ask.pages("/tier/contributions", figure="median", sort=sort, limit=4)
        assert len(rows) == 11
        apps = [row["apps_used"] for row in rows]
        if "figure" in sort:
            assert apps == sorted(apps, reverse=sort.startswith("-"))
        assert sorted(apps)[5] == Decimal(tier["median_app_usage"]["median"])


async def test_a_share_says_among_how_many_partners_it_was_split(pool: Pool, ask: Asking) -> None:
    one, two = AClient(1, hub=1, account=77), AClient(1, hub=2, account=77)
    await deliver(from_state, pool, partner(1), partner(2), one.told(), two.told())
    [row] = await ask.pages("/tier/contributions", figure="managed")
    assert (row["mrr"], row["credit"], row["partners"]) == ("100.00", "50.00", 2)
    assert row["client_id"] == str(one.id)


async def test_accounts_without_a_count_of_apps_come_behind_the_highest(
    pool: Pool, ask: Asking
) -> None:
    await deliver(
        from_state,
        pool,
        partner(),
        *(AClient(n, apps=apps).told() for n, apps in enumerate((17, None, 0), start=1)),
    )
    rows = await ask.pages("/tier/contributions", figure="median", sort="figure", limit=1)
    assert [row["apps_used"] for row in rows] == [0, 17, None]


async def test_the_expiry_ladder_adds_up_and_each_step_is_the_figure_of_that_day(
    pool: Pool, ask: Asking
) -> None:
    clock = ManualClock(NOON)
    sales = [date(2025, 1, 20), date(2025, 1, 31), date(2025, 3, 5), date(2025, 12, 24)]
    await deliver(
        from_state,
        pool,
        partner(),
        *(
            AClient(n, sold_on=sold_on, mrr=f"{n}.01").told()
            for n, sold_on in enumerate(sales, start=1)
        ),
    )
    while await jobs.move_days(pool, clock):
        pass
    ladder = await ask.json("/tier/expiries")
    assert ladder["sold_mrr"] == "10.04"
    assert [(each["month"], each["expiring"]) for each in ladder["months"]] == [
        ("2026-01-01", "3.02"),
        ("2026-03-01", "3.01"),
        ("2026-12-01", "4.01"),
    ]
    for step in ladder["months"]:
        month = date.fromisoformat(step["month"])
        after = (month.replace(day=28) + timedelta(days=5)).replace(day=1)
        clock.set(datetime(after.year, after.month, 1, 12, tzinfo=UTC))
        while await jobs.move_days(pool, clock):
            pass
        assert (await ask.json("/tier"))["sold_mrr"] == step["remaining"]


async def test_history_keeps_the_last_figures_of_each_day(pool: Pool, ask: Asking) -> None:
    clock = ManualClock(NOON)
    client = AClient(1, sold_on=date(2025, 1, 12))
    await deliver(from_state, pool, partner(), client.told())
    for _ in range(4):
        while await jobs.move_days(pool, clock):
            pass
        clock.advance(timedelta(days=1))
    await deliver(from_events, pool, client.ended())

    days = await ask.pages("/tier/history", limit=1)
    assert [
        (each["day"], each["performance"]["sold_mrr"], each["performance"]["managed_mrr"])
        for each in days
    ] == [
        ("2026-01-13", "0.00", "0.00"),
        ("2026-01-12", "0.00", "100.00"),
        ("2026-01-10", "100.00", "100.00"),
    ]
    assert await ask.pages("/tier/history", limit=2, sort="day") == days[::-1]


async def test_reviews_are_listed_with_what_they_found(pool: Pool, ask: Asking) -> None:
    clock = ManualClock(NOON)
    await certify(pool, until=None)
    client = AClient(1, sold_on=date(2025, 12, 1), mrr="6000.00")
    await deliver(from_state, pool, partner(), client.told())
    for instant in (NOON, datetime(2026, 8, 1, 12, tzinfo=UTC)):
        clock.set(instant)
        while await jobs.move_days(pool, clock):
            pass
    reviews = await ask.pages("/tier/reviews", limit=1)
    assert [(each["review_on"], each["tier"], each["previous_tier"]) for each in reviews] == [
        ("2026-07-15", "Gold", "Gold"),
        ("2026-01-15", "Gold", None),
    ]
    assert reviews[0]["note"] == ""
    assert await ask.pages("/tier/reviews", sort="day") == reviews[::-1]


async def test_rule_sets_are_shown_with_what_is_in_force(ask: Asking) -> None:
    first, second = (await ask.json("/rule-sets"))["items"]
    assert (first["name"], first["in_force"], first["computable"]) == ("2018-01", True, True)
    assert (second["name"], second["in_force"], second["computable"]) == (
        "2022-points",
        False,
        False,
    )
    assert first["rules"]["tiers"][0] == {"tier": "Silver", "sold": "1125.00", "managed": "1125.00"}


async def test_nobody_is_told_anything_of_another_partner(pool: Pool, ask: Asking) -> None:
    mine = AClient(1, hub=1, name="Canary Mine", account=77, sold_on=date(2025, 6, 1))
    other = AClient(2, hub=2, name="Canary Other", account=77, sold_on=date(2025, 6, 1))
    await deliver(from_state, pool, partner(1), partner(2), mine.told(), other.told())
    for path in PATHS:
        own = await ask.get(path)
        theirs = await ask.of(2).get(path)
        assert own.status_code == theirs.status_code == 200, path
        assert "Canary Other" not in own.text
        assert str(ids.partner_id(2)) not in own.text
        assert "Canary Mine" not in theirs.text
        assert str(ids.client_id(1, 1)) not in theirs.text


@pytest.mark.parametrize("path", PATHS)
async def test_everybody_of_a_partner_may_read_and_nobody_without_a_token(
    pool: Pool, ask: Asking, path: str
) -> None:
    await deliver(from_state, pool, partner())
    for role in ("admin", "member", "staff"):
        asking = Asking(ask.client, PARTNER, role)
        assert (await asking.get(path)).status_code == 200
    assert (await ask.client.get(path)).status_code == 401


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/tier/contributions", "figure"),
        ("/tier/contributions?figure=guess", "figure"),
        ("/tier/contributions?figure=sold&limit=0", "limit"),
        ("/tier/contributions?figure=sold&sort=guess", "sort"),
        ("/tier/contributions?figure=sold&cursor=guess", "cursor"),
        ("/tier/history?cursor=WyIyMDI2Il0", "cursor"),
    ],
)
async def test_a_bad_question_is_answered_with_the_field(
    pool: Pool, ask: Asking, path: str, field: str
) -> None:
    await deliver(from_state, pool, partner())
    answer = await ask.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_cursor_of_one_figure_does_not_break_another(pool: Pool, ask: Asking) -> None:
    await deliver(from_state, pool, partner(), *(AClient(n).told() for n in range(1, 4)))
    page = await ask.json("/tier/contributions", figure="managed", limit=1)
    answer = await ask.get("/tier/contributions", figure="median", cursor=page["next"])
    assert answer.status_code == 422


async def test_the_service_moves_days_by_itself_while_it_runs(pool: Pool, address: object) -> None:
    clock = ManualClock(NOON)
    await deliver(from_state, pool, partner(), AClient(1, sold_on=date(2025, 1, 11)).told())
    settings = settings_for(address.dsn, run_days=True, days_idle=0.05)  # type: ignore[attr-defined]
    app = create_app(settings, clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tiers.test") as http:
            ask = Asking(http)
            clock.advance(timedelta(days=1))
            for _ in range(200):
                if (await ask.json("/tier"))["as_of"] == "2026-01-11":
                    break
            assert (await ask.json("/tier"))["sold_mrr"] == "0.00"
