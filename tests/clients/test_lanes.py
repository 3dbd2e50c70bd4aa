"""Two connections, each with half of the clients, bring what one brings."""

import random
from typing import Any

import asyncpg
import pytest

from services.clients import store
from services.clients.imports import making
from shared.chassis.database import Pool
from shared.chassis.imports import running
from shared.contracts import ids
from shared.contracts.clients import ClientSnapshot
from tests.clients.importing import TABLES, Importing, counts
from tests.clients.portfolio import NORTH, OURS, Files, company, contact, subscription, two_partners
from tests.deliver import published

COUNT, MORE = 40, 60


def _portfolio(chance: random.Random, count: int, *, named: str) -> Files:
    """Each time the people belong to somebody else, and one in ten to nobody that there is."""
    records = range(100, 100 + count)
    return two_partners() | {
        "companies.csv": [
            company(NORTH, each, f"{named if each % 3 else 'Same'} {each}") for each in records
        ],
        "contacts.csv": [
            contact(
                NORTH, 1000 + each, chance.choice([*records, 9999] if each % 10 else [77]), "Eve"
            )
            for each in range(2 * COUNT)
        ],
        "subscriptions.csv": [
            subscription(NORTH, 2000 + each, chance.choice(records)) for each in range(2 * count)
        ],
    }


async def _bring_both(importing: Importing) -> tuple[Any, ...]:
    chance = random.Random(6)  # noqa: S311 - to vary
    for table in ("outbox", *reversed(TABLES)):
        await importing.pool.execute(f"DELETE FROM {table}")
    await importing.bring(_portfolio(chance, COUNT, named="Old"))
    await importing.forget_events()
    report = await importing.bring(_portfolio(chance, MORE, named="New"))
    told = await published(importing.pool, ClientSnapshot)
    by_id = sorted(told, key=lambda each: (each.client_id, each.version))
    return await importing.state(), by_id, counts(report), report.problems


async def test_what_is_lost_to_the_other_half_is_changed_as_on_one_connection(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "AT_ONCE", 7)

    two = await _bring_both(importing)

    monkeypatch.setattr(running, "TWO", 1000)
    assert two == await _bring_both(importing)
    _, told, counted, problems = two
    created, changed, _, _ = counted["contacts"]
    assert created + changed > COUNT
    assert len(problems) > COUNT // 10
    assert {1, 3} < {each.version for each in told}


async def test_what_somebody_takes_from_either_half_meanwhile_is_looked_at_closer(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the comparison and the making all contacts become another client's."""
    monkeypatch.setattr(making, "AT_ONCE", 7)
    files = _portfolio(random.Random(7), COUNT, named="Old")  # noqa: S311 - to vary
    count, taken = store.count_touched, [ids.contact_id(NORTH, 1000 + n) for n in range(2 * COUNT)]

    async def take_and_count(tx: Any) -> int:
        if taken:
            theirs = taken.copy()
            taken.clear()
            await importing.pool.execute(
                """
                WITH elsewhere AS (
                     INSERT INTO clients (client_id, partner_id, record_id, account_id, version,
                                          name, domain, sold, managed)
                     VALUES ($1, $2, 77, 77, 1, 'Other', 'other.example', true, true)
                     RETURNING client_id, partner_id)
                INSERT INTO contacts (contact_id, client_id, partner_id, name, email)
                SELECT contact_id, client_id, partner_id, 'Eve', 'eve@other.example'
                  FROM elsewhere, unnest($3::uuid[]) AS contact_id
                """,
                ids.client_id(NORTH, 77),
                OURS,
                theirs,
            )
        return await count(tx)

    monkeypatch.setattr(store, "count_touched", take_and_count)

    assert (await importing.bring(files)).committed

    told = await published(importing.pool, ClientSnapshot)
    assert len(told) == len({each.client_id for each in told}) == COUNT
    assert not any(each.contacts for each in told)
    assert await importing.pool.fetchval("SELECT count(DISTINCT client_id) FROM contacts") == 1
    assert await importing.pool.fetchval("SELECT count(*) FROM subscriptions") == 2 * COUNT


async def test_rows_are_put_aside_in_both_halves_or_in_none(pool: Pool) -> None:
    async with pool.acquire() as tx, pool.acquire() as other:
        for each in (tx, other):
            await store.make_staging(each)
        columns: dict[str, Any] = {
            "client_id": [f"{digit}0000000-0000-5000-8000-000000000000" for digit in "1f2e"],
            "record_id": [1, 2, 3, 4],
        }
        await store.stage_halves(tx, other, "staged_clients", columns)
        for bad in (1, 2):
            names = ["a\0b" if at == bad else "Acme" for at in range(4)]
            with pytest.raises(asyncpg.DataError):
                async with tx.transaction():
                    await store.stage_halves(tx, other, "staged_clients", columns | {"name": names})

        kept = "SELECT array_agg(record_id ORDER BY record_id) FROM staged_clients"
        assert await tx.fetchval(kept) == [1, 3]
        assert await other.fetchval(kept) == [2, 4]
        for each in (tx, other):
            await store.drop_staging(each)
