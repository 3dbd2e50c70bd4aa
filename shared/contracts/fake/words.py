"""What is said of partners and clients: each event as its owner would say it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid5

from .. import clients, notifications, renewals, tiers
from ..event import Event, Tombstone
from .people import ACCOUNT, HUB, Client, Partner

STAGES = (("d-45", 45), ("d-15", 15), ("d-7", 7), ("d-1", 1), ("d-0", 0))


def partner_begins(one: Partner, at: datetime) -> Iterator[Event]:
    """A partner takes part, with two people and its settings."""
    about: dict[str, Any] = {"occurred_at": at, "partner_id": one.id}
    yield clients.PartnerRegistered(version=1, hub_id=one.hub, time_zone=one.zone, **about)
    yield clients.PartnerUserRegistered(version=2, user_id=one.admin, admin=True, **about)
    yield clients.PartnerUserRegistered(version=3, user_id=one.member, admin=False, **about)
    one.version, one.policy_version = 3, 1
    users = (
        (one.admin, "Ada Admin", True),
        (one.member, "Max Member", False),
    )
    yield clients.PartnerSnapshot(
        version=3,
        hub_id=one.hub,
        name=f"Partner {one.hub - HUB}",
        time_zone=one.zone,
        users=tuple(
            clients.PartnerUser(
                user_id=user,
                name=name,
                email=f"{name.split()[0].lower()}@partner{one.hub - HUB}.example",
                admin=admin,
                active=True,
            )
            for user, name, admin in users
        ),
        **about,
    )
    yield renewals.PartnerPolicySnapshot(
        version=1,
        default_owner=renewals.OwnerChoice(owner="hubspot", notified_user_id=one.member),
        default_point_of_contact_id=one.admin,
        stages=tuple(renewals.Stage(name=n, days_before_deadline=d) for n, d in STAGES),
        **about,
    )


def client_begins(one: Client, at: datetime) -> Iterator[Event]:
    """A client is known, and what of it renews."""
    one.version = 1
    yield clients.ClientRegistered(
        version=1,
        account_id=ACCOUNT + one.record,
        relationship=clients.Relationship(sold=True, managed=True),
        period=1,
        subscriptions=(_subscription(one),),
        **_about(one, at),
    )
    yield client_snapshot(one, at)
    yield from scheduled(one, at)


def client_snapshot(one: Client, at: datetime) -> Event:
    """The whole truth about a client."""
    return clients.ClientSnapshot(
        version=one.version,
        record_id=one.record,
        account_id=ACCOUNT + one.record,
        company=clients.Company(name=one.company, domain=one.domain),
        relationship=clients.Relationship(sold=True, managed=True),
        services=clients.Services(
            active=one.active, period=one.period, ended_at=None if one.active else at
        ),
        subscriptions=(_subscription(one),),
        app_usage=clients.AppUsage(apps_used=one.apps, period_end=at.date()),
        contacts=(one.contact,),
        **_about(one, at),
    )


def renewals_snapshot(one: Client, at: datetime) -> Event:
    """The whole truth about a client's contract changes."""
    one.renewals_version += 1
    return renewals.ClientRenewalsSnapshot(
        version=one.renewals_version,
        owner=renewals.OwnerChoice(owner="default"),
        renewals=(
            renewals.Renewal(
                renewal_id=one.renewal.id,
                kind="renewal",
                status=one.renewal.status,
                renewal_start=one.renewal.start,
                deadline=one.renewal.deadline,
                products=(_product(one),),
                version=one.renewal.version,
                **_mrr(one),
            ),
        ),
        **_about(one, at),
    )


def scheduled(one: Client, at: datetime) -> Iterator[Event]:
    """What renews when."""
    yield renewals.RenewalScheduled(
        **_of_renewal(one, at),
        **_mrr(one),
        kind="renewal",
        renewal_start=one.renewal.start,
        deadline=one.renewal.deadline,
        products=(_product(one),),
    )
    yield renewals_snapshot(one, at)


def moved(one: Client, days: int, at: datetime) -> Iterator[Event]:
    """The new terms start later."""
    before = one.renewal.start
    one.renewal.start += timedelta(days=days)
    one.renewal.deadline += timedelta(days=days)
    one.renewal.told.clear()
    yield renewals.RenewalMoved(
        **_of_renewal(one, at),
        previous_start=before,
        renewal_start=one.renewal.start,
        deadline=one.renewal.deadline,
    )
    yield renewals_snapshot(one, at)


def due(one: Client, stage: str, days: int, at: datetime) -> Iterator[Event]:
    """A stage has come, and somebody is told of it."""
    one.renewal.told.add(stage)
    day = one.renewal.deadline - timedelta(days=days)
    yield renewals.RenewalDeadlineApproaching(
        **_of_renewal(one, at),
        **_mrr(one),
        kind="renewal",
        status=one.renewal.status,
        stage=stage,
        due_at=at,
        due_until=at + timedelta(days=1),
        time_zone=one.partner.zone,
        renewal_start=one.renewal.start,
        deadline=one.renewal.deadline,
        days_to_renewal=(one.renewal.start - day).days,
        days_to_deadline=days,
        products=(_product(one),),
        owner=renewals.EffectiveOwner(owner="hubspot", source="partner"),
        client_version=one.version,
        partner_version=one.partner.version,
        renewals_version=one.renewals_version,
        policy_version=one.partner.policy_version,
    )
    yield notifications.ReminderSent(
        version=3,
        message_id=uuid5(one.renewal.id, f"{one.renewal.start}:{stage}"),
        renewal_id=one.renewal.id,
        renewal_start=one.renewal.start,
        kind="renewal",
        stage=stage,
        audience="client",
        recipient_id=one.contact.contact_id,
        accepted_at=at,
        **_about(one, at),
    )


def decided(one: Client, status: str, at: datetime) -> Iterator[Event]:
    """A person decides."""
    one.renewal.status = status
    yield renewals.RenewalDecided(
        **_of_renewal(one, at),
        status=status,
        renewal_start=one.renewal.start,
        decided_by=one.partner.admin,
        reason="Agreed with the client.",
    )
    yield renewals_snapshot(one, at)


def settled(one: Client, at: datetime) -> Iterator[Event]:
    """Nobody decided: it renews by itself."""
    one.renewal.status = "renewed"
    yield renewals.RenewalSettled(
        **_of_renewal(one, at),
        status="renewed",
        renewal_start=one.renewal.start,
        settled_on=one.renewal.deadline + timedelta(days=1),
    )
    yield renewals_snapshot(one, at)


def ended(one: Client, at: datetime) -> Iterator[Event]:
    """The partner no longer services the client."""
    one.active = False
    one.version += 1
    yield clients.ServicesEnded(
        version=one.version,
        period=one.period,
        ended_at=at,
        ended_by=one.partner.admin,
        reason="The client moves its marketing in-house.",
        **_about(one, at),
    )
    yield client_snapshot(one, at)
    if one.renewal.status == "pending":
        one.renewal.status = "ended"
        yield renewals.RenewalEnded(
            **_of_renewal(one, at), period=one.period, renewal_start=one.renewal.start
        )
        yield renewals_snapshot(one, at)


def resumed(one: Client, at: datetime) -> Iterator[Event]:
    """The partner services the client again."""
    one.active = True
    one.version += 1
    one.period += 1
    yield clients.ServicesResumed(
        version=one.version,
        period=one.period,
        resumed_at=at,
        resumed_by=one.partner.admin,
        **_about(one, at),
    )
    yield client_snapshot(one, at)
    if one.renewal.status == "ended" and at.date() <= one.renewal.deadline:
        one.renewal.status = "pending"
        yield renewals.RenewalReopened(
            **_of_renewal(one, at), period=one.period, renewal_start=one.renewal.start
        )
        yield renewals_snapshot(one, at)


def used(one: Client, apps: int, at: datetime) -> Iterator[Event]:
    """The client used so many apps."""
    one.version += 1
    one.apps = apps
    yield clients.AppUsageRecorded(
        version=one.version,
        app_usage=clients.AppUsage(apps_used=apps, period_end=at.date()),
        **_about(one, at),
    )
    yield client_snapshot(one, at)


def erased(one: Client, at: datetime) -> Iterator[Tombstone]:
    """Somebody asked to be forgotten."""
    for owner, version in (("clients", one.version), ("renewals", one.renewals_version)):
        yield Tombstone(
            topic=f"{owner}.state.v1",
            key=str(one.id),
            owner=owner,
            occurred_at=at,
            version=version + 1,
        )


def performed(one: Partner, mrr: Decimal, median: Decimal, at: datetime) -> Iterator[Event]:
    """Where a partner stands this week."""
    one.tier_version += 1
    figures = tiers.Performance(
        tier="Gold" if mrr > 5000 else "Silver",  # noqa: PLR2004 - a made-up rule
        sold_mrr=mrr,
        managed_mrr=mrr,
        currency="USD",
        median_app_usage=median,
        certified=True,
        rule_set="2018-01",
    )
    about: dict[str, Any] = {
        "version": one.tier_version,
        "occurred_at": at,
        "partner_id": one.id,
        "performance": figures,
    }
    yield tiers.TierPerformanceChanged(**about)
    yield tiers.PartnerTierSnapshot(
        credited_tier="Silver", credited_since=date(2026, 1, 1), **about
    )


def _about(one: Client, at: datetime) -> dict[str, Any]:
    return {"occurred_at": at, "client_id": one.id, "partner_id": one.partner.id}


def _of_renewal(one: Client, at: datetime) -> dict[str, Any]:
    one.renewal.version += 1
    return _about(one, at) | {"version": one.renewal.version, "renewal_id": one.renewal.id}


def _mrr(one: Client) -> dict[str, Any]:
    return {"currency": "USD", "current_mrr": one.mrr, "renewal_mrr": one.mrr * Decimal("1.05")}


def _product(one: Client) -> renewals.Product:
    return renewals.Product(
        subscription_id=one.subscription,
        product=one.product,
        current_mrr=one.mrr,
        renewal_mrr=one.mrr * Decimal("1.05"),
    )


def _subscription(one: Client) -> clients.Subscription:
    return clients.Subscription(
        subscription_id=one.subscription,
        product=one.product,
        mrr=one.mrr,
        currency="USD",
        term_start=one.renewal.start - timedelta(days=365),
        term_end=one.renewal.start - timedelta(days=1),
    )
