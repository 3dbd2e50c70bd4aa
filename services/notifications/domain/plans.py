"""What an event makes to be told: a notice, what it needs to know, and the stages it overtook."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from pydantic_core import to_json

from services.notifications.domain.messages import (
    ENDED,
    ENDED_FOR,
    Notice,
    ends_as,
    ends_at,
    notice_id,
)
from shared.contracts.clients import ServicesEnded
from shared.contracts.renewals import RenewalDeadlineApproaching


@dataclass(frozen=True, slots=True)
class Needed:
    """How new the replica has to be: the versions that the event was decided on."""

    client: int = 0
    partner: int = 0
    renewals: int = 0
    policy: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A notice to be kept, with the stages that it overtook. ``terms`` is JSON, without names."""

    notice: Notice
    client_id: UUID
    partner_id: UUID
    deadline: date | None
    ends_at: datetime
    ends_as: str
    terms: str
    needed: Needed
    superseded: tuple[Notice, ...] = ()


TERMS = {
    "status",
    "time_zone",
    "days_to_renewal",
    "days_to_deadline",
    "currency",
    "current_mrr",
    "renewal_mrr",
    "products",
    "owner",
}


def plan_stage(event: RenewalDeadlineApproaching) -> Plan:
    """What a stage that is due makes to be told."""
    return Plan(
        notice=_notice(event, event.stage, event.due_until),
        client_id=event.client_id,
        partner_id=event.partner_id,
        deadline=event.deadline,
        ends_at=ends_at(
            event.stage, event.due_until, event.deadline, event.renewal_start, event.time_zone
        ),
        ends_as=ends_as(event.stage, event.due_until, event.deadline, event.time_zone),
        terms=event.model_dump_json(include=TERMS),
        needed=Needed(
            event.client_version,
            event.partner_version,
            event.renewals_version,
            event.policy_version,
        ),
        superseded=tuple(_notice(event, stage, event.due_at) for stage in event.superseded),
    )


def _notice(event: RenewalDeadlineApproaching, stage: str, due_until: datetime) -> Notice:
    occasion = event.renewal_start.isoformat()
    return Notice(
        notice_id=notice_id(event.renewal_id, occasion, stage),
        kind=event.kind,
        stage=stage,
        subject_id=event.renewal_id,
        occasion=occasion,
        due_at=event.due_at,
        due_until=due_until,
        starts=event.renewal_start,
    )


def plan_end(event: ServicesEnded) -> Plan:
    """HubSpot's people are told that services ended; who they are is in the snapshots."""
    occasion = f"period-{event.period}"
    until = event.ended_at + ENDED_FOR
    terms = {"ended_at": event.ended_at, "ended_by": event.ended_by, "reason": event.reason}
    return Plan(
        notice=Notice(
            notice_id=notice_id(event.client_id, occasion, ENDED),
            kind=ENDED,
            stage=ENDED,
            subject_id=event.client_id,
            occasion=occasion,
            due_at=event.ended_at,
            due_until=until,
            period=event.period,
        ),
        client_id=event.client_id,
        partner_id=event.partner_id,
        deadline=None,
        ends_at=until,
        ends_as="told_too_late",
        terms=to_json(terms).decode(),
        needed=Needed(client=event.version, partner=1),
    )
