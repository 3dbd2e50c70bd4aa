"""The read model is made anew from the topics while the page serves."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from deploy.local.databases import Addresses
from services.dashboard.main import create_app
from services.dashboard.store import builds
from services.dashboard.store.checksum import Checksum, sum_up
from shared.chassis.clock import Clock, ManualClock
from shared.chassis.database import Pool, open_pool
from shared.contracts import clients
from shared.contracts.event import Tombstone
from tests import tokens
from tests.dashboard import portfolio, topics
from tests.dashboard.conftest import seen_by, settings_for
from tests.dashboard.people import BRIGHTWATER, CLIENTS, NORDLICHT, NOW
from tests.dashboard.topics import run, until

pytestmark = [pytest.mark.delivery, pytest.mark.timeout(240)]

MANY = 300


@pytest.fixture
async def plain(address: Addresses) -> AsyncIterator[Pool]:
    """A pool as commands have it: in no model."""
    async with open_pool(address.dsn, application_name="test dashboard") as pool:
        yield pool


@asynccontextmanager
async def serving(address: Addresses, servers: str, clock: Clock) -> AsyncIterator[FastAPI]:
    """The dashboard, in this process, hearing from the topics."""
    settings = settings_for(
        address.dsn,
        kafka_servers=servers,
        run_consumers=True,
        start_timeout=30,
        kafka_session_timeout=6,
    )
    app = create_app(settings, clock, verifier=tokens.verifier())
    async with app.router.lifespan_context(app):
        yield app


async def count(pool: Pool, model: str = "model_a", table: str = "clients") -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {model}.{table}"))


async def all_builds(pool: Pool) -> list[tuple[int, str, str]]:
    rows = await pool.fetch("SELECT revision, model, state FROM builds ORDER BY revision")
    return [(row["revision"], row["model"], row["state"]) for row in rows]


async def all_known(pool: Pool, extra: int = MANY) -> bool:
    """Whether the serving model has everything of the portfolio and the many."""
    async with pool.acquire() as tx:
        model = (await builds.find_serving(tx)).model
    expected = {"partners": 2, "clients": 13 + extra, "renewals": 13 + extra, "messages": 13}
    found = {table: await count(pool, model, table) for table in expected}
    whole = await pool.fetchval(f"SELECT count(*) FROM {model}.clients WHERE version > 0")
    changes = len([e for e in topics.whole_portfolio() if ".events." in e.TOPIC]) + extra
    told = sum("RenewalDeadlineApproaching" in e.TYPE for e in topics.whole_portfolio())
    outcomes = expected["messages"]
    if found != expected or whole != expected["clients"]:
        return False
    return await count(pool, model, "changes") == changes - told - outcomes


class Reader:
    """Somebody who looks at the page all the time, and remembers each different thing seen."""

    def __init__(self, pool: Pool, partner_id: UUID) -> None:
        self.pool, self.partner_id = pool, partner_id
        self.looks, self.seen = 0, set[tuple[object, ...]]()

    async def read(self) -> None:
        while True:
            async with seen_by(self.pool, self.partner_id) as tx:
                row = await tx.fetchrow(
                    """
                    SELECT (SELECT name FROM partners), (SELECT sum(current_mrr) FROM renewals),
                           (SELECT count(*) FROM clients WHERE serviced),
                           (SELECT count(*) FROM renewals),
                           (SELECT count(*) FROM stages), (SELECT count(*) FROM messages),
                           (SELECT count(*) FROM changes)
                    """
                )
            assert row is not None
            self.looks += 1
            self.seen.add(tuple(row))


@asynccontextmanager
async def looking(pool: Pool, *partners: UUID) -> AsyncIterator[list[Reader]]:
    readers = [Reader(pool, partner) for partner in partners]
    tasks = [asyncio.create_task(reader.read()) for reader in readers]
    try:
        yield readers
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


async def test_a_rebuild_gives_the_same_content_and_nobody_sees_a_half_built_model(
    address: Addresses, plain: Pool, fresh_topics: str, clock: ManualClock
) -> None:
    await topics.publish(fresh_topics, [*topics.whole_portfolio(), *topics.many(MANY)])
    async with serving(address, fresh_topics, clock) as app:
        await topics.until_heard(plain, fresh_topics)
        assert await all_known(plain)
        before = await sum_up(plain)
        async with looking(app.state.pool, BRIGHTWATER, NORDLICHT) as readers:
            code, out, err = await run(address, fresh_topics, "rebuild")
            looks = [reader.looks for reader in readers]
            await until(lambda: _looked_again(readers, looks))

        assert (code, out) == (0, "revision 2 serves\n"), err
        assert "the running service has taken over" in err
        assert {len(reader.seen) for reader in readers} == {1}
        assert await sum_up(plain) == before
        assert await all_builds(plain) == [(1, "model_a", "retired"), (2, "model_b", "serving")]
        assert [inbox.group.split(".")[1] for inbox in app.state.inboxes] == ["r2"] * 7

        ended = clients.ServicesEnded(
            version=9, occurred_at=NOW, client_id=CLIENTS["orchard"], partner_id=BRIGHTWATER,
            period=1, ended_at=NOW, ended_by=portfolio.ADMIN, reason="moved on",
        )  # fmt: skip
        await topics.publish(fresh_topics, [ended])
        await until(lambda: _is_ended(app.state.pool))


async def _looked_again(readers: list[Reader], looks: list[int]) -> bool:
    return all(reader.looks > few + 5 for reader, few in zip(readers, looks, strict=True))


async def _is_ended(pool: Pool) -> bool:
    async with seen_by(pool, BRIGHTWATER) as tx:
        return not await tx.fetchval(
            "SELECT serviced FROM clients WHERE client_id = $1", CLIENTS["orchard"]
        )


async def test_what_is_said_while_a_model_is_made_and_takes_over_is_lost_in_neither(
    address: Addresses, plain: Pool, fresh_topics: str, clock: ManualClock
) -> None:
    await topics.publish(fresh_topics, topics.whole_portfolio())
    waiting = topics.many(2000)
    said = 0
    async with (
        serving(address, fresh_topics, clock),
        topics.command(address, fresh_topics, "rebuild") as process,
    ):
        while process.returncode is None and said < len(waiting):
            await topics.publish(fresh_topics, waiting[said : said + 15])  # of five clients
            said += 15
            await asyncio.sleep(0.1)
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()

        await topics.until_heard(plain, fresh_topics)
        assert await all_known(plain, said // 3)
        assert len(await all_builds(plain)) == 2
    assert await plain.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_a_rebuild_that_is_killed_half_way_changes_nothing_and_is_simply_repeated(
    address: Addresses, plain: Pool, fresh_topics: str, clock: ManualClock
) -> None:
    await topics.publish(fresh_topics, [*topics.whole_portfolio(), *topics.many(MANY)])
    await plain.execute("INSERT INTO model_b.erased SELECT gen_random_uuid()")
    owner = await asyncpg.connect(address.owner_dsn)
    async with serving(address, fresh_topics, clock) as app:
        await topics.until_heard(plain, fresh_topics)
        assert await all_known(plain)
        before = await sum_up(plain)
        async with (
            looking(app.state.pool, BRIGHTWATER) as readers,
            topics.command(address, fresh_topics, "rebuild") as process,
        ):
            await until(lambda: _is_empty(plain))
            async with owner.transaction():  # messages cannot be written, so it is never done
                await owner.execute("LOCK TABLE model_b.messages IN SHARE MODE")
                await until(lambda: _has_some(plain))
                process.kill()
                await process.wait()
            looks = [readers[0].looks]
            await until(lambda: _looked_again(readers, looks))

        assert await sum_up(plain) == before
        code, out, err = await run(address, fresh_topics, "rebuild")

        assert (code, out) == (0, "revision 3 serves\n"), err
        assert len(readers[0].seen) == 1
        assert await sum_up(plain) == before
        assert await all_builds(plain) == [
            (1, "model_a", "retired"),
            (2, "model_b", "retired"),
            (3, "model_b", "serving"),
        ]
    await owner.close()


async def _is_empty(pool: Pool) -> bool:
    return await count(pool, "model_b", "erased") == 0


async def _has_some(pool: Pool) -> bool:
    return await count(pool, "model_b", "clients") > 0


async def test_without_a_service_a_rebuild_says_so_and_the_next_to_start_goes_on(
    address: Addresses, plain: Pool, fresh_topics: str, clock: ManualClock
) -> None:
    await topics.publish(fresh_topics, topics.whole_portfolio())

    code, out, err = await run(address, fresh_topics, "rebuild")

    assert (code, out) == (0, "revision 2 serves\n"), err
    assert "no service runs that hears" in err
    assert await all_known(plain, 0)
    heard = await plain.fetchval("SELECT count(*) FROM inbox")
    await topics.publish(fresh_topics, topics.many(4))
    async with serving(address, fresh_topics, clock):
        await topics.until_heard(plain, fresh_topics)
    assert await all_known(plain, 4)
    assert await plain.fetchval("SELECT count(*) FROM inbox") == heard + 12


async def test_a_second_rebuild_at_the_same_time_is_refused_in_a_line(
    address: Addresses, plain: Pool, fresh_topics: str
) -> None:
    async with plain.acquire() as conn, builds.rebuilding(conn) as alone:
        assert alone
        code, out, err = await run(address, fresh_topics, "rebuild")

    assert (code, out) == (1, "")
    assert err.strip() == "another rebuild is under way; only one can be"
    assert await plain.fetchval("SELECT count(*) FROM builds") == 1


async def test_who_was_erased_long_ago_is_in_no_rebuilt_model(
    address: Addresses, plain: Pool, fresh_topics: str
) -> None:
    """Facts stay in their topics for ever; what is left of the erased in them is let go."""
    gone = CLIENTS["orchard"]
    told = [e for e in topics.whole_portfolio() if not _is_snapshot_of(e, gone)]
    erased = Tombstone(
        topic=clients.STATE, key=str(CLIENTS["saffron"]), owner="clients", occurred_at=NOW,
        version=9,
    )  # fmt: skip
    await topics.publish(fresh_topics, [*told, erased])

    code, _, err = await run(address, fresh_topics, "rebuild")

    assert code == 0, err
    assert "1 clients or partners that no longer exist are left out" in err
    for table in ("clients", "renewals", "stages", "messages", "changes"):
        left = await plain.fetchval(
            f"SELECT count(*) FROM model_b.{table} WHERE client_id = ANY($1)",
            [gone, CLIENTS["saffron"]],
        )
        assert left == 0, table


def _is_snapshot_of(event: object, client_id: UUID) -> bool:
    return isinstance(event, clients.ClientSnapshot) and event.client_id == client_id


async def test_a_checksum_is_a_line_for_each_partner(
    address: Addresses, filled: Pool, fresh_topics: str
) -> None:
    code, out, err = await run(address, fresh_topics, "checksum")

    assert code == 0, err
    lines = out.splitlines()
    assert all(re.fullmatch(r"[0-9a-f-]{36} +\d+  [0-9a-f]{16}", line) for line in lines), out
    assert [UUID(line.split()[0]) for line in lines] == sorted((BRIGHTWATER, NORDLICHT))
    found = await sum_up(filled)
    assert [Checksum(UUID(a), int(b), c) for a, b, c in map(str.split, lines)] == found
