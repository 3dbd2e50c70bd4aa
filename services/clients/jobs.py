"""What the clients service does without being asked by a request: it says its state anew."""

from collections.abc import Sequence
from uuid import UUID

from services.clients import store
from shared.chassis import outbox
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool

BATCH = 500


async def republish(pool: Pool, clock: Clock, partner_id: UUID | None = None) -> int:
    """Record the snapshot of every partner and client again, or of one partner's; return how many.

    Each is locked meanwhile, so that no older snapshot follows a newer one. Versions stay.
    """
    return await _republish_partners(pool, clock, partner_id) + await _republish_clients(
        pool, clock, partner_id
    )


async def _republish_partners(pool: Pool, clock: Clock, only: UUID | None) -> int:
    last: UUID | None = None
    done = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            found = await store.list_partner_ids(tx, only, after=last, limit=BATCH)
            for partner in await store.lock_partners(tx, found):
                await outbox.record(tx, partner.snapshot(clock.now()))
        if not found:
            return done
        last, done = found[-1], done + len(found)


async def _republish_clients(pool: Pool, clock: Clock, only: UUID | None) -> int:
    last: UUID | None = None
    done = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            found = await store.list_client_ids(tx, only, after=last, limit=BATCH)
            await _record(tx, found, clock)
        if not found:
            return done
        last, done = found[-1], done + len(found)


async def _record(tx: Connection, client_ids: Sequence[UUID], clock: Clock) -> None:
    at = clock.now()
    clients = map(store.client_of, await store.lock_documents(tx, client_ids))
    await outbox.record(tx, *(client.snapshot(at) for client in clients))
