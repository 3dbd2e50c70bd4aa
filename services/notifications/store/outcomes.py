"""What the sender writes: hand-overs, what came of them, and what is not sent at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.notifications import domain
from services.notifications.store.turns import Claim, Turn
from shared.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a hand-over. ``state`` is the message's, ``result`` the attempt's."""

    claim: Claim
    number: int
    state: domain.State
    result: str
    at: datetime
    reason: str | None = None
    code: int | None = None
    answer: str | None = None
    available_at: datetime | None = None
    put_off: bool = False


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message that is handed over, with its recipient as it was found."""

    turn: Turn
    recipient: domain.Recipient
    owner: domain.Owner | None


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that is not sent now: blocked, dropped, superseded, or put back for a moment."""

    turn: Turn
    state: domain.State
    reason: str | None
    audience: str | None = None
    rule: str | None = None
    owner: domain.Owner | None = None
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Further:
    """A message of the same notice to one more recipient, or (None) to whoever it will be."""

    turn: Turn
    recipient: domain.Recipient | None


async def hand_over(tx: Connection, told: Sequence[Addressed], now: datetime, lease: Any) -> None:
    """Note, before they are sent, to whom messages go; the lease is for the answer to come."""
    await tx.execute(
        """
        WITH said AS (
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[],
                                 $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                                 $11::integer[], $12::uuid[])
                AS said (message_id, token, recipient_id, audience, copied, owner, source, rule,
                         address, copied_address, number, partner_id)
        ), begun AS (
            INSERT INTO attempts (message_id, number, partner_id, token, handed_over_at)
            SELECT message_id, number, partner_id, token, $13 FROM said
        )
        UPDATE messages m
           SET state = 'handed_over', attempts = said.number, recipient_id = said.recipient_id,
               audience = said.audience, copied_user_id = said.copied, owner = said.owner,
               owner_source = said.source, rule = said.rule, reason = NULL,
               address = said.address, copied_address = said.copied_address,
               lease_until = clock_timestamp() + $14::interval
          FROM said
         WHERE m.message_id = said.message_id AND m.token = said.token AND m.state = 'claimed'
        """,
        [each.turn.claim.message_id for each in told],
        [each.turn.claim.token for each in told],
        [each.recipient.person.person_id for each in told],
        [each.recipient.audience for each in told],
        [each.recipient.copied and each.recipient.copied.person_id for each in told],
        [each.owner and each.owner.party for each in told],
        [each.owner and each.owner.source for each in told],
        [each.recipient.rule for each in told],
        [each.recipient.person.email for each in told],
        [each.recipient.copied and each.recipient.copied.email for each in told],
        [each.turn.attempts + 1 for each in told],
        [each.turn.partner_id for each in told],
        now,
        lease,
    )


async def set_aside(tx: Connection, unsent: Sequence[Unsent], now: datetime) -> None:
    """Note what is not sent now, and why."""
    await tx.execute(
        """
        UPDATE messages m
           SET state = said.state, reason = said.reason, ready = said.state = 'planned',
               lease_until = NULL, checked_at = clock_timestamp(),
               available_at = coalesce(said.available_at, m.available_at),
               audience = coalesce(said.audience, m.audience),
               rule = coalesce(said.rule, m.rule), owner = coalesce(said.owner, m.owner),
               owner_source = coalesce(said.source, m.owner_source),
               version = m.version + said.news,
               settled_at = CASE WHEN said.state IN ('dropped', 'superseded')
                                 THEN $11::timestamptz END
          FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::text[], $8::text[], $9::timestamptz[], $10::integer[])
            AS said (message_id, token, state, reason, audience, rule, owner, source,
                     available_at, news)
         WHERE m.message_id = said.message_id AND m.token = said.token AND m.state = 'claimed'
        """,
        [each.turn.claim.message_id for each in unsent],
        [each.turn.claim.token for each in unsent],
        [each.state.value for each in unsent],
        [each.reason for each in unsent],
        [each.audience for each in unsent],
        [each.rule for each in unsent],
        [each.owner and each.owner.party for each in unsent],
        [each.owner and each.owner.source for each in unsent],
        [each.available_at for each in unsent],
        [1 if is_news(each) else 0 for each in unsent],
        now,
    )
    news = [each for each in unsent if is_news(each) and each.state is domain.State.BLOCKED]
    await save_steps(
        tx,
        [(each.turn.claim.message_id, each.turn.partner_id) for each in news],
        now,
        "blocked",
        [each.reason or "" for each in news],
    )


def is_news(unsent: Unsent) -> bool:
    """Whether anybody is told of it: a message that stays blocked as it was is no news."""
    if unsent.state is domain.State.BLOCKED:
        return unsent.reason != unsent.turn.reason
    return unsent.state is not domain.State.PLANNED


async def save_further(tx: Connection, further: Sequence[Further], now: datetime) -> None:
    """Plan messages to more recipients of the same notices; one that exists stays as it is."""
    if not further:
        return
    people = [each.recipient and each.recipient.person.person_id for each in further]
    await tx.execute(
        """
        INSERT INTO messages (message_id, notice_id, partner_id, client_id, subject_id, occasion,
                              stage, kind, audience, recipient_id, rule, state, ready,
                              available_at, due_at, ends_at, planned_at)
        SELECT said.message_id, n.notice_id, n.partner_id, n.client_id, n.subject_id, n.occasion,
               n.stage, n.kind, said.audience, said.recipient_id, said.rule, 'planned', true,
               n.due_at, n.due_at, n.ends_at, $6
          FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[])
            AS said (message_id, notice_id, audience, recipient_id, rule)
          JOIN notices n ON n.notice_id = said.notice_id
            ON CONFLICT DO NOTHING
        """,
        [_further_id(each) for each in further],
        [each.turn.case.notice.notice_id for each in further],
        [each.recipient and each.recipient.audience for each in further],
        people,
        [each.recipient.rule if each.recipient else "" for each in further],
        now,
    )


def _further_id(further: Further) -> UUID:
    notice = further.turn.case.notice.notice_id
    if further.recipient is None:
        return domain.planned_id(notice, 1 + len(further.turn.case.siblings))
    return domain.message_id(notice, further.recipient.person.person_id)


async def revive(tx: Connection, messages: Sequence[UUID]) -> None:
    """Plan dropped messages again, whose recipients are the right ones again."""
    await tx.execute(
        """
        UPDATE messages SET state = 'planned', ready = true, reason = NULL, settled_at = NULL
         WHERE message_id = ANY($1::uuid[]) AND state = 'dropped' AND reason = 'no_longer_recipient'
        """,
        list(messages),
    )


async def settle(tx: Connection, outcomes: Sequence[Outcome]) -> dict[UUID, int]:
    """Write what came of hand-overs; give the new version of each message that was still ours.

    A late answer to a message that is in doubt meanwhile settles the doubt, as long as nobody
    took it up again. What is known of an attempt is kept whoever has the message now.
    """
    rows = await tx.fetch(
        """
        WITH said AS (
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                                 $6::timestamptz[], $7::integer[], $8::integer[],
                                 $9::timestamptz[], $10::integer[], $11::integer[], $12::text[])
                AS said (message_id, token, state, result, reason, available_at, put_off, news, at,
                         number, code, answer)
        ), tried AS (
            UPDATE attempts a
               SET outcome = said.result, code = said.code, answer = said.answer,
                   finished_at = said.at
              FROM said
             WHERE a.message_id = said.message_id AND a.number = said.number
               AND a.token = said.token
        )
        UPDATE messages m
           SET state = said.state, reason = said.reason, lease_until = NULL,
               ready = said.state IN ('planned', 'deferred'),
               available_at = coalesce(said.available_at, m.available_at),
               deferrals = m.deferrals + said.put_off, version = m.version + said.news,
               doubted = m.doubted OR said.result = 'unknown',
               settled_at = CASE WHEN said.state IN ('accepted', 'rejected') THEN said.at END
          FROM said
         WHERE m.message_id = said.message_id AND m.token = said.token
           AND (m.state IN ('handed_over', 'unknown') OR (m.state = 'planned' AND m.doubted))
        RETURNING m.message_id, m.version
        """,
        [each.claim.message_id for each in outcomes],
        [each.claim.token for each in outcomes],
        [each.state.value for each in outcomes],
        [each.result for each in outcomes],
        [each.reason for each in outcomes],
        [each.available_at for each in outcomes],
        [1 if each.put_off else 0 for each in outcomes],
        [1 if tells(each) else 0 for each in outcomes],
        [each.at for each in outcomes],
        [each.number for each in outcomes],
        [each.code for each in outcomes],
        [each.answer for each in outcomes],
    )
    return {row["message_id"]: row["version"] for row in rows}


def tells(outcome: Outcome) -> bool:
    """Whether an event follows: what is put off or was not sent is still to come."""
    return outcome.result in ("accepted", "unknown") or outcome.state is domain.State.REJECTED


async def save_steps(
    tx: Connection,
    messages: Sequence[tuple[UUID, UUID]],
    at: datetime,
    what: str,
    reasons: Sequence[str],
    by: UUID | None = None,
) -> None:
    """Note a step of messages (message, partner), each with its reason."""
    if messages:
        await tx.execute(
            """
            INSERT INTO steps (message_id, partner_id, at, what, reason, by_user)
            SELECT message_id, partner_id, $3, $4, reason, $6
              FROM unnest($1::uuid[], $2::uuid[], $5::text[])
                AS said (message_id, partner_id, reason)
            """,
            [message for message, _ in messages],
            [partner for _, partner in messages],
            at,
            what,
            list(reasons),
            by,
        )
