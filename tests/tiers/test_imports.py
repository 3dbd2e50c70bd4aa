"""What files bring in: certifications, tiers held so far, currency rates."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

from services.tiers.handlers import from_state
from services.tiers.imports import TABLES
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.imports import Context, Report, run
from shared.contracts import tiers
from tests.deliver import deliver, pending, published
from tests.tiers.conftest import settings_for
from tests.tiers.portfolio import AClient, figures, partner, standing

CLOCK = ManualClock(datetime(2026, 1, 10, 12, tzinfo=UTC))


async def bring(pool: Pool, folder: Path, wait: float = 0, /, **files: str) -> Report:
    """Import files, given by their names without the ending."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    settings = settings_for("postgresql://nowhere", import_wait=wait)
    return await run("tiers", TABLES, folder, pool, Context(CLOCK, settings))


HELD = "Partner Hub ID,Credited tier,Since\n"
CERTIFIED = "Partner Hub ID,Certified on,Expires on\n1,2025-02-01,2026-03-01\n"


async def test_a_certification_opens_its_gate_at_once(pool: Pool, tmp_path: Path) -> None:
    client = AClient(1, sold_on=date(2026, 1, 1), mrr="6000.00")
    await deliver(from_state, pool, partner(), client.told())

    report = await bring(pool, tmp_path, certifications=CERTIFIED)

    assert report.exit_code == 0
    [told] = await published(pool, tiers.CertificationRecorded)
    assert (told.certified_on, told.expires_on) == (date(2025, 2, 1), date(2026, 3, 1))
    now = await standing(pool)
    assert (now.performance.tier, now.certified_until) == ("Gold", date(2026, 3, 1))
    assert now.version > told.version


async def test_the_same_files_again_change_nothing(pool: Pool, tmp_path: Path) -> None:
    files = {
        "certifications": CERTIFIED + "2,2025-02-01,\n",
        "credited_tiers": HELD + "1,Gold,2025-07-15\n2,none,2025-01-15\n",
        "currency_rates": "Date,From,To,Rate\n2026-01-02,EUR,USD,1.0835\n",
    }
    await deliver(from_state, pool, partner(1), partner(2), AClient(1, mrr={"EUR": "10.00"}).told())
    first = await bring(pool, tmp_path, **files)
    count = len(await pending(pool))

    second = await bring(pool, tmp_path, **files)

    assert [(each.created, each.changed, each.unchanged) for each in first.files] == [
        (2, 0, 0),
        (2, 0, 0),
        (1, 0, 0),
    ]
    assert [(each.created, each.changed, each.unchanged) for each in second.files] == [
        (0, 0, 2),
        (0, 0, 2),
        (0, 0, 1),
    ]
    assert len(await pending(pool)) == count


async def test_a_longer_certification_replaces_the_one_of_its_first_day(
    pool: Pool, tmp_path: Path
) -> None:
    await deliver(from_state, pool, partner())
    await bring(pool, tmp_path, certifications=CERTIFIED)

    report = await bring(pool, tmp_path, certifications=CERTIFIED.replace("2026-03", "2026-09"))

    assert [(each.created, each.changed) for each in report.files] == [(0, 1)]
    assert (await standing(pool)).certified_until == date(2026, 9, 1)


async def test_a_tier_from_before_is_held_until_a_review(pool: Pool, tmp_path: Path) -> None:
    await deliver(from_state, pool, partner())
    await bring(
        pool,
        tmp_path,
        credited_tiers="Partner Hub ID;Credited tier;Since\r\n1;Platinum;2025-07-15\r\n",
    )
    told = await standing(pool)
    assert (told.credited_tier, told.credited_since) == ("Platinum", date(2025, 7, 15))
    assert await published(pool, tiers.TierCredited) == []


async def test_another_tier_for_the_same_day_is_a_correction(pool: Pool, tmp_path: Path) -> None:
    await deliver(from_state, pool, partner())
    await bring(pool, tmp_path, credited_tiers=HELD + "1,Gold,2025-07-15\n")
    report = await bring(pool, tmp_path, credited_tiers=HELD + "1,Silver,2025-07-15\n")
    assert [(each.created, each.changed) for each in report.files] == [(0, 1)]
    assert (await standing(pool)).credited_tier == "Silver"


async def test_a_rate_makes_excluded_revenue_count(pool: Pool, tmp_path: Path) -> None:
    client = AClient(1, mrr={"USD": "100.00", "EUR": "200.00"})
    await deliver(from_state, pool, partner(), client.told())
    assert (await figures(pool))[1] == "100.00"

    await bring(pool, tmp_path, currency_rates="Date,From,To,Rate\n2026-01-02,EUR,USD,1.5\n")
    assert (await figures(pool))[1] == "400.00"

    report = await bring(
        pool, tmp_path, currency_rates="Date,From,To,Rate\n2026-01-02,EUR,USD,1.25\n"
    )
    assert [(each.created, each.changed) for each in report.files] == [(0, 1)]
    assert (await figures(pool))[1] == "350.00"


async def test_bad_rows_are_named_and_cost_the_good_ones_nothing(
    pool: Pool, tmp_path: Path
) -> None:
    await deliver(from_state, pool, partner())
    report = await bring(
        pool,
        tmp_path,
        certifications=CERTIFIED + "1,2025-05-01,2025-04-30\n99,2025-05-01,\n1,2025-02-30,\n",
        credited_tiers=HELD + "98,Gold,2025-07-15\n",
        currency_rates="Date,From,To,Rate\n2026-01-02,EUR,EUR,1\n2026-01-02,EUR,USD,0\n"
        "2026-01-02,EUR,USD,1.123456789\n2026-01-02,GBP,USD,1.25\n",
    )
    assert report.exit_code == 1
    told = {(each.file, each.line, each.column, each.value) for each in report.problems}
    assert told == {
        ("certifications.csv", 3, "Expires on", "2025-04-30"),
        ("certifications.csv", 4, "Partner Hub ID", "99"),
        ("certifications.csv", 5, "Certified on", "2025-02-30"),
        ("credited_tiers.csv", 2, "Partner Hub ID", "98"),
        ("currency_rates.csv", 2, "To", "EUR"),
        ("currency_rates.csv", 3, "Rate", "0"),
        ("currency_rates.csv", 4, "Rate", "1.123456789"),
    }
    assert (await standing(pool)).certified_until == date(2026, 3, 1)
    assert await pool.fetchval("SELECT source FROM currency_rates") == "GBP"


async def test_an_import_waits_for_a_partner_that_is_still_on_its_way(
    pool: Pool, tmp_path: Path
) -> None:
    async def arrive() -> None:
        await asyncio.sleep(0.3)
        await deliver(from_state, pool, partner())

    report, _ = await asyncio.gather(bring(pool, tmp_path, 10, certifications=CERTIFIED), arrive())
    assert report.exit_code == 0


async def test_a_dry_run_changes_nothing(pool: Pool, tmp_path: Path) -> None:
    await deliver(from_state, pool, partner())
    (tmp_path / "certifications.csv").write_text(CERTIFIED)
    count = len(await pending(pool))
    settings = settings_for("postgresql://nowhere")
    report = await run("tiers", TABLES, tmp_path, pool, Context(CLOCK, settings), dry_run=True)
    assert [each.created for each in report.files] == [1]
    assert len(await pending(pool)) == count
    assert await pool.fetchval("SELECT count(*) FROM certifications") == 0
