"""What the clients service says: partners, their clients, and when services end."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from .event import (
    ClientId,
    Currency,
    Data,
    Event,
    Money,
    PartnerId,
    Snapshot,
    TimeZone,
    UserId,
)

EVENTS = "clients.events.v1"
STATE = "clients.state.v1"


class Subscription(Data):
    """A product that a client has with HubSpot, for one term."""

    subscription_id: UUID = Field(description="The subscription, by its CRM record.")
    product: str = Field(description="Its name.", examples=["Marketing Hub Professional"])
    mrr: Money = Field(description="Monthly recurring revenue, as a decimal string.")
    currency: Currency
    term_start: date = Field(description="First day of the current term.")
    term_end: date = Field(description="Last day of the current term.")


class Allowance(Data):
    """A limit and how much of it is used: contacts in a tier, or e-mail sends in a month."""

    limit: int = Field(ge=0, description="How many the tier allows.")
    used: int = Field(ge=0, description="How many are used; may exceed the limit.")
    tier: str = Field(default="", description="The tier's name, such as 'Professional 10,000'.")


class AppUsage(Data):
    """How many of HubSpot's 17 countable apps the client used in a period."""

    apps_used: int = Field(ge=0, le=17, description="Number of apps used.")
    period_end: date = Field(description="Last day of the period that was counted.")


class Relationship(Data):
    """How the partner came to the client and what it does there: sold, managed or both."""

    sold: bool = Field(description="The partner sold to the client.")
    managed: bool = Field(description="The partner works for the client.")
    sold_on: date | None = Field(
        default=None, description="The day of the sale, where there was one."
    )


class Services(Data):
    """Whether the partner services the client. Each time is a period, counted from 1."""

    active: bool = Field(description="Whether the partner services the client now.")
    period: Annotated[int, Field(ge=1)] = Field(description="The present, or the last, period.")
    ended_at: AwareDatetime | None = Field(default=None, description="None while services go on.")


class Contact(Data):
    """A person of the client."""

    contact_id: UUID = Field(description="The contact, by its CRM record.")
    name: str = Field(description="Full name.")
    email: str = Field(description="Address, as the CRM holds it.")
    roles: tuple[str, ...] = Field(
        default=(), description="Among others decision_maker, primary, billing."
    )
    job_title: str = Field(default="", description="Empty where unknown.")
    phone: str = Field(default="", description="Empty where unknown.")


class HubSpotPerson(Data):
    """A person of HubSpot who looks after a partner or a client."""

    person_id: UUID = Field(description="The person, by the work address.")
    name: str = Field(description="Full name.")
    email: str = Field(description="Work address.")
    role: str = Field(
        description="Such as channel_account_manager, channel_consultant, renewal_manager."
    )
    description: str = Field(default="", description="How the person supports the partner.")


class PartnerUser(Data):
    """A person of the partner."""

    user_id: UserId
    name: str = Field(description="Full name.")
    email: str = Field(description="Address.")
    admin: bool = Field(description="May change the partner's settings and end services.")
    active: bool = Field(description="False: deactivated, and told nothing.")


class Company(Data):
    """The client's company information, as the partner's CRM holds it."""

    name: str = Field(description="The company's name.")
    domain: str = Field(description="Its web domain; may be empty.")
    industry: str = Field(default="", description="Empty where unknown.")
    country: str = Field(default="", description="Empty where unknown.")
    city: str = Field(default="", description="Empty where unknown.")
    phone: str = Field(default="", description="Empty where unknown.")
    employees: int | None = Field(
        default=None, description="Number of employees; None where unknown."
    )


class PartnerSnapshot(Snapshot):
    """A partner with its people and its HubSpot team."""

    TOPIC, TYPE, KEY, SUBJECT = STATE, "clients.PartnerSnapshot.v1", "partner_id", "partner_id"

    partner_id: PartnerId
    hub_id: int = Field(description="The partner's HubSpot account (Hub ID).")
    name: str = Field(description="The partner's name.")
    time_zone: TimeZone
    users: tuple[PartnerUser, ...] = Field(default=(), description="Its people, active or not.")
    team: tuple[HubSpotPerson, ...] = Field(default=(), description="HubSpot's people for it.")


class ClientSnapshot(Snapshot):
    """A client with all that others need of it."""

    TOPIC, TYPE = STATE, "clients.ClientSnapshot.v1"

    client_id: ClientId
    partner_id: PartnerId
    record_id: int = Field(description="Record ID of the company in the partner's CRM.")
    account_id: int = Field(
        description="HubSpot account (Hub ID) of the customer, the same for every partner."
    )
    company: Company = Field(description="What the CRM says of the company.")
    relationship: Relationship = Field(description="How the partner came to it, and what it does.")
    services: Services = Field(description="Whether the partner services it.")
    subscriptions: tuple[Subscription, ...] = Field(default=(), description="All that it has now.")
    contact_tier: Allowance | None = Field(default=None, description="None where unknown.")
    email_tier: Allowance | None = Field(
        default=None, description="Sends a month; None where unknown."
    )
    app_usage: AppUsage | None = Field(default=None, description="Of the last counted period.")
    contacts: tuple[Contact, ...] = Field(default=(), description="Its persons.")
    renewal_manager: HubSpotPerson | None = Field(
        default=None, description="HubSpot's person for its renewals; None where there is none."
    )


class PartnerEvent(Event):
    """A fact about a partner."""

    TOPIC, KEY, SUBJECT = EVENTS, "partner_id", "partner_id"

    partner_id: PartnerId


class PartnerRegistered(PartnerEvent):
    """A partner takes part."""

    TYPE = "clients.PartnerRegistered.v1"

    hub_id: int = Field(description="The partner's HubSpot account (Hub ID).")
    time_zone: TimeZone


class PartnerTimeZoneChanged(PartnerEvent):
    """The partner's days begin at another instant from now on."""

    TYPE = "clients.PartnerTimeZoneChanged.v1"

    time_zone: TimeZone


class PartnerUserRegistered(PartnerEvent):
    """A person may act for the partner."""

    TYPE = "clients.PartnerUserRegistered.v1"

    user_id: UserId
    admin: bool = Field(description="May change the partner's settings and end services.")


class PartnerUserDeactivated(PartnerEvent):
    """A person no longer acts for the partner and may no longer be told anything."""

    TYPE = "clients.PartnerUserDeactivated.v1"

    user_id: UserId


class PartnerUserReactivated(PartnerEvent):
    """A person acts for the partner again."""

    TYPE = "clients.PartnerUserReactivated.v1"

    user_id: UserId


class HubSpotTeamChanged(PartnerEvent):
    """Other people of HubSpot look after the partner, or in other roles."""

    TYPE = "clients.HubSpotTeamChanged.v1"

    person_ids: tuple[UUID, ...] = Field(description="All of the team now; who, is in the state.")


class ClientEvent(Event):
    """A fact about a client of a partner."""

    TOPIC = EVENTS

    client_id: ClientId
    partner_id: PartnerId


class ClientRegistered(ClientEvent):
    """A client is known for the first time, with what it has at that moment."""

    TYPE = "clients.ClientRegistered.v1"

    account_id: int = Field(
        description="HubSpot account (Hub ID) of the customer, the same for every partner."
    )
    relationship: Relationship = Field(description="How the partner came to it, and what it does.")
    period: int = Field(ge=1, description="Which of the times that the partner services it.")
    subscriptions: tuple[Subscription, ...] = Field(default=(), description="All that it has now.")
    app_usage: AppUsage | None = Field(default=None, description="Of the last counted period.")


class ClientRelationshipChanged(ClientEvent):
    """The partner sold to the client, manages it, or no longer does one of them."""

    TYPE = "clients.ClientRelationshipChanged.v1"

    relationship: Relationship = Field(description="What the partner is to the client now.")


class ClientContactsChanged(ClientEvent):
    """Other persons of the client, other roles or other addresses. Who they are is in the state."""

    TYPE = "clients.ClientContactsChanged.v1"

    contact_ids: tuple[UUID, ...] = Field(description="All contacts of the client now.")


class SubscriptionChanged(ClientEvent):
    """A subscription began, or its product, price or term changed."""

    TYPE = "clients.SubscriptionChanged.v1"

    subscription: Subscription = Field(description="As it is now.")
    previous: Subscription | None = Field(default=None, description="None where it is new.")


class SubscriptionRemoved(ClientEvent):
    """A subscription no longer exists."""

    TYPE = "clients.SubscriptionRemoved.v1"

    subscription: Subscription = Field(description="As it was last.")


class AllowancesRecorded(ClientEvent):
    """Limits or use of contacts and e-mail sends changed."""

    TYPE = "clients.AllowancesRecorded.v1"

    contact_tier: Allowance | None = Field(default=None, description="None where unknown.")
    email_tier: Allowance | None = Field(
        default=None, description="Sends a month; None where unknown."
    )


class AppUsageRecorded(ClientEvent):
    """How many apps the client used in a period."""

    TYPE = "clients.AppUsageRecorded.v1"

    app_usage: AppUsage = Field(description="Of the period that was counted last.")


class ServicesEnded(ClientEvent):
    """The partner no longer services the client.

    From here on nobody of the partner is told about the client's contract changes.
    """

    TYPE = "clients.ServicesEnded.v1"

    period: int = Field(ge=1, description="Which of the times that the partner serviced it.")
    ended_at: AwareDatetime = Field(description="When the user ended them.")
    ended_by: UUID = Field(description="The partner's user who ended them.")
    reason: str = Field(description="Why, in the user's words; no personal data.")


class ServicesResumed(ClientEvent):
    """The partner services the client again: a new period begins."""

    TYPE = "clients.ServicesResumed.v1"

    period: int = Field(ge=2, description="The new period.")
    resumed_at: AwareDatetime = Field(description="When the user resumed them.")
    resumed_by: UUID = Field(description="The partner's user who resumed them.")
