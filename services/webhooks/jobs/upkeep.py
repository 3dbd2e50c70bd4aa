"""Upkeep: what is old or erased is forgotten, what waits is counted."""

from datetime import timedelta

from services.webhooks.jobs.figures import Figures
from services.webhooks.settings import Settings
from services.webhooks.store import arrivals, reading
from shared.chassis.clock import Clock
from shared.chassis.database import Pool

LIMIT = 1000


async def look_after(settings: Settings, shown: Figures, pool: Pool, clock: Clock) -> int:
    """Do one round; gives how much there was to do."""
    now = clock.now()
    async with pool.acquire() as tx, tx.transaction():
        late = await arrivals.forget_late(tx)
    async with pool.acquire() as tx, tx.transaction():
        kept = timedelta(days=settings.keep_days)
        old = await reading.forget_old(tx, now, kept, LIMIT)
    async with pool.acquire() as tx:
        shown.show(await reading.count_waiting(tx), now)
    return late + old
