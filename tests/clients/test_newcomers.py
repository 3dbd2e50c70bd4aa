"""Clients that are new are written without models: exactly as the models would."""

import random
from datetime import UTC, datetime
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from services.clients import domain, store
from services.clients.domain import Client
from services.clients.imports import making
from shared.chassis import outbox
from shared.contracts import ids
from shared.contracts.clients import ClientSnapshot
from tests.clients.importing import TABLES, Importing
from tests.clients.portfolio import NORTH, OURS, Row, company, contact, subscription, two_partners
from tests.deliver import pending, published, record_of

AWKWARD = (
    'Say "é"',
    "back\\slash",
    "日本 🎉",
    "Ünï %s %(key)s {id}",
    "Zoë",
    "a",
    "B",
    "\u2028",
    "",
)
OPTIONAL: tuple[Row, ...] = (
    {},
    {"Email send limit": 7},
    {"Contacts limit": "", "Contacts used": ""},
    {"Contacts limit": "", "Contacts used": "", "Email send limit": 9, "Emails sent": ""},
    {"Contacts limit": "", "Contacts used": "", "Emails sent": ""},
    {"Apps used": "", "Usage period end": "", "Number of Employees": ""},
    {"Renewal manager name": "", "Renewal manager email": "", "Sold date": ""},
    {"Contact tier": "Starter", "Industry": "", "Sold": "no", "Sold date": "", "City": ""},
)


def _companies(chance: random.Random, count: int) -> list[Row]:
    rows = []
    for record in range(100, 100 + count):
        text = chance.choice(AWKWARD)
        other: dict[str, Any] = {"Industry": text, "City": text, "Country/Region": text}
        name = f"{text} Ltd"
        told = {"Company Domain Name": "münchen.example", **other, **chance.choice(OPTIONAL)}
        rows.append(company(NORTH, record, name, **told))
    return rows


def _contacts(chance: random.Random, count: int) -> list[Row]:
    return [
        contact(
            NORTH,
            1000 + record,
            chance.randrange(100, 100 + count),
            chance.choice(AWKWARD),
            **{
                "Email": f"p{record}@client.example.com",
                "Last Name": chance.choice(AWKWARD),
                "Job Title": chance.choice(AWKWARD),
                "Roles": chance.choice(("", "billing", "primary;decision_maker")),
            },
        )
        for record in range(2 * count)
    ]


def _subscriptions(chance: random.Random, count: int) -> list[Row]:
    products = ("Marketing Hub Starter", "Sales Hub Professional", 'Hub "é"', "marketing starter")
    return [
        subscription(
            NORTH,
            2000 + record,
            chance.randrange(100, 100 + count),
            Product=chance.choice(products),
            MRR=chance.choice(("0", "45.5", "1,234.50", "999999999999.99")),
        )
        for record in range(2 * count)
    ]


async def test_events_are_byte_for_byte_what_the_contract_would_write(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "AT_ONCE", 23)
    chance, count = random.Random(4), 90  # noqa: S311 - to vary
    files = two_partners() | {
        "companies.csv": _companies(chance, count),
        "contacts.csv": _contacts(chance, count),
        "subscriptions.csv": _subscriptions(chance, count),
    }

    report = await importing.bring(files)

    assert not report.problems
    said: dict[str, list[Any]] = {}
    for record in await pending(importing.pool):
        said.setdefault((record.key or b"").decode(), []).append(record)
    for number in range(100, 100 + count):
        client = await importing.client(ids.client_id(NORTH, number))
        _hold_said(client, said[str(client.client_id)], importing)
        async with importing.pool.acquire() as tx:
            [past] = await store.list_history(tx, client.client_id)
        assert (past.version, past.change, past.actor_id) == (1, "ClientRegistered", None)
        assert past.occurred_at == importing.clock.now()
        assert past.after == {"name": client.company.name, "domain": client.company.domain}
        assert past.before is None


def _hold_said(client: Client, records: list[Any], importing: Importing) -> None:
    now, changes = domain.register(client, importing.clock.now())
    events = [*domain.facts(changes), now.snapshot(importing.clock.now())]
    assert len(records) == len(events) == 2
    for record, event in zip(records, events, strict=True):
        told = dict(record.headers)
        expected = record_of(event, correlation_id=(told["ce_id"] or b"").decode())
        assert record.value == expected.value
        assert (record.topic, record.key) == (expected.topic, expected.key)
        assert [n for n, _ in record.headers] == [n for n, _ in expected.headers]
        assert told == dict(expected.headers) | {"ce_id": told["ce_id"]}


async def test_two_connections_make_each_client_once(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a transaction over everything, which has but one, makes the same."""
    monkeypatch.setattr(making, "AT_ONCE", 7)
    chance, count = random.Random(5), 60  # noqa: S311 - to vary
    files = two_partners() | {
        "companies.csv": _companies(chance, count),
        "contacts.csv": _contacts(chance, count),
        "subscriptions.csv": _subscriptions(chance, count),
    }

    report = await importing.bring(files)

    state = await importing.state()
    told = await published(importing.pool, ClientSnapshot)
    assert len(told) == len({each.client_id for each in told}) == report.files[3].created == count
    for table in ("outbox", *reversed(TABLES)):
        await importing.pool.execute(f"DELETE FROM {table}")
    await importing.bring(files, strict=True)
    assert await importing.state() == state
    again = await published(importing.pool, ClientSnapshot)
    assert {each.client_id: each for each in again} == {each.client_id: each for each in told}


async def test_what_somebody_makes_meanwhile_is_looked_at_closer(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = two_partners()
    count, done = store.count_touched, list[bool]()

    async def count_and_lose(tx: Any) -> int:
        if done:
            return await count(tx)
        done.append(True)
        await importing.pool.execute(
            """
            WITH elsewhere AS (
                 INSERT INTO clients (client_id, partner_id, record_id, account_id, version, name,
                                      domain, sold, managed)
                 VALUES ($1, $3, 77, 77, 1, 'Other', 'other.example', true, true)
                 RETURNING client_id, partner_id)
            INSERT INTO contacts (contact_id, client_id, partner_id, name, email)
            SELECT $2, client_id, partner_id, 'Eve', 'eve@other.example' FROM elsewhere
            """,
            ids.client_id(NORTH, 77),
            ids.contact_id(NORTH, 501),
            OURS,
        )
        return await count(tx)

    monkeypatch.setattr(store, "count_touched", count_and_lose)

    report = await importing.bring(files)

    assert report.committed
    assert await importing.pool.fetchval("SELECT count(*) FROM clients") == 5
    assert len((await importing.client(ids.client_id(NORTH, 77))).contacts) == 1
    assert await importing.pool.fetchval("SELECT count(*) FROM contacts") == 3
    assert len(await published(importing.pool, ClientSnapshot)) == 4


def test_ids_of_many_events_have_the_form_of_one() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    made = [UUID(text) for text in outbox.new_ids(at, 500)]
    assert len(set(made)) == 500
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert {each.int >> 80 for each in made} == {int(at.timestamp() * 1000)}
