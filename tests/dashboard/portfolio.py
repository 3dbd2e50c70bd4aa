"""A believable portfolio, as the owning services tell of it. Today is 15 January 2026.

Two partners: `BRIGHTWATER` (New York, dollars) with ten clients, and `NORDLICHT` (Berlin, euros)
with three, so that a test can see that nothing of the other is shown. `CLIENTS` and `RENEWALS` have
their ids by short names; `said()` is everything, `tell` hands it to the inboxes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from services.dashboard import handlers
from shared.chassis.database import Pool
from shared.contracts import clients, ids, notifications, renewals, tiers
from shared.contracts.event import Event
from tests.dashboard.people import (
    ADMIN,
    BRIGHTWATER,
    CLIENTS,
    HUB,
    KNOWN,
    LEFT,
    MANAGER,
    MEMBER,
    NORDLICHT,
    NOW,
    OTHER_ADMIN,
    OTHER_HUB,
    OTHER_USERS,
    PRO,
    RENEWALS,
    SELLER,
    STAGES,
    TEAM,
    TODAY,
    USERS,
    Due,
    Known,
    deadline_of,
    named,
)
from tests.deliver import deliver

__all__ = [
    "ADMIN",
    "BRIGHTWATER",
    "CLIENTS",
    "HUB",
    "KNOWN",
    "LEFT",
    "MANAGER",
    "MEMBER",
    "NORDLICHT",
    "NOW",
    "OTHER_ADMIN",
    "OTHER_HUB",
    "OTHER_USERS",
    "PRO",
    "RENEWALS",
    "SELLER",
    "STAGES",
    "TEAM",
    "TODAY",
    "USERS",
    "Due",
    "Known",
    "approaching",
    "client_snapshot",
    "contact_of",
    "deadline_of",
    "message",
    "message_of",
    "messages",
    "named",
    "renewals_snapshot",
    "said",
    "tell",
]


def said() -> dict[str, list[Event]]:
    """All that is told, by topic, in the order in which each topic has it."""
    state: list[Event] = [*_partners(), *map(client_snapshot, KNOWN)]
    policies: list[Event] = [*_policies(), *map(renewals_snapshot, KNOWN)]
    facts: list[Event] = [fact for each in KNOWN for fact in _facts(each)]
    return {
        clients.STATE: state,
        clients.EVENTS: facts,
        renewals.STATE: policies,
        renewals.EVENTS: [fact for each in KNOWN for fact in _renewal_facts(each)],
        notifications.EVENTS: list(messages()),
        tiers.STATE: list(_tiers()),
        tiers.EVENTS: list(_tier_facts()),
    }


async def tell(pool: Pool, events: Mapping[str, Sequence[Event]] | None = None) -> None:
    """Hand everything to the dashboard's inboxes, topic by topic."""
    told = said() if events is None else events
    for inbox in handlers.INBOXES:
        await deliver(inbox, pool, *told.get(inbox.topic, ()))


def _partners() -> Iterator[clients.PartnerSnapshot]:
    yield clients.PartnerSnapshot(
        version=6, occurred_at=NOW, partner_id=BRIGHTWATER, hub_id=HUB, name="Brightwater Digital",
        time_zone="America/New_York", users=USERS, team=TEAM,
    )  # fmt: skip
    yield clients.PartnerSnapshot(
        version=2, occurred_at=NOW, partner_id=NORDLICHT, hub_id=OTHER_HUB,
        name="Nordlicht Agentur", time_zone="Europe/Berlin", users=OTHER_USERS, team=TEAM[:1],
    )  # fmt: skip


def client_snapshot(each: Known, *, version: int = 3) -> clients.ClientSnapshot:
    return clients.ClientSnapshot(
        version=version,
        occurred_at=NOW - timedelta(days=20),
        client_id=each.id,
        partner_id=each.partner_id,
        record_id=each.record,
        account_id=7_000_000 + each.record,
        company=clients.Company(
            name=each.name, domain=each.domain, industry="Retail", country="United States",
            city="Portland", phone="+1 555 0100", employees=40 + each.record,
        ),
        relationship=clients.Relationship(
            sold=each.sold, managed=each.managed, sold_on=date(2025, 6, 2) if each.sold else None
        ),
        services=clients.Services(
            active=each.serviced, period=1,
            ended_at=None if each.serviced else NOW - timedelta(days=20),
        ),
        subscriptions=tuple(_subscriptions(each)),
        contact_tier=each.contact_tier and clients.Allowance(
            limit=each.contact_tier[0], used=each.contact_tier[1],
            tier=f"Professional {each.contact_tier[0]:,}",
        ),
        email_tier=each.contact_tier and clients.Allowance(
            limit=each.contact_tier[0] * 10, used=each.contact_tier[1] * 4
        ),
        app_usage=None if each.apps is None else clients.AppUsage(
            apps_used=each.apps, period_end=date(2025, 12, 31)
        ),
        contacts=tuple(
            clients.Contact(
                contact_id=contact_of(each, number), name=name, roles=roles,
                email=f"{name.split()[0].lower()}@{each.domain or 'prospect.example'}",
                job_title="Head of Marketing",
            )
            for number, (name, roles) in enumerate(each.contacts)
        ),
        renewal_manager=each.managed_by,
    )  # fmt: skip


def contact_of(each: Known, number: int = 0) -> UUID:
    return ids.contact_id(each.hub, each.record * 10 + number)


def _subscriptions(each: Known) -> Iterator[clients.Subscription]:
    for number, (product, (mrr, currency)) in enumerate(each.products.items()):
        yield clients.Subscription(
            subscription_id=ids.subscription_id(each.hub, each.record * 10 + number),
            product=product,
            mrr=Decimal(mrr),
            currency=currency,
            term_start=date(2025, 3, 5),
            term_end=each.due[0].starts - timedelta(days=1) if each.due else date(2026, 6, 30),
        )


def renewals_snapshot(each: Known, *, version: int = 4) -> renewals.ClientRenewalsSnapshot:
    return renewals.ClientRenewalsSnapshot(
        version=version,
        occurred_at=NOW - timedelta(days=10),
        client_id=each.id,
        partner_id=each.partner_id,
        owner=each.owner,
        stages=each.stages,
        renewals=tuple(_renewal(each, due) for due in each.due),
        owner_version=0 if each.owner.owner == "default" else 1,
        stages_version=1 if each.stages else 0,
    )


def _renewal(each: Known, due: Due) -> renewals.Renewal:
    options = tuple(
        renewals.Option(
            option_id=ids.subscription_id(each.record, number),
            name=name,
            renewal_mrr=Decimal(mrr),
            products=(_product(each, due.now, mrr),),
        )
        for number, (name, mrr) in enumerate((("Same products", due.then), ("Starter", "50.00")))
    )
    return renewals.Renewal(
        renewal_id=ids.renewal_id(each.id, due.kind, due.starts.isoformat()),
        kind=due.kind,
        status=due.status,
        renewal_start=due.starts,
        deadline=deadline_of(due.starts),
        currency=due.currency,
        current_mrr=Decimal(due.now),
        renewal_mrr=Decimal(due.then),
        products=(_product(each, due.now, due.then),),
        options=options,
        chosen_option_id=options[0].option_id if due.status in {"renewed", "confirmed"} else None,
        version=2,
    )


def _product(each: Known, now: str, then: str) -> renewals.Product:
    return renewals.Product(
        subscription_id=ids.subscription_id(each.hub, each.record * 10),
        product=next(iter(each.products), PRO),
        current_mrr=Decimal(now),
        renewal_mrr=Decimal(then),
    )


def _policies() -> Iterator[renewals.PartnerPolicySnapshot]:
    yield renewals.PartnerPolicySnapshot(
        version=3, occurred_at=NOW, partner_id=BRIGHTWATER, stages=STAGES,
        default_owner=renewals.OwnerChoice(owner="hubspot", notified_user_id=MEMBER),
        default_point_of_contact_id=MEMBER, recipient_roles=("decision_maker",),
    )  # fmt: skip
    yield renewals.PartnerPolicySnapshot(
        version=1, occurred_at=NOW, partner_id=NORDLICHT, stages=STAGES[:4], send_hour="08:30",
        default_owner=renewals.OwnerChoice(owner="partner", point_of_contact_id=OTHER_ADMIN),
        default_point_of_contact_id=OTHER_ADMIN, recipient_roles=("decision_maker",),
    )  # fmt: skip


def _facts(each: Known) -> Iterator[Event]:
    who: dict[str, UUID] = {"client_id": each.id, "partner_id": each.partner_id}
    begun = NOW - timedelta(days=300)
    told = client_snapshot(each)
    yield clients.ClientRegistered(
        version=1, occurred_at=begun, account_id=told.account_id, relationship=told.relationship,
        period=1, subscriptions=told.subscriptions[:1], app_usage=told.app_usage, **who,
    )  # fmt: skip
    for subscription in told.subscriptions[1:]:
        yield clients.SubscriptionChanged(
            version=2, occurred_at=begun + timedelta(days=30), subscription=subscription, **who
        )
    if not each.serviced:
        at = NOW - timedelta(days=20)
        yield clients.ServicesEnded(
            version=3, occurred_at=at, period=1, ended_at=at, ended_by=ADMIN, reason="moved on",
            **who,
        )  # fmt: skip


def _renewal_facts(each: Known) -> Iterator[Event]:
    for due in each.due:
        told = _renewal(each, due)
        common = {
            "client_id": each.id, "partner_id": each.partner_id, "renewal_id": told.renewal_id,
            "renewal_start": due.starts,
        }  # fmt: skip
        yield renewals.RenewalScheduled(
            version=1, occurred_at=NOW - timedelta(days=200), **common,
            **told.model_dump(include={"kind", "deadline", "currency", "current_mrr",
                                       "renewal_mrr", "products"}),
        )  # fmt: skip
        for number, stage in enumerate(due.told):
            at = NOW - timedelta(days=70 - 35 * number)
            yield approaching(
                each, due, stage, at, overtaken=("d-15",) if stage in {"d-7", "outcome"} else ()
            )
        if due.status in {"renewed", "confirmed", "cancellation_requested"}:
            yield renewals.RenewalDecided(
                version=2, occurred_at=NOW - timedelta(days=10), status=due.status,
                decided_by=MEMBER, reason="as agreed on the phone", **common,
            )  # fmt: skip


def approaching(
    each: Known, due: Due, stage: str, at: datetime, *, overtaken: tuple[str, ...] = ()
) -> renewals.RenewalDeadlineApproaching:
    told = _renewal(each, due)
    return renewals.RenewalDeadlineApproaching(
        version=1, occurred_at=at, stage=stage, due_at=at, due_until=at + timedelta(days=30),
        client_id=each.id, partner_id=each.partner_id, renewal_id=told.renewal_id,
        renewal_start=due.starts, time_zone="America/New_York",
        days_to_renewal=(due.starts - at.date()).days,
        days_to_deadline=(told.deadline - at.date()).days, superseded=overtaken,
        owner=renewals.EffectiveOwner(owner="hubspot", source="partner"),
        **told.model_dump(include={"kind", "status", "deadline", "currency", "current_mrr",
                                   "renewal_mrr", "products"}),
    )  # fmt: skip


# Short name of the change, stage, audience, what became of it and why.
_MESSAGES: Final = (
    ("orchard", "entered", "client", "sent", ""),
    ("orchard", "d-45", "client", "sent", ""),
    ("orchard", "d-45", "hubspot", "sent", ""),
    ("saffron", "entered", "partner", "sent", ""),
    ("saffron", "d-45", "partner", "in_doubt", ""),
    ("harbor", "entered", "client", "failed", "refused"),
    ("kestrel", "entered", "client", "superseded", "overtaken"),
    ("kestrel", "d-45", "client", "blocked", "contact_address_unusable"),
    ("kestrel tier", "entered", "client", "blocked", "no_contact_in_roles"),
    ("mosaic", "d-45", "client", "dropped", "decided"),
    ("opal", "entered", "client", "blocked", "contact_address_unusable"),
    ("fjord", "entered", "partner", "sent", ""),
    ("gletscher", "entered", "client", "blocked", "no_contact_in_roles"),
)


def message_of(name: str, stage: str, audience: str) -> UUID:
    return ids.deadline_event_id(RENEWALS[name], audience, stage)


def messages() -> Iterator[notifications.MessageEvent]:
    """What became of each message; those about ``kestrel`` were blocked before, too."""
    for number, (name, stage, audience, state, reason) in enumerate(_MESSAGES):
        yield message(name, stage, audience, state, reason, hours=number)


def message(
    name: str,
    stage: str,
    audience: str,
    state: str,
    reason: str = "",
    *,
    hours: int = 0,
    version: int = 2,
) -> notifications.MessageEvent:
    each, due = next((k, d) for k in KNOWN for d in k.due if d.name == name)
    at = NOW - timedelta(days=30) + timedelta(hours=hours)
    people = {"client": contact_of(each), "partner": MEMBER, "hubspot": MANAGER.person_id}
    known = {
        "version": version, "occurred_at": at, "message_id": message_of(name, stage, audience),
        "client_id": each.id, "partner_id": each.partner_id, "renewal_id": RENEWALS[name],
        "renewal_start": due.starts, "kind": due.kind, "stage": stage, "audience": audience,
        "recipient_id": None if state == "blocked" else people[audience],
        "copied_user_id": MEMBER if audience == "client" and state == "sent" else None,
        "rule": "partner:contacts_in_roles:decision_maker" if audience == "client"
        else "partner:point_of_contact" if audience == "partner" else "partner:renewal_manager",
    }  # fmt: skip
    match state:
        case "sent":
            return notifications.ReminderSent.model_validate(known | {"accepted_at": at})
        case "blocked":
            return notifications.ReminderBlocked.model_validate(known | {"reason": reason})
        case "failed":
            return notifications.ReminderFailed.model_validate(known | {"reason": reason})
        case "in_doubt":
            return notifications.ReminderInDoubt.model_validate(known)
    overtaken = state == "superseded"
    return notifications.ReminderDropped.model_validate(
        known | {"reason": reason, "superseded": overtaken}
    )


def _performance(tier: str | None, sold: str, managed: str, currency: str) -> tiers.Performance:
    return tiers.Performance(
        tier=tier, sold_mrr=Decimal(sold), managed_mrr=Decimal(managed), currency=currency,
        median_app_usage=Decimal("4.5"), certified=True, rule_set="2018-01",
    )  # fmt: skip


def _tiers() -> Iterator[tiers.PartnerTierSnapshot]:
    yield tiers.PartnerTierSnapshot(
        version=9, occurred_at=NOW, partner_id=BRIGHTWATER, credited_tier="Gold",
        credited_since=date(2025, 7, 15), next_review_on=date(2026, 7, 15),
        certified_until=date(2026, 12, 3),
        performance=_performance("Silver", "3650.00", "5990.00", "USD"),
    )  # fmt: skip
    yield tiers.PartnerTierSnapshot(
        version=1, occurred_at=NOW, partner_id=NORDLICHT,
        performance=_performance(None, "740.00", "2140.00", "EUR"),
    )  # fmt: skip


def _tier_facts() -> Iterator[tiers.TierEvent]:
    yield tiers.CertificationRecorded(
        version=1, occurred_at=NOW - timedelta(days=400), partner_id=BRIGHTWATER,
        certified_on=date(2025, 12, 3), expires_on=date(2026, 12, 3),
    )  # fmt: skip
    yield tiers.TierCredited(
        version=4, occurred_at=NOW - timedelta(days=184), partner_id=BRIGHTWATER, tier="Gold",
        previous_tier="Silver", review_on=date(2025, 7, 15), rule_set="2018-01",
    )  # fmt: skip
    yield tiers.TierPerformanceChanged(
        version=8, occurred_at=NOW - timedelta(days=6), partner_id=BRIGHTWATER,
        performance=_performance("Silver", "3650.00", "5990.00", "USD"), previous_tier="Gold",
    )  # fmt: skip
