"""CSV files of the renewals service: partners' settings, clients' owners, quotes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any
from uuid import UUID

from services.renewals.domain import Partner, Quote, Refused
from services.renewals.domain.choices import (
    DefaultOwner,
    choose_default,
    choose_default_stages,
    choose_owner,
)
from services.renewals.domain.stages import MOST_DAYS
from services.renewals.domain.terms import follow_quotes
from services.renewals.store import books, clients, partners, renewals
from services.renewals.store.clients import Change, Subject
from shared.chassis.database import Connection
from shared.chassis.freshness import heard_all
from shared.chassis.imports import (
    Batch,
    Column,
    Context,
    Counts,
    Kind,
    Table,
    boolean,
    choice,
    currency,
    day,
    integer,
    money,
    text,
)
from shared.contracts import clients as told
from shared.contracts import ids
from shared.contracts.event import Event
from shared.contracts.renewals import OwnerChoice

LOOK_AGAIN_SECONDS = 0.25
STALLED_SECONDS = 3.0  # without anybody new, there may be nobody left to hear of

# Which column a refusal of the domain is about.
_COLUMN_OF = {
    "owner": "owner",
    "notified_user_id": "notified",
    "point_of_contact_id": "contact",
    "default_point_of_contact_id": "contact",
    "send_hour": "send_hour",
    "stages": "stages",
}
_FIT_USER = "the User ID of an active user of this partner"


async def begin(_: Connection, context: Context) -> None:
    """Let the service hear what was said before, while nothing is held that it waits for."""
    if not context.settings.import_ahead:
        await _heard_all(context, context.settings.import_wait)


async def apply_settings(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Set partners' default owners, stages and send hours; what is left empty stays."""
    wanted = [ids.partner_id(hub) for hub in batch["hub_id"]]
    known = await _heard_of(tx, wanted, partners.list_known, context)
    for row, partner_id in enumerate(wanted):
        if partner_id not in known:
            batch.refuse(row, "hub_id", "the Hub ID of a partner that the clients service has")
    held = await partners.lock_partners(tx, known)
    active = await partners.list_active_users(tx, known)
    changed = unchanged = 0
    for row, values in enumerate(batch.rows):
        before = held.get(wanted[row])
        if before is None:
            continue
        try:
            after, events = _set(before, values, active[wanted[row]], context)
        except Refused as error:
            _refuse(batch, row, error)
            continue
        if after == before:
            unchanged += 1
            continue
        changed += 1
        await books.save_partner(tx, before, after, events, context.clock.now())
        await _note(tx, before, after, context)
    return Counts(changed=changed, unchanged=unchanged)


def _set(
    partner: Partner, values: tuple[Any, ...], active: frozenset[UUID], context: Context
) -> tuple[Partner, list[Event]]:
    hub, owner, notified, contact, hour, stages = values
    now = context.clock.now()
    after, events = partner, list[Event]()
    if owner is not None:
        point = None if contact is None else ids.user_id(hub, contact)
        held = DefaultOwner.of(partner)
        wanted = DefaultOwner(
            choice=_choice(hub, owner, notified, contact if owner == "partner" else None),
            point_of_contact_id=point,
            recipient_roles=held.recipient_roles,
            tell_renewal_manager=held.tell_renewal_manager,
        )
        after, events = choose_default(after, wanted, active, None, now)
    if hour is not None or stages is not None:
        names = after.stages if stages is None else stages
        after, more = choose_default_stages(after, names, hour or after.send_hour, None, now)
        events = [*events, *more]
    return after, events


async def apply_owners(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Set the renewal owner of clients."""
    wanted = _clients(batch)
    known = await _clients_of(tx, batch, wanted, context)
    _refuse_unknown(batch, wanted, known)
    partner_of = dict(zip(wanted, (ids.partner_id(hub) for hub in batch["hub_id"]), strict=True))
    named = {client: partner_of[client] for client in known}
    opened = await _open(tx, named, context)
    active = await partners.list_active_users(tx, set(named.values()))
    changed: list[books.Opened] = []
    unchanged = 0
    for row, (hub, _, owner, notified, contact) in enumerate(batch.rows):
        if wanted[row] not in opened:
            continue
        each = opened[wanted[row]]
        wish = _choice(hub, owner, notified, contact)
        try:
            moved = choose_owner(each.book, wish, active[partner_of[wanted[row]]], None)
        except Refused as error:
            _refuse(batch, row, error)
            continue
        if moved:
            changed.append(each)
        else:
            unchanged += 1
    await books.close_books(tx, changed)
    now = context.clock.now()
    await clients.save_changes(
        tx,
        [
            Change(
                partner_id=each.client.partner_id,
                client_id=each.client.client_id,
                subject="owner",
                actor=None,
                at=now,
                before=each.client.owner.model_dump(mode="json"),
                after=each.book.client.owner.model_dump(mode="json"),
            )
            for each in changed
        ],
    )
    return Counts(changed=len(changed), unchanged=unchanged)


async def apply_quotes(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Keep quotes, and put their prices into the renewals that they are for."""
    wanted = _clients(batch)
    known = await _clients_of(tx, batch, wanted, context)
    _refuse_unknown(batch, wanted, known)
    quotes = [
        Quote(
            client_id=wanted[row],
            partner_id=ids.partner_id(hub),
            starts=starts,
            option=option,
            product=product,
            renewal_mrr=mrr,
            currency=code,
            default=default,
        )
        for row, (hub, _, starts, option, product, mrr, code, default) in enumerate(batch.rows)
        if wanted[row] in known
    ]
    named = {quote.client_id: quote.partner_id for quote in quotes}
    found = await partners.share_partners(tx, named.values())
    held = await clients.lock_clients(tx, named)
    said = await renewals.save_quotes(tx, quotes)
    touched = {client: held[client] for client, _ in said}
    opened = list((await books.open_books(tx, touched, found, context.clock.now())).values())
    for each in opened:
        follow_quotes(each.book)
    await books.close_books(tx, opened)
    created = sum(new for _, new in said)
    return Counts(created, len(said) - created, len(quotes) - len(said))


async def _open(
    tx: Connection, named: dict[UUID, UUID], context: Context
) -> dict[UUID, books.Opened]:
    found = await partners.share_partners(tx, named.values())
    held = await clients.lock_clients(tx, named)
    return await books.open_books(tx, held, found, context.clock.now())


async def _heard_of(
    tx: Connection,
    wanted: Iterable[UUID],
    known: Callable[[Connection, Iterable[UUID]], Awaitable[set[UUID]]],
    context: Context,
) -> set[UUID]:
    """Those that are known, waiting a while for others that are still on their way here."""
    missing, begun = set(wanted), monotonic()
    there, moved = 0, begun
    while True:
        found = await known(tx, missing)
        now, count = monotonic(), await clients.count_known(tx)
        if count != there:
            there, moved = count, now
        left = begun + context.settings.import_wait - now
        if found >= missing or left <= 0:
            return found
        stalled = there and now - moved >= STALLED_SECONDS
        if stalled and await _heard_all(context, left):
            return await known(tx, missing)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _heard_all(context: Context, seconds: float) -> bool:
    return await heard_all(context.settings.kafka, "renewals", told.STATE, seconds=seconds)


async def _clients_of(
    tx: Connection, batch: Batch, wanted: list[UUID], context: Context
) -> set[UUID]:
    """Those clients that rows may be about: known ones or, ahead, any of a known partner."""
    if not context.settings.import_ahead:
        return await _heard_of(tx, wanted, clients.list_known, context)
    of = [ids.partner_id(hub) for hub in batch["hub_id"]]
    there = await _heard_of(tx, of, partners.list_known, context)
    return {client for client, partner in zip(wanted, of, strict=True) if partner in there}


def _clients(batch: Batch) -> list[UUID]:
    pairs = zip(batch["hub_id"], batch["record_id"], strict=True)
    return [ids.client_id(hub, record) for hub, record in pairs]


def _refuse_unknown(batch: Batch, wanted: list[UUID], known: set[UUID]) -> None:
    for row, client_id in enumerate(wanted):
        if client_id not in known:
            batch.refuse(
                row, "record_id", "the Record ID of a client of this partner in the clients service"
            )


def _choice(hub: int, owner: Any, notified: int | None, contact: int | None) -> OwnerChoice:
    return OwnerChoice(
        owner=owner,
        notified_user_id=None if notified is None else ids.user_id(hub, notified),
        point_of_contact_id=None if contact is None else ids.user_id(hub, contact),
    )


def _refuse(batch: Batch, row: int, error: Refused) -> None:
    field = _COLUMN_OF[error.field]
    unfit = field in ("notified", "contact") and batch[field][row] is not None
    batch.refuse(row, field, _FIT_USER if unfit and "active user" in error.reason else error.reason)


async def _note(tx: Connection, before: Partner, after: Partner, context: Context) -> None:
    views: dict[Subject, Callable[[Partner], dict[str, Any]]] = {
        "owner": _owner_of,
        "stages": _stages_of,
    }
    await clients.save_changes(
        tx,
        [
            Change(
                partner_id=before.partner_id,
                client_id=None,
                subject=subject,
                actor=None,
                at=context.clock.now(),
                before=view(before),
                after=view(after),
            )
            for subject, view in views.items()
            if view(before) != view(after)
        ],
    )


def _owner_of(partner: Partner) -> dict[str, Any]:
    contact = partner.default.point_of_contact_id
    return partner.default.owner.model_dump(mode="json") | {
        "default_point_of_contact_id": contact and str(contact)
    }


def _stages_of(partner: Partner) -> dict[str, Any]:
    return {"stages": list(partner.stages), "send_hour": partner.send_hour}


def _stages() -> Kind:
    """Stages, each a word or a number of days before the deadline."""

    def parse(value: str) -> tuple[str, ...]:
        words = [word.strip().lower() for word in value.split(";")]
        return tuple(f"d-{word}" if word.isdecimal() else word for word in words if word)

    return Kind(
        parse,
        f"'entered', 'outcome' and days before the deadline (0 to {MOST_DAYS}), with ; between",
        "entered;45;15;7;1;0;outcome",
    )


_HUB_ID = Column(
    "Partner Hub ID",
    "hub_id",
    integer(1, example="8800001"),
    "HubSpot account of the partner.",
    key=True,
    aliases=("Hub ID",),
)
_RECORD_ID = Column(
    "Record ID",
    "record_id",
    integer(1, example="9001"),
    "The client: the company's record in the partner's CRM.",
    key=True,
    aliases=("Associated Company ID",),
)
_NOTIFIED = Column(
    "Notified user ID",
    "notified",
    integer(1, example="71"),
    "With HubSpot as owner: the active user who gets a copy.",
    required=False,
)
_CONTACT = Column(
    "Point of contact user ID",
    "contact",
    integer(1, example="72"),
    "With the partner as owner: the active user who is told.",
    required=False,
)

TABLES = (
    Table(
        "renewal_settings.csv",
        "Each partner's default renewal owner, stages and send hour.",
        (
            _HUB_ID,
            Column(
                "Default renewal owner",
                "owner",
                choice({"HubSpot": "hubspot", "Partner": "partner"}),
                "Who relays contract changes; empty: as it is.",
                required=False,
            ),
            _NOTIFIED,
            _CONTACT,
            Column(
                "Send hour",
                "send_hour",
                text(5, example="09:00"),
                "Local time in the partner's zone, HH:MM; empty: as it is.",
                required=False,
            ),
            Column("Stages", "stages", _stages(), "When to tell; empty: as it is.", required=False),
        ),
        apply_settings,
        required=False,
    ),
    Table(
        "renewal_owners.csv",
        "Clients whose renewal owner is not the partner's default.",
        (
            _HUB_ID,
            _RECORD_ID,
            Column(
                "Renewal owner",
                "owner",
                choice({"Default setting": "default", "HubSpot": "hubspot", "Partner": "partner"}),
                "Who relays the client's contract changes.",
            ),
            _NOTIFIED,
            _CONTACT,
        ),
        apply_owners,
        required=False,
    ),
    Table(
        "quotes.csv",
        "What HubSpot offers for a new term: options, each with a price per product.",
        (
            _HUB_ID,
            _RECORD_ID,
            Column("Renewal start", "starts", day(), "First day of the new term.", key=True),
            Column("Option", "option", text(100), "Its name.", "Renew as it is", key=True),
            Column(
                "Product", "product", text(200), "Its name, as subscribed.", "CRM Suite", key=True
            ),
            Column("Renewal MRR", "mrr", money(), "Its monthly price in the new term."),
            Column("Currency", "currency", currency(), "That of the subscription."),
            Column(
                "Default",
                "default",
                boolean(),
                "Whether this option holds unless another is chosen.",
                required=False,
                default=False,
            ),
        ),
        apply_quotes,
        required=False,
    ),
)
