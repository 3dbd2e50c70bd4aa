"""After a restore: the ledger is told what the service itself said, and holds what nobody knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.notifications import domain
from services.notifications.store import restoring
from shared.chassis import outbox
from shared.chassis.database import Pool
from shared.contracts.notifications import MessageEvent

BATCH = 500


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation did, in messages; ``asked`` are notices asked about anew."""

    settled: int
    held: int
    asked: int
    unheard: int  # said of a notice that is not there


async def reconcile(
    pool: Pool, said: Sequence[MessageEvent], now: datetime, until: datetime, margin: timedelta
) -> Reconciled:
    """Bring the ledger up to what was said, and hold what was due before ``until`` and unsaid.

    What was handed over less than ``margin`` before ``until`` may be unsaid. Running it again
    with the same events changes nothing more.
    """
    newest: dict[UUID, MessageEvent] = {}
    for each in said:
        if each.message_id not in newest or newest[each.message_id].version < each.version:
            newest[each.message_id] = each
    known = [found for each in newest.values() if (found := domain.known(each))]
    settled = 0
    for at in range(0, len(known), BATCH):
        async with pool.acquire() as tx, tx.transaction():
            settled += await restoring.settle_known(tx, known[at : at + BATCH])
    held = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            open_ = await restoring.hold_open(tx, until, BATCH)
            await outbox.record(
                tx, *(domain.in_doubt(what, version, now, max(1, n)) for what, version, n in open_)
            )
        held += len(open_)
        if len(open_) < BATCH:
            break
    latest: dict[UUID, datetime] = {}
    for one in known:
        if one.notice_id and one.state is domain.State.ACCEPTED:
            latest[one.notice_id] = max(latest.get(one.notice_id, one.at), one.at)
    asking = [(notice, at > until - margin) for notice, at in latest.items()]
    async with pool.acquire() as tx, tx.transaction():
        asked = await restoring.ask_anew(tx, asking, now)
    unheard = sum(one.notice_id is None for one in known)
    return Reconciled(settled, held, asked, unheard)
