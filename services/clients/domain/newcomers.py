"""Clients that are new, written as their events: a hundred thousand at once, so without models.

A test holds the bytes, the headers and the history equal to those of `client.register`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from services.clients.domain import figures
from shared.contracts import headers
from shared.contracts.clients import ClientRegistered, ClientSnapshot
from shared.contracts.event import Event

CHANGE: Final = ClientRegistered.__name__
_KEY, _ID = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


class Newcomer(NamedTuple):
    """A client as it comes; ids are texts."""

    client_id: str
    partner_id: str
    record_id: int
    account_id: int
    name: str
    domain: str
    industry: str
    country: str
    city: str
    phone: str
    employees: int | None
    sold: bool
    managed: bool
    sold_on: date | None
    contact_tier: str
    contacts_limit: int | None
    contacts_used: int | None
    email_limit: int | None
    emails_used: int | None
    apps_used: int | None
    usage_period_end: date | None
    manager_id: str | None
    manager_name: str | None
    manager_email: str | None


class Person(NamedTuple):
    """A contact of a new client; ids are texts."""

    client_id: str
    contact_id: str
    name: str
    email: str
    roles: Sequence[str]
    job_title: str
    phone: str


class Product(NamedTuple):
    """A subscription of a new client; ids, and the amount with two places, are texts."""

    client_id: str
    subscription_id: str
    product: str
    mrr: str
    currency: str
    term_start: date
    term_end: date


class Newcomers(NamedTuple):
    """New clients with all that belongs to them, in any order."""

    clients: Sequence[Newcomer]
    contacts: Sequence[Person]
    subscriptions: Sequence[Product]


class Told(NamedTuple):
    """What is said of a new client: the values of its two events, and what history keeps."""

    client_id: str
    partner_id: str
    registered: bytes
    snapshot: bytes
    known: str


def tell(found: Newcomers, at: datetime) -> list[Told]:
    """Say what new clients are, in the order in which they are given."""
    contacts, subscriptions = _contacts_of(found.contacts), _subscriptions_of(found.subscriptions)
    instant = to_json(at).decode()
    return [
        _told(
            each, contacts.get(each.client_id, ()), subscriptions.get(each.client_id, ()), instant
        )
        for each in found.clients
    ]


def header_template(event: type[Event], at: datetime) -> str:
    """The headers of such an event about a new client: a JSON text, with places for id and key."""
    named: dict[str, Any] = {"client_id": UUID(_KEY), "partner_id": UUID(_KEY)}
    sample = event.model_construct(version=1, occurred_at=at, **named)
    text = to_json(headers.of_event(sample, event_id=_ID, correlation_id=_ID)).decode()
    return text.replace("%", "%%").replace(_KEY, "%(key)s").replace(_ID, "%(id)s")


def header_templates(at: datetime) -> tuple[str, str]:
    """Those of the fact and of the snapshot."""
    return header_template(ClientRegistered, at), header_template(ClientSnapshot, at)


def _told(
    client: Newcomer,
    contacts: Sequence[tuple[str, str, str]],
    subscriptions: Sequence[tuple[str, str, str]],
    instant: str,
) -> Told:
    name, host = _quoted(client.name), _quoted(client.domain)
    ids = f'"client_id":"{client.client_id}","partner_id":"{client.partner_id}"'
    common = f'{{"version":1,"occurred_at":{instant},{ids}'
    relationship = (
        f'"relationship":{{"sold":{_flag(client.sold)},"managed":{_flag(client.managed)},'
        f'"sold_on":{_day(client.sold_on)}}}'
    )
    products = f'"subscriptions":[{",".join([text for _, _, text in subscriptions])}]'
    usage = f'"app_usage":{_app_usage(client)}'
    registered = (
        f'{common},"account_id":{client.account_id},{relationship},"period":1,{products},{usage}}}'
    )
    snapshot = (
        f'{common},"record_id":{client.record_id},"account_id":{client.account_id},'
        f'"company":{{"name":{name},"domain":{host},"industry":{_quoted(client.industry)},'
        f'"country":{_quoted(client.country)},"city":{_quoted(client.city)},'
        f'"phone":{_quoted(client.phone)},"employees":{_number(client.employees)}}},'
        f'{relationship},"services":{{"active":true,"period":1,"ended_at":null}},{products},'
        f"{_tiers(client, subscriptions)},{usage},"
        f'"contacts":[{",".join([text for _, _, text in contacts])}],'
        f'"renewal_manager":{_manager(client)}}}'
    )
    known = f'{{"name":{name},"domain":{host}}}'
    return Told(client.client_id, client.partner_id, registered.encode(), snapshot.encode(), known)


def _tiers(client: Newcomer, subscriptions: Sequence[tuple[str, str, str]]) -> str:
    """Limits and use, by the rule of `Client.email_tier`."""
    limit, used = client.contacts_limit, client.emails_used or 0
    contacts, emails = "null", client.email_limit
    if limit is not None:
        tier = client.contact_tier
        contacts = f'{{"limit":{limit},"used":{client.contacts_used},"tier":{_quoted(tier)}}}'
        if emails is None:
            emails = figures.email_limit(limit, tier, [product for product, _, _ in subscriptions])
    told = "null" if emails is None else f'{{"limit":{emails},"used":{used},"tier":""}}'
    return f'"contact_tier":{contacts},"email_tier":{told}'


def _app_usage(client: Newcomer) -> str:
    if client.apps_used is None:
        return "null"
    return f'{{"apps_used":{client.apps_used},"period_end":"{client.usage_period_end}"}}'


def _manager(client: Newcomer) -> str:
    if client.manager_id is None or client.manager_email is None:
        return "null"
    return (
        f'{{"person_id":"{client.manager_id}","name":{_quoted(client.manager_name or "")},'
        f'"email":{_quoted(client.manager_email)},"role":"renewal_manager","description":""}}'
    )


def _contacts_of(contacts: Iterable[Person]) -> dict[str, list[tuple[str, str, str]]]:
    """Each client's contacts as texts, by name as `COLLATE "C"` sorts: by code points."""
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for client_id, contact_id, name, email, roles, job_title, phone in contacts:
        text = (
            f'{{"contact_id":"{contact_id}","name":{_quoted(name)},"email":{_quoted(email)},'
            f'"roles":{_roles(tuple(roles))},"job_title":{_quoted(job_title)},'
            f'"phone":{_quoted(phone)}}}'
        )
        found[client_id].append((name, contact_id, text))
    for each in found.values():
        each.sort()
    return found


def _subscriptions_of(subscriptions: Iterable[Product]) -> dict[str, list[tuple[str, str, str]]]:
    """Each client's subscriptions as texts, by product."""
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for client_id, subscription_id, product, mrr, currency, start, end in subscriptions:
        text = (
            f'{{"subscription_id":"{subscription_id}","product":{_quoted(product)},'
            f'"mrr":"{mrr}","currency":"{currency}","term_start":"{start}","term_end":"{end}"}}'
        )
        found[client_id].append((product, subscription_id, text))
    for each in found.values():
        each.sort()
    return found


@lru_cache(1000)
def _roles(roles: tuple[str, ...]) -> str:
    return to_json(roles).decode()


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _day(value: date | None) -> str:
    return "null" if value is None else f'"{value}"'


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
