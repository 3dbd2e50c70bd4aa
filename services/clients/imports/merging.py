"""Compares what was put aside with what is known, and makes or changes what differs."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from services.clients import domain, store
from services.clients.imports.files import COMPANIES, CONTACTS, PARTNERS, SUBSCRIPTIONS, TEAM, USERS
from services.clients.imports.lanes import Lanes, by_line, counted, lanes_of, on_each
from services.clients.imports.making import make_newcomers
from shared.chassis import outbox
from shared.chassis.database import Connection
from shared.chassis.imports import Context, Counts, Ending, Table, UnusableError
from shared.contracts.event import Event

CLIENTS_AT_ONCE = 500
PARTS_AT_ONCE = 10  # in a transaction
PARTNERS_AT_ONCE = 200
MOST_BYTES = 400_000  # of a client's contacts, so that its snapshot fits into a record

# The columns of a table that a column of the file, by its field, decides together with others.
_CLIENT = {
    "industry": ("industry",),
    "country": ("country",),
    "city": ("city",),
    "phone": ("phone",),
    "employees": ("employees",),
    "sold_on": ("sold_on",),
    "manager_email": ("manager_id", "manager_name", "manager_email"),
    "contacts_limit": ("contact_tier", "contacts_limit", "contacts_used"),
    "email_limit": ("email_limit", "emails_used"),
    "emails_used": ("email_limit", "emails_used"),
    "apps_used": ("apps_used", "usage_period_end"),
}
_PERSON = {
    "first_name": ("name",),
    "last_name": ("name",),
    "email": ("email",),
    "name": ("name",),
    "time_zone": ("time_zone",),
    "admin": ("admin",),
    "active": ("active",),
    "description": ("description",),
    "roles": ("roles",),
    "job_title": ("job_title",),
    "phone": ("phone",),
}


async def finish(tx: Connection, context: Context, ending: Ending) -> None:
    """Make or change partners and clients, each with its facts and one snapshot.

    A batch of them is one transaction; in it they are locked, so that what a person changes
    meanwhile stays and is announced in its order.
    """
    at, lanes = context.clock.now(), lanes_of(tx, context)
    await on_each(lanes, store.index_staging)
    await _finish_partners(tx, ending, at)
    await _reject(lanes, ending)
    given = _given(ending, COMPANIES, _CLIENT)
    people = _given(ending, CONTACTS, _PERSON)
    compared = await counted(lanes, lambda lane: store.compare_clients(lane, given))
    ending.count(COMPANIES.file, compared)
    compared = await counted(lanes, lambda lane: store.compare_contacts(lane, people))
    ending.count(CONTACTS.file, compared)
    ending.count(SUBSCRIPTIONS.file, await counted(lanes, store.compare_subscriptions))
    if ending.wanted:
        try:
            await _finish_clients(lanes, ending, given, people, at)
        except outbox.EventTooBigError as error:
            raise UnusableError(f"stopped: {error}") from error
    await on_each(lanes, store.drop_staging)


def _given(ending: Ending, table: Table, decides: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(
        column
        for field, columns in decides.items()
        if ending.has(table.file, field)
        for column in columns
    )


async def _finish_partners(tx: Connection, ending: Ending, at: datetime) -> None:
    known = "the Hub ID of a partner, in partners.csv or imported before"
    for table, staged in ((USERS, "staged_users"), (TEAM, "staged_team")):
        for line, value in await store.reject_unknown_partners(tx, staged):
            ending.refuse(table.file, line, "hub", value, known)
    given = {table.file: _given(ending, table, _PERSON) for table in (PARTNERS, USERS, TEAM)}
    for table, what in ((PARTNERS, "partners"), (USERS, "users"), (TEAM, "team")):
        if given[table.file]:
            compared = await store.compare_people(tx, what, given[table.file])
            ending.count(table.file, Counts(*compared))
    partner_ids = await store.list_staged_partners(tx)
    for start in range(0, len(partner_ids), PARTNERS_AT_ONCE):
        async with tx.transaction():
            part = partner_ids[start : start + PARTNERS_AT_ONCE]
            await _merge_partners(tx, part, given, at, whole_team=ending.bad(TEAM.file) == 0)


async def _merge_partners(
    tx: Connection,
    part: Sequence[UUID],
    given: Mapping[str, Collection[str]],
    at: datetime,
    *,
    whole_team: bool,
) -> None:
    before = {each.partner_id: each for each in await store.lock_partners(tx, part)}
    if columns := given[PARTNERS.file]:
        await store.merge_partners(tx, part, columns)
    if columns := given[USERS.file]:
        await store.merge_users(tx, part, columns)
    if columns := given[TEAM.file]:
        await store.merge_team(tx, part, columns, whole=whole_team)
    await _announce_partners(tx, before, await store.find_partners(tx, part), at)


async def _announce_partners(
    tx: Connection,
    before: dict[UUID, domain.Partner],
    after: Sequence[domain.Partner],
    at: datetime,
) -> None:
    lines: list[store.Line] = []
    events: list[Event] = []
    for partner in after:
        was = before.get(partner.partner_id)
        if was is None:
            now, changes = domain.register_partner(partner, at)
        else:
            now, changes = domain.compare_partner(was, partner, at)
        if changes:
            await store.save_partner(tx, now)
            lines += [store.Line(now.partner_id, now.partner_id, change) for change in changes]
            events += [*domain.facts(changes), now.snapshot(at)]
    await store.save_history(tx, lines, None, at)
    await outbox.record(tx, *events)


async def _reject(lanes: Lanes, ending: Ending) -> None:
    known = "the Hub ID of a partner, in partners.csv or imported before"
    unknown = partial(store.reject_unknown_partners, table="staged_clients")
    for line, value in await by_line(lanes, unknown):
        ending.refuse(COMPANIES.file, line, "hub", value, known)
    company = "the Record ID of a company of this partner, in companies.csv or imported before"
    for table, staged in ((CONTACTS, "contacts"), (SUBSCRIPTIONS, "subscriptions")):
        unknown = partial(store.reject_unknown_clients, table=f"staged_{staged}")
        for line, value in await by_line(lanes, unknown):
            ending.refuse(table.file, line, "company", value, company)
    for table, most in (
        (CONTACTS, domain.MOST_CONTACTS),
        (SUBSCRIPTIONS, domain.MOST_SUBSCRIPTIONS),
    ):
        fits = f"a company with at most {most} in {table.file}, and {MOST_BYTES} bytes of text"
        staged = f"staged_{table.file.removesuffix('.csv')}"
        crowds = partial(store.reject_crowds, table=staged, most=most, most_bytes=MOST_BYTES)
        for line, value in await by_line(lanes, crowds):
            ending.refuse(table.file, line, "company", value, fits)


async def _finish_clients(
    lanes: Lanes,
    ending: Ending,
    given: Collection[str],
    people: Collection[str],
    at: datetime,
) -> None:
    """Merge part after part; while the database is busy with one, another is decided on."""
    tx, *beside = lanes
    for other in beside:
        await store.gather_known(tx, other)
    total = sum(await on_each(lanes, store.count_touched))
    with ending.showing("clients", total) as show:
        done, left = await make_newcomers(lanes, at, show)
        async for chain in _chains(tx, left):
            async with tx.transaction():
                deciding: asyncio.Task[_Decided] | None = None
                for part in chain:
                    found = await _merge(tx, part, given, people)
                    decided = await deciding if deciding else None
                    deciding = asyncio.create_task(asyncio.to_thread(_decide, found, at))
                    if decided:
                        await _keep(tx, decided, at)
                    done += len(part)
                    show(done)
                if deciding:
                    await _keep(tx, await deciding, at)


async def _chains(
    tx: Connection, left: Iterable[Sequence[UUID]]
) -> AsyncIterator[list[list[store.Touched]]]:
    """The clients to change, and new ones that are ``left``, in parts of a transaction.

    Those that lose something to one another are in one part, whatever its size.
    """
    if moved := await store.list_moved(tx):
        yield [moved]
    for client_ids in left:
        yield [[store.Touched(client_id, created=True) for client_id in client_ids]]
    last: UUID | None = None
    while part := await store.list_touched(tx, last, CLIENTS_AT_ONCE * PARTS_AT_ONCE):
        yield [part[at : at + CLIENTS_AT_ONCE] for at in range(0, len(part), CLIENTS_AT_ONCE)]
        last = part[-1].client_id


class _Found(NamedTuple):
    """Documents of clients before a merge, of those that were there, and after it."""

    before: list[str]
    after: list[str]


class _Decided(NamedTuple):
    """What is to be kept of a merge."""

    versions: dict[UUID, int]
    lines: list[store.Line]
    rows: list[outbox.Row]


async def _merge(
    tx: Connection, part: Sequence[store.Touched], given: Collection[str], people: Collection[str]
) -> _Found:
    everyone = [each.client_id for each in part]
    known = [each.client_id for each in part if not each.created]
    before = await store.lock_documents(tx, known) if known else []
    created = [each.client_id for each in part if each.created]
    await store.merge_clients(tx, created, known, given)
    await store.merge_contacts(tx, everyone, people)
    await store.merge_subscriptions(tx, everyone)
    return _Found(before, await store.find_documents(tx, everyone))


def _decide(found: _Found, at: datetime) -> _Decided:
    clients = map(store.client_of, found.before)
    before = {client.client_id: client for client in clients}
    decided, events = _Decided({}, [], []), list[Event]()
    for client in map(store.client_of, found.after):
        was = before.get(client.client_id)
        if was is None:
            now, changes = domain.register(client, at)
        else:
            now, changes = domain.compare(was, client, at)
            decided.versions[now.client_id] = now.version
        if changes:
            decided.lines.extend(
                store.Line(now.client_id, now.partner_id, change) for change in changes
            )
            events += [*domain.facts(changes), now.snapshot(at)]
    decided.rows.extend(outbox.render(events))
    return decided


async def _keep(tx: Connection, decided: _Decided, at: datetime) -> None:
    await store.save_versions(tx, decided.versions)
    await store.save_history(tx, decided.lines, None, at)
    await outbox.insert(tx, decided.rows)
