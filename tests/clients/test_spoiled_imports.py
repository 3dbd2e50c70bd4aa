"""Rows that are not right: each reported, none in the way of another."""

from typing import Any

from tests.clients.importing import Importing, counts
from tests.clients.portfolio import (
    ACME,
    BOLT,
    CREST,
    NORTH,
    company,
    contact,
    two_partners,
)

SPOILED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("companies.csv", {"Record ID": "abc"}, "Record ID", "abc", "a whole number"),
    ("companies.csv", {"Company name": " "}, "Company name", "", "one line of text"),
    (
        "companies.csv",
        {"Company Domain Name": "no domain"},
        "Company Domain Name",
        "no domain",
        "a domain name",
    ),
    ("companies.csv", {"Partner Hub ID": 4711}, "Partner Hub ID", "4711", "a partner"),
    ("companies.csv", {"Sold": "no", "Managed": "no", "Sold date": ""}, "Managed", "False", "yes"),
    ("companies.csv", {"Sold": "no"}, "Sold date", "2025-06-01", "nothing"),
    (
        "companies.csv",
        {"Sold date": "2027-01-01"},
        "Sold date",
        "2027-01-01",
        "a day that has come",
    ),
    ("companies.csv", {"Sold date": "2025-02-30"}, "Sold date", "2025-02-30", "a date"),
    ("companies.csv", {"Contacts limit": ""}, "Contacts limit", "", "a limit"),
    ("companies.csv", {"Apps used": 18}, "Apps used", "18", "0 to 17"),
    ("companies.csv", {"Apps used": ""}, "Apps used", "", "how many apps"),
    ("companies.csv", {"Usage period end": ""}, "Usage period end", "", "the last day"),
    ("companies.csv", {"Renewal manager email": ""}, "Renewal manager email", "", "the address"),
    ("companies.csv", {"Customer Hub ID": -1}, "Customer Hub ID", "-1", "a whole number"),
    ("contacts.csv", {"Email": "eve@x"}, "Email", "eve@x", "one e-mail address"),
    ("contacts.csv", {"Email": ""}, "Email", "", "one e-mail address"),
    ("contacts.csv", {"Associated Company ID": 99}, "Associated Company ID", "99", "the Record ID"),
    ("contacts.csv", {"Roles": "1;2"}, "Roles", "1;2", "roles"),
    ("contacts.csv", {"First Name": "a\x01b"}, "First Name", "a\x01b", "one line of text"),
    ("subscriptions.csv", {"MRR": "-5"}, "MRR", "-5", "an amount"),
    ("subscriptions.csv", {"MRR": "1,234"}, "MRR", "1,234", "an amount"),
    ("subscriptions.csv", {"Currency": "XXX"}, "Currency", "XXX", "an ISO 4217 code"),
    (
        "subscriptions.csv",
        {"Term end": "2025-03-04"},
        "Term end",
        "2025-03-04",
        "2025-03-05 or later",
    ),
    ("subscriptions.csv", {"Term start": "31.12.2025"}, "Term start", "31.12.2025", "a date"),
    (
        "subscriptions.csv",
        {"Associated Company ID": 99},
        "Associated Company ID",
        "99",
        "the Record ID",
    ),
    ("partner_users.csv", {"Role": "boss"}, "Role", "boss", "one of: admin, member"),
    ("partner_users.csv", {"Partner Hub ID": 4711}, "Partner Hub ID", "4711", "a partner"),
    ("partners.csv", {"Time zone": "Europe/Atlantis"}, "Time zone", "Europe/Atlantis", "an IANA"),
]


async def test_each_bad_row_is_reported_by_line_and_column_and_stops_no_other(
    importing: Importing,
) -> None:
    """One row of each kind of mistake, put after the good rows; each alone is left out."""
    files = two_partners()
    expected = []
    samples = {name: rows[0] for name, rows in two_partners().items()}
    keys = {"partners.csv": "Hub ID", "partner_users.csv": "User ID"}
    for number, (file, mistake, column, value, right) in enumerate(SPOILED, start=7000):
        key = keys.get(file, "Record ID")
        files[file].append(samples[file] | {key: number} | mistake)
        expected.append((file, len(files[file]) + 1, column, value, right))

    report = await importing.bring(files)

    found = {(p.file, p.line): (p.column, p.value, p.expected) for p in report.problems}
    lines = {"companies.csv": 1, "hubspot_team.csv": 1}  # no quoted newline elsewhere
    assert set(lines) <= set(files)
    for file, line, column, value, right in expected:
        told = found.pop((file, line))
        assert told[:2] == (column, value), (file, line)
        assert right in told[2], (file, line, told)
    assert found == {}
    assert report.exit_code == 1
    assert counts(report)["companies"] == (4, 0, 0, 14)
    assert await importing.pool.fetchval("SELECT count(*) FROM clients") == 4


async def test_the_second_row_of_a_record_is_the_bad_one(importing: Importing) -> None:
    files = two_partners()
    files["companies.csv"].append(company(NORTH, 1, "Acme again"))

    report = await importing.bring(files)

    [problem] = report.problems
    assert (problem.file, problem.line) == ("companies.csv", 6)
    assert (await importing.client(ACME)).company.name == "Acme GmbH"


async def test_more_than_a_snapshot_can_carry_is_refused_row_by_row(importing: Importing) -> None:
    files = two_partners()
    first = len(files["contacts.csv"]) + 2
    files["contacts.csv"] += [contact(NORTH, 10_000 + n, 2, f"B{n}") for n in range(502)]
    long = {"Job Title": "x" * 9_999}
    files["contacts.csv"] += [contact(NORTH, 20_000 + n, 3, f"C{n}", **long) for n in range(41)]

    report = await importing.bring(files)

    assert [problem.line for problem in report.problems] == [
        first + 500,
        first + 501,
        first + 502 + 39,
        first + 502 + 40,
    ]
    assert len((await importing.client(BOLT)).contacts) == 500
    assert len((await importing.client(CREST)).contacts) == 39
