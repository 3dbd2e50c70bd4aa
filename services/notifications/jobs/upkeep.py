"""Upkeep of the ledger: leases that are over, messages that wait, and those it is too late for."""

from datetime import timedelta

from services.notifications import domain
from services.notifications.jobs.figures import Figures
from services.notifications.settings import Settings
from services.notifications.store import doubts, figures, ledger, traces
from shared.chassis import outbox, tracing
from shared.chassis.clock import Clock
from shared.chassis.database import Pool

LIMIT = 500
MARGIN = timedelta(seconds=10)  # longer than any transaction that writes reference data


async def look_after(settings: Settings, shown: Figures, pool: Pool, clock: Clock) -> int:
    """Do one round of upkeep; gives how much there was to do."""
    now = clock.now()
    async with pool.acquire() as tx, tx.transaction():
        done = await doubts.free_claims(tx, LIMIT)
        late = await doubts.doubt_late(tx, now, LIMIT)
        await outbox.record(
            tx, *(domain.in_doubt(e.about, e.version, now, e.attempts) for e in late)
        )
        again = [
            e.about.message_id
            for e in late
            if domain.may_send_again(settings.again, e.about.kind, e.about.stage, e.stages)
        ]
        if again:
            await doubts.send_again(tx, again, now)
    async with pool.acquire() as tx, tx.transaction():
        ended = await ledger.end_late(tx, now, LIMIT)
        await outbox.record(tx, *(domain.dropped(each, now) for each in ended))
    for each in ended:
        shown.unsent.labels(each.reason).inc()
    async with pool.acquire() as tx:
        freed = await ledger.let_go_late(tx, MARGIN, LIMIT)
        before = now - timedelta(days=settings.keep_addresses_days)
        erased = await ledger.erase_old(tx, before, LIMIT)
        if tracing.on():
            await traces.forget_traces(tx, before, LIMIT)
        shown.show(await figures.count_open(tx, now), now)
    return done + len(late) + len(ended) + erased + (freed if freed == LIMIT else 0)
