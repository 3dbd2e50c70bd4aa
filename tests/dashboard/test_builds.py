"""Two models of one shape, of which one serves; and what is left of those that served before."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.jobs import tidy
from services.dashboard.store import builds
from services.dashboard.store.checksum import sum_up
from shared.chassis.database import Pool, open_pool
from tests.dashboard import portfolio
from tests.dashboard.conftest import seen_by
from tests.dashboard.people import BRIGHTWATER, NORDLICHT
from tests.deliver import deliver

SHAPE = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), c.reloptions
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
     ORDER BY 1, a.attnum
"""
INDEXES = "SELECT count(*) FROM pg_indexes WHERE schemaname = $1 GROUP BY tablename ORDER BY 1"


@pytest.fixture
async def plain(address: Addresses) -> AsyncIterator[Pool]:
    async with open_pool(address.dsn, application_name="test dashboard") as pool:
        yield pool


async def rebuilt(pool: Pool) -> builds.Build:
    """The portfolio in the model that did not serve, which serves from here on."""
    async with pool.acquire() as conn:
        build = await builds.begin(conn, seconds=10)
        await conn.execute(f"SET search_path = {build.search_path}")
        for inbox in handlers.INBOXES:
            revised = inbox.of_revision(build.revision)
            for event in portfolio.said()[inbox.topic]:
                handler = revised._lists[event.TYPE]
                await handler([event], conn)
        await conn.execute("RESET search_path")
        await builds.measure(conn, build)
        await builds.switch(conn, build, {"clients.state.v1": portfolio.NOW})
    return build


async def test_the_two_models_have_one_shape(plain: Pool) -> None:
    a, b = [await plain.fetch(SHAPE, model) for model in ("model_a", "model_b")]

    assert a
    assert [tuple(row) for row in a] == [tuple(row) for row in b]
    assert await plain.fetch(INDEXES, "model_a") == await plain.fetch(INDEXES, "model_b")
    assert {row["relname"] for row in a} == set(builds.TABLES)


async def test_from_one_moment_to_the_next_everybody_reads_the_other_model(
    filled: Pool, plain: Pool
) -> None:
    before = await sum_up(plain)
    await filled.execute("UPDATE model_a.partners SET name = 'the old one'")
    async with seen_by(plain, BRIGHTWATER) as tx:
        assert await tx.fetchval("SELECT name FROM partners") == "the old one"

        await rebuilt_beside(plain)

        # Who began before sees the old model to the end.
        assert await tx.fetchval("SELECT name FROM partners") == "the old one"
    async with seen_by(plain, BRIGHTWATER) as tx:
        assert await tx.fetchval("SELECT name FROM partners") == "Brightwater Digital"
    assert await sum_up(plain) == before


async def rebuilt_beside(pool: Pool) -> None:
    """As `rebuilt`; nobody reads the idle model here, though somebody reads the other."""
    build = builds.Build(2, "model_b")
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO builds (revision, model, state) VALUES (2, 'model_b', 'building')"
        )
        await conn.execute("SET search_path = model_b, public")
        for inbox in handlers.INBOXES:
            for event in portfolio.said()[inbox.topic]:
                await inbox._lists[event.TYPE]([event], conn)
        await conn.execute("RESET search_path")
        await builds.switch(conn, build, {})


async def test_how_old_what_is_shown_is_goes_by_the_topic_heard_least_lately(plain: Pool) -> None:
    async with plain.acquire() as conn:
        assert await builds.find_heard_until(conn) is None
        long_ago = portfolio.NOW - timedelta(hours=1)
        heard = {"clients.state.v1": portfolio.NOW, "renewals.state.v1": long_ago}
        await builds.save_progress(conn, (await builds.find_serving(conn)).revision, heard)
        assert await builds.find_heard_until(conn) == long_ago


async def test_a_model_that_somebody_still_reads_is_not_emptied(plain: Pool) -> None:
    async with seen_by(plain, BRIGHTWATER), plain.acquire() as conn:
        with pytest.raises(builds.StillReadError, match="1 transactions that began before"):
            await builds.begin(conn, seconds=0.3)


async def test_a_model_that_a_process_still_keeps_in_step_is_not_emptied(plain: Pool) -> None:
    await rebuilt(plain)

    async with builds.following(plain, 1), plain.acquire() as conn:
        assert await builds.count_followers(conn, 1) == 1
        with pytest.raises(builds.StillReadError, match="1 processes still keep it"):
            await builds.begin(conn, seconds=0.3)

    async with plain.acquire() as conn:
        assert await builds.count_followers(conn, 1) == 0
        assert await builds.begin(conn, seconds=10) == builds.Build(4, "model_a")


async def test_no_two_models_serve_or_are_made_at_a_time(address: Addresses) -> None:
    owner = await asyncpg.connect(address.owner_dsn)
    for state in ("serving", "building", "building"):
        try:
            await owner.execute(
                "INSERT INTO builds SELECT max(revision) + 1, 'model_b', $1 FROM builds", state
            )
        except asyncpg.UniqueViolationError:
            continue
    assert await owner.fetchval("SELECT count(*) FROM builds") == 2
    await owner.close()


async def test_what_retired_revisions_had_heard_is_forgotten(plain: Pool, pool: Pool) -> None:
    first = [inbox.of_revision(1) for inbox in handlers.INBOXES]
    for inbox in first:
        await deliver(inbox, pool, *portfolio.said()[inbox.topic])
    await plain.execute("INSERT INTO progress VALUES (1, 'clients.state.v1', now())")
    heard = await plain.fetchval("SELECT count(*) FROM inbox")
    assert await tidy(plain, handlers.INBOXES) == 0
    assert await plain.fetchval("SELECT count(*) FROM inbox") == heard
    assert await plain.fetchval("SELECT count(*) FROM progress") == 1

    await rebuilt(plain)

    assert await tidy(plain, handlers.INBOXES) == heard
    assert await plain.fetchval("SELECT count(*) FROM inbox") == 0
    assert await plain.fetchval("SELECT array_agg(revision) FROM progress") == [2]


@pytest.mark.parametrize("model", ["model_a", "model_b"])
async def test_a_partner_sees_its_own_rows_only_whichever_model_serves(
    filled: Pool, plain: Pool, model: str
) -> None:
    if model == "model_b":
        await rebuilt(plain)

    for partner in (BRIGHTWATER, NORDLICHT):
        async with seen_by(plain, partner) as tx:
            assert await tx.fetchval("SELECT current_schema()") == model
            for table in ("partners", "clients", "renewals", "stages", "messages", "changes"):
                rows = await tx.fetch(f"SELECT DISTINCT partner_id FROM {table}")
                assert [row["partner_id"] for row in rows] == [partner], table
