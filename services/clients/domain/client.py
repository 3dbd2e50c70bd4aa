"""A client of a partner: what it is, what may be done with it, and what follows."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, TypeAlias
from uuid import UUID

from pydantic import Field

from services.clients.domain import figures
from services.clients.domain.change import Change, Recorder, plain
from services.clients.domain.refused import Refused
from shared.contracts.clients import (
    Allowance,
    AllowancesRecorded,
    AppUsage,
    AppUsageRecorded,
    ClientContactsChanged,
    ClientEvent,
    ClientRegistered,
    ClientRelationshipChanged,
    ClientSnapshot,
    Company,
    Contact,
    HubSpotPerson,
    Relationship,
    Services,
    ServicesEnded,
    ServicesResumed,
    Subscription,
    SubscriptionChanged,
    SubscriptionRemoved,
)
from shared.contracts.event import Data

MOST_CONTACTS: Final = 500  # so that a snapshot always fits into a Kafka record
MOST_SUBSCRIPTIONS: Final = 200
LONGEST_REASON: Final = 2000


class EmailUse(Data):
    """E-mail sends of a client in the month."""

    limit: int | None = Field(None, ge=0, description="None: it follows from the contacts limit.")
    used: int = Field(0, ge=0)


class Client(Data):
    """A company that is a HubSpot customer, seen by one partner."""

    client_id: UUID
    partner_id: UUID
    record_id: int
    account_id: int
    version: int = 0
    company: Company
    relationship: Relationship
    services: Services = Services(active=True, period=1)
    subscriptions: tuple[Subscription, ...] = ()
    contact_tier: Allowance | None = None
    email_use: EmailUse | None = None
    app_usage: AppUsage | None = None
    contacts: tuple[Contact, ...] = ()
    renewal_manager: HubSpotPerson | None = None

    @property
    def email_tier(self) -> Allowance | None:
        """The e-mail limit that was given, else the one that follows from the contacts limit."""
        use = self.email_use or EmailUse(limit=None)
        if use.limit is not None:
            return Allowance(limit=use.limit, used=use.used)
        if self.contact_tier is None:
            return None
        products = [subscription.product for subscription in self.subscriptions]
        tier = self.contact_tier
        limit = figures.email_limit(tier.limit, tier.tier, products)
        return Allowance(limit=limit, used=use.used)

    def snapshot(self, at: datetime) -> ClientSnapshot:
        """The whole truth about the client, for everybody else."""
        return ClientSnapshot(
            version=self.version,
            occurred_at=at,
            client_id=self.client_id,
            partner_id=self.partner_id,
            record_id=self.record_id,
            account_id=self.account_id,
            company=self.company,
            relationship=self.relationship,
            services=self.services,
            subscriptions=self.subscriptions,
            contact_tier=self.contact_tier,
            email_tier=self.email_tier,
            app_usage=self.app_usage,
            contacts=self.contacts,
            renewal_manager=self.renewal_manager,
        )


Changes: TypeAlias = list[Change[ClientEvent]]
Decision: TypeAlias = tuple[Client, Changes]


def _recorder(client: Client, at: datetime) -> Recorder[ClientEvent]:
    return Recorder(client.version, at, client_id=client.client_id, partner_id=client.partner_id)


def register(client: Client, at: datetime) -> Decision:
    """Know a client for the first time: one fact says all that there is."""
    fact = ClientRegistered(
        version=1,
        occurred_at=at,
        client_id=client.client_id,
        partner_id=client.partner_id,
        account_id=client.account_id,
        relationship=client.relationship,
        period=client.services.period,
        subscriptions=client.subscriptions,
        app_usage=client.app_usage,
    )
    known = {"name": client.company.name, "domain": client.company.domain}
    return _at(client, 1), [Change(1, "ClientRegistered", None, known, fact)]


def compare(before: Client, after: Client, at: datetime) -> Decision:
    """Work out what changed between two states, services aside, in a fixed order.

    Names, addresses and the renewal manager change the version and the history, yet have no
    fact: they are in the snapshot alone.
    """
    recorder = _recorder(before, at)
    if before.company != after.company or before.account_id != after.account_id:
        old = plain(before.company) | {"account_id": before.account_id}
        new = plain(after.company) | {"account_id": after.account_id}
        recorder.note("CompanyChanged", old, new)
    if before.relationship != after.relationship:
        recorder.note(
            "ClientRelationshipChanged",
            before.relationship,
            after.relationship,
            ClientRelationshipChanged,
            relationship=after.relationship,
        )
    if before.renewal_manager != after.renewal_manager:
        recorder.note("RenewalManagerChanged", before.renewal_manager, after.renewal_manager)
    _compare_contacts(recorder, before, after)
    _compare_subscriptions(recorder, before, after)
    _compare_use(recorder, before, after)
    return _at(after, recorder.version), recorder.changes


def _compare_contacts(recorder: Recorder[ClientEvent], before: Client, after: Client) -> None:
    old = {contact.contact_id: contact for contact in before.contacts}
    new = {contact.contact_id: contact for contact in after.contacts}
    if old == new:
        return
    recorder.note(
        "ClientContactsChanged",
        [contact for key, contact in old.items() if new.get(key) != contact],
        [contact for key, contact in new.items() if old.get(key) != contact],
        ClientContactsChanged,
        contact_ids=tuple(new),
    )


def _compare_subscriptions(recorder: Recorder[ClientEvent], before: Client, after: Client) -> None:
    old = {each.subscription_id: each for each in before.subscriptions}
    new = {each.subscription_id: each for each in after.subscriptions}
    for key, gone in old.items():
        if key not in new:
            recorder.note("SubscriptionRemoved", gone, None, SubscriptionRemoved, subscription=gone)
    for key, each in new.items():
        was = old.get(key)
        if was != each:
            recorder.note(
                "SubscriptionChanged",
                was,
                each,
                SubscriptionChanged,
                subscription=each,
                previous=was,
            )


def _compare_use(recorder: Recorder[ClientEvent], before: Client, after: Client) -> None:
    old = {"contact_tier": before.contact_tier, "email_tier": before.email_tier}
    new = {"contact_tier": after.contact_tier, "email_tier": after.email_tier}
    if old != new:
        recorder.note("AllowancesRecorded", old, new, AllowancesRecorded, **new)
    elif before.email_use != after.email_use:
        recorder.note("EmailLimitSet", before.email_use, after.email_use)
    if before.app_usage != after.app_usage and after.app_usage is not None:
        recorder.note(
            "AppUsageRecorded",
            before.app_usage,
            after.app_usage,
            AppUsageRecorded,
            app_usage=after.app_usage,
        )


def end_services(client: Client, by: UUID, reason: str, at: datetime) -> Decision:
    """Say that the partner no longer services the client: once in a period.

    Where services have ended already nothing changes. Raises Refused without a reason.
    """
    said = reason.strip()
    if not said or len(said) > LONGEST_REASON:
        raise Refused("reason", f"why services end, in 1 to {LONGEST_REASON} characters", reason)
    if not client.services.active:
        return client, []
    period = client.services.period
    ended = Services(active=False, period=period, ended_at=at)
    recorder = _recorder(client, at)
    recorder.note(
        "ServicesEnded",
        client.services,
        plain(ended) | {"reason": said},
        ServicesEnded,
        period=period,
        ended_at=at,
        ended_by=by,
        reason=said,
    )
    return _at(client, recorder.version, services=ended), recorder.changes


def resume_services(client: Client, by: UUID, at: datetime) -> Decision:
    """Service the client again: a new period, which no event of an old one can end."""
    if client.services.active:
        return client, []
    resumed = Services(active=True, period=client.services.period + 1)
    recorder = _recorder(client, at)
    recorder.note(
        "ServicesResumed",
        client.services,
        resumed,
        ServicesResumed,
        period=resumed.period,
        resumed_at=at,
        resumed_by=by,
    )
    return _at(client, recorder.version, services=resumed), recorder.changes


def set_relationship(
    client: Client, relationship: Relationship, today: date, at: datetime
) -> Decision:
    """Say how the partner came to the client and what it does there."""
    if not (relationship.sold or relationship.managed):
        raise Refused("managed", "true, unless the client was sold: a client is one or both", False)
    if relationship.sold_on is not None:
        if not relationship.sold:
            raise Refused("sold_on", "null, unless the client was sold", relationship.sold_on)
        if relationship.sold_on > today:
            reason = f"a day that has come; today is {today} in the partner's time zone"
            raise Refused("sold_on", reason, relationship.sold_on)
    return _changed(client, at, relationship=relationship)


def add_contact(client: Client, contact: Contact, at: datetime) -> Decision:
    """Add a person of the client. Raises Refused where it is known already."""
    if any(each.contact_id == contact.contact_id for each in client.contacts):
        reason = "a contact that the client does not have yet; this one can be replaced"
        raise Refused("record_id", reason, status=409)
    if len(client.contacts) >= MOST_CONTACTS:
        raise Refused("record_id", f"at most {MOST_CONTACTS} contacts of a client", status=409)
    return _changed(client, at, contacts=(*client.contacts, contact))


def replace_contact(client: Client, contact: Contact, at: datetime) -> Decision | None:
    """Say anew who a person of the client is; None where the client has no such contact."""
    kept = [each for each in client.contacts if each.contact_id != contact.contact_id]
    if len(kept) == len(client.contacts):
        return None
    return _changed(client, at, contacts=(*kept, contact))


def remove_contact(client: Client, contact_id: UUID, at: datetime) -> Decision | None:
    """Forget a person of the client; None where the client has no such contact."""
    kept = tuple(each for each in client.contacts if each.contact_id != contact_id)
    if len(kept) == len(client.contacts):
        return None
    return _changed(client, at, contacts=kept)


def add_subscription(client: Client, subscription: Subscription, at: datetime) -> Decision:
    """Add a product that the client has. Raises Refused where it is known already."""
    _check_term(subscription)
    if any(s.subscription_id == subscription.subscription_id for s in client.subscriptions):
        reason = "a subscription that the client does not have yet; this one can be replaced"
        raise Refused("record_id", reason, status=409)
    if len(client.subscriptions) >= MOST_SUBSCRIPTIONS:
        reason = f"at most {MOST_SUBSCRIPTIONS} subscriptions of a client"
        raise Refused("record_id", reason, status=409)
    return _changed(client, at, subscriptions=(*client.subscriptions, subscription))


def replace_subscription(
    client: Client, subscription: Subscription, at: datetime
) -> Decision | None:
    """Change product, price or term; None where the client has no such subscription."""
    _check_term(subscription)
    kept = _others(client.subscriptions, subscription.subscription_id)
    if len(kept) == len(client.subscriptions):
        return None
    return _changed(client, at, subscriptions=(*kept, subscription))


def remove_subscription(client: Client, subscription_id: UUID, at: datetime) -> Decision | None:
    """Take a product away from the client; None where it has no such subscription."""
    kept = _others(client.subscriptions, subscription_id)
    if len(kept) == len(client.subscriptions):
        return None
    return _changed(client, at, subscriptions=kept)


def record_allowances(
    client: Client, contact_tier: Allowance | None, email_use: EmailUse | None, at: datetime
) -> Decision:
    """Say limits and use anew, of contacts and of e-mail sends."""
    return _changed(client, at, contact_tier=contact_tier, email_use=email_use)


def record_app_usage(client: Client, app_usage: AppUsage, at: datetime) -> Decision:
    """Say how many apps were used. Raises Refused for a period before the one that is known."""
    known = client.app_usage
    if known is not None and app_usage.period_end < known.period_end:
        reason = f"{known.period_end} or later: that period is recorded already"
        raise Refused("period_end", reason, app_usage.period_end, status=409)
    return _changed(client, at, app_usage=app_usage)


def _check_term(subscription: Subscription) -> None:
    if subscription.term_end < subscription.term_start:
        reason = f"{subscription.term_start} or later: the term's last day"
        raise Refused("term_end", reason, subscription.term_end)


def _others(subscriptions: Iterable[Subscription], but: UUID) -> tuple[Subscription, ...]:
    return tuple(each for each in subscriptions if each.subscription_id != but)


def _changed(client: Client, at: datetime, **parts: object) -> Decision:
    return compare(client, client.model_copy(update=parts), at)


def _at(client: Client, version: int, **parts: object) -> Client:
    if client.version == version and not parts:
        return client
    return client.model_copy(update={"version": version, **parts})
