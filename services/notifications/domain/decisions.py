"""What becomes of a message when its turn comes: all is looked at again before it is sent."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from services.notifications.domain.messages import (
    ENDED,
    OUTCOME,
    Notice,
    State,
    midnight,
)
from services.notifications.domain.people import Client, Partner, Policy, Renewal
from services.notifications.domain.recipients import (
    Owner,
    Recipient,
    Told,
    owner_of,
    renewal_manager_too,
    who_hears_of_the_end,
    who_is_told,
)

DECIDED: Final = frozenset({"confirmed", "renewed", "cancellation_requested"})
DAY: Final = timedelta(days=1)
NO_GRACE: Final = timedelta()
GONE: Final = frozenset({State.DROPPED, State.SUPERSEDED, State.REJECTED})


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another message of the same notice."""

    message_id: UUID
    recipient_id: UUID | None
    audience: str | None
    state: State
    reason: str | None
    copied_user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision about one message rests on, read in one transaction."""

    message_id: UUID
    recipient_id: UUID | None
    audience: str | None
    notice: Notice
    client: Client | None
    partner: Partner | None
    policy: Policy
    renewal: Renewal | None
    siblings: tuple[Sibling, ...] = ()
    earlier_in_flight: bool = False

    @property
    def zone(self) -> str:
        """The partner's zone, in which days are counted."""
        return self.partner.time_zone if self.partner else "UTC"


@dataclass(frozen=True, slots=True)
class Send:
    """Hand it over to this recipient; the others get messages of their own."""

    recipient: Recipient
    owner: Owner | None
    others: tuple[Recipient, ...] = ()
    revived: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Nobody valid can be told now; the others are told all the same."""

    told: Told
    owner: Owner | None
    others: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """It is no longer right to send it.

    ``again`` asks anew who is to be told instead; ``revived`` are messages of the notice that
    were dropped for a recipient who is the right one again.
    """

    reason: str
    superseded: bool = False
    again: bool = False
    revived: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """It is not its turn yet; ``until`` where it is known when that will be.

    A message of an earlier stage is on its way and its end comes first, or an end of services
    is so fresh that it may still be taken back.
    """

    until: datetime | None = None


Decision: TypeAlias = Send | Block | Drop | Wait


def decide(case: Case, now: datetime, today: date, grace: timedelta = NO_GRACE) -> Decision:
    """Decide what becomes of a message whose turn has come; ``today`` is the partner's.

    For ``grace`` after services ended HubSpot's people are not told yet.
    """
    if case.client is None or case.partner is None:
        return Drop("erased")
    wrong = _contradiction(case, case.client) or _too_late(case, now, today)
    if wrong:
        return wrong
    if case.earlier_in_flight:
        return Wait()
    if case.notice.kind == ENDED:
        told_from = case.notice.due_at + grace
        if now < told_from:
            return Wait(told_from)
        return _address(case, who_hears_of_the_end(case.client, case.partner), None, None)
    ended = case.renewal is not None and case.renewal.status == "ended"
    owner = owner_of(case.client, case.policy, ended=ended)
    told = who_is_told(case.client, case.partner, case.policy, owner)
    manager = renewal_manager_too(case.client, case.policy, owner)
    return _address(case, told, owner, manager)


def _contradiction(case: Case, client: Client) -> Drop | None:
    """Say what happened since it was planned that makes it wrong to send."""
    notice, renewal = case.notice, case.renewal
    if notice.kind == ENDED:
        resumed = client.serviced and client.period > (notice.period or 0)
        return Drop("services_resumed") if resumed else None
    if renewal is None or renewal.status == "withdrawn":
        return Drop("withdrawn")
    if renewal.starts != notice.starts:
        return Drop("moved")
    if notice.stage != OUTCOME and renewal.status in DECIDED:
        return Drop("decided")
    return None


def _too_late(case: Case, now: datetime, today: date) -> Drop | None:
    notice, renewal = case.notice, case.renewal
    if renewal is None:
        return Drop("told_too_late") if now >= notice.due_until else None
    outcome = notice.stage == OUTCOME
    over = renewal.starts if outcome else renewal.deadline + DAY
    if now >= notice.due_until and notice.due_until < midnight(over, case.zone):
        return Drop("overtaken", superseded=True)
    if today >= over or now >= notice.due_until:
        return Drop("renewal_started" if outcome else "deadline_passed")
    return None


def _address(case: Case, told: Told, owner: Owner | None, manager: Recipient | None) -> Decision:
    if case.recipient_id is not None:
        return _keep_or_redirect(case, told, owner, manager)
    others = _manager_once(case, manager)
    if told.blocked:
        return Block(told, owner, others)
    known = {each.recipient_id: each for each in case.siblings}
    fresh = [each for each in told.recipients if each.person.person_id not in known]
    revived = tuple(
        known[each.person.person_id].message_id
        for each in told.recipients
        if (old := known.get(each.person.person_id)) and old.reason == "no_longer_recipient"
    )
    left = (*fresh, *others)
    if not left:
        return Drop("already_told", revived=revived)
    return Send(_copy_once(case, left[0]), owner, left[1:], revived)


def _manager_once(case: Case, manager: Recipient | None) -> tuple[Recipient, ...]:
    """The manager's message, unless this notice has one for whoever was the manager then."""
    if manager is None or any(each.audience == "hubspot" for each in case.siblings):
        return ()
    return (manager,)


def _keep_or_redirect(
    case: Case, told: Told, owner: Owner | None, manager: Recipient | None
) -> Decision:
    for each in (*told.recipients, manager):
        if each and (each.person.person_id, each.audience) == (case.recipient_id, case.audience):
            return Send(_copy_once(case, each), owner)
    if case.audience == "hubspot" and case.notice.kind != ENDED:
        return Drop("no_longer_recipient")
    others = [
        each
        for each in case.siblings
        if each.state not in GONE and (each.audience != "hubspot" or case.notice.kind == ENDED)
    ]
    return Drop("no_longer_recipient", again=not others)


def _copy_once(case: Case, recipient: Recipient) -> Recipient:
    """Leave the copy out where another message of the notice carries it."""
    carried = any(each.copied_user_id and each.state not in GONE for each in case.siblings)
    return replace(recipient, copied=None) if carried else recipient
