"""What the renewals service does about what it hears of partners and clients."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.renewals.domain import Book, Client, Partner, Services, dates
from services.renewals.domain.policies import policy_snapshot
from services.renewals.domain.terms import follow_allowances, follow_services, follow_terms
from services.renewals.store import books, clients, partners
from shared.chassis.database import Connection
from shared.chassis.inbox import Inbox
from shared.contracts import clients as told

from_clients = Inbox("renewals", told.EVENTS)
from_clients_state = Inbox("renewals", told.STATE)


@from_clients_state.on_run(told.ClientSnapshot)
async def follow_clients(snapshots: Sequence[told.ClientSnapshot], tx: Connection) -> None:
    """Bring contract changes in line with what each client has now."""
    latest = {s.client_id: s for s in sorted(snapshots, key=lambda s: s.version)}
    found = await partners.share_partners(tx, (s.partner_id for s in latest.values()))
    held = await clients.lock_clients(tx, {s.client_id: s.partner_id for s in latest.values()})
    news = {i: s for i, s in latest.items() if s.version > held[i].client_version}
    opened = await books.open_books(
        tx,
        {client_id: held[client_id] for client_id in news},
        found,
        {client_id: s.occurred_at for client_id, s in news.items()},
    )
    for client_id, snapshot in news.items():
        _follow(opened[client_id].book, snapshot)
    await books.close_books(tx, list(opened.values()))


def _follow(book: Book, snapshot: told.ClientSnapshot) -> None:
    said = Services(active=snapshot.services.active, period=snapshot.services.period)
    book.client = replace(
        book.client,
        client_version=snapshot.version,
        services=book.client.services.or_later(said),
        name=snapshot.company.name,
        domain=snapshot.company.domain,
    )
    follow_terms(book, snapshot.subscriptions)
    follow_allowances(book, snapshot.contact_tier, snapshot.email_tier)
    follow_services(book)  # last: what moved is ended or reopened by its new deadline


@from_clients.on_run(told.ServicesEnded)
async def end_renewals(events: Sequence[told.ServicesEnded], tx: Connection) -> None:
    """Leave nothing to decide about clients that the partner no longer services."""
    await _follow_services(tx, [(e, Services(active=False, period=e.period)) for e in events])


@from_clients.on_run(told.ServicesResumed)
async def reopen_renewals(events: Sequence[told.ServicesResumed], tx: Connection) -> None:
    """Let the partner decide again what has not passed its deadline."""
    await _follow_services(tx, [(e, Services(active=True, period=e.period)) for e in events])


async def _follow_services(
    tx: Connection, said: Sequence[tuple[told.ClientEvent, Services]]
) -> None:
    found = await partners.share_partners(tx, (event.partner_id for event, _ in said))
    held = await clients.lock_clients(tx, {event.client_id: event.partner_id for event, _ in said})
    after: dict[UUID, tuple[Client, datetime]] = {}
    for event, services in said:
        client, _ = after.get(event.client_id, (held[event.client_id], event.occurred_at))
        later = replace(client, services=client.services.or_later(services))
        if later != client:
            after[event.client_id] = (later, event.occurred_at)
    opened = await books.open_books(
        tx,
        {client_id: held[client_id] for client_id in after},
        found,
        {client_id: at for client_id, (_, at) in after.items()},
    )
    for client_id, (client, _) in after.items():
        opened[client_id].book.client = client
        follow_services(opened[client_id].book)
    await books.close_books(tx, list(opened.values()))


@from_clients_state.on_run(told.PartnerSnapshot)
async def follow_partners(snapshots: Sequence[told.PartnerSnapshot], tx: Connection) -> None:
    """Take over zones and users; in another zone every stage is due at another instant."""
    latest = {s.partner_id: s for s in sorted(snapshots, key=lambda s: s.version)}
    held = await partners.lock_partners(tx, latest)
    news = [s for i, s in latest.items() if s.version > held[i].partner_version]
    for snapshot in news:
        before = held[snapshot.partner_id]
        after, events = _known(before, snapshot), []
        if not before.policy_version:
            events = [policy_snapshot(after, snapshot.occurred_at)]
        await books.save_partner(tx, before, after, events, snapshot.occurred_at)
    users = {
        (s.partner_id, user.user_id): (user.active, s.version) for s in news for user in s.users
    }
    await partners.save_users(tx, users)
    await partners.retire_other_users(tx, {s.partner_id: s.version for s in news}, users.keys())


def _known(partner: Partner, snapshot: told.PartnerSnapshot) -> Partner:
    dates.zone_of(snapshot.time_zone)
    return replace(
        partner,
        partner_version=snapshot.version,
        time_zone=snapshot.time_zone,
        policy_version=partner.policy_version or 1,
    )


@from_clients.on_run(told.PartnerUserRegistered)
async def know_users(events: Sequence[told.PartnerUserRegistered], tx: Connection) -> None:
    """Know who may be chosen, as soon as it is said."""
    await partners.save_users(tx, _users(events, active=True))


@from_clients.on_run(told.PartnerUserReactivated)
async def know_users_again(events: Sequence[told.PartnerUserReactivated], tx: Connection) -> None:
    """Know who may be chosen again."""
    await partners.save_users(tx, _users(events, active=True))


@from_clients.on_run(told.PartnerUserDeactivated)
async def deactivate_users(events: Sequence[told.PartnerUserDeactivated], tx: Connection) -> None:
    """Know who may no longer be chosen."""
    await partners.save_users(tx, _users(events, active=False))


def _users(
    events: Sequence[
        told.PartnerUserRegistered | told.PartnerUserReactivated | told.PartnerUserDeactivated
    ],
    *,
    active: bool,
) -> dict[tuple[UUID, UUID], tuple[bool, int]]:
    in_order = sorted(events, key=lambda event: event.version)
    return {(e.partner_id, e.user_id): (active, e.version) for e in in_order}


@from_clients_state.on_tombstone
async def forget(key: str, tx: Connection) -> None:
    """Erase what is known of a client or a partner that its owner has erased."""
    await clients.forget_client(tx, UUID(key))
    await partners.forget_partner(tx, UUID(key))
