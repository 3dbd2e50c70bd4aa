"""Settings, owners and quotes from CSV files."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.renewals import imports
from services.renewals.handlers import from_clients_state
from services.renewals.imports import TABLES
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.imports import Context, Report, describe, run, template
from shared.chassis.kafka import consuming
from shared.contracts import ids
from shared.contracts.renewals import (
    DefaultRenewalOwnerChanged,
    PartnerPolicySnapshot,
    RenewalOwnerChanged,
    RenewalTermsChanged,
)
from tests.deliver import produce, published
from tests.renewals.conftest import settings_for
from tests.renewals.portfolio import (
    ANN,
    BOB,
    NOON,
    START,
    AClient,
    APartner,
    hear,
    last_snapshot,
    the_renewal,
)

SETTINGS = (
    "Partner Hub ID,Default renewal owner,Notified user ID,Point of contact user ID,"
    "Send hour,Stages\n"
)
OWNERS = "Partner Hub ID,Record ID,Renewal owner,Notified user ID,Point of contact user ID\n"
QUOTES = "Partner Hub ID,Record ID,Renewal start,Option,Product,Renewal MRR,Currency,Default\n"


async def import_files(
    pool: Pool, folder: Path, *, wait: float = 0, ahead: bool = False, **files: str
) -> Report:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    context = Context(
        ManualClock(NOON),
        settings_for("postgresql://localhost/none", import_wait=wait, import_ahead=ahead),
    )
    return await run("renewals", TABLES, folder, pool, context)


async def test_a_partners_settings_come_from_a_file(pool: Pool, tmp_path: Path) -> None:
    await hear(pool, APartner().now(), APartner(hub=2).now())
    lines = "1,Partner,,1,08:30,entered;30;7;outcome\n2,HubSpot,1,2,,\n"

    report = await import_files(pool, tmp_path, renewal_settings=SETTINGS + lines)
    again = await import_files(pool, tmp_path)

    assert (report.files[0].changed, report.files[0].bad) == (2, 0)
    assert (again.files[0].changed, again.files[0].unchanged) == (0, 2)
    policies = {p.partner_id: p for p in await published(pool, PartnerPolicySnapshot)}
    first, second = policies[ids.partner_id(1)], policies[ids.partner_id(2)]
    assert (first.default_owner.owner, first.default_owner.point_of_contact_id) == ("partner", ANN)
    assert (first.send_hour, [s.name for s in first.stages]) == (
        "08:30",
        ["entered", "d-30", "d-7", "outcome"],
    )
    assert second.default_owner.notified_user_id == ids.user_id(2, 1)
    assert second.default_point_of_contact_id == ids.user_id(2, 2)
    assert len(second.stages) == 7
    [event] = [
        e
        for e in await published(pool, DefaultRenewalOwnerChanged)
        if e.partner_id == first.partner_id
    ]
    assert event.changed_by is None
    rows = await pool.fetch("SELECT subject, actor FROM changes ORDER BY change_id")
    assert [tuple(row) for row in rows] == [("owner", None), ("stages", None), ("owner", None)]


async def test_owners_of_clients_come_from_a_file(pool: Pool, tmp_path: Path) -> None:
    await hear(pool, APartner().now(), *(AClient(record=n).term().now() for n in (1, 2, 3)))
    lines = "1,1,Partner,,2\n1,2,HubSpot,1,\n1,3,Default setting,,\n"

    report = await import_files(pool, tmp_path, renewal_owners=OWNERS + lines)
    again = await import_files(pool, tmp_path)

    assert (report.files[0].changed, report.files[0].unchanged) == (2, 1)
    assert (again.files[0].changed, again.files[0].unchanged) == (0, 3)
    assert (await last_snapshot(pool)).owner.point_of_contact_id == BOB
    assert (await last_snapshot(pool, ids.client_id(1, 2))).owner.notified_user_id == ANN
    assert [e.changed_by for e in await published(pool, RenewalOwnerChanged)] == [None, None]


async def test_quotes_may_come_before_and_after_their_renewals(pool: Pool, tmp_path: Path) -> None:
    client = AClient().term(mrr="100.00")
    later = START + timedelta(days=365)
    await hear(pool, APartner().now(), client.now())
    lines = (
        f"1,1,{START},Stay,Product 1,90.00,USD,yes\n"
        f"1,1,{START},Grow,Product 1,250.00,USD,no\n"
        f"1,1,{later},Stay,Product 2,10.00,USD,\n"
    )

    report = await import_files(pool, tmp_path, quotes=QUOTES + lines)
    again = await import_files(pool, tmp_path)

    assert (report.files[0].created, again.files[0].unchanged) == (3, 3)
    renewal = await the_renewal(pool)
    assert [(o.name, o.renewal_mrr) for o in renewal.options] == [
        ("Stay", Decimal("90.00")),
        ("Grow", Decimal("250.00")),
    ]
    assert renewal.renewal_mrr == Decimal("90.00")
    assert len(await published(pool, RenewalTermsChanged)) == 1
    await hear(pool, client.term(2, later, mrr="5.00").now())
    assert [r.renewal_mrr for r in (await last_snapshot(pool)).renewals] == [
        Decimal("90.00"),
        Decimal("10.00"),
    ]
    dearer = await import_files(pool, tmp_path, quotes=QUOTES + lines.replace("90.00", "95.00"))
    assert dearer.files[0].changed == 1
    assert (await last_snapshot(pool)).renewals[0].renewal_mrr == Decimal("95.00")


async def test_a_bad_row_is_named_and_costs_nothing_but_itself(pool: Pool, tmp_path: Path) -> None:
    await hear(pool, APartner().now(), *(AClient(record=n).term().now() for n in range(1, 9)))
    owners = (
        "1,1,Partner,,\n"
        "1,2,Partner,,3\n"
        "1,3,HubSpot,99,\n"
        "1,4,Somebody,,\n"
        "1,5,HubSpot,,1\n"
        "1,99,HubSpot,,\n"
        "1,6,HubSpot,1,\n"
    )
    settings = "1,Partner,,,,\n7,HubSpot,,,,\n"
    quotes = f"1,99,{START},A,B,1.00,USD,\n1,1,2026-02-30,A,B,1.00,USD,\n1,1,{START},A,B,x,USD,\n"

    report = await import_files(
        pool,
        tmp_path,
        renewal_settings=SETTINGS + settings,
        renewal_owners=OWNERS + owners,
        quotes=QUOTES + quotes,
    )

    found = {(p.file, p.line): (p.column, p.value) for p in report.problems}
    assert found == {
        ("renewal_settings.csv", 2): ("Point of contact user ID", ""),
        ("renewal_settings.csv", 3): ("Partner Hub ID", "7"),
        ("renewal_owners.csv", 2): ("Point of contact user ID", ""),
        ("renewal_owners.csv", 3): ("Point of contact user ID", "3"),
        ("renewal_owners.csv", 4): ("Notified user ID", "99"),
        ("renewal_owners.csv", 5): ("Renewal owner", "Somebody"),
        ("renewal_owners.csv", 6): ("Point of contact user ID", "1"),
        ("renewal_owners.csv", 7): ("Record ID", "99"),
        ("quotes.csv", 2): ("Record ID", "99"),
        ("quotes.csv", 3): ("Renewal start", "2026-02-30"),
        ("quotes.csv", 4): ("Renewal MRR", "x"),
    }
    expected = {(p.file, p.line): p.expected for p in report.problems}
    assert expected["renewal_owners.csv", 3] == "the User ID of an active user of this partner"
    assert report.exit_code == 1
    assert (await last_snapshot(pool, ids.client_id(1, 6))).owner.notified_user_id == ANN


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("1,,,,25:00,\n", "Send hour"),
        ("1,,,,,entered;400\n", "Stages"),
        ("1,,,,,outcome\n", "Stages"),
        ("1,HubSpot,9,,,\n", "Notified user ID"),
        ("1,HubSpot,,9,,\n", "Point of contact user ID"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(
    pool: Pool, tmp_path: Path, line: str, column: str
) -> None:
    await hear(pool, APartner().now())

    report = await import_files(pool, tmp_path, renewal_settings=SETTINGS + line)

    assert [problem.column for problem in report.problems] == [column]


async def test_an_import_waits_for_clients_that_are_on_their_way(
    pool: Pool, tmp_path: Path
) -> None:
    lines = OWNERS + "1,1,HubSpot,1,\n"
    importing = asyncio.create_task(import_files(pool, tmp_path, wait=20, renewal_owners=lines))
    await asyncio.sleep(0.4)

    await hear(pool, APartner().now(), AClient().term().now())
    report = await importing

    assert (report.files[0].changed, report.problems) == (1, [])


@pytest.mark.delivery
async def test_a_pause_of_the_consumers_makes_no_row_wrong(
    pool: Pool, tmp_path: Path, fresh_topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "STALLED_SECONDS", 0.2)
    await hear(pool, APartner().now(), AClient().term().now())
    await produce(fresh_topics, AClient(record=2).term().now())
    lines = OWNERS + "1,2,HubSpot,1,\n1,3,HubSpot,1,\n"
    settings = settings_for("postgresql://none", import_wait=30, kafka_servers=fresh_topics)
    (tmp_path / "renewal_owners.csv").write_text(lines)
    importing = asyncio.create_task(
        run("renewals", TABLES, tmp_path, pool, Context(ManualClock(NOON), settings))
    )
    await asyncio.sleep(2)

    async with consuming(settings, [from_clients_state], pool):
        report = await importing

    assert report.files[0].changed == 1
    assert [(problem.line, problem.column) for problem in report.problems] == [(3, "Record ID")]


@pytest.mark.delivery
async def test_an_import_of_all_or_nothing_holds_nothing_that_consumers_wait_for(
    pool: Pool, tmp_path: Path, fresh_topics: str
) -> None:
    await hear(pool, APartner().now())
    await produce(fresh_topics, AClient(record=2).term().now())
    (tmp_path / "renewal_settings.csv").write_text(SETTINGS + "1,Partner,,1,08:30,\n")
    (tmp_path / "renewal_owners.csv").write_text(OWNERS + "1,2,HubSpot,1,\n")
    settings = settings_for("postgresql://none", import_wait=30, kafka_servers=fresh_topics)
    context = Context(ManualClock(NOON), settings)
    importing = asyncio.create_task(
        run("renewals", TABLES, tmp_path, pool, context, strict=True, begin=imports.begin)
    )
    await asyncio.sleep(1)

    async with consuming(settings, [from_clients_state], pool):
        report = await importing

    assert (report.committed, report.problems) == (True, [])


async def test_owners_and_quotes_set_ahead_hold_from_the_clients_first_renewal_on(
    pool: Pool, tmp_path: Path
) -> None:
    await hear(pool, APartner().now())
    owners = OWNERS + "1,1,Partner,,2\n2,1,HubSpot,,\n"
    quotes = QUOTES + f"1,1,{START},Stay,Product 1,90.00,USD,yes\n"

    report = await import_files(pool, tmp_path, ahead=True, renewal_owners=owners, quotes=quotes)

    assert [(p.file, p.line, p.column) for p in report.problems] == [
        ("renewal_owners.csv", 3, "Record ID")
    ]
    await hear(pool, AClient().term(mrr="100.00").now())
    snapshot = await last_snapshot(pool)
    assert snapshot.owner.point_of_contact_id == BOB
    assert [renewal.renewal_mrr for renewal in snapshot.renewals] == [Decimal("90.00")]


def test_each_file_is_described_with_a_line_that_can_be_imported() -> None:
    for table in TABLES:
        assert table.file in describe([table])
        assert template(table).count("\n") == 2
