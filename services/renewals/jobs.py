"""What the renewals service does because time passes: stages fall due, deadlines pass."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter

from services.renewals.domain import Client, Kind, Partner, Services, dates, settle
from services.renewals.domain.notices import Look, Row, Shared, header, header_base, instant, look
from services.renewals.domain.notices import payload as written
from services.renewals.domain.policies import owner_of, policy_snapshot
from services.renewals.domain.stages import of_kind
from services.renewals.store import books, clients, partners, renewals, sweeps
from shared.chassis import outbox, tracing
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.contracts import ids
from shared.contracts.renewals import EVENTS, OwnerChoice

log = structlog.get_logger(__name__)

BATCH = 500
ABREAST = 2  # while PostgreSQL works on one batch, this process works on the other
BATCHES = 20  # between two looks at deadlines; still short enough to stop between
DEFERRED = timedelta(seconds=60)


class Figures:
    """Counters of what became of stages that were due, and of deadlines that passed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Counter(
            "renewal_stages", "Stages by what became of them.", ["outcome"], registry=registry
        )
        self._settled = Counter(
            "renewals_settled",
            "Renewals that nobody decided by the deadline, renewed as they are.",
            registry=registry,
        )
        for outcome in ("told", "superseded", "deferred"):  # so that the first is an increase
            self._stages.labels(outcome)

    def count(self, sweep: "_Sweep") -> None:
        """Count what a sweep did that is committed."""
        self._stages.labels("told").inc(len(sweep.told))
        self._stages.labels("superseded").inc(sweep.superseded)
        self._stages.labels("deferred").inc(sum(len(s.renewals) for s in sweep.deferred.values()))

    def settled(self, count: int) -> None:
        """Count what was settled."""
        self._settled.inc(count)


async def read_standing(tx: Connection, now: datetime) -> dict[str, float]:
    """For how long what is due waits to be told, for `http.Reading`."""
    oldest = await sweeps.find_oldest_due(tx, now)
    return {"renewals_oldest_due_seconds": (now - oldest).total_seconds() if oldest else 0.0}


STANDING = {
    "renewals_oldest_due_seconds": "Age of the oldest stage that is due and was not looked at."
}


async def watch(
    pool: Pool, clock: Clock, *, limit: int = BATCH, figures: Figures | None = None
) -> int:
    """Settle what passed its deadline, then tell what is due; return how many of both.

    In this order, so that the outcome that is told is the outcome.
    """
    if settled := await run_settle_once(pool, clock, limit):
        if figures:
            figures.settled(settled)
        return settled
    swept = done = await run_sweep_once(pool, clock, limit, figures)
    for _ in range(BATCHES // ABREAST):
        if done < limit:
            break
        done = await _run_sweeps_abreast(pool, clock, limit, figures)
        swept += done
    return swept


async def _run_sweeps_abreast(pool: Pool, clock: Clock, limit: int, figures: Figures | None) -> int:
    """Sweep on several connections, each past what another holds; all end before one fails."""
    sweeping = [run_sweep_once(pool, clock, limit, figures) for _ in range(ABREAST)]
    ended = await asyncio.gather(*sweeping, return_exceptions=True)
    swept = 0
    for each in ended:
        if isinstance(each, BaseException):
            raise each
        swept += each
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


async def run_sweep_once(
    pool: Pool, clock: Clock, limit: int = BATCH, figures: Figures | None = None
) -> int:
    """Tell some of the stages that are due; return how many renewals were looked at."""
    now = clock.now()
    sweep = _Sweep(now)
    async with pool.acquire() as tx, tx.transaction():
        due = await sweeps.lock_due(tx, now, limit)
        if due:
            await sweep.run(tx, due)
    if due:
        outbox.wake()
        if figures:
            figures.count(sweep)
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


# What many renewals have in common: all that decides which stage is told, and who relays it.
_KEY = (
    "partner_id",
    "kind",
    "status",
    "starts",
    "stages",
    "serviced",
    "owner",
    "notified_user_id",
    "point_of_contact_id",
)
_common = itemgetter(*_KEY)


@dataclass(slots=True)
class _Common:
    """What is found once for many renewals."""

    look: Look
    partner: Partner
    partner_id: str
    owner: str
    starts: str
    swept: sweeps.Swept

    @property
    def superseded(self) -> int:
        """How many stages of each were overtaken."""
        return len(self.look.swept.superseded)


@dataclass(slots=True)
class _Sweep:
    """One batch of due renewals at one instant."""

    now: datetime
    partners: dict[UUID, Partner] = field(default_factory=dict)
    commons: dict[Any, _Common] = field(default_factory=dict)
    deferred: dict[str, sweeps.Swept] = field(default_factory=dict)
    told: list[tuple[Look, Row, str]] = field(default_factory=list)

    @property
    def superseded(self) -> int:
        """How many stages were overtaken."""
        return sum(each.superseded * len(each.swept.renewals) for each in self.commons.values())

    async def run(self, tx: Connection, due: list[Any]) -> None:
        found = await sweeps.list_due(tx, [watch["renewal_id"] for watch in due])
        self.partners = await partners.list_partners(
            tx, {row["partner_id"] for row in found.values()}
        )
        for watch in due:
            try:
                self._look_at(watch, found[watch["renewal_id"]])
            except (KeyError, ValueError) as error:  # what is wrong with one holds up no other
                log.warning("renewal_deferred", renewal_id=watch["renewal_id"], reason=repr(error))
                self._defer(watch)
        swept = [each.swept for each in self.commons.values() if each.swept.renewals]
        if told_before := await sweeps.save_sweep(tx, swept, self.now):
            self.told = [each for each in self.told if each[1].renewal_id not in told_before]
        await sweeps.save_next(tx, [*swept, *self.deferred.values()])
        if self.told:
            await outbox.insert(tx, self._rows())

    def _look_at(self, watch: Any, row: Any) -> None:
        key = watch["next_stage"], _common(row)
        common = self.commons.get(key)
        if common is None:
            common = self.commons[key] = self._find(watch["next_stage"], row)
        if common.look.unsettled:  # another sweep settles it just now
            self._defer(watch)
            return
        common.swept.renewals.append(watch["renewal_id"])
        if common.swept.told:
            self._tell(common, watch["version"] + 1, row)

    def _find(self, next_stage: str, row: Any) -> _Common:
        partner, own = self.partners[row["partner_id"]], row["stages"]
        found = look(
            Shared(
                row["kind"],
                row["status"],
                row["starts"],
                next_stage,
                partner.time_zone,
                partner.send_hour,
                of_kind(Kind(row["kind"]), partner.stages, own and tuple(own.split(","))),
            ),
            self.now,
        )
        swept, fired = found.swept, found.swept.fired
        gone = [(due, "superseded") for due in swept.superseded]
        gone += [(fired, "fired")] if fired else []
        return _Common(
            found,
            partner,
            str(partner.partner_id),
            _owner(row, partner),
            row["starts"].isoformat(),
            sweeps.Swept(
                fired is not None,
                [
                    sweeps.Gone(row["starts"], due.stage, partner.partner_id, what, due.due_at)
                    for due, what in gone
                ],
                swept.next_stage,
                swept.next_at,
            ),
        )

    def _defer(self, watch: Any) -> None:
        stage = watch["next_stage"]
        again = sweeps.Swept(False, (), stage, self.now + DEFERRED)
        self.deferred.setdefault(stage, again).renewals.append(watch["renewal_id"])

    def _tell(self, common: _Common, version: int, row: Any) -> None:
        stage, partner = common.look.swept.fired, common.partner
        assert stage is not None  # noqa: S101 - else nothing is told
        renewal_id = row["renewal_id"]
        told = Row(
            version,
            renewal_id,
            row["client_id"],
            common.partner_id,
            row["currency"],
            row["current_mrr"],
            row["renewal_mrr"],
            row["products"],
            common.owner,
            row["client_version"],
            partner.partner_version,
            row["renewals_version"],
            partner.policy_version,
        )
        event_id = ids.deadline_event_text(renewal_id, common.starts, stage.stage)
        self.told.append((common.look, told, event_id))

    def _rows(self) -> list[outbox.Row]:
        trace = tracing.created_many(EVENTS, len(self.told)) if tracing.on() else None
        at, base = instant(self.now), header_base(self.now, trace)
        return [
            outbox.Row(
                EVENTS,
                row.client_id,
                written(found, row, at),
                header(base, row, event_id),
                event_id,
            )
            for found, row, event_id in self.told
        ]


def _owner(row: Any, partner: Partner) -> str:
    """Who relays the change, as JSON."""
    asked = Client(
        client_id=UUID(row["client_id"]),
        partner_id=partner.partner_id,
        services=Services(active=row["serviced"]),
        owner=OwnerChoice(
            owner=row["owner"],
            notified_user_id=row["notified_user_id"],
            point_of_contact_id=row["point_of_contact_id"],
        ),
    )
    return owner_of(asked, partner).model_dump_json()
