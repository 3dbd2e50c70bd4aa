"""What belongs to a client: contacts, subscriptions, relationship, limits and use."""

from uuid import UUID

from services.clients import domain, store
from services.clients.api.answers import ClientDetails
from services.clients.api.asking import Answers, AsAdmin, AsMember
from services.clients.api.orders import (
    AllowancesOrder,
    AppUsageOrder,
    ContactOrder,
    NewContactOrder,
    NewSubscriptionOrder,
    RelationshipOrder,
    SubscriptionOrder,
)
from shared.chassis.http import IfMatch, Router
from shared.contracts import ids
from shared.contracts.clients import Allowance, AppUsage, Contact, Relationship, Subscription

router = Router(tags=["clients"])


@router.post("/clients/{client_id}/contacts", status_code=201)
async def add_contact(
    client_id: UUID, order: NewContactOrder, act: AsMember, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Add a person of the client, by the contact's record in the partner's CRM."""
    client = await act.hold(client_id, version)
    contact = _contact(ids.contact_id(answers.hub_id, order.record_id), order)
    decision = domain.add_contact(client, contact, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.put("/clients/{client_id}/contacts/{contact_id}")
async def replace_contact(
    client_id: UUID,
    contact_id: UUID,
    order: ContactOrder,
    act: AsMember,
    version: IfMatch,
    answers: Answers,
) -> ClientDetails:
    """Say anew who a person of the client is and what roles it has."""
    client = await act.hold(client_id, version)
    decision = domain.replace_contact(client, _contact(contact_id, order), act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.delete("/clients/{client_id}/contacts/{contact_id}")
async def remove_contact(
    client_id: UUID, contact_id: UUID, act: AsMember, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Forget a person of the client."""
    client = await act.hold(client_id, version)
    decision = domain.remove_contact(client, contact_id, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.post("/clients/{client_id}/subscriptions", status_code=201)
async def add_subscription(
    client_id: UUID, order: NewSubscriptionOrder, act: AsAdmin, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Add a product that the client has, by the subscription's record in the partner's CRM."""
    client = await act.hold(client_id, version)
    added = _subscription(ids.subscription_id(answers.hub_id, order.record_id), order)
    decision = domain.add_subscription(client, added, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.put("/clients/{client_id}/subscriptions/{subscription_id}")
async def replace_subscription(
    client_id: UUID,
    subscription_id: UUID,
    order: SubscriptionOrder,
    act: AsAdmin,
    version: IfMatch,
    answers: Answers,
) -> ClientDetails:
    """Change product, price or term; renewals follow a term that moves."""
    client = await act.hold(client_id, version)
    changed = _subscription(subscription_id, order)
    decision = domain.replace_subscription(client, changed, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.delete("/clients/{client_id}/subscriptions/{subscription_id}")
async def remove_subscription(
    client_id: UUID, subscription_id: UUID, act: AsAdmin, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Take a product away from the client."""
    client = await act.hold(client_id, version)
    decision = domain.remove_subscription(client, subscription_id, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.put("/clients/{client_id}/relationship")
async def set_relationship(
    client_id: UUID, order: RelationshipOrder, act: AsAdmin, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Say how the partner came to the client and what it does there."""
    client = await act.hold(client_id, version)
    zone = await store.find_time_zone(act.tx, client.partner_id)
    relationship = Relationship(sold=order.sold, managed=order.managed, sold_on=order.sold_on)
    today = act.clock.today(zone)
    decision = domain.set_relationship(client, relationship, today, act.clock.now())
    return answers.details(await act.keep(client, decision))


@router.put("/clients/{client_id}/allowances")
async def record_allowances(
    client_id: UUID, order: AllowancesOrder, act: AsMember, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Say limits and use anew, of contacts and of e-mail sends."""
    client = await act.hold(client_id, version)
    tier, use = order.contact_tier, order.email_use
    decision = domain.record_allowances(
        client,
        Allowance(limit=tier.limit, used=tier.used, tier=tier.tier) if tier else None,
        domain.EmailUse(limit=use.limit, used=use.used) if use else None,
        act.clock.now(),
    )
    return answers.details(await act.keep(client, decision))


@router.put("/clients/{client_id}/app-usage")
async def record_app_usage(
    client_id: UUID, order: AppUsageOrder, act: AsMember, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Say how many apps the client used in a period; an older period is refused (409)."""
    client = await act.hold(client_id, version)
    usage = AppUsage(apps_used=order.apps_used, period_end=order.period_end)
    decision = domain.record_app_usage(client, usage, act.clock.now())
    return answers.details(await act.keep(client, decision))


def _contact(contact_id: UUID, order: ContactOrder) -> Contact:
    return Contact(
        contact_id=contact_id,
        name=order.name,
        email=order.email,
        roles=tuple(sorted(set(order.roles))),
        job_title=order.job_title,
        phone=order.phone,
    )


def _subscription(subscription_id: UUID, order: SubscriptionOrder) -> Subscription:
    return Subscription(
        subscription_id=subscription_id,
        product=order.product,
        mrr=order.mrr,
        currency=order.currency,
        term_start=order.term_start,
        term_end=order.term_end,
    )
