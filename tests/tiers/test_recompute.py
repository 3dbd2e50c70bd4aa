"""Figures kept in step, event by event, are those that follow from nothing."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date, timedelta
from zlib import crc32

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tiers import jobs
from services.tiers.handlers import from_events, from_state
from services.tiers.jobs import Difference
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients
from shared.contracts.event import Event, Tombstone
from tests.conftest import MakeDatabase, open_service_pool
from tests.deliver import record_of
from tests.tiers import model
from tests.tiers.portfolio import NOON, AClient, figures, partner

TODAY = NOON.date()
AMOUNTS = ("0.00", "0.01", "0.02", "99.99", "100.00", "1125.00", "33333.33")
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC")


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a story, not a secret


class Story:
    """Random facts about partners and clients, as the clients service would tell them."""

    def __init__(self, rng: random.Random, *, hubs: int, clients_each: int, accounts: int) -> None:
        self._rng = rng
        self.hubs = hubs
        self.clients = [
            AClient(record, hub=hub, account=rng.randint(1, accounts))
            for hub in range(1, hubs + 1)
            for record in range(1, clients_each + 1)
        ]
        self.erased: set[int] = set()

    def event(self) -> Event | Tombstone:
        """Something happens to somebody."""
        rng = self._rng
        at = rng.randrange(len(self.clients))
        client = self.clients[at]
        if at in self.erased:
            at, client = next(
                (n, each) for n, each in enumerate(self.clients) if n not in self.erased
            )
        choice = rng.random()
        if client.version and choice < 0.2:
            return client.ended() if client.active else client.resumed()
        if client.version and choice < 0.2005 and len(self.erased) < len(self.clients) // 4:
            self.erased.add(at)
            return Tombstone(
                topic=clients.STATE,
                key=str(client.id),
                owner="clients",
                occurred_at=NOON,
                version=client.version + 1,
            )
        self._change(client)
        return client.told()

    def _change(self, client: AClient) -> None:
        rng = self._rng
        match rng.randrange(6):
            case 0:
                client.mrr = {"USD": rng.choice(AMOUNTS)}
                if rng.random() < 0.3:
                    client.mrr["EUR"] = rng.choice(AMOUNTS)
            case 1:
                client.sold_on = rng.choice([None, TODAY - timedelta(days=rng.randint(-40, 420))])
            case 2:
                client.apps = rng.choice([None, *range(18)])
                client.apps_until = date(2025, rng.randint(1, 12), 28)
            case 3:
                client.managed = not client.managed
            case 4:
                client.account = rng.choice(self.clients).account
            case _:
                client.active = rng.random() < 0.8
                client.country = rng.choice(["Germany", "India", ""])

    @property
    def living(self) -> list[AClient]:
        """What the clients service knows at the end."""
        return [
            each for at, each in enumerate(self.clients) if at not in self.erased and each.version
        ]


async def hear(pool: Pool, events: Sequence[Event | Tombstone]) -> None:
    """Deliver in one batch for each topic at the same time: between topics there is no order."""
    records = [record_of(each) for each in events]
    await asyncio.gather(
        *(
            inbox.receive([each for each in records if each.topic == inbox.topic], pool)
            for inbox in (from_events, from_state)
        )
    )


async def differences(pool: Pool) -> list[Difference]:
    return await jobs.recompute(pool, NOON, mend=False, progress=lambda _done, _total: None)


async def agree_with_the_rules(pool: Pool, story: Story, today: date = TODAY) -> None:
    for hub in range(1, story.hubs + 1):
        sold, managed, median = model.expected(story.living, hub, today)
        told = await figures(pool, hub)
        assert told[:2] == (f"{sold:.2f}", f"{managed:.2f}"), hub
        assert (None if told[2] is None else float(told[2])) == (
            None if median is None else float(median)
        ), hub


async def test_after_10_000_random_events_recomputing_finds_no_difference(pool: Pool) -> None:
    rng = chance(20260110)
    story = Story(rng, hubs=5, clients_each=120, accounts=300)
    await hear(pool, [partner(hub) for hub in range(1, 6)])
    sent = 0
    while sent < 10_000:
        batch = [story.event() for _ in range(rng.randint(1, 500))]
        await hear(pool, batch)
        sent += len(batch)

    assert await differences(pool) == []
    await agree_with_the_rules(pool, story)
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_events_that_come_at_the_same_time_leave_no_difference(pool: Pool) -> None:
    rng = chance(7)
    story = Story(rng, hubs=4, clients_each=40, accounts=30)
    await hear(pool, [partner(hub) for hub in range(1, 5)])
    for _ in range(15):
        lanes: list[list[Event | Tombstone]] = [[], [], [], []]
        for _ in range(80):
            event = story.event()
            key = event.key
            lanes[crc32(key.encode()) % 4].append(event)
        await asyncio.gather(*(hear(pool, lane) for lane in lanes))

    assert await differences(pool) == []
    await agree_with_the_rules(pool, story)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), batch=st.integers(1, 40))
async def test_any_story_ends_with_the_figures_that_the_rules_give(
    database: MakeDatabase, seed: int, batch: int
) -> None:
    rng = chance(seed)
    story = Story(rng, hubs=3, clients_each=4, accounts=5)
    async with open_service_pool(database, "tiers") as pool:
        await hear(pool, [partner(hub) for hub in range(1, 4)])
        for _ in range(4):
            await hear(pool, [story.event() for _ in range(batch)])
        assert await differences(pool) == []
        await agree_with_the_rules(pool, story)


async def test_a_year_of_days_passes_and_each_day_agrees_with_the_rules(pool: Pool) -> None:
    rng = chance(3)
    story = Story(rng, hubs=3, clients_each=20, accounts=40)
    await hear(pool, [partner(hub, zone=ZONES[hub]) for hub in range(1, 4)])
    clock = ManualClock(NOON)
    while await jobs.move_days(pool, clock):
        pass
    for _ in range(30):
        clock.advance(timedelta(days=rng.randint(1, 20)))
        await hear(pool, [story.event() for _ in range(10)])
        while await jobs.move_days(pool, clock):
            pass
        for hub in range(1, 4):
            expected = model.expected(story.living, hub, clock.today(ZONES[hub]))
            assert (await figures(pool, hub))[:2] == tuple(f"{each:.2f}" for each in expected[:2])
    assert await differences(pool) == []


async def test_recomputing_finds_what_was_spoiled_and_mends_it(pool: Pool) -> None:
    await hear(pool, [partner(1), AClient(1, mrr="500.00").told(), AClient(2).told()])
    await pool.execute("UPDATE credits SET managed = 1 WHERE mrr = 500")
    await pool.execute("DELETE FROM contributions WHERE account_id = 1000002")
    await pool.execute("UPDATE sums SET managed = 99")

    found = await differences(pool)
    assert {each.what.partition(" ")[0] for each in found} == {
        "credit",
        "contribution",
        "figures",
    }
    mended = await jobs.recompute(pool, NOON, mend=True, progress=lambda *_: None)
    assert mended == found
    assert await differences(pool) == []
    assert await pool.fetchval("SELECT managed FROM sums") == 600


async def test_recomputing_tells_a_figure_that_was_wrong(pool: Pool) -> None:
    await hear(pool, [partner(1), AClient(1).told()])
    await pool.execute('UPDATE clients SET mrr = \'{"USD": "250.00"}\'')

    found = await jobs.recompute(pool, NOON, mend=True, progress=lambda *_: None)

    assert "standing" in {each.what for each in found}
    assert (await figures(pool))[1] == "250.00"


async def test_more_accounts_than_fit_into_one_step_are_recomputed_too(pool: Pool) -> None:
    many = [AClient(n, mrr="1.00").told() for n in range(1, 2 * jobs.CHUNK + 2)]
    await hear(pool, [partner(1), *many])
    assert await differences(pool) == []
    assert (await figures(pool))[1] == "4001.00"
