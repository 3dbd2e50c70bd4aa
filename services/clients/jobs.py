"""What an operator has the clients service do: say its state anew, and forget."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.clients import store
from services.clients.store import erasing
from shared.chassis import outbox
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.contracts.clients import STATE
from shared.contracts.event import Tombstone

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


async def erase_person(pool: Pool, person_id: UUID, at: datetime) -> int:
    """Forget a person and say so to everybody; return in how many clients and partners it stood.

    Their snapshots say the same without the person; compaction takes the older ones away.
    """
    async with pool.acquire() as tx, tx.transaction():
        clients, partners = await erasing.find_places(tx, person_id)
        await store.lock_documents(tx, clients)
        await store.lock_partners(tx, partners)
        await erasing.forget_person(tx, person_id, clients, partners)
        left = map(store.client_of, await store.find_documents(tx, clients))
        await outbox.record(
            tx,
            *(client.snapshot(at) for client in left),
            *(each.snapshot(at) for each in await store.find_partners(tx, partners)),
        )
    return len(clients) + len(partners)


async def erase_client(pool: Pool, client_id: UUID, at: datetime) -> int:
    """Forget a client, and have everybody forget it; return 1, or 0 where there is none."""
    async with pool.acquire() as tx, tx.transaction():
        return await _erase_clients(tx, [client_id], at)


async def erase_partner(pool: Pool, partner_id: UUID, at: datetime) -> int:
    """Forget a partner with all its clients, as `erase_client` does; return how many there were."""
    done = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            found = await store.list_client_ids(tx, partner_id, after=None, limit=BATCH)
            done += await _erase_clients(tx, found, at)
            partner = None if found else await store.lock_partner(tx, partner_id)
            if partner is not None:
                await erasing.forget_partner(tx, partner_id)
                await outbox.record(tx, _tombstone(partner_id, partner.version, at))
                done += 1
        if not found:
            return done


async def _erase_clients(tx: Connection, client_ids: Sequence[UUID], at: datetime) -> int:
    held = [store.client_of(each) for each in await store.lock_documents(tx, client_ids)]
    await erasing.forget_clients(tx, client_ids)
    await outbox.record(tx, *(_tombstone(each.client_id, each.version, at) for each in held))
    return len(held)


def _tombstone(key: UUID, version: int, at: datetime) -> Tombstone:
    return Tombstone(
        topic=STATE, key=str(key), owner="clients", occurred_at=at, version=version + 1
    )
