"""What the renewals service says: what renews when, who owns the communication, each stage."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from . import ids
from .event import (
    ClientId,
    Currency,
    Data,
    Event,
    Money,
    PartnerId,
    Snapshot,
    TimeZone,
)

EVENTS = "renewals.events.v1"
STATE = "renewals.state.v1"

RenewalStart = Annotated[
    date, Field(description="First day of the new terms.", examples=["2026-03-05"])
]
Deadline = Annotated[
    date,
    Field(
        description="Last day on which terms can be altered; still open then.",
        examples=["2026-01-19"],
    ),
]
CurrentMrr = Annotated[
    Money, Field(description="Monthly recurring revenue now, as a decimal string.")
]
RenewalMrr = Annotated[
    Money, Field(description="Monthly recurring revenue in the new term, as a decimal string.")
]
SendHour = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="When messages go out: local time in the partner's zone, HH:MM.",
        examples=["09:00"],
    ),
]


class Product(Data):
    """A product that needs the decision, with what it costs now and after."""

    subscription_id: UUID | None = Field(
        default=None, description="None where there is no record of it."
    )
    product: str = Field(description="Its name.", examples=["Marketing Hub Professional"])
    current_mrr: CurrentMrr
    renewal_mrr: RenewalMrr


class Option(Data):
    """A choice that the client has for the new term."""

    option_id: UUID = Field(description="The option.")
    name: str = Field(description="How it is called on the quote.")
    renewal_mrr: RenewalMrr
    products: tuple[Product, ...] = Field(default=(), description="What stands for decision.")


class Stage(Data):
    """A point before the deadline at which somebody is told."""

    name: str = Field(description="'entered', 'd-45' … 'd-0', or 'outcome'.")
    days_before_deadline: int | None = Field(
        default=None, description="None for 'entered' (the horizon); -1 for 'outcome'."
    )


class OwnerChoice(Data):
    """What a client's page or a partner's settings say about the renewal owner."""

    owner: Literal["default", "hubspot", "partner"] = Field(
        description="Who relays contract changes; 'default' follows the partner's setting."
    )
    notified_user_id: UUID | None = Field(
        default=None, description="With HubSpot as owner: the partner's user who gets a copy."
    )
    point_of_contact_id: UUID | None = Field(
        default=None, description="With the partner as owner: the partner's user who is told."
    )


class EffectiveOwner(Data):
    """Who relays the change, at the moment this was said; asked again when a message is sent."""

    owner: Literal["hubspot", "partner"] = Field(description="Who relays the change.")
    source: str = Field(description="client, partner, factory or services_ended.")
    notified_user_id: UUID | None = Field(
        default=None, description="With HubSpot as owner: the partner's user who gets a copy."
    )
    point_of_contact_id: UUID | None = Field(
        default=None, description="With the partner as owner: the partner's user who is told."
    )


class Renewal(Data):
    """A contract change of a client: what, when, what it costs, and where it stands."""

    renewal_id: UUID = Field(description="Stays when the start moves.")
    kind: str = Field(description="renewal, contact_tier_upgrade or email_overage.")
    status: str = Field(description="pending, confirmed, renewed, cancellation_requested or ended.")
    renewal_start: RenewalStart
    deadline: Deadline
    currency: Currency
    current_mrr: CurrentMrr
    renewal_mrr: RenewalMrr
    products: tuple[Product, ...] = Field(default=(), description="What stands for decision.")
    options: tuple[Option, ...] = Field(default=(), description="What the client may choose from.")
    chosen_option_id: UUID | None = Field(default=None, description="None while nothing is chosen.")
    version: int = Field(
        default=0,
        ge=0,
        description="The renewal's own version, as its events carry it; 0 is unsaid.",
    )


class PartnerPolicySnapshot(Snapshot):
    """A partner's settings for renewals."""

    TOPIC = STATE
    TYPE, KEY, SUBJECT = "renewals.PartnerPolicySnapshot.v1", "partner_id", "partner_id"

    partner_id: PartnerId
    default_owner: OwnerChoice = Field(description="Its owner is never 'default'.")
    default_point_of_contact_id: UUID | None = Field(
        default=None, description="Who is told where a client's point of contact no longer can be."
    )
    recipient_roles: tuple[str, ...] = Field(
        default=("decision_maker",),
        description="Roles of the client's contacts that HubSpot writes to.",
    )
    tell_renewal_manager: bool = Field(
        default=True, description="HubSpot's renewal manager gets a message too."
    )
    send_hour: SendHour = "09:00"
    stages: tuple[Stage, ...] = Field(
        default=(), description="When somebody is told, earliest first."
    )


class ClientRenewalsSnapshot(Snapshot):
    """All contract changes of a client, and what is set for that client alone."""

    TOPIC, TYPE = STATE, "renewals.ClientRenewalsSnapshot.v1"

    client_id: ClientId
    partner_id: PartnerId
    owner: OwnerChoice = Field(description="What is chosen for this client.")
    stages: tuple[Stage, ...] | None = Field(
        default=None, description="None: the partner's stages."
    )
    renewals: tuple[Renewal, ...] = Field(default=(), description="All of them, by their start.")
    owner_version: int = Field(
        default=0,
        ge=0,
        description="How often the owner was set for this client; 0: never, or unsaid.",
    )
    stages_version: int = Field(
        default=0,
        ge=0,
        description="How often the stages were set for this client; 0: never, or unsaid.",
    )


class RenewalEvent(Event):
    """A fact about one contract change of a client."""

    TOPIC, SUBJECT = EVENTS, "renewal_id"

    renewal_id: UUID = Field(description="The contract change; stays when the start moves.")
    client_id: ClientId
    partner_id: PartnerId


class RenewalScheduled(RenewalEvent):
    """A contract change is known for the first time."""

    TYPE = "renewals.RenewalScheduled.v1"

    kind: str = Field(description="renewal, contact_tier_upgrade or email_overage.")
    renewal_start: RenewalStart
    deadline: Deadline
    currency: Currency
    current_mrr: CurrentMrr
    renewal_mrr: RenewalMrr
    products: tuple[Product, ...] = Field(default=(), description="What stands for decision.")


class RenewalMoved(RenewalEvent):
    """The new terms start on another day: every stage counts anew."""

    TYPE = "renewals.RenewalMoved.v1"

    previous_start: date = Field(description="First day of the new terms until now.")
    renewal_start: RenewalStart
    deadline: Deadline


class RenewalTermsChanged(RenewalEvent):
    """Other products, prices or options stand for decision."""

    TYPE = "renewals.RenewalTermsChanged.v1"

    currency: Currency
    current_mrr: CurrentMrr
    renewal_mrr: RenewalMrr
    products: tuple[Product, ...] = Field(default=(), description="What stands for decision.")
    options: tuple[Option, ...] = Field(default=(), description="What the client may choose from.")


class RenewalWithdrawn(RenewalEvent):
    """There is nothing left to decide: its subscriptions are gone or renew on another day."""

    TYPE = "renewals.RenewalWithdrawn.v1"

    renewal_start: RenewalStart


class RenewalDeadlineApproaching(RenewalEvent):
    """A stage before the deadline (or the outcome on the day after it) is due.

    One event per renewal, renewal start and stage; its id follows from the three.
    It is due from ``due_at`` until ``due_until``, when the next stage takes its place.
    """

    TYPE = "renewals.RenewalDeadlineApproaching.v1"

    kind: str = Field(description="renewal, contact_tier_upgrade or email_overage.")
    status: str = Field(description="pending, confirmed, renewed, cancellation_requested or ended.")
    stage: str = Field(description="'entered', 'd-45' … 'd-0', or 'outcome'.")
    due_at: AwareDatetime = Field(description="The stage's date at the partner's send hour.")
    due_until: AwareDatetime = Field(description="From here on the next stage stands for it.")
    time_zone: TimeZone
    renewal_start: RenewalStart
    deadline: Deadline
    days_to_renewal: int = Field(description="Calendar days from today to the renewal start.")
    days_to_deadline: int = Field(description="Calendar days from today; 0 on the day itself.")
    superseded: tuple[str, ...] = Field(
        default=(), description="Stages that this one overtook; they are not sent any more."
    )
    currency: Currency
    current_mrr: CurrentMrr
    renewal_mrr: RenewalMrr
    products: tuple[Product, ...] = Field(default=(), description="What stands for decision.")
    owner: EffectiveOwner = Field(description="Who relays the change, by the policy of that time.")
    client_version: int = Field(
        default=0, description="Version of the client's snapshot that this was decided on."
    )
    partner_version: int = Field(default=0, description="The same for the partner's snapshot.")
    renewals_version: int = Field(
        default=0, description="The same for the client's renewals snapshot."
    )
    policy_version: int = Field(
        default=0, description="The same for the partner's policy snapshot."
    )

    def event_id(self) -> UUID:
        return ids.deadline_event_id(self.renewal_id, self.renewal_start.isoformat(), self.stage)


class RenewalDecided(RenewalEvent):
    """A person decided: renewed, confirmed or cancellation_requested."""

    TYPE = "renewals.RenewalDecided.v1"

    status: str = Field(description="renewed, confirmed or cancellation_requested.")
    renewal_start: RenewalStart
    decided_by: UUID = Field(description="The partner's user who decided.")
    option_id: UUID | None = Field(default=None, description="The option that was chosen, if any.")
    reason: str = Field(default="", description="Why, in the user's words; no personal data.")


class RenewalSettled(RenewalEvent):
    """Nobody decided until the deadline: it renews by itself on its present terms."""

    TYPE = "renewals.RenewalSettled.v1"

    status: str = Field(description="renewed.")
    renewal_start: RenewalStart
    settled_on: date = Field(description="The day after the deadline, in the partner's zone.")


class RenewalEnded(RenewalEvent):
    """Nothing for the partner to decide any more: it no longer services the client."""

    TYPE = "renewals.RenewalEnded.v1"

    period: int = Field(ge=1, description="The period of services that ended.")
    renewal_start: RenewalStart


class RenewalReopened(RenewalEvent):
    """The partner services the client again in time to decide."""

    TYPE = "renewals.RenewalReopened.v1"

    period: int = Field(ge=2, description="The period of services that began.")
    renewal_start: RenewalStart


class RenewalOwnerChanged(Event):
    """Another party relays the changes of this client, or another person of it."""

    TOPIC, TYPE = EVENTS, "renewals.RenewalOwnerChanged.v1"

    client_id: ClientId
    partner_id: PartnerId
    owner: OwnerChoice = Field(description="What is chosen from now on.")
    previous: OwnerChoice = Field(description="What was chosen until now.")
    changed_by: UUID | None = Field(default=None, description="None where an import said so.")


class DefaultRenewalOwnerChanged(Event):
    """The partner's default moved: with it every client that inherits it."""

    TOPIC, TYPE = EVENTS, "renewals.DefaultRenewalOwnerChanged.v1"
    KEY, SUBJECT = "partner_id", "partner_id"

    partner_id: PartnerId
    owner: OwnerChoice = Field(description="What is chosen from now on.")
    previous: OwnerChoice = Field(description="What was chosen until now.")
    changed_by: UUID | None = Field(default=None, description="None where an import said so.")


class StagesChanged(Event):
    """The partner is told at other stages, or at another hour."""

    TOPIC, TYPE = EVENTS, "renewals.StagesChanged.v1"
    KEY, SUBJECT = "partner_id", "partner_id"

    partner_id: PartnerId
    stages: tuple[Stage, ...] = Field(description="When somebody is told, earliest first.")
    send_hour: SendHour
    changed_by: UUID | None = Field(default=None, description="None where an import said so.")
