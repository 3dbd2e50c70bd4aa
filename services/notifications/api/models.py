"""What is told about messages."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from services.notifications import domain
from services.notifications.store.reading import Chain, Row
from shared.chassis.http import View


class PersonView(View):
    """Somebody who is told."""

    person_id: UUID = Field(description="Contact, partner user or person of HubSpot.")
    name: str | None = Field(description="As it is known now; null where it no longer is.")
    address: str | None = Field(
        description="Where the message went; kept for a while, then erased.",
        examples=["pat@example.com"],
    )


class MessageView(View):
    """A message, from plan to outcome."""

    message_id: UUID
    client_id: UUID
    client_name: str | None = Field(examples=["Acme"])
    client_domain: str | None = Field(examples=["acme.example"])
    renewal_id: UUID | None = Field(description="Null for a message about ended services.")
    renewal_start: date | None = Field(examples=["2026-03-05"])
    kind: str = Field(examples=["renewal"])
    stage: str = Field(examples=["d-15"])
    audience: str | None = Field(
        description="client, partner or hubspot; null until it is first looked at.",
        examples=["client"],
    )
    recipient: PersonView | None
    copied: PersonView | None
    state: str = Field(
        description="planned, claimed, handed_over, deferred, accepted, rejected, unknown, "
        "blocked, dropped or superseded.",
        examples=["accepted"],
    )
    reason: str | None = Field(examples=["no_contact_in_roles"])
    explanation: str | None = Field(description="The reason in a sentence.")
    attempts: int
    in_doubt: bool = Field(description="Whether an attempt had no answer.")
    due_at: datetime
    ends_at: datetime = Field(description="From here on it is too late to send it.")
    planned_at: datetime
    settled_at: datetime | None
    version: int


class AttemptView(View):
    """One time that a message was handed to the mail relay."""

    number: int
    handed_over_at: datetime
    finished_at: datetime | None
    outcome: str | None = Field(
        description="accepted, deferred, rejected, unknown or not_sent; null while awaited.",
        examples=["accepted"],
    )
    code: int | None = Field(examples=[250])
    answer: str | None = Field(examples=["250 OK"])


class StepView(View):
    """Something that happened to a message besides attempts."""

    at: datetime
    what: str = Field(description="blocked, mended or sent_again.", examples=["blocked"])
    reason: str
    by_user: UUID | None


class OtherView(View):
    """Another message of the same stage."""

    message_id: UUID
    audience: str | None
    state: str
    reason: str | None


class NoticeView(View):
    """The event that a message follows from."""

    due_at: datetime
    due_until: datetime
    starts: date | None
    deadline: date | None
    overtaken_by: str | None = Field(description="The stage that was due before this was told.")
    said: dict[str, Any] = Field(description="What the event said: money, products, days, owner.")


class PolicyView(View):
    """Who relays the change and by which rule the recipient was found."""

    owner: str | None = Field(examples=["hubspot"])
    owner_source: str | None = Field(
        description="client, partner, factory or services_ended.", examples=["partner"]
    )
    rule: str = Field(examples=["partner:contacts_in_roles:decision_maker"])


class StoryView(View):
    """The whole answer to why somebody was told, or was not."""

    message: MessageView
    event: NoticeView
    policy: PolicyView
    waiting_for: list[str] = Field(description="What has to arrive here before it can be sent.")
    attempts: list[AttemptView]
    steps: list[StepView]
    others: list[OtherView]
    because: list[str] = Field(description="The chain from event to outcome, in sentences.")


class CountView(View):
    """How many messages are alike."""

    state: str
    stage: str
    audience: str | None
    kind: str
    reason: str | None
    messages: int


class SummaryView(View):
    """How many messages there are."""

    total: int
    by_state: dict[str, int]
    counts: list[CountView]


class BlockedView(View):
    """A message without a valid recipient, and what would mend it."""

    message: MessageView
    mend: str = Field(description="What to do; the message then goes out by itself.")


class ChangeView(View):
    """A contract change of the client, as it is known now."""

    renewal_id: UUID
    kind: str
    status: str
    renewal_start: date
    deadline: date | None
    days_to_deadline: int | None = Field(description="From the day that was asked about.")


class WhyView(View):
    """What was told about a client around a day, and why."""

    client_id: UUID
    client_name: str
    day: date
    time_zone: str
    serviced: bool
    changes: list[ChangeView]
    messages: list[StoryView] = Field(
        description="Messages whose stage was current, tried or ended on that day."
    )
    due_that_day: list[UUID] = Field(description="Those whose stage became due on that very day.")
    nothing_due: str | None = Field(description="Why there is none, where there is none.")


def _person(row: Row, key: str, address: str, names: Mapping[UUID, str]) -> PersonView | None:
    if row[key] is None:
        return None
    return PersonView(person_id=row[key], name=names.get(row[key]), address=row[address])


def message_view(row: Row, names: Mapping[UUID, str]) -> MessageView:
    """A message of the ledger."""
    change = row["kind"] != domain.ENDED
    return MessageView(
        message_id=row["message_id"],
        client_id=row["client_id"],
        client_name=row["client_name"],
        client_domain=row["client_domain"],
        renewal_id=row["subject_id"] if change else None,
        renewal_start=date.fromisoformat(row["occasion"]) if change else None,
        kind=row["kind"],
        stage=row["stage"],
        audience=row["audience"],
        recipient=_person(row, "recipient_id", "address", names),
        copied=_person(row, "copied_user_id", "copied_address", names),
        state=row["state"],
        reason=row["reason"],
        explanation=domain.because(row["reason"]) if row["reason"] else None,
        attempts=row["attempts"],
        in_doubt=row["doubted"],
        due_at=row["due_at"],
        ends_at=row["ends_at"],
        planned_at=row["planned_at"],
        settled_at=row["settled_at"],
        version=row["version"],
    )


def story_view(chain: Chain, names: Mapping[UUID, str]) -> StoryView:
    """A message with all that led to where it stands."""
    row, notice = chain.message, chain.notice
    waiting = waiting_for(row, notice)
    told = domain.Explained(
        row["kind"],
        row["stage"],
        row["state"],
        row["reason"],
        row["owner"],
        row["owner_source"],
        row["rule"],
        tuple(waiting),
    )
    return StoryView(
        message=message_view(row, names),
        event=NoticeView(
            due_at=notice["due_at"],
            due_until=notice["due_until"],
            starts=notice["starts"],
            deadline=notice["deadline"],
            overtaken_by=notice["overtaken_by"],
            said=json.loads(notice["terms"]),
        ),
        policy=PolicyView(owner=row["owner"], owner_source=row["owner_source"], rule=row["rule"]),
        waiting_for=waiting,
        attempts=[_attempt(each) for each in chain.attempts],
        steps=[
            StepView(at=e["at"], what=e["what"], reason=e["reason"], by_user=e["by_user"])
            for e in chain.steps
        ],
        others=[
            OtherView(
                message_id=e["message_id"],
                audience=e["audience"],
                state=e["state"],
                reason=e["reason"],
            )
            for e in chain.siblings
        ],
        because=domain.explain(told),
    )


def _attempt(row: Row) -> AttemptView:
    return AttemptView(
        number=row["number"],
        handed_over_at=row["handed_over_at"],
        finished_at=row["finished_at"],
        outcome=row["outcome"],
        code=row["code"],
        answer=row["answer"],
    )


def waiting_for(row: Row, notice: Row) -> list[str]:
    """What the event was decided on and has not arrived here."""
    if row["ready"] or row["state"] != domain.State.PLANNED:
        return []
    return [
        f"version {notice[f'{name}_version']} of {what} (here: {notice[f'{name}_seen']})"
        for name, what in _VERSIONS.items()
        if notice[f"{name}_seen"] < notice[f"{name}_version"]
    ]


_VERSIONS = {
    "client": "the client",
    "partner": "the partner",
    "policy": "the partner's policy",
    "renewals": "the client's contract changes",
}


def summary_view(rows: Sequence[Row]) -> SummaryView:
    """Counts, and their sums by state."""
    by_state: dict[str, int] = {}
    for row in rows:
        by_state[row["state"]] = by_state.get(row["state"], 0) + row["messages"]
    return SummaryView(
        total=sum(by_state.values()),
        by_state=by_state,
        counts=[CountView(**row) for row in rows],
    )
