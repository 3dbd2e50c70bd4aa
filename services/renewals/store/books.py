"""Clients' contract changes, opened whole and closed whole, with all that is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.renewals.domain import Book, Client, Partner, Renewal, Status
from services.renewals.domain.policies import armed, renewals_snapshot, restaged
from services.renewals.store import clients as clients_store
from services.renewals.store import partners as partners_store
from services.renewals.store import renewals as renewals_store
from shared.chassis import outbox
from shared.chassis.database import Connection
from shared.contracts.event import Event

REARMED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Opened:
    """A book, with what stood in it when it was opened."""

    book: Book
    client: Client
    renewals: Mapping[UUID, Renewal]

    @property
    def changed(self) -> list[Renewal]:
        """The contract changes that are new or not what they were."""
        return [r for r in self.book.renewals.values() if self.renewals.get(r.renewal_id) != r]

    @property
    def unarmed(self) -> list[Renewal]:
        """Those of the changed whose next stage has to be found anew."""
        return [r for r in self.changed if _moved(self.renewals.get(r.renewal_id), r)]

    @property
    def restaged(self) -> list[Renewal]:
        """Where the client's stages were changed: all that may have stages to come."""
        if self.book.client.stages == self.client.stages:
            return []
        return [r for r in self.book.renewals.values() if r.status is not Status.WITHDRAWN]


async def open_books(
    tx: Connection,
    clients: Mapping[UUID, Client],
    partners: Mapping[UUID, Partner],
    at: Mapping[UUID, datetime] | datetime,
) -> dict[UUID, Opened]:
    """Open the books of clients that are held; their contract changes are held too."""
    renewals: dict[UUID, dict[UUID, Renewal]] = {client: {} for client in clients}
    for renewal in await renewals_store.lock_renewals(tx, clients.keys()):
        renewals[renewal.client_id][renewal.renewal_id] = renewal
    quotes = await renewals_store.list_quotes(tx, clients.keys())
    opened = {}
    for client_id, client in clients.items():
        book = Book(
            client=client,
            partner=partners[client.partner_id],
            at=at if isinstance(at, datetime) else at[client_id],
            renewals=dict(renewals[client_id]),
            quotes=quotes.get(client_id, ()),
        )
        opened[client_id] = Opened(book, client, renewals[client_id])
    return opened


async def close_books(tx: Connection, opened: Sequence[Opened]) -> None:
    """Keep what changed, arm what has to be told at other times, and record what is said."""
    await _arm(tx, opened)
    changed = [renewal for each in opened for renewal in each.changed]
    if changed:
        await renewals_store.save_renewals(tx, changed)
    events: list[Event] = []
    for each in opened:
        events += _told(each.book)
    clients = [each.book.client for each in opened if each.book.client != each.client]
    if clients:
        await clients_store.save_clients(tx, clients)
    await outbox.record(tx, *events)


def _told(book: Book) -> list[Event]:
    if not book.events and not book.touched:
        return []
    book.client = replace(book.client, renewals_version=book.client.renewals_version + 1)
    return [*book.events, renewals_snapshot(book.client, list(book.renewals.values()), book.at)]


async def _arm(tx: Connection, opened: Sequence[Opened]) -> None:
    known = [
        renewal
        for each in opened
        for renewal in (*each.unarmed, *each.restaged)
        if renewal.renewal_id in each.renewals
    ]
    dealt_with = await renewals_store.list_dealt_with(tx, known) if known else {}
    late: list[renewals_store.StageRecord] = []
    for each in opened:
        book = each.book
        for renewal in each.unarmed:
            done = dealt_with.get((renewal.renewal_id, renewal.starts), set())
            book.renewals[renewal.renewal_id] = armed(renewal, book.partner, book.client, done)
        for renewal in each.restaged:
            done = dealt_with.get((renewal.renewal_id, renewal.starts), set())
            before, after = (book.partner, each.client), (book.partner, book.client)
            again, missed = restaged(renewal, before, after, done, book.at)
            book.renewals[renewal.renewal_id] = again
            late += renewals_store.skipped(again, missed, book.at)
    if late:
        await renewals_store.save_records(tx, late)


def _moved(before: Renewal | None, now: Renewal) -> bool:
    return before is None or (before.starts, before.status) != (now.starts, now.status)


async def rearm_partner(tx: Connection, before: Partner, after: Partner, now: datetime) -> None:
    """Find the next stage of all of a partner's contract changes anew; the partner is held."""
    clients = await clients_store.list_partner_clients(tx, after.partner_id)
    renewals = await renewals_store.lock_partner_renewals(tx, after.partner_id)
    for start in range(0, len(renewals), REARMED_AT_ONCE):
        part = renewals[start : start + REARMED_AT_ONCE]
        dealt_with = await renewals_store.list_dealt_with(tx, part)
        late: list[renewals_store.StageRecord] = []
        changed: list[Renewal] = []
        for renewal in part:
            client = clients[renewal.client_id]
            done = dealt_with.get((renewal.renewal_id, renewal.starts), set())
            again, missed = restaged(renewal, (before, client), (after, client), done, now)
            late += renewals_store.skipped(again, missed, now)
            if again != renewal:
                changed.append(again)
        await renewals_store.save_records(tx, late)
        await renewals_store.save_arming(tx, changed)


async def save_partner(
    tx: Connection, before: Partner, after: Partner, events: Sequence[Event], now: datetime
) -> None:
    """Keep a partner that is held, and what follows for its contract changes."""
    await partners_store.save_partners(tx, [after])
    if _clock_of(before) != _clock_of(after):
        await rearm_partner(tx, before, after, now)
    await outbox.record(tx, *events)


def _clock_of(partner: Partner) -> tuple[object, ...]:
    known = partner.partner_version > 0
    return known, partner.time_zone, partner.send_hour, partner.stages
