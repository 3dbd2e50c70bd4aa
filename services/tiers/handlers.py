"""What the tiers service does when clients or partners change elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.tiers import store
from services.tiers.domain import clients as replica
from services.tiers.domain import credit, figures, standing
from shared.chassis import outbox
from shared.chassis.database import Connection
from shared.chassis.inbox import Inbox
from shared.contracts import clients
from shared.contracts.event import Snapshot

from_state = Inbox("tiers", clients.STATE)
from_events = Inbox("tiers", clients.EVENTS)


@from_state.on_run(clients.ClientSnapshot, clients.PartnerSnapshot)
async def keep_figures(told: Sequence[Snapshot], tx: Connection) -> None:
    """Take in partners and clients, and move the figures by what differs."""
    partners = [each for each in told if isinstance(each, clients.PartnerSnapshot)]
    snapshots = [each for each in told if isinstance(each, clients.ClientSnapshot)]
    accounts = await _follow(tx, snapshots)
    at = max(each.occurred_at for each in told)
    if accounts or partners:
        await _refigure(tx, accounts, partners, {each.partner_id for each in snapshots}, at)


@from_events.on_run(clients.ServicesEnded, clients.ServicesResumed)
async def end_or_resume_credit(told: Sequence[clients.ClientEvent], tx: Connection) -> None:
    """Take managed revenue out or put it in again at once, without waiting for the snapshot."""
    facts = [
        each for each in told if isinstance(each, clients.ServicesEnded | clients.ServicesResumed)
    ]
    accounts = await _follow(tx, facts)
    if accounts:
        at = max(each.occurred_at for each in told)
        await _refigure(tx, accounts, [], {each.partner_id for each in told}, at)


@from_state.on_tombstone
async def erase(key: str, tx: Connection) -> None:
    """Forget a client or a partner: what it gave goes with it."""
    erased = UUID(key)
    known = await store.lock_known_clients(tx, [erased])
    for client in known.values():
        gone = replica.erase(client)
        await store.save_clients(tx, [gone])
        if client.account_id is not None:
            await _refigure(tx, {client.account_id}, [], {client.partner_id}, None)
    partners = await store.lock_known_partners(tx, [erased])
    for partner in partners.values():
        left, said = standing.erase(partner)
        await store.save_partners(tx, partners, [left])
        await outbox.record(tx, *said)


async def _follow(tx: Connection, facts: Sequence[replica.Fact]) -> set[int]:
    """Take in facts about clients; returns the accounts of which a figure may move."""
    if not facts:
        return set()
    known = await store.lock_clients(tx, [(each.client_id, each.partner_id) for each in facts])
    changed = replica.follow(known, facts)
    await store.save_clients(tx, changed.values())
    accounts = {
        account
        for key, client in changed.items()
        if client.weight != known[key].weight
        for account in (client.account_id, known[key].account_id)
    }
    return {account for account in accounts if account is not None}


async def _refigure(
    tx: Connection,
    accounts: set[int],
    told: Sequence[clients.PartnerSnapshot],
    concerned: set[UUID],
    at: datetime | None,
) -> None:
    """Weigh the accounts anew for all partners that have them, and say where those stand now."""
    await store.lock_accounts(tx, accounts)
    members = await store.list_clients(tx, accounts)
    wanted = {client.partner_id for client in members} | concerned
    wanted |= {each.partner_id for each in told}
    before = await store.lock_partners(tx, dict.fromkeys(wanted, at.date() if at else date.min))
    saved = await store.list_worth(tx, accounts)
    worth = credit.weigh(members, {key: partner.day for key, partner in before.items()})
    await store.save_worth(tx, saved, worth)
    moved = figures.move({key: each.figures for key, each in before.items()}, saved, worth)
    after = {key: replace(each, figures=moved[key]) for key, each in before.items()}
    for snapshot in told:
        after[snapshot.partner_id] = standing.meet(after[snapshot.partner_id], snapshot)
    book = await store.find_book(tx, after.values())
    stood, said = standing.stand_all(after.values(), book, at)
    await store.save_partners(tx, before, stood)
    await outbox.record(tx, *said)
