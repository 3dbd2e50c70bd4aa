"""What holds for a partner and for a client: zone, owner, stages, services."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.renewals.domain import dates, owners, stages
from services.renewals.domain.kinds import Kind
from services.renewals.domain.renewals import Renewal, published
from services.renewals.domain.stages import Names, Plan
from shared.contracts.renewals import (
    ClientRenewalsSnapshot,
    EffectiveOwner,
    OwnerChoice,
    PartnerPolicySnapshot,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A partner as it is known here, and its settings. Version 0: only its id is known yet."""

    partner_id: UUID
    partner_version: int = 0
    time_zone: str = "UTC"
    policy_version: int = 0
    default: owners.Default = owners.NOT_SET
    recipient_roles: tuple[str, ...] = ("decision_maker",)
    tell_renewal_manager: bool = True
    send_hour: str = stages.DEFAULT_SEND_HOUR
    stages: Names = stages.FACTORY

    def today(self, now: datetime) -> date:
        """The partner's calendar day at an instant."""
        return dates.today_in(self.time_zone, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Whether the partner services the client, and in which period.

    Periods count from 1, and each ends once: so of two reports the later one is known without
    asking which came first.
    """

    active: bool = True
    period: int = 1

    def or_later(self, other: "Services") -> "Services":
        """The later of two reports."""
        mine, others = (self.period, not self.active), (other.period, not other.active)
        return other if others > mine else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as it is known here, and what is set for it alone."""

    client_id: UUID
    partner_id: UUID
    client_version: int = 0
    services: Services = Services()
    name: str = ""
    domain: str = ""
    owner: OwnerChoice = owners.INHERITED
    owner_version: int = 0
    stages: Names | None = None
    stages_version: int = 0
    renewals_version: int = 0


def plan_of(renewal: Renewal, partner: Partner, client: Client) -> Plan:
    """Every stage of a renewal with its window."""
    chosen = stages.of_kind(renewal.kind, partner.stages, client.stages)
    return stages.plan(renewal.kind, renewal.starts, partner.time_zone, partner.send_hour, chosen)


def armed(
    renewal: Renewal, partner: Partner, client: Client, dealt_with: Collection[str]
) -> Renewal:
    """The renewal with its next stage, after those dealt with for its present start.

    None while the partner's zone is not known: nobody is told early.
    """
    due: tuple[str | None, datetime | None] = (None, None)
    if partner.partner_version:
        plan = plan_of(renewal, partner, client)
        if not renewal.settled_by_itself:  # nobody decided: what was missed is still to be noted
            plan = stages.to_come(plan, renewal.status)
        due = stages.arm(plan, dealt_with)
    return replace(renewal, next_stage=due[0], next_stage_at=due[1])


def owner_of(client: Client, partner: Partner) -> EffectiveOwner:
    """Who relays the client's changes now."""
    return owners.effective(client.owner, partner.default, serviced=client.services.active)


def policy_snapshot(partner: Partner, at: datetime) -> PartnerPolicySnapshot:
    """The partner's settings as others see them."""
    return PartnerPolicySnapshot(
        version=partner.policy_version,
        occurred_at=at,
        partner_id=partner.partner_id,
        default_owner=partner.default.owner,
        default_point_of_contact_id=partner.default.point_of_contact_id,
        recipient_roles=partner.recipient_roles,
        tell_renewal_manager=partner.tell_renewal_manager,
        send_hour=partner.send_hour,
        stages=stages.described(partner.stages),
    )


def renewals_snapshot(
    client: Client, renewals: Sequence[Renewal], at: datetime
) -> ClientRenewalsSnapshot:
    """The client's contract changes as others see them, by their start."""
    shown = sorted(
        (r for r in renewals if r.status != "withdrawn"),
        key=lambda r: (r.starts, r.kind, r.renewal_id),
    )
    return ClientRenewalsSnapshot(
        version=client.renewals_version,
        occurred_at=at,
        client_id=client.client_id,
        partner_id=client.partner_id,
        owner=client.owner,
        stages=None if client.stages is None else stages.described(client.stages),
        renewals=tuple(map(published, shown)),
        owner_version=client.owner_version,
        stages_version=client.stages_version,
    )


def is_upcoming(renewal: Renewal, client: Client, today: date) -> bool:
    """Whether it is one of the "renewals to act on"."""
    return dates.is_upcoming(
        serviced=client.services.active,
        status=renewal.status,
        start=renewal.starts,
        last_day=renewal.deadline,
        today=today,
    )


def restaged(
    renewal: Renewal,
    before: tuple[Partner, Client],
    after: tuple[Partner, Client],
    dealt_with: Collection[str],
    now: datetime,
) -> tuple[Renewal, tuple[stages.Due, ...]]:
    """The renewal under other stages, and which of the new ones come too late for it.

    None does while an outage still holds a message back: that one says the latest stage.
    """
    late: tuple[stages.Due, ...] = ()
    owing = renewal.next_stage_at is not None and renewal.next_stage_at <= now
    if renewal.kind is Kind.RENEWAL and before[0].partner_version and not owing:
        old, new = plan_of(renewal, *before), plan_of(renewal, *after)
        late = tuple(
            due for due in stages.switched_on_late(old, new, now) if due.stage not in dealt_with
        )
    done = {*dealt_with, *(due.stage for due in late)}
    return armed(renewal, *after, done), late
