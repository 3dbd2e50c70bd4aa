"""Pages of clients by key: whichever way they are walked, every match comes once and in order."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.dashboard import handlers
from services.dashboard.domain.clients import ClientRow
from services.dashboard.store import clients as store
from services.dashboard.store.places import Place
from shared.chassis.database import Connection, Pool
from shared.contracts import clients
from tests.dashboard.conftest import seen_by
from tests.deliver import deliver

AT = datetime(2026, 1, 1, tzinfo=UTC)
PARTNER = uuid4()
DOMAINS = ("", "a.example", "B.example", "b.example")
NAMES = ("Amber", "amber", "Ähre", "", "Zeta", "=1+1", "\u202eabc", "x" * 300)


def somebody(seed: random.Random, partner: UUID = PARTNER) -> clients.ClientSnapshot:
    """A client in which much is as in others, so that the id has to decide."""
    subscriptions = tuple(
        clients.Subscription(
            subscription_id=uuid4(),
            product=seed.choice(("Marketing Hub", "Sales Hub")),
            mrr=Decimal(seed.choice(("0.00", "99.50", "1000.00"))),
            currency=seed.choice(("EUR", "USD")),
            term_start=AT.date(),
            term_end=AT.date(),
        )
        for _ in range(seed.randrange(3))
    )
    usage = seed.choice((None, 1, 4, 5, 18))
    return clients.ClientSnapshot(
        version=1,
        occurred_at=AT,
        client_id=uuid4(),
        partner_id=partner,
        record_id=seed.randrange(10**6),
        account_id=seed.randrange(10**6),
        company=clients.Company(name=seed.choice(NAMES), domain=seed.choice(DOMAINS)),
        relationship=clients.Relationship(sold=seed.random() < 0.5, managed=seed.random() < 0.5),
        services=clients.Services(active=seed.random() < 0.9, period=1),
        subscriptions=subscriptions,
        app_usage=usage and clients.AppUsage(apps_used=usage - 1, period_end=AT.date()),
    )


@pytest.fixture
async def many(pool: Pool) -> list[clients.ClientSnapshot]:
    seed = random.Random(7)  # noqa: S311 - a portfolio
    told = [somebody(seed) for _ in range(83)]
    foreign = [somebody(seed, uuid4()) for _ in range(20)]
    await deliver(handlers.from_clients_state, pool, *told, *foreign)
    return told


async def walked(
    tx: Connection, wanted: store.Wanted, limit: int, **order: Any
) -> tuple[list[ClientRow], store.Listed]:
    """All rows, from the first page to the last, and the last page."""
    found: list[ClientRow] = []
    page = await store.list_clients(tx, wanted, limit=limit, **order)
    while True:
        assert len(page.rows) <= limit
        found += page.rows
        if page.after is None:
            return found, page
        page = await store.list_clients(tx, wanted, limit=limit, at=page.after, **order)


KEYS: dict[str, Callable[[clients.ClientSnapshot], Any]] = {
    "domain": lambda each: each.company.domain.lower()[:100],
    "name": lambda each: each.company.name.lower()[:100],
    "usage": lambda each: each.app_usage.apps_used if each.app_usage else -1,
}


@pytest.mark.parametrize("limit", [1, 7, 25])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["domain", "name", "usage", "mrr"])
@pytest.mark.parametrize("services", ["serviced", "all"])
async def test_walking_forwards_and_back_gives_every_match_once_and_in_order(
    pool: Pool,
    many: list[clients.ClientSnapshot],
    services: str,
    sort: str,
    descending: bool,
    limit: int,
) -> None:
    wanted = store.Wanted(services=services)
    order: dict[str, Any] = {"sort": sort, "descending": descending}
    by_id = {each.client_id: each for each in many if each.services.active or services == "all"}

    async with seen_by(pool, PARTNER) as tx:
        forwards, page = await walked(tx, wanted, limit, **order)
        backwards = list(page.rows)
        while page.before is not None:
            page = await store.list_clients(tx, wanted, limit=limit, at=page.before, **order)
            backwards[:0] = page.rows
        streamed = [row async for row in store.stream_clients(tx, wanted, **order)]

    assert [row.client_id for row in backwards] == [row.client_id for row in forwards]
    assert [row.client_id for row in streamed] == [row.client_id for row in forwards]
    assert {row.client_id for row in forwards} == set(by_id)
    assert len(forwards) == len(by_id) == page.matches
    if sort in KEYS:
        keys = [(KEYS[sort](by_id[row.client_id]), row.client_id) for row in forwards]
        assert keys == sorted(keys, reverse=descending)


@pytest.mark.parametrize("sort", ["mrr", "-mrr"])
async def test_amounts_are_compared_within_a_currency_only(
    pool: Pool, many: list[clients.ClientSnapshot], sort: str
) -> None:
    async with seen_by(pool, PARTNER) as tx:
        found = await store.list_clients(
            tx, store.Wanted(), sort="mrr", descending=sort == "-mrr", limit=100
        )

    shown = [row.mrrs[0] if row.mrrs else ("", 0) for row in found.rows]
    assert shown == sorted(shown, reverse=sort == "-mrr")


async def test_a_page_counts_all_that_match_and_not_what_it_shows(
    pool: Pool, many: list[clients.ClientSnapshot]
) -> None:
    wanted = store.Wanted(q="a.example", usage="low")

    async with seen_by(pool, PARTNER) as tx:
        found = await store.list_clients(tx, wanted, sort="name", limit=1)
        all_of_them, _ = await walked(tx, wanted, 50, sort="name")
        assert found.matches == len(all_of_them) == await store.count_clients(tx, wanted) > 1


async def test_a_place_after_all_that_is_left_shows_nothing_and_still_counts(
    pool: Pool, many: list[clients.ClientSnapshot]
) -> None:
    end = Place(("zzzz",), UUID(int=2**128 - 1))

    async with seen_by(pool, PARTNER) as tx:
        found = await store.list_clients(tx, store.Wanted(), sort="domain", at=end, limit=5)

    assert (found.rows, found.after, found.before) == ([], None, None)
    assert found.matches == len([each for each in many if each.services.active])


async def test_a_partner_sees_its_own_clients_alone(
    pool: Pool, many: list[clients.ClientSnapshot]
) -> None:
    async with seen_by(pool, uuid4()) as tx:
        found = await store.list_clients(tx, store.Wanted(services="all"), sort="name", limit=5)
        choices = await store.find_choices(tx)
        unknown = await store.find_client(tx, many[0].client_id)

    assert (found.matches, choices, unknown) == (0, store.Choices((), ()), None)


@pytest.mark.parametrize("typed", ["a", "E", "a.example", "b e", "zzz", "100%", "_"])
async def test_what_is_found_in_memory_is_what_the_database_finds(
    pool: Pool, many: list[clients.ClientSnapshot], typed: str
) -> None:
    async with seen_by(pool, PARTNER) as tx:
        held = await store.hold_clients(tx)
        places = held.find(typed)
        for limit in (1, 7, 100):
            wanted = store.Wanted(q=typed, default_owner="partner")
            found = await store.list_clients(tx, wanted, sort="domain", limit=limit)
            rows = await held.read(places[:limit], partial(store.read_clients, tx))
            assert store.found_clients(rows, len(places), "partner") == found

    assert held.whole
    assert len(held.starts) - 1 == len([each for each in many if each.services.active])


async def test_of_a_partner_with_too_many_clients_none_are_held(
    pool: Pool, many: list[clients.ClientSnapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dashboard.store.held.MOST_ROWS", 5)

    async with seen_by(pool, PARTNER) as tx:
        held = await store.hold_clients(tx)

    assert (held.names, held.ids, held.whole) == (b"", b"", False)


async def test_rows_are_read_once_with_those_around_them(
    pool: Pool, many: list[clients.ClientSnapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dashboard.store.held.BLOCK", 4)
    monkeypatch.setattr("services.dashboard.store.held.BLOCK_BYTES", 4 * 16)
    monkeypatch.setattr("services.dashboard.store.held.AHEAD", 2)
    asked: list[int] = []

    async with seen_by(pool, PARTNER) as tx:

        async def read(missing: list[str]) -> list[str]:
            asked.append(len(missing))
            return await store.read_clients(tx, missing)

        held = await store.hold_clients(tx)
        count = len(held.starts) - 1
        assert count % 4
        every = await store.read_clients(
            tx, [held.ids[at : at + 16].hex() for at in range(0, len(held.ids), 16)]
        )
        for places in ([1], [0, 3, 7], [13, 2, 14], range(count), [count - 1]):
            assert await held.read(places, read) == [every[place] for place in places]
    # Up to two blocks of what was not there, beside those that were asked for.
    assert asked == [8, 8, count - 16]
