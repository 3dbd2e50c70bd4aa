"""What callers of the renewals service are told, and what they may ask for."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.renewals.domain import Client, Partner, Renewal
from services.renewals.domain.choices import DefaultOwner
from services.renewals.domain.policies import is_upcoming, owner_of
from services.renewals.domain.stages import Told, days_before_deadline
from services.renewals.store.clients import Change
from shared.chassis.http import Command, View
from shared.contracts.renewals import EffectiveOwner, Option, OwnerChoice, Product, SendHour

StageName = Annotated[
    str,
    Field(
        max_length=20,
        description="'entered', 'd-N' (N days before the deadline) or 'outcome'.",
        examples=["d-15"],
    ),
]
Signed = Annotated[
    Decimal,
    Field(description="An amount with its sign, as a decimal string.", examples=["-20.00"]),
]
UserId = Annotated[
    UUID | None, Field(description="An active user of the partner.", examples=[None])
]


class ClientRef(View):
    """Which client."""

    client_id: UUID
    name: str
    domain: str
    serviced: bool = Field(description="Whether the partner services it now.")


class OwnerView(View):
    """Who relays the change, and where that is set."""

    effective: EffectiveOwner
    inherited: bool = Field(description="It follows the partner's default setting.")


class RenewalView(View):
    """A contract change in a list."""

    renewal_id: UUID
    client: ClientRef
    kind: str = Field(examples=["renewal"])
    status: str = Field(examples=["pending"])
    upcoming: bool = Field(description="It is one of the renewals to act on.")
    renewal_start: date
    deadline: date = Field(description="The last day on which terms can be altered; still open.")
    days_to_renewal: int
    days_to_deadline: int = Field(description="0 on the day itself.")
    time_zone: str = Field(description="The partner's, in which the days are counted.")
    currency: str
    current_mrr: Annotated[Decimal, Field(examples=["100.00"])]
    renewal_mrr: Annotated[Decimal, Field(examples=["120.00"])]
    mrr_change: Signed
    products: list[Product]
    owner: OwnerView
    version: int

    @classmethod
    def fields_of(
        cls, renewal: Renewal, client: Client, partner: Partner, now: datetime
    ) -> dict[str, Any]:
        """All fields of a contract change."""
        today = partner.today(now)
        return {
            "renewal_id": renewal.renewal_id,
            "client": ClientRef(
                client_id=client.client_id,
                name=client.name,
                domain=client.domain,
                serviced=client.services.active,
            ),
            "kind": renewal.kind,
            "status": renewal.status,
            "upcoming": is_upcoming(renewal, client, today),
            "renewal_start": renewal.starts,
            "deadline": renewal.deadline,
            "days_to_renewal": (renewal.starts - today).days,
            "days_to_deadline": (renewal.deadline - today).days,
            "time_zone": partner.time_zone,
            "currency": renewal.currency,
            "current_mrr": renewal.current_mrr,
            "renewal_mrr": renewal.renewal_mrr,
            "mrr_change": renewal.renewal_mrr - renewal.current_mrr,
            "products": list(renewal.products),
            "owner": OwnerView(
                effective=owner_of(client, partner), inherited=client.owner.owner == "default"
            ),
            "version": renewal.version,
        }


class StageView(View):
    """A stage of a contract change."""

    stage: str
    days_before_deadline: int | None
    due_at: datetime
    due_until: datetime = Field(description="From here on another stage stands for it.")
    state: str = Field(
        description="fired, superseded (overtaken by a later one), skipped (switched on after "
        "its day), due, coming, or not_needed (it is decided)."
    )
    at: datetime | None = Field(None, description="When that became so.")

    @classmethod
    def of(cls, told: Told) -> "StageView":
        """A stage with what became of it."""
        return cls(
            stage=told.due.stage,
            days_before_deadline=days_before_deadline(told.due.stage),
            due_at=told.due.due_at,
            due_until=told.due.due_until,
            state=told.state,
            at=told.at,
        )


class RenewalDetail(RenewalView):
    """A contract change with its options, its stages and its decision."""

    options: list[Option]
    chosen_option_id: UUID | None
    decided_by: UUID | None = Field(description="None where nobody decided.")
    decided_at: datetime | None
    reason: str
    stages: list[StageView]

    @classmethod
    def of(
        cls,
        renewal: Renewal,
        client: Client,
        partner: Partner,
        stages: Iterable[Told],
        now: datetime,
    ) -> "RenewalDetail":
        """A contract change, whole."""
        return cls(
            **cls.fields_of(renewal, client, partner, now),
            options=list(renewal.options),
            chosen_option_id=renewal.chosen_option_id,
            decided_by=renewal.decided_by,
            decided_at=renewal.decided_at,
            reason=renewal.reason,
            stages=[StageView.of(told) for told in stages],
        )


class UpcomingCount(View):
    """The number in Alerts: as many as there are rows with `upcoming=true`."""

    upcoming: int
    today: date
    time_zone: str


class Decision(Command):
    """What was decided."""

    status: Literal["renewed", "confirmed", "cancellation_requested"] = Field(
        description="A renewal is renewed; an upgrade or an overage is confirmed.",
        examples=["renewed"],
    )
    option_id: UUID | None = Field(None, description="The chosen option.", examples=[None])
    reason: str = Field(
        "", max_length=1000, description="Why; no personal data.", examples=["agreed by phone"]
    )


class ChosenOwner(Command):
    """A client's renewal owner."""

    owner: Literal["default", "hubspot", "partner"] = Field(examples=["hubspot"])
    notified_user_id: UserId = None
    point_of_contact_id: UserId = None

    @property
    def choice(self) -> OwnerChoice:
        """As the contract has it."""
        return OwnerChoice(
            owner=self.owner,
            notified_user_id=self.notified_user_id,
            point_of_contact_id=self.point_of_contact_id,
        )


class ClientOwner(View):
    """What is set for a client, and what follows from it now."""

    client_id: UUID
    choice: OwnerChoice
    effective: EffectiveOwner
    inherited: bool
    version: int

    @classmethod
    def of(cls, client: Client, partner: Partner) -> "ClientOwner":
        """The owner of a client."""
        return cls(
            client_id=client.client_id,
            choice=client.owner,
            effective=owner_of(client, partner),
            inherited=client.owner.owner == "default",
            version=client.owner_version,
        )


class ChosenDefault(Command):
    """A partner's default renewal owner, and how its clients are told."""

    owner: Literal["hubspot", "partner"] = Field(examples=["hubspot"])
    notified_user_id: UserId = None
    point_of_contact_id: UserId = None
    default_point_of_contact_id: UserId = None
    recipient_roles: list[str] = Field(
        ["decision_maker"],
        min_length=1,
        max_length=20,
        description="Roles of the client's contacts that HubSpot writes to.",
    )
    tell_renewal_manager: bool = Field(
        True, description="HubSpot's renewal manager gets a message of their own."
    )

    @property
    def wanted(self) -> DefaultOwner:
        """As the domain has it."""
        return DefaultOwner(
            choice=OwnerChoice(
                owner=self.owner,
                notified_user_id=self.notified_user_id,
                point_of_contact_id=self.point_of_contact_id,
            ),
            point_of_contact_id=self.default_point_of_contact_id,
            recipient_roles=tuple(self.recipient_roles),
            tell_renewal_manager=self.tell_renewal_manager,
        )


class DefaultOwnerView(View):
    """A partner's default renewal owner, and how its clients are told."""

    owner: str
    notified_user_id: UUID | None
    point_of_contact_id: UUID | None
    default_point_of_contact_id: UUID | None
    recipient_roles: list[str]
    tell_renewal_manager: bool
    source: str = Field(description="factory, until the partner sets it; then partner.")
    version: int

    @classmethod
    def of(cls, partner: Partner) -> "DefaultOwnerView":
        """The default of a partner."""
        owner = partner.default.owner
        return cls(
            owner=owner.owner,
            notified_user_id=owner.notified_user_id,
            point_of_contact_id=owner.point_of_contact_id,
            default_point_of_contact_id=partner.default.point_of_contact_id,
            recipient_roles=list(partner.recipient_roles),
            tell_renewal_manager=partner.tell_renewal_manager,
            source="partner" if partner.default.choice else "factory",
            version=partner.policy_version,
        )


class Effect(View):
    """What another default would do."""

    moves: int = Field(description="Clients that inherit, and would get another owner.")
    leaves: int = Field(description="Clients that stay as they are.")


class ChosenStages(Command):
    """When a partner's people and clients are told."""

    stages: list[StageName] = Field(max_length=100, examples=[["entered", "d-15", "d-0"]])
    send_hour: SendHour


class StagesView(View):
    """When a partner's people and clients are told."""

    stages: list[str]
    send_hour: str
    time_zone: str
    version: int

    @classmethod
    def of(cls, partner: Partner) -> "StagesView":
        """The stages of a partner."""
        return cls(
            stages=list(partner.stages),
            send_hour=partner.send_hour,
            time_zone=partner.time_zone,
            version=partner.policy_version,
        )


class ChosenClientStages(Command):
    """A client's own stages."""

    stages: list[StageName] | None = Field(
        max_length=100, description="null: the partner's.", examples=[["d-45", "d-7"]]
    )


class ClientStages(View):
    """A client's own stages, and those that hold."""

    client_id: UUID
    stages: list[str] | None = Field(description="null: the partner's.")
    effective: list[str]
    send_hour: str
    version: int

    @classmethod
    def of(cls, client: Client, partner: Partner) -> "ClientStages":
        """The stages of a client."""
        return cls(
            client_id=client.client_id,
            stages=None if client.stages is None else list(client.stages),
            effective=list(partner.stages if client.stages is None else client.stages),
            send_hour=partner.send_hour,
            version=client.stages_version,
        )


class ChangeView(View):
    """Who changed a setting, from what to what."""

    change_id: int
    actor: UUID | None = Field(description="null: an import.")
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]

    @classmethod
    def of(cls, change: Change) -> "ChangeView":
        """A change of a setting."""
        return cls(
            change_id=change.change_id,
            actor=change.actor,
            at=change.at,
            before=dict(change.before),
            after=dict(change.after),
        )
