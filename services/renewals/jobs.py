"""What the renewals service does because time passes: stages fall due, deadlines pass."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from services.renewals.domain import Client, Kind, Partner, Services, dates, settle
from services.renewals.domain.notices import Look, Row, Shared, header, header_base, instant, look
from services.renewals.domain.notices import payload as written
from services.renewals.domain.policies import owner_of, policy_snapshot
from services.renewals.domain.stages import of_kind
from services.renewals.store import books, clients, partners, renewals, sweeps
from shared.chassis import outbox
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.contracts import ids
from shared.contracts.renewals import EVENTS, OwnerChoice

log = structlog.get_logger(__name__)

BATCH = 500
BATCHES = 20  # between two looks at deadlines; still short enough to stop between
DEFERRED = timedelta(seconds=60)


async def watch(pool: Pool, clock: Clock, *, limit: int = BATCH) -> int:
    """Settle what passed its deadline, then tell what is due; return how many of both.

    In this order, so that the outcome that is told is the outcome.
    """
    if settled := await run_settle_once(pool, clock, limit):
        return settled
    swept = 0
    for _ in range(BATCHES):
        done = await run_sweep_once(pool, clock, limit)
        swept += done
        if done < limit:
            break
    return swept


async def run_settle_once(pool: Pool, clock: Clock, limit: int = BATCH) -> int:
    """Renew, on its present terms, some of what nobody decided by the deadline."""
    now = clock.now()
    async with pool.acquire() as tx, tx.transaction():
        zones = await partners.list_time_zones(tx)
        todays = dates.todays_in(zones, now)
        overdue = dict(await renewals.list_overdue(tx, todays, limit))
        if not overdue:
            return 0
        found = await partners.share_partners(tx, overdue.values())
        held = await clients.skip_locked_clients(tx, overdue)
        opened = list((await books.open_books(tx, held, found, now)).values())
        done = 0
        for book in (each.book for each in opened):
            for renewal in list(book.renewals.values()):
                done += bool(book.keep(settle(renewal, book.today, now)) is not renewal)
        await books.close_books(tx, opened)
    return done


async def run_sweep_once(pool: Pool, clock: Clock, limit: int = BATCH) -> int:
    """Tell some of the stages that are due; return how many renewals were looked at."""
    now = clock.now()
    async with pool.acquire() as tx, tx.transaction():
        due = await sweeps.lock_due(tx, now, limit)
        if due:
            await _Sweep(now).run(tx, due)
    if due:
        outbox.wake()
    return len(due)


async def republish(pool: Pool, clock: Clock) -> int:
    """Say every snapshot anew, each with a higher version; return how many."""
    now, said = clock.now(), 0
    async with pool.acquire() as conn:
        told = [part async for part in clients.list_told_clients(conn)]
        everybody = await partners.list_told_partners(conn)
    for part in told:
        async with pool.acquire() as tx, tx.transaction():
            known = await clients.list_clients(tx, part)
            found = await partners.share_partners(tx, (c.partner_id for c in known.values()))
            held = await clients.lock_clients(tx, {i: c.partner_id for i, c in known.items()})
            opened = list((await books.open_books(tx, held, found, now)).values())
            for each in opened:
                each.book.touched = True
            await books.close_books(tx, opened)
        said += len(part)
    for partner_id in everybody:
        async with pool.acquire() as tx, tx.transaction():
            before = (await partners.lock_partners(tx, [partner_id]))[partner_id]
            after = replace(before, policy_version=before.policy_version + 1)
            await books.save_partner(tx, before, after, [policy_snapshot(after, now)], now)
    return said + len(everybody)


@dataclass(slots=True)
class _Sweep:
    """One batch of due renewals at one instant."""

    now: datetime
    partners: dict[UUID, Partner] = field(default_factory=dict)
    looks: dict[Shared, Look] = field(default_factory=dict)
    owners: dict[Any, str] = field(default_factory=dict)
    result: sweeps.Written = field(default_factory=sweeps.Written)
    told: list[tuple[Look, Row, UUID]] = field(default_factory=list)

    async def run(self, tx: Connection, due: list[Any]) -> None:
        found = await sweeps.list_due(tx, [watch["renewal_id"] for watch in due])
        self.partners = await partners.list_partners(
            tx, {row["partner_id"] for row in found.values()}
        )
        for watch in due:
            try:
                row = found[watch["renewal_id"]]
                self._look_at(watch, row, self.partners[row["partner_id"]])
            except (KeyError, ValueError) as error:  # what is wrong with one holds up no other
                log.warning(
                    "renewal_deferred", renewal_id=str(watch["renewal_id"]), reason=repr(error)
                )
                self._defer(watch)
        if self.result.records:
            first = await sweeps.save_sweep(tx, self.result)
            if len(first) < len(self.told):
                self.told = [each for each in self.told if each[1].renewal_id in first]
        await sweeps.save_next(tx, self.result)
        if self.told:
            await outbox.insert(tx, self._rows())

    def _look_at(self, watch: Any, row: Any, partner: Partner) -> None:
        own = row["stages"]
        stages = of_kind(Kind(row["kind"]), partner.stages, own and tuple(own))
        shared = Shared(
            row["kind"],
            row["status"],
            row["starts"],
            watch["next_stage"],
            partner.time_zone,
            partner.send_hour,
            stages,
        )
        found = self.looks.get(shared)
        if found is None:
            found = self.looks[shared] = look(shared, self.now)
        swept, renewal_id, version = found.swept, row["renewal_id"], watch["version"]
        if found.unsettled:  # another sweep settles it just now
            self._defer(watch)
            return
        gone = [(due, "superseded") for due in swept.superseded]
        if swept.fired:
            version += 1
            self._tell(found, version, row, partner)
            gone.append((swept.fired, "fired"))
        self.result.records += [
            (renewal_id, shared.starts, due.stage, partner.partner_id, what, due.due_at, self.now)
            for due, what in gone
        ]
        self.result.armed.append((renewal_id, version, swept.next_stage, swept.next_at))

    def _defer(self, watch: Any) -> None:
        again = (watch["renewal_id"], watch["version"], watch["next_stage"], self.now + DEFERRED)
        self.result.armed.append(again)

    def _tell(self, found: Look, version: int, row: Any, partner: Partner) -> None:
        told = Row(
            version,
            row["renewal_id"],
            row["client_id"],
            row["partner_id"],
            row["currency"],
            row["current_mrr"],
            row["renewal_mrr"],
            row["products"],
            self._owner(row, partner),
            row["client_version"],
            partner.partner_version,
            row["renewals_version"],
            partner.policy_version,
        )
        stage = found.swept.fired
        assert stage is not None  # noqa: S101 - else nothing is told
        event_id = ids.deadline_event_id(told.renewal_id, row["starts"].isoformat(), stage.stage)
        self.told.append((found, told, event_id))

    def _owner(self, row: Any, partner: Partner) -> str:
        """Who relays the change, as JSON; the same for most clients of a partner."""
        key = (
            partner.partner_id,
            row["serviced"],
            row["owner"],
            row["notified_user_id"],
            row["point_of_contact_id"],
        )
        if key not in self.owners:
            _, serviced, owner, notified, contact = key
            asked = Client(
                client_id=row["client_id"],
                partner_id=partner.partner_id,
                services=Services(active=serviced),
                owner=OwnerChoice(
                    owner=owner, notified_user_id=notified, point_of_contact_id=contact
                ),
            )
            self.owners[key] = owner_of(asked, partner).model_dump_json()
        return self.owners[key]

    def _rows(self) -> list[outbox.Row]:
        at, base = instant(self.now), header_base(self.now)
        return [
            outbox.Row(
                EVENTS,
                str(row.client_id),
                written(found, row, at),
                header(base, row, event_id),
                event_id,
            )
            for found, row, event_id in self.told
        ]
