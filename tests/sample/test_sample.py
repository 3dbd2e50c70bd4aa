"""The sample portfolio: what it holds, and that the services take all of it."""

import csv
import json
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.sample import portfolio
from deploy.sample.files import FOLDERS
from deploy.sample.spoiling import WAYS
from services.clients import imports as clients
from services.renewals import imports as renewals
from services.renewals.handlers import from_clients, from_clients_state
from services.tiers import handlers
from services.tiers import imports as tiers
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.imports import Context, Report, run
from shared.contracts import ids
from shared.contracts.clients import STATE
from tests.conftest import MakeDatabase, open_service_pool
from tests.deliver import pending
from tests.renewals.conftest import settings_for as renewals_settings
from tests.tiers.conftest import settings_for
from tests.tiers.portfolio import standing

TODAY = date(2026, 11, 23)
CLOCK = ManualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


def write(folder: Path, **other: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"seed": 1, "size": 250, "partners": 3, "today": TODAY, "spoil": 0}
    return portfolio.write(folder, **(given | other))


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write(folder)
    return folder


async def into_clients(pool: Pool, folder: Path) -> Report:
    """Import a folder as the command of the clients service does."""
    context = Context(CLOCK, settings_for("postgresql://nowhere"))
    return await run(
        "clients",
        clients.TABLES,
        folder,
        pool,
        context,
        begin=clients.begin,
        finish=clients.finish,
    )


def test_the_same_seed_writes_the_same_files_and_another_seed_others(
    sample: Path, tmp_path: Path
) -> None:
    write(tmp_path / "again")
    write(tmp_path / "other", seed=2)
    assert contents(tmp_path / "again") == contents(sample)
    assert contents(tmp_path / "other") != contents(sample)


def test_all_dates_move_with_today(sample: Path, tmp_path: Path) -> None:
    write(tmp_path, today=TODAY + timedelta(days=8))
    for before, after in zip(
        rows(sample, "clients/subscriptions.csv"),
        rows(tmp_path, "clients/subscriptions.csv"),
        strict=True,
    ):
        ends = [date.fromisoformat(each["Term end"]) for each in (before, after)]
        assert ends[1] - ends[0] == timedelta(days=8)


def test_every_file_is_there_with_its_columns(sample: Path) -> None:
    for folder, files in FOLDERS.items():
        for name, columns in files.items():
            found = rows(sample, f"{folder}/{name}")
            assert found, name
            assert tuple(found[0]) == columns


def test_there_are_three_partners_in_three_zones_with_250_clients(sample: Path) -> None:
    zones = {each["Time zone"] for each in rows(sample, "clients/partners.csv")}
    assert zones == {"America/New_York", "Europe/Berlin", "Asia/Kolkata"}
    companies = rows(sample, "clients/companies.csv")
    assert len(companies) == 250
    assert len({each["Company Domain Name"] for each in companies}) >= 246
    for each in companies:
        assert each["Company Domain Name"].endswith(".example")


def test_every_relationship_owner_and_kind_is_there(sample: Path) -> None:
    companies = rows(sample, "clients/companies.csv")
    relations = Counter((each["Sold"], each["Managed"]) for each in companies)
    assert relations.keys() == {("yes", "yes"), ("yes", "no"), ("no", "yes")}
    assert min(relations.values()) > 20
    owners = Counter(each["Renewal owner"] for each in rows(sample, "renewals/renewal_owners.csv"))
    assert owners.keys() == {"Default setting", "HubSpot", "Partner"}
    defaults = {
        each["Default renewal owner"] for each in rows(sample, "renewals/renewal_settings.csv")
    }
    assert defaults == {"HubSpot", "Partner"}
    over = [
        (int(each["Contacts used"]) > int(each["Contacts limit"]),
         int(each["Emails sent"]) > int(each["Email send limit"]))
        for each in companies
    ]  # fmt: skip
    assert {(True, False), (False, True), (False, False)} <= set(over)


def test_each_partner_has_renewals_at_every_stage(sample: Path) -> None:
    companies = defaultdict(set)
    for each in rows(sample, "clients/subscriptions.csv"):
        renews = date.fromisoformat(each["Term end"]) + timedelta(days=1)
        companies[each["Partner Hub ID"]].add((renews - TODAY).days - 45)
    for to_deadline in companies.values():
        windows = ((46, 75), (16, 45), (8, 15), (2, 7), (1, 1), (0, 0), (-1, -1), (76, 320))
        for low, high in windows:
            assert any(low <= each <= high for each in to_deadline), (low, high)


def test_people_can_sign_in_in_every_role(sample: Path) -> None:
    told = json.loads((sample / "sample.json").read_text())
    for partner in told["partners"]:
        roles = {p["role"] for p in told["people"] if p["partner_id"] == partner["partner_id"]}
        assert roles == {"admin", "member", "staff"}
    users = {
        str(ids.user_id(int(each["Partner Hub ID"]), int(each["User ID"])))
        for each in rows(sample, "clients/partner_users.csv")
        if each["Status"] == "active"
    }
    assert {p["id"] for p in told["people"] if p["role"] != "staff"} == users
    assert json.loads((sample / "people.json").read_text()) == told["people"]


def test_one_of_hubspot_may_look_at_every_partner(sample: Path) -> None:
    told = json.loads((sample / "sample.json").read_text())
    [overseer] = [each for each in told["people"] if each.get("partner_ids")]

    assert overseer["role"] == "staff"
    assert overseer["partner_ids"] == [each["partner_id"] for each in told["partners"]]


def test_the_local_issuer_reads_the_people(sample: Path) -> None:
    from deploy.local.issuer import read_people

    assert {each.role for each in read_people(sample / "people.json")} == {
        "admin",
        "member",
        "staff",
    }


def trapped(sample: Path, kind: str) -> list[dict[str, Any]]:
    told = json.loads((sample / "sample.json").read_text())
    return [each for each in told["traps"] if each["trap"] == kind]


def of_company(found: list[dict[str, str]], trap: dict[str, Any], column: str) -> Iterator[Any]:
    hub, record = str(trap["partner_hub_id"]), str(trap["record_id"])
    return (each for each in found if each["Partner Hub ID"] == hub and each[column] == record)


def test_each_trap_is_what_it_says(sample: Path) -> None:
    companies = rows(sample, "clients/companies.csv")
    contacts = rows(sample, "clients/contacts.csv")
    subscriptions = rows(sample, "clients/subscriptions.csv")
    users = {
        (each["Partner Hub ID"], each["User ID"]): each["Status"]
        for each in rows(sample, "clients/partner_users.csv")
    }
    for trap in trapped(sample, "no_decision_maker"):
        roles = [each["Roles"] for each in of_company(contacts, trap, "Associated Company ID")]
        assert roles
        assert not any("decision_maker" in each for each in roles)
    for trap in trapped(sample, "deactivated_point_of_contact"):
        owners = rows(sample, "renewals/renewal_owners.csv")
        [owner] = of_company(owners, trap, "Record ID")
        key = owner["Partner Hub ID"], owner["Point of contact user ID"]
        assert users[key] == "active"
        leaving = rows(sample, "deactivated/partner_users.csv")
        assert (*key, "deactivated") in {
            (each["Partner Hub ID"], each["User ID"], each["Status"]) for each in leaving
        }
    for trap in trapped(sample, "term_moved"):
        [old], [new] = (
            {each["Term end"] for each in of_company(found, trap, "Associated Company ID")}
            for found in (subscriptions, rows(sample, "moved/subscriptions.csv"))
        )
        later = date.fromisoformat(new) + timedelta(days=1)
        assert date.fromisoformat(old) < later == date.fromisoformat(trap["moves_to"])
    for kind, currencies in (("mixed_currencies", {"USD", "EUR"}), ("no_rate", {"CHF"})):
        [trap] = trapped(sample, kind)
        found = of_company(subscriptions, trap, "Associated Company ID")
        assert {each["Currency"] for each in found} == currencies
    accounts = Counter(each["Customer Hub ID"] for each in companies)
    shared = Counter(
        accounts[str(each["account_id"])] for each in trapped(sample, "shared_account")
    )
    assert shared == {2: 2, 3: 3}
    names = {each["name"] for each in trapped(sample, "unusual_name")}
    assert names <= {each["Company name"] for each in companies}
    assert any('"' in name for name in names)
    assert any("'" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any("\n" in each["Description"] for each in rows(sample, "clients/hubspot_team.csv"))


def test_the_clients_whose_services_the_demo_ends_are_named(sample: Path) -> None:
    told = json.loads((sample / "sample.json").read_text())
    ended = [each["client_id"] for each in trapped(sample, "services_ended")]
    assert told["end_services"] == ended
    assert {each["partner"] for each in trapped(sample, "services_ended")} == {
        each["name"] for each in told["partners"]
    }


async def test_the_clients_service_takes_every_row(sample: Path, database: MakeDatabase) -> None:
    async with open_service_pool(database, "clients") as pool:
        report = await into_clients(pool, sample / "clients")
    assert report.problems == []
    assert {each.file: each.created for each in report.files}["companies.csv"] == 250


async def test_moved_terms_and_deactivated_users_are_changes_of_what_is_there(
    sample: Path, database: MakeDatabase
) -> None:
    async with open_service_pool(database, "clients") as pool:
        for folder in ("clients", "moved", "deactivated"):
            report = await into_clients(pool, sample / folder)
            assert report.problems == []
            if folder != "clients":
                assert [each.created for each in report.files] == [0]
                assert all(each.changed == each.rows for each in report.files)


async def test_every_spoiled_row_is_reported_exactly(
    tmp_path: Path, database: MakeDatabase
) -> None:
    write(tmp_path, size=1500, spoil=40)
    expected = json.loads((tmp_path / "spoiled.json").read_text())
    ways = Counter(each["way"] for each in expected["problems"])
    assert set(ways) == {
        *(way for found in WAYS.values() for way in found),
        "its company is spoiled",
    }

    async with open_service_pool(database, "clients") as pool:
        report = await into_clients(pool, tmp_path / "clients")

    assert Counter((p.file, p.line, p.column, p.value) for p in report.problems) == Counter(
        (p["file"], p["line"], p["column"], p["value"]) for p in expected["problems"]
    )
    for each in report.files:
        lines = {p["line"] for p in expected["problems"] if p["file"] == each.file}
        assert each.bad == len(lines)


async def test_the_renewals_service_takes_every_row(sample: Path, database: MakeDatabase) -> None:
    async with (
        open_service_pool(database, "clients") as clients_pool,
        open_service_pool(database, "renewals") as renewals_pool,
    ):
        await into_clients(clients_pool, sample / "clients")
        for inbox in (from_clients_state, from_clients):
            said = [each for each in await pending(clients_pool) if each.topic == inbox.topic]
            for at in range(0, len(said), 500):
                await inbox.receive(said[at : at + 500], renewals_pool)
        context = Context(CLOCK, renewals_settings("postgresql://nowhere", import_wait=0))

        report = await run("renewals", renewals.TABLES, sample / "renewals", renewals_pool, context)

        assert report.problems == []
        kinds = await renewals_pool.fetch("SELECT kind, count(*) FROM renewals GROUP BY kind")
        counts = dict(tuple(each) for each in kinds)
        assert counts.keys() == {"renewal", "contact_tier_upgrade", "email_overage"}
        assert counts["renewal"] >= 250


async def test_tiers_follow_from_the_sample(sample: Path, database: MakeDatabase) -> None:
    """What clients would say of the sample, heard by tiers, with the files of tiers on top."""
    async with (
        open_service_pool(database, "clients") as clients_pool,
        open_service_pool(database, "tiers") as tiers_pool,
    ):
        context = Context(CLOCK, settings_for("postgresql://nowhere"))
        await into_clients(clients_pool, sample / "clients")
        said = [each for each in await pending(clients_pool) if each.topic == STATE]
        for at in range(0, len(said), 500):
            await handlers.from_state.receive(said[at : at + 500], tiers_pool)

        report = await run("tiers", tiers.TABLES, sample / "tiers", tiers_pool, context)

        assert report.problems == []
        hubs = [portfolio.FIRST_HUB_ID + place for place in range(3)]
        first, second, third = [await standing(tiers_pool, hub) for hub in hubs]
        assert first.performance.tier == "Diamond"
        assert second.performance.tier is not None
        assert second.performance.managed_mrr > 0
        assert (third.performance.tier, third.performance.certified) == (None, False)
        assert [each.credited_tier for each in (first, second, third)] == [
            "Platinum",
            "Gold",
            "Silver",
        ]
        split = await tiers_pool.fetch(
            "SELECT managed FROM credits WHERE mrr = 1000.01 ORDER BY managed"
        )
        assert [str(each["managed"]) for each in split] == ["500.00", "500.01"]
        three = await tiers_pool.fetchval(
            "SELECT sum(managed) FROM credits WHERE mrr = 100 AND partners = 3"
        )
        assert three == 100


@pytest.mark.parametrize(("size", "partners"), [(0, 1), (5, 1), (30, 2), (400, 20)])
async def test_a_portfolio_of_any_size_is_taken(
    tmp_path: Path, database: MakeDatabase, size: int, partners: int
) -> None:
    write(tmp_path, size=size, partners=partners)
    async with open_service_pool(database, "clients") as pool:
        report = await into_clients(pool, tmp_path / "clients")
    assert report.problems == []
    assert {each.file: each.rows for each in report.files}["companies.csv"] == size


def test_a_large_portfolio_needs_little_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    write(tmp_path, size=1000, partners=20)
    _, small = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    write(tmp_path, size=4000, partners=20)
    _, large = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert large < small * 2


def test_it_is_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.sample", tmp_path, "--clients", "20", "--spoil", "5",
         "--today", "2026-02-28", "--seed", "7", "--partners", "2"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "20 clients of 2 partners as of 2026-02-28" in done.stdout
    told = json.loads((tmp_path / "sample.json").read_text())
    assert (told["seed"], told["today"]) == (7, "2026-02-28")
    assert (tmp_path / "spoiled.json").exists()
