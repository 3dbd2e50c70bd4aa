"""Puts the rows of each file aside, with the ids that follow from HubSpot's own."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from services.clients import store
from shared.chassis.database import Connection
from shared.chassis.imports import Batch, Context, Counts
from shared.contracts import ids

# What became of rows is only known at the end, when all files are compared with the tables.
LATER = Counts()


async def stage_partners(tx: Connection, batch: Batch, _: Context) -> Counts:
    """Put partners aside."""
    await _stage(
        tx,
        batch,
        "staged_partners",
        hub_id=batch["hub"],
        partner_id=_partners(batch["hub"]),
        name=batch["name"],
        time_zone=batch["time_zone"],
    )
    return LATER


async def stage_users(tx: Connection, batch: Batch, _: Context) -> Counts:
    """Put users of partners aside."""
    hubs = batch["hub"]
    await _stage(
        tx,
        batch,
        "staged_users",
        hub_id=hubs,
        partner_id=_partners(hubs),
        user_id=[ids.user_id(hub, user) for hub, user in zip(hubs, batch["user"], strict=True)],
        name=_names(batch),
        email=batch["email"],
        admin=batch["admin"],
        active=batch["active"],
    )
    return LATER


async def stage_team(tx: Connection, batch: Batch, _: Context) -> Counts:
    """Put people of HubSpot aside."""
    await _stage(
        tx,
        batch,
        "staged_team",
        hub_id=batch["hub"],
        partner_id=_partners(batch["hub"]),
        person_id=[ids.hubspot_person_id(email) for email in batch["email"]],
        name=batch["name"],
        email=batch["email"],
        role=batch["role"],
        description=batch["description"],
    )
    return LATER


async def stage_clients(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Put companies aside, but for those that contradict themselves."""
    tomorrow = context.clock.now().date() + timedelta(days=1)  # somewhere it is today
    refused = _refuse_contradictions(batch, tomorrow)
    hubs, records, managers = batch["hub"], batch["record"], batch["manager_email"]
    await _stage(
        tx,
        batch,
        "staged_clients",
        refused,
        context.beside,
        hub_id=hubs,
        partner_id=_partners(hubs),
        client_id=ids.texts("client", hubs, records),
        record_id=records,
        account_id=batch["account"],
        **{name: batch[name] for name in _AS_THEY_ARE},
        contact_tier=batch["tier"],
        contacts_used=_with_limit(batch["contacts_used"], batch["contacts_limit"]),
        emails_used=_with_limit(batch["emails_used"], batch["email_limit"]),
        usage_period_end=batch["period_end"],
        manager_id=_persons(managers),
        manager_name=[
            name or email for name, email in zip(batch["manager_name"], managers, strict=True)
        ],
    )
    return LATER


_AS_THEY_ARE = (
    "name",
    "domain",
    "industry",
    "city",
    "country",
    "phone",
    "employees",
    "sold",
    "managed",
    "sold_on",
    "contacts_limit",
    "email_limit",
    "apps_used",
    "manager_email",
)


def _refuse_contradictions(batch: Batch, tomorrow: Any) -> set[int]:
    """Refuse rows whose columns, each right, do not go together; return their places."""
    refused: dict[int, tuple[str, str]] = {}
    told = zip(*(batch[name] for name in _TOGETHER), strict=True)
    for at, (sold, managed, sold_on, limit, used, apps, until, manager, email) in enumerate(told):
        if not sold and not managed:
            refused[at] = ("managed", "yes, since the client is not sold: it is one or both")
        elif sold_on is not None and not sold:
            refused[at] = ("sold_on", "nothing, since the client is not sold")
        elif sold_on is not None and sold_on > tomorrow:
            refused[at] = ("sold_on", "a day that has come")
        elif used is not None and limit is None:
            refused[at] = ("contacts_limit", "a limit, since contacts used are given")
        elif apps is not None and until is None:
            refused[at] = ("period_end", "the last day of the period, since apps used are given")
        elif until is not None and apps is None:
            refused[at] = ("apps_used", "how many apps were used in the period")
        elif manager is not None and email is None:
            refused[at] = ("manager_email", "the address of the renewal manager who is named")
    for at, (field, expected) in refused.items():
        batch.refuse(at, field, expected)
    return set(refused)


_TOGETHER = (
    "sold",
    "managed",
    "sold_on",
    "contacts_limit",
    "contacts_used",
    "apps_used",
    "period_end",
    "manager_name",
    "manager_email",
)


async def stage_contacts(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Put persons of clients aside."""
    hubs, records = batch["hub"], batch["record"]
    await _stage(
        tx,
        batch,
        "staged_contacts",
        (),
        context.beside,
        hub_id=hubs,
        partner_id=_partners(hubs),
        company=batch["company"],
        client_id=_companies(batch),
        contact_id=ids.texts("contact", hubs, records),
        name=_names(batch),
        email=batch["email"],
        roles=batch["roles"],
        job_title=batch["job_title"],
        phone=batch["phone"],
    )
    return LATER


async def stage_subscriptions(tx: Connection, batch: Batch, context: Context) -> Counts:
    """Put subscriptions aside, but for those that end before they begin."""
    hubs, records = batch["hub"], batch["record"]
    terms = zip(batch["term_start"], batch["term_end"], strict=True)
    refused = {at for at, (start, end) in enumerate(terms) if end < start}
    for at in sorted(refused):
        batch.refuse(at, "term_end", f"{batch['term_start'][at]} or later: the term's last day")
    await _stage(
        tx,
        batch,
        "staged_subscriptions",
        refused,
        context.beside,
        hub_id=hubs,
        partner_id=_partners(hubs),
        company=batch["company"],
        client_id=_companies(batch),
        subscription_id=ids.texts("subscription", hubs, records),
        product=batch["product"],
        mrr=batch["mrr"],
        currency=batch["currency"],
        term_start=batch["term_start"],
        term_end=batch["term_end"],
    )
    return LATER


def _companies(batch: Batch) -> list[str]:
    pairs = list(zip(batch["hub"], batch["company"], strict=True))
    different = list(dict.fromkeys(pairs))
    known = dict(zip(different, ids.texts("client", *zip(*different, strict=True)), strict=True))
    return [known[pair] for pair in pairs]


async def _stage(
    tx: Connection,
    batch: Batch,
    table: str,
    refused: Collection[int] = (),
    beside: Connection | None = None,
    **columns: Sequence[Any],
) -> None:
    told: dict[str, Sequence[Any]] = {"line": batch.lines, **columns}
    if refused:
        good = [at for at in range(len(batch)) if at not in refused]
        told = {name: [each[at] for at in good] for name, each in told.items()}
    if beside is None:
        await store.stage(tx, table, told)
    else:
        await store.stage_halves(tx, beside, table, told)


def _partners(hubs: Sequence[int]) -> list[str]:
    different = list(set(hubs))
    known = dict(zip(different, ids.texts("partner", different), strict=True))
    return [known[hub] for hub in hubs]


def _persons(emails: Sequence[str | None]) -> list[str | None]:
    known = {email: str(ids.hubspot_person_id(email)) for email in set(emails) if email is not None}
    return [None if email is None else known[email] for email in emails]


def _names(batch: Batch) -> list[str]:
    """First and last name; where neither is given the address stands for the name."""
    told = zip(batch["first_name"], batch["last_name"], batch["email"], strict=True)
    return [f"{first} {last}".strip() or email for first, last, email in told]


def _with_limit(used: Sequence[int | None], limits: Sequence[int | None]) -> list[int | None]:
    """Nothing used, where there is a limit and nothing is said."""
    told = zip(used, limits, strict=True)
    return [0 if use is None and limit is not None else use for use, limit in told]
