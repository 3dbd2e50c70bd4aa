"""What the clients service says: partners, their clients, and when services end."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.event import Currency, Data, Event, Money, Snapshot

EVENTS = "clients.events.v1"
STATE = "clients.state.v1"


class Subscription(Data):
    """A product that a client has with HubSpot, for one term."""

    subscription_id: UUID
    product: str
    mrr: Money
    currency: Currency
    term_start: date = Field(description="First day of the current term.")
    term_end: date = Field(description="Last day of the current term.")


class Allowance(Data):
    """A limit and how much of it is used: contacts in a tier, or e-mail sends in a month."""

    limit: int = Field(ge=0)
    used: int = Field(ge=0)
    tier: str = Field("", description="The tier's name, such as 'Professional 10,000'.")


class AppUsage(Data):
    """How many of HubSpot's 17 countable apps the client used in a period."""

    apps_used: int = Field(ge=0, le=17)
    period_end: date = Field(description="Last day of the period that was counted.")


class Relationship(Data):
    """How the partner came to the client and what it does there: sold, managed or both."""

    sold: bool
    managed: bool
    sold_on: date | None = Field(None, description="The day of the sale, where there was one.")


class Services(Data):
    """Whether the partner services the client. Each time is a period, counted from 1."""

    active: bool
    period: Annotated[int, Field(ge=1)]
    ended_at: AwareDatetime | None = None


class Contact(Data):
    """A person of the client."""

    contact_id: UUID
    name: str
    email: str
    roles: tuple[str, ...] = Field((), description="Among others decision_maker, primary, billing.")
    job_title: str = ""
    phone: str = ""


class HubSpotPerson(Data):
    """A person of HubSpot who looks after a partner or a client."""

    person_id: UUID
    name: str
    email: str
    role: str = Field(
        description="Such as channel_account_manager, channel_consultant, renewal_manager."
    )
    description: str = Field("", description="How the person supports the partner.")


class PartnerUser(Data):
    """A person of the partner."""

    user_id: UUID
    name: str
    email: str
    admin: bool
    active: bool


class Company(Data):
    """The client's company information, as the partner's CRM holds it."""

    name: str
    domain: str
    industry: str = ""
    country: str = ""
    city: str = ""
    phone: str = ""
    employees: int | None = None


class PartnerSnapshot(Snapshot):
    """A partner with its people and its HubSpot team."""

    TOPIC, TYPE, KEY, SUBJECT = STATE, "clients.PartnerSnapshot.v1", "partner_id", "partner_id"

    partner_id: UUID
    hub_id: int
    name: str
    time_zone: str = Field(description="IANA name; every 'today' of the partner is taken in it.")
    users: tuple[PartnerUser, ...] = ()
    team: tuple[HubSpotPerson, ...] = ()


class ClientSnapshot(Snapshot):
    """A client with all that others need of it."""

    TOPIC, TYPE = STATE, "clients.ClientSnapshot.v1"

    client_id: UUID
    partner_id: UUID
    record_id: int = Field(description="Record ID of the company in the partner's CRM.")
    account_id: int = Field(
        description="HubSpot account (Hub ID) of the customer, the same for every partner."
    )
    company: Company
    relationship: Relationship
    services: Services
    subscriptions: tuple[Subscription, ...] = ()
    contact_tier: Allowance | None = None
    email_tier: Allowance | None = None
    app_usage: AppUsage | None = None
    contacts: tuple[Contact, ...] = ()
    renewal_manager: HubSpotPerson | None = None


class PartnerEvent(Event):
    """A fact about a partner."""

    TOPIC, KEY, SUBJECT = EVENTS, "partner_id", "partner_id"

    partner_id: UUID


class PartnerRegistered(PartnerEvent):
    """A partner takes part."""

    TYPE = "clients.PartnerRegistered.v1"

    hub_id: int
    time_zone: str


class PartnerTimeZoneChanged(PartnerEvent):
    """The partner's days begin at another instant from now on."""

    TYPE = "clients.PartnerTimeZoneChanged.v1"

    time_zone: str


class PartnerUserRegistered(PartnerEvent):
    """A person may act for the partner."""

    TYPE = "clients.PartnerUserRegistered.v1"

    user_id: UUID
    admin: bool


class PartnerUserDeactivated(PartnerEvent):
    """A person no longer acts for the partner and may no longer be told anything."""

    TYPE = "clients.PartnerUserDeactivated.v1"

    user_id: UUID


class PartnerUserReactivated(PartnerEvent):
    """A person acts for the partner again."""

    TYPE = "clients.PartnerUserReactivated.v1"

    user_id: UUID


class HubSpotTeamChanged(PartnerEvent):
    """Other people of HubSpot look after the partner, or in other roles."""

    TYPE = "clients.HubSpotTeamChanged.v1"

    person_ids: tuple[UUID, ...]


class ClientEvent(Event):
    """A fact about a client of a partner."""

    TOPIC = EVENTS

    client_id: UUID
    partner_id: UUID


class ClientRegistered(ClientEvent):
    """A client is known for the first time, with what it has at that moment."""

    TYPE = "clients.ClientRegistered.v1"

    account_id: int
    relationship: Relationship
    period: int = Field(ge=1)
    subscriptions: tuple[Subscription, ...] = ()
    app_usage: AppUsage | None = None


class ClientRelationshipChanged(ClientEvent):
    """The partner sold to the client, manages it, or no longer does one of them."""

    TYPE = "clients.ClientRelationshipChanged.v1"

    relationship: Relationship


class ClientContactsChanged(ClientEvent):
    """Other persons of the client, other roles or other addresses. Who they are is in the state."""

    TYPE = "clients.ClientContactsChanged.v1"

    contact_ids: tuple[UUID, ...]


class SubscriptionChanged(ClientEvent):
    """A subscription began, or its product, price or term changed."""

    TYPE = "clients.SubscriptionChanged.v1"

    subscription: Subscription
    previous: Subscription | None = None


class SubscriptionRemoved(ClientEvent):
    """A subscription no longer exists."""

    TYPE = "clients.SubscriptionRemoved.v1"

    subscription: Subscription


class AllowancesRecorded(ClientEvent):
    """Limits or use of contacts and e-mail sends changed."""

    TYPE = "clients.AllowancesRecorded.v1"

    contact_tier: Allowance | None = None
    email_tier: Allowance | None = None


class AppUsageRecorded(ClientEvent):
    """How many apps the client used in a period."""

    TYPE = "clients.AppUsageRecorded.v1"

    app_usage: AppUsage


class ServicesEnded(ClientEvent):
    """The partner no longer services the client.

    From here on nobody of the partner is told about the client's contract changes.
    """

    TYPE = "clients.ServicesEnded.v1"

    period: int = Field(ge=1, description="Which of the times that the partner serviced it.")
    ended_at: AwareDatetime
    ended_by: UUID = Field(description="The partner's user who ended them.")
    reason: str


class ServicesResumed(ClientEvent):
    """The partner services the client again: a new period begins."""

    TYPE = "clients.ServicesResumed.v1"

    period: int = Field(ge=2)
    resumed_at: AwareDatetime
    resumed_by: UUID
