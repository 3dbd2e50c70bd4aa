"""What is forgotten: who is erased, what was settled long ago, and secrets that were replaced."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from prometheus_client import CollectorRegistry

from services.webhooks import jobs
from services.webhooks.handlers import from_clients_state
from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients
from shared.contracts.event import Tombstone
from tests.deliver import deliver
from tests.webhooks.conftest import Asking
from tests.webhooks.events import NOON, ONE, OTHER, PARTNER, TWO, due
from tests.webhooks.receiver import Got, Receiver, always, reply

Do: TypeAlias = Callable[..., Awaitable[None]]


async def erase(pool: Pool, key: object) -> None:
    stone = Tombstone(
        topic=clients.STATE, key=str(key), owner="clients", occurred_at=NOON, version=90
    )
    await deliver(from_clients_state, pool, stone)


async def count(pool: Pool, table: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def test_of_a_client_that_is_erased_nothing_is_left_whenever_it_comes(
    ask: Asking, hear: Do, pool: Pool, settings: Settings, clock: ManualClock, receiver: Receiver
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due(ONE, 1), due(TWO, 1))
    await erase(pool, ONE)
    await hear(due(ONE, 2))
    assert [each["key"] for each in await ask.deliveries()] == [str(TWO)]
    assert await count(pool, "queues") == 1

    await pool.execute("INSERT INTO erased VALUES ($1)", str(TWO))  # as if both had met
    figures = jobs.Figures(CollectorRegistry())
    assert await jobs.look_after(settings, figures, pool, clock) == 1
    assert await jobs.look_after(settings, figures, pool, clock) == 0
    assert await count(pool, "deliveries") == await count(pool, "queues") == 0


async def test_a_partner_that_is_erased_takes_its_endpoints_with_it(
    ask: Asking, hear: Do, pool: Pool, receiver: Receiver
) -> None:
    await ask.endpoint(receiver.url)
    await ask.of(OTHER).endpoint(receiver.url)
    await hear(due(ONE), due(TWO, partner=OTHER))
    await erase(pool, PARTNER)
    rows = await pool.fetch("SELECT partner_id FROM endpoints UNION SELECT partner_id FROM queues")
    assert [row["partner_id"] for row in rows] == [OTHER]
    assert len(await ask.of(OTHER).deliveries()) == await count(pool, "deliveries") == 1


async def test_what_was_settled_long_ago_is_forgotten_and_what_waits_is_not(
    ask: Asking,
    hear: Do,
    send: Do,
    pool: Pool,
    settings: Settings,
    clock: ManualClock,
    receiver: Receiver,
) -> None:
    made = await ask.endpoint(receiver.url)
    await ask.json("POST", f"/endpoints/{made['endpoint_id']}/secret")
    await hear(due(ONE, 1))
    await send()
    receiver.answer = always(500)
    await hear(due(TWO, 1))
    await send()
    clock.advance(timedelta(days=31))
    registry = CollectorRegistry()
    figures = jobs.Figures(registry)

    assert await jobs.look_after(settings, figures, pool, clock) == 1

    assert [each["key"] for each in await ask.deliveries()] == [str(TWO)]
    assert await count(pool, "queues") == 1
    assert await pool.fetchval("SELECT secret_before FROM endpoints") is None
    oldest = registry.get_sample_value("webhook_oldest_undelivered_seconds")
    assert oldest == timedelta(days=31).total_seconds()


async def test_figures_tell_attempts_by_outcome_what_is_dead_and_who_is_gone(
    ask: Asking,
    hear: Do,
    make_courier: Callable[..., jobs.Courier],
    pool: Pool,
    settings: Settings,
    clock: ManualClock,
    receiver: Receiver,
) -> None:
    registry = CollectorRegistry()
    made = await ask.endpoint(receiver.url)
    await hear(due(ONE, 1))
    await ask.json("POST", f"/endpoints/{made['endpoint_id']}/ping")
    answers = iter((500, 410))

    async def in_turn(_: Got) -> bytes:
        return reply(next(answers))

    receiver.answer = in_turn
    courier = make_courier(concurrency=1)
    courier._figures = jobs.Figures(registry)
    while await courier.step():
        pass

    await jobs.look_after(settings, courier._figures, pool, clock)
    outcomes = {
        name: registry.get_sample_value("webhook_attempts_total", {"outcome": name})
        for name in ("answered", "gone")
    }
    assert outcomes == {"answered": 1, "gone": 1}
    assert registry.get_sample_value("webhook_endpoints_gone") == 1
    assert registry.get_sample_value("webhook_oldest_undelivered_seconds") == 0
