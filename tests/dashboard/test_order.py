"""Topics come in any order, and copies come any time: the end is the same."""

from collections.abc import Sequence
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dashboard import handlers
from services.dashboard.jobs import tidy
from services.dashboard.store import builds, erasure
from services.dashboard.store.checksum import Checksum, sum_up
from shared.chassis.database import Pool
from shared.contracts import clients, renewals, tiers
from shared.contracts.event import Tombstone
from tests.dashboard import portfolio, stories
from tests.dashboard.people import BRIGHTWATER, CLIENTS, NORDLICHT, NOW
from tests.dashboard.stories import Said
from tests.deliver import Delivered, deliver, record_of

INBOXES = {inbox.topic: inbox for inbox in handlers.INBOXES}
OF_CLIENTS = ("clients", "renewals", "stages", "messages", "changes")


async def end_of(pool: Pool, batches: Sequence[Sequence[Delivered]]) -> list[Checksum]:
    """What an empty model holds once it heard these batches."""
    await pool.execute("TRUNCATE " + ", ".join(f"model_a.{each}" for each in builds.TABLES))
    await pool.execute("DELETE FROM inbox")
    for batch in batches:
        if batch:
            await INBOXES[batch[0].topic].receive(batch, pool)
    await tidy(pool, handlers.INBOXES)
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0
    return await sum_up(pool)


@given(st.randoms(use_true_random=False), st.integers(5, 60))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_whatever_order_the_topics_come_in_and_however_often_the_end_is_the_same(
    pool: Pool, random: Random, steps: int
) -> None:
    said = stories.told(random, steps)
    records = {id(each): record_of(each) for each in said}
    straight = [
        [records[id(each)] for each in said if stories.topic_of(each) == t] for t in INBOXES
    ]
    mixed = [
        [records[id(each)] for each in batch] for batch in stories.in_other_order(random, said)
    ]
    copies = [
        *mixed,
        *([random.choice(random.choice(mixed))] for _ in range(5)),  # the same records again
        *(_copies_that_the_inbox_forgot(random, said)),
    ]

    assert await end_of(pool, straight) == await end_of(pool, copies)


def _copies_that_the_inbox_forgot(random: Random, said: Sequence[Said]) -> list[list[Delivered]]:
    """Older words of keys that were not erased, under other ids."""
    gone = {each.key for each in said if isinstance(each, Tombstone)}
    left = [e for e in said if e.key not in gone and "Approaching" not in type(e).__name__]
    return [[record_of(each, event_id=uuid4())] for each in random.sample(left, min(5, len(left)))]


def erased(key: UUID, topic: str = clients.STATE) -> Tombstone:
    return Tombstone(topic=topic, key=str(key), owner="clients", occurred_at=NOW, version=99)


async def rows_of(pool: Pool, key: UUID) -> dict[str, int]:
    """How many rows each table has about a client or a partner."""
    found = {}
    for table in (*OF_CLIENTS, "partners"):
        column = "client_id" if table in OF_CLIENTS else "partner_id"
        found[table] = await pool.fetchval(
            f"SELECT count(*) FROM {table} WHERE {column} = $1 OR partner_id = $1", key
        )
    return {table: count for table, count in found.items() if count}


async def test_who_is_erased_is_erased_everywhere_with_the_history(filled: Pool) -> None:
    gone = CLIENTS["orchard"]
    assert set(await rows_of(filled, gone)) == set(OF_CLIENTS)
    others = await rows_of(filled, CLIENTS["kestrel"])

    await deliver(handlers.from_clients_state, filled, erased(gone))

    assert await rows_of(filled, gone) == {}
    assert await rows_of(filled, CLIENTS["kestrel"]) == others


async def test_a_partner_is_erased_with_all_that_is_its_own(filled: Pool) -> None:
    others = await rows_of(filled, NORDLICHT)

    await deliver(handlers.from_clients_state, filled, erased(BRIGHTWATER))

    assert await rows_of(filled, BRIGHTWATER) == {}
    assert await rows_of(filled, NORDLICHT) == others
    assert [each.partner_id for each in await sum_up(filled)] == [NORDLICHT]


async def test_what_comes_late_about_the_erased_is_forgotten_too(pool: Pool) -> None:
    told = portfolio.said()
    late = (clients.EVENTS, renewals.EVENTS, renewals.STATE)
    for topic in set(told) - set(late):
        await deliver(INBOXES[topic], pool, *told[topic])
    await deliver(handlers.from_clients_state, pool, erased(CLIENTS["orchard"]))
    for topic in late:
        await deliver(INBOXES[topic], pool, *told[topic])
    assert await rows_of(pool, CLIENTS["orchard"]) != {}

    assert await tidy(pool, handlers.INBOXES) > 0

    assert await rows_of(pool, CLIENTS["orchard"]) == {}
    assert await pool.fetchval("SELECT count(*) FROM clients") == 12
    assert await tidy(pool, handlers.INBOXES) == 0


async def test_who_is_told_of_anew_after_having_been_erased_is_known_again(filled: Pool) -> None:
    orchard = portfolio.named("orchard")
    await deliver(handlers.from_clients_state, filled, erased(orchard.id))

    await deliver(
        handlers.from_clients_state, filled, portfolio.client_snapshot(orchard, version=100)
    )
    await tidy(filled, handlers.INBOXES)

    assert await rows_of(filled, orchard.id) == {"clients": 1}
    assert await filled.fetchval("SELECT count(*) FROM erased") == 0


@pytest.mark.parametrize("of", ["client", "partner"])
async def test_what_the_renewals_service_erases_goes_and_the_rest_stays(
    filled: Pool, of: str
) -> None:
    key = {"client": CLIENTS["saffron"], "partner": BRIGHTWATER}[of]

    await deliver(handlers.from_renewals_state, filled, erased(key, renewals.STATE))

    saffron = await filled.fetchrow(
        "SELECT * FROM clients WHERE client_id = $1", CLIENTS["saffron"]
    )
    partner = await filled.fetchrow("SELECT * FROM partners WHERE partner_id = $1", BRIGHTWATER)
    assert saffron is not None
    assert partner is not None
    assert (saffron["owner"] is None) is (of == "client")
    assert (partner["policy"] is None) is (of == "partner")
    assert (saffron["name"], partner["name"]) == (
        "Saffron Roofing GmbH & Co. KG",
        "Brightwater Digital",
    )
    left = await filled.fetchval(
        "SELECT count(*) FROM renewals WHERE client_id = $1", CLIENTS["saffron"]
    )
    assert left == (0 if of == "client" else 1)


async def test_where_a_partner_stood_is_forgotten_when_tiers_erases_it(filled: Pool) -> None:
    await deliver(handlers.from_tiers_state, filled, erased(BRIGHTWATER, tiers.STATE))

    row = await filled.fetchrow("SELECT tier, name FROM partners WHERE name LIKE 'Bright%'")
    assert row is not None
    assert row["tier"] is None


async def test_a_model_made_anew_leaves_out_whom_only_old_facts_know(filled: Pool) -> None:
    await filled.execute("DELETE FROM clients WHERE client_id = $1", CLIENTS["orchard"])
    await filled.execute("UPDATE clients SET version = 0 WHERE client_id = $1", CLIENTS["opal"])
    await filled.execute("DELETE FROM partners WHERE partner_id = $1", NORDLICHT)
    gone = {CLIENTS["orchard"], CLIENTS["opal"], NORDLICHT}

    async with filled.acquire() as tx, tx.transaction():
        assert await erasure.find_unknown(tx, NOW) == gone
        assert await erasure.forget_unknown(tx, gone, NOW) == 3

    assert await rows_of(filled, CLIENTS["orchard"]) == await rows_of(filled, CLIENTS["opal"]) == {}
    assert await rows_of(filled, NORDLICHT) == {}
    assert await filled.fetchval("SELECT count(*) FROM clients") == 8


async def test_who_is_new_or_known_meanwhile_is_not_left_out(filled: Pool) -> None:
    """A fact may come before the snapshot that it was said with."""
    new, late = CLIENTS["orchard"], CLIENTS["opal"]
    await filled.execute("DELETE FROM clients WHERE client_id = $1", new)
    await filled.execute("UPDATE changes SET at = $2 WHERE client_id = $1", new, NOW)
    await filled.execute("UPDATE clients SET version = 0 WHERE client_id = $1", late)

    async with filled.acquire() as tx, tx.transaction():
        suspects = await erasure.find_unknown(tx, NOW)
        assert suspects == {late}
        await tx.execute("UPDATE clients SET version = 3 WHERE client_id = $1", late)
        assert await erasure.forget_unknown(tx, suspects, NOW) == 0

    assert set(await rows_of(filled, late)) == set(OF_CLIENTS)
