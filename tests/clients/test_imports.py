"""Portfolios that come as CSV: whole, again, changed, spoiled."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.clients import store
from shared.contracts import clients, ids
from tests.clients import portfolio
from tests.clients.importing import Importing, counts
from tests.clients.portfolio import (
    ACME,
    BEN,
    BOLT,
    CAT,
    CREST,
    EVE,
    FAY,
    MARKETING,
    NORTH,
    OURS,
    SOUTH,
    company,
    contact,
    subscription,
    two_partners,
    user,
)
from tests.deliver import pending, published


async def test_a_new_client_is_told_once_with_everything(importing: Importing) -> None:
    report = await importing.bring(two_partners())

    assert (report.problems, report.committed, report.exit_code) == ([], True, 0)
    assert counts(report) == {
        "partners": (2, 0, 0, 0),
        "partner_users": (4, 0, 0, 0),
        "hubspot_team": (2, 0, 0, 0),
        "companies": (4, 0, 0, 0),
        "contacts": (3, 0, 0, 0),
        "subscriptions": (5, 0, 0, 0),
    }
    facts = await published(importing.pool, clients.ClientRegistered)
    snapshots = {
        each.client_id: each for each in await published(importing.pool, clients.ClientSnapshot)
    }
    assert len(facts) == len(snapshots) == 4
    assert {fact.version for fact in facts} == {1}
    assert await published(importing.pool, clients.SubscriptionChanged) == []
    acme = snapshots[ACME]
    assert acme.occurred_at == importing.clock.now()
    assert [person.name for person in acme.contacts] == ["Eve Ruiz", "Fay Ruiz"]
    assert acme.contacts[0].roles == ("decision_maker", "primary")
    assert [(each.product, each.mrr) for each in acme.subscriptions] == [
        ("Marketing Hub Professional", Decimal("890.00")),
        ("Sales Hub Starter", Decimal("45.50")),
    ]
    assert acme.email_tier == clients.Allowance(limit=100_000, used=20_000)
    assert acme.renewal_manager is not None
    assert acme.renewal_manager.person_id == ids.hubspot_person_id("remy@hubspot.example.com")
    assert acme.relationship.sold_on is not None
    assert snapshots[CREST].app_usage is None


async def test_a_new_partner_is_told_with_its_people(importing: Importing) -> None:
    await importing.bring(two_partners())

    snapshots = {
        each.partner_id: each for each in await published(importing.pool, clients.PartnerSnapshot)
    }
    assert len(snapshots) == 2
    north = snapshots[OURS]
    assert north.time_zone == "Europe/Berlin"
    assert [(each.name, each.admin, each.active) for each in north.users] == [
        ("Ann Lee", True, True),
        ("Ben Lee", False, True),
        ("Cat Lee", False, False),
    ]
    assert north.team[0].role == "channel_account_manager"
    [gone] = await published(importing.pool, clients.PartnerUserDeactivated)
    assert gone.user_id == CAT
    said = [each for each in await pending(importing.pool) if each.key == str(OURS).encode()]
    assert len(said) == 7
    assert north.version == 6


async def test_facts_carry_no_names_and_no_addresses(importing: Importing) -> None:
    await importing.bring(two_partners())

    for record in await pending(importing.pool):
        if record.topic == clients.EVENTS:
            value = (record.value or b"").decode()
            for canary in ("Ruiz", "Lee", "example", "+34", "Acme", "Remy"):
                assert canary not in value


async def test_the_same_files_again_change_nothing_and_say_nothing(importing: Importing) -> None:
    await importing.bring(two_partners())
    await importing.forget_events()
    before = await importing.state()

    report = await importing.bring(two_partners())

    assert await importing.state() == before
    assert await pending(importing.pool) == []
    assert all(created == changed == 0 for created, changed, _, _ in counts(report).values())
    assert counts(report)["contacts"] == (0, 0, 3, 0)


async def test_what_changed_is_told_by_its_facts_and_one_snapshot(importing: Importing) -> None:
    await importing.bring(two_partners())
    await importing.forget_events()
    files = two_partners()
    files["companies.csv"][0] = company(NORTH, 1, "Acme GmbH", City="Cork", **{"Apps used": 8})
    files["subscriptions.csv"][0] = subscription(NORTH, 901, 1, **{"Term end": "2027-03-04"})
    files["contacts.csv"][1] = contact(NORTH, 502, 1, "Fay", Roles="")

    report = await importing.bring(files)

    assert counts(report)["companies"] == (0, 1, 3, 0)
    assert counts(report)["contacts"] == (0, 1, 2, 0)
    assert counts(report)["subscriptions"] == (0, 1, 4, 0)
    [snapshot] = await published(importing.pool, clients.ClientSnapshot)
    [moved] = await published(importing.pool, clients.SubscriptionChanged)
    [used] = await published(importing.pool, clients.AppUsageRecorded)
    [people] = await published(importing.pool, clients.ClientContactsChanged)
    assert snapshot.client_id == ACME
    assert (people.version, moved.version, used.version, snapshot.version) == (3, 4, 5, 5)
    assert moved.previous is not None
    assert (moved.previous.term_end.year, moved.subscription.term_end.year) == (2026, 2027)
    assert snapshot.company.city == "Cork"
    assert [person.roles for person in snapshot.contacts if person.contact_id == FAY] == [()]
    acme = await importing.client(ACME)
    assert acme.version == 5
    async with importing.pool.acquire() as tx:
        past = await store.list_history(tx, ACME)
    assert [line.change for line in past] == [
        "AppUsageRecorded",
        "SubscriptionChanged",
        "ClientContactsChanged",
        "CompanyChanged",
        "ClientRegistered",
    ]


async def test_clients_that_a_later_file_does_not_have_are_left_alone(importing: Importing) -> None:
    await importing.bring(two_partners())
    before = await importing.state()
    files = two_partners()
    few = {
        "companies.csv": files["companies.csv"][:1],
        "contacts.csv": files["contacts.csv"][:1],
        "subscriptions.csv": files["subscriptions.csv"][:1],
    }

    folder = importing.folder / "later"
    report = await portfolio.bring(importing.pool, folder, few, importing.clock)

    assert report.problems == []
    assert await importing.state() == before


async def test_what_a_file_has_no_column_for_stays_and_an_empty_cell_clears(
    importing: Importing,
) -> None:
    await importing.bring(two_partners())
    files = two_partners()
    partly = {
        "companies.csv": portfolio.without(
            [files["companies.csv"][0] | {"City": ""}],
            *("Industry", "Contact tier", "Contacts limit", "Contacts used", "Sold date"),
            *("Renewal manager name", "Renewal manager email"),
        ),
        "contacts.csv": portfolio.without([files["contacts.csv"][0]], "Roles", "Job Title"),
    }

    report = await portfolio.bring(
        importing.pool, importing.folder / "later", partly, importing.clock
    )

    acme = await importing.client(ACME)
    assert counts(report)["companies"] == (0, 1, 0, 0)
    assert counts(report)["contacts"] == (0, 0, 1, 0)
    assert (acme.company.city, acme.company.industry) == ("", "Software")
    assert acme.contact_tier.limit == 10_000
    assert acme.relationship.sold_on is not None
    assert acme.renewal_manager.name == "Remy Moss"
    assert acme.contacts[0].roles == ("decision_maker", "primary")


async def test_usage_of_an_older_period_does_not_replace_what_is_known(
    importing: Importing,
) -> None:
    await importing.bring(two_partners())
    await importing.forget_events()
    files = two_partners()
    older = {"Apps used": 1, "Usage period end": "2025-11-30"}
    files["companies.csv"][0] = company(NORTH, 1, "Acme GmbH", **older)
    files["companies.csv"][1] = company(
        NORTH, 2, "Bolt Ltd", Managed="no", **{"Apps used": "", "Usage period end": ""}
    )

    report = await importing.bring(files)

    assert counts(report)["companies"] == (0, 0, 4, 0)
    assert (await importing.client(ACME)).app_usage.apps_used == 5
    assert (await importing.client(BOLT)).app_usage.apps_used == 2
    assert await pending(importing.pool) == []


async def test_a_contact_that_moves_to_another_company_changes_both(importing: Importing) -> None:
    await importing.bring(two_partners())
    await importing.forget_events()
    files = two_partners()
    files["contacts.csv"][0] = contact(NORTH, 501, 3, "Eve")
    files["subscriptions.csv"][1] = subscription(
        NORTH, 902, 2, Product="Sales Hub Starter", MRR="45.50"
    )

    await importing.bring(files)

    told = {
        each.client_id: each for each in await published(importing.pool, clients.ClientSnapshot)
    }
    assert set(told) == {ACME, BOLT, CREST}
    assert EVE not in {person.contact_id for person in told[ACME].contacts}
    assert EVE in {person.contact_id for person in told[CREST].contacts}
    [removed] = await published(importing.pool, clients.SubscriptionRemoved)
    [added] = await published(importing.pool, clients.SubscriptionChanged)
    assert (removed.client_id, added.client_id) == (ACME, BOLT)
    assert added.previous is None


async def test_the_people_of_a_partner_follow_the_files(importing: Importing) -> None:
    await importing.bring(two_partners())
    await importing.forget_events()
    files = two_partners()
    files["partners.csv"][0] = portfolio.partner(NORTH, **{"Time zone": "UTC"})
    files["partner_users.csv"] = [
        user(NORTH, 12, "Ben", Role="member", Status="deactivated"),
        user(NORTH, 13, "Cat", Role="admin"),
    ]
    files["hubspot_team.csv"] = [
        portfolio.member_of_team(NORTH, Email="new@hubspot.example.com", Name="New One")
    ]

    await importing.bring(files)

    [snapshot] = await published(importing.pool, clients.PartnerSnapshot)
    assert [(each.name, each.admin, each.active) for each in snapshot.users] == [
        ("Ann Lee", True, True),
        ("Ben Lee", False, False),
        ("Cat Lee", True, True),
    ]
    assert [each.name for each in snapshot.team] == ["New One"]
    assert snapshot.time_zone == "UTC"
    [gone] = await published(importing.pool, clients.PartnerUserDeactivated)
    [back] = await published(importing.pool, clients.PartnerUserReactivated)
    assert (gone.user_id, back.user_id) == (BEN, CAT)
    assert len(await published(importing.pool, clients.PartnerTimeZoneChanged)) == 1
    [team] = await published(importing.pool, clients.HubSpotTeamChanged)
    assert team.person_ids == (ids.hubspot_person_id("new@hubspot.example.com"),)


async def test_a_bad_row_of_the_team_file_makes_nobody_leave(importing: Importing) -> None:
    await importing.bring(two_partners())
    files = two_partners()
    files["hubspot_team.csv"] = [
        portfolio.member_of_team(NORTH, Email="new@hubspot.example.com"),
        portfolio.member_of_team(NORTH, Email="not an address"),
    ]

    report = await importing.bring(files)

    assert report.exit_code == 1
    assert await importing.pool.fetchval("SELECT count(*) FROM team_members") == 3


async def test_a_strict_import_of_a_bad_row_leaves_everything_as_it_was(
    importing: Importing,
) -> None:
    files = two_partners()
    files["contacts.csv"].append(contact(NORTH, 599, 99, "Orphan"))

    report = await importing.bring(files, strict=True)

    assert (report.committed, report.exit_code) == (False, 1)
    assert [problem.column for problem in report.problems] == ["Associated Company ID"]
    assert await importing.pool.fetchval("SELECT count(*) FROM partners") == 0
    assert await pending(importing.pool) == []


async def test_a_strict_import_of_good_rows_is_all_there(importing: Importing) -> None:
    report = await importing.bring(two_partners(), strict=True)
    assert report.committed
    assert await importing.pool.fetchval("SELECT count(*) FROM contacts") == 3


async def test_a_dry_run_counts_what_would_be_and_changes_nothing(importing: Importing) -> None:
    report = await importing.bring(two_partners(), dry_run=True)

    assert not report.committed
    assert counts(report)["companies"] == (4, 0, 0, 0)
    assert await importing.pool.fetchval("SELECT count(*) FROM partners") == 0
    assert await pending(importing.pool) == []


async def test_files_as_spreadsheets_write_them_are_read(importing: Importing) -> None:
    files = two_partners()
    files["hubspot_team.csv"][0] = portfolio.member_of_team(
        NORTH, Description='Says "hello";\r\nand more'
    )
    folder = portfolio.write(importing.folder, files, delimiter=";", lineterminator="\r\n")
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    report = await portfolio.bring(importing.pool, folder, None, importing.clock)

    assert report.problems == []
    assert counts(report)["companies"] == (4, 0, 0, 0)
    told = await importing.pool.fetchval(
        "SELECT description FROM team_members WHERE partner_id = $1", OURS
    )
    assert told == 'Says "hello";\nand more'


async def test_many_clients_pass_in_parts_and_each_is_told_once(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.clients.imports.merging.CLIENTS_AT_ONCE", 7)
    files = two_partners()
    files["companies.csv"] += [company(NORTH, number, f"C{number}") for number in range(100, 180)]
    files["contacts.csv"] += [
        contact(NORTH, number, number, f"P{number}") for number in range(100, 180)
    ]

    await importing.bring(files)

    told = await published(importing.pool, clients.ClientSnapshot)
    assert len(told) == len({each.client_id for each in told}) == 84
    assert await importing.pool.fetchval("SELECT count(*) FROM history WHERE version = 1") == 86


async def test_what_a_person_changes_during_an_import_stays_and_is_told_in_order(
    importing: Importing,
) -> None:
    """Services end while files come that say other things of the same client."""
    from services.clients import domain
    from shared.chassis import outbox

    await importing.bring(two_partners())
    await importing.forget_events()
    files = two_partners()
    files["companies.csv"][0] = company(NORTH, 1, "Acme AG")

    async def end() -> None:
        async with importing.pool.acquire() as tx, tx.transaction():
            before = await store.lock_client(tx, ACME)
            assert before is not None
            await asyncio.sleep(0.2)
            at = datetime(2026, 1, 15, 12, tzinfo=UTC)
            after, changes = domain.end_services(before, BEN, "Moved on", at)
            await store.save_client(tx, before, after)
            await outbox.record(tx, *domain.facts(changes), after.snapshot(at))

    await asyncio.gather(end(), importing.bring(files))

    acme = await importing.client(ACME)
    assert (acme.company.name, acme.services.active, acme.version) == ("Acme AG", False, 3)
    told = [
        each
        for each in await published(importing.pool, clients.ClientSnapshot)
        if each.client_id == ACME
    ]
    assert [each.version for each in told] == [2, 3]
    assert not told[-1].services.active


async def test_a_partner_that_files_do_not_bring_may_be_known_already(
    importing: Importing,
) -> None:
    await importing.bring(two_partners())
    later = {
        "companies.csv": [company(SOUTH, 8, "Echo SpA")],
        "partner_users.csv": [user(SOUTH, 22, "Ed")],
    }

    report = await portfolio.bring(
        importing.pool, importing.folder / "later", later, importing.clock
    )

    assert report.problems == []
    assert counts(report) == {"partner_users": (1, 0, 0, 0), "companies": (1, 0, 0, 0)}


async def test_the_sample_of_each_file_is_a_row_that_can_be_imported(importing: Importing) -> None:
    from services.clients import imports
    from shared.chassis.imports import template

    for table in imports.TABLES:
        (importing.folder / table.file).write_text(template(table), encoding="utf-8")

    report = await portfolio.bring(importing.pool, importing.folder, None, importing.clock)

    bad = [str(problem) for problem in report.problems]
    assert all("Associated Company" in each or "Partner Hub ID" in each for each in bad), bad


def test_marketing_is_the_first_subscription() -> None:
    assert ids.subscription_id(NORTH, 901) == MARKETING
