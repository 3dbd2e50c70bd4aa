"""A contract change, and every decision about it: a person's, and those that follow from facts."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

from services.renewals.domain import dates
from services.renewals.domain.kinds import DECISIONS, Kind, Refused, Status
from shared.contracts import renewals as contract
from shared.contracts.event import Event

NOTHING: Final = Decimal("0.00")
DECIDED: Final = (Status.RENEWED, Status.CONFIRMED, Status.CANCELLATION_REQUESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A client's contract change, known by its first day. Its id stays when that day moves."""

    renewal_id: UUID
    client_id: UUID
    partner_id: UUID
    kind: Kind
    starts: date
    currency: str
    status: Status = Status.PENDING
    products: tuple[contract.Product, ...] = ()
    options: tuple[contract.Option, ...] = ()
    chosen_option_id: UUID | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    reason: str = ""
    quoted_for: date | None = None
    version: int = 1
    next_stage: str | None = None
    next_stage_at: datetime | None = None

    @property
    def deadline(self) -> date:
        """The last day on which terms can be altered. The day itself is still open."""
        return dates.deadline(self.starts, self.kind)

    @property
    def current_mrr(self) -> Decimal:
        """What its products cost a month now, in its currency."""
        return sum((product.current_mrr for product in self.products), NOTHING)

    @property
    def renewal_mrr(self) -> Decimal:
        """What they cost a month on the new terms, in its currency."""
        return sum((product.renewal_mrr for product in self.products), NOTHING)

    @property
    def settled_by_itself(self) -> bool:
        """Renewed because nobody decided."""
        return self.status is Status.RENEWED and self.decided_by is None

    def holds(self, subscription_id: UUID) -> bool:
        """Whether a subscription is among its products."""
        return any(product.subscription_id == subscription_id for product in self.products)


Decision: TypeAlias = tuple[Renewal, list[Event]]


def about(renewal: Renewal, at: datetime) -> dict[str, Any]:
    """What every event about a renewal carries."""
    return {
        "renewal_id": renewal.renewal_id,
        "client_id": renewal.client_id,
        "partner_id": renewal.partner_id,
        "version": renewal.version,
        "occurred_at": at,
    }


def decide(
    renewal: Renewal,
    status: Status,
    *,
    option_id: UUID | None,
    reason: str,
    by: UUID,
    serviced: bool,
    today: date,
    at: datetime,
) -> Decision:
    """Record what a person decided, as often as they like until the deadline's last minute.

    Who no longer services the client decides nothing, nor undoes what was decided.
    """
    allowed = DECISIONS[renewal.kind]
    if status not in allowed:
        raise Refused(
            "status", f"a {renewal.kind} can be {' or '.join(allowed)}, and this says {status}"
        )
    if today > renewal.deadline:
        raise Refused("deadline", f"it was {renewal.deadline}, and today is {today}", 409)
    if renewal.status is Status.ENDED or not serviced:
        raise Refused("status", "the partner no longer services the client; resume services", 409)
    chosen = _chosen(renewal, option_id)
    if status is Status.CANCELLATION_REQUESTED and chosen:
        raise Refused("option_id", "a cancellation has no option; leave it out")
    if _same(renewal, status, option_id, reason):
        return renewal, []
    decided = replace(
        renewal,
        status=status,
        chosen_option_id=option_id,
        decided_by=by,
        decided_at=at,
        reason=reason,
        version=renewal.version + 1,
    )
    events: list[Event] = [
        contract.RenewalDecided(
            **about(decided, at),
            status=status,
            renewal_start=decided.starts,
            decided_by=by,
            option_id=option_id,
            reason=reason,
        )
    ]
    priced, changes = offer(decided, decided.products, decided.options, at)
    return priced, [*events, *changes]


def _same(renewal: Renewal, status: Status, option_id: UUID | None, reason: str) -> bool:
    held = (renewal.status, renewal.chosen_option_id, renewal.reason)
    return renewal.decided_by is not None and held == (status, option_id, reason)


def _chosen(renewal: Renewal, option_id: UUID | None) -> contract.Option | None:
    if option_id is None:
        return None
    for option in renewal.options:
        if option.option_id == option_id:
            return option
    raise Refused("option_id", f"{option_id} is none of this renewal's options")


def settle(renewal: Renewal, today: date, at: datetime) -> Decision:
    """Renew, on its present terms, what nobody decided by the deadline."""
    if renewal.status is not Status.PENDING or today <= renewal.deadline:
        return renewal, []
    settled = replace(renewal, status=Status.RENEWED, version=renewal.version + 1)
    event = contract.RenewalSettled(
        **about(settled, at),
        status=settled.status,
        renewal_start=settled.starts,
        settled_on=settled.deadline + dates.DAY,
    )
    return settled, [event]


def end(renewal: Renewal, period: int, at: datetime) -> Decision:
    """Leave nothing to decide about a client that the partner no longer services."""
    if renewal.status is not Status.PENDING:
        return renewal, []
    ended = replace(renewal, status=Status.ENDED, version=renewal.version + 1)
    event = contract.RenewalEnded(**about(ended, at), period=period, renewal_start=ended.starts)
    return ended, [event]


def reopen(renewal: Renewal, period: int, today: date, at: datetime) -> Decision:
    """Let the partner decide again, if it resumed services in time."""
    if renewal.status is not Status.ENDED or today > renewal.deadline:
        return renewal, []
    reopened = replace(renewal, status=Status.PENDING, version=renewal.version + 1)
    event = contract.RenewalReopened(
        **about(reopened, at), period=period, renewal_start=reopened.starts
    )
    return reopened, [event]


def schedule(renewal: Renewal, at: datetime) -> Decision:
    """Announce a contract change that was not known before, or is wanted again."""
    event = contract.RenewalScheduled(
        **about(renewal, at),
        kind=renewal.kind,
        renewal_start=renewal.starts,
        deadline=renewal.deadline,
        currency=renewal.currency,
        current_mrr=renewal.current_mrr,
        renewal_mrr=renewal.renewal_mrr,
        products=renewal.products,
    )
    return renewal, [event]


def move(renewal: Renewal, start: date, today: date, at: datetime) -> Decision:
    """Let the new terms start on another day. What a person decided stays decided.

    What had settled by itself is open again where the new deadline has not passed.
    """
    if renewal.starts == start:
        return renewal, []
    moved = replace(renewal, starts=start, version=renewal.version + 1)
    if moved.settled_by_itself and today <= moved.deadline:
        moved = replace(moved, status=Status.PENDING)
    event = contract.RenewalMoved(
        **about(moved, at),
        previous_start=renewal.starts,
        renewal_start=moved.starts,
        deadline=moved.deadline,
    )
    return moved, [event]


def withdraw(renewal: Renewal, at: datetime) -> Decision:
    """Nothing is left to decide. Which stages were told stays known."""
    gone = replace(
        renewal,
        status=Status.WITHDRAWN,
        products=(),
        options=(),
        chosen_option_id=None,
        decided_by=None,
        decided_at=None,
        reason="",
        version=renewal.version + 1,
    )
    return gone, [contract.RenewalWithdrawn(**about(gone, at), renewal_start=gone.starts)]


def offer(
    renewal: Renewal,
    products: tuple[contract.Product, ...],
    options: tuple[contract.Option, ...],
    at: datetime,
    *,
    currency: str | None = None,
) -> Decision:
    """Put other products, prices or options, or another currency, up for decision.

    The chosen option stands, else the first; without options the products stand as they are.
    """
    known = {option.option_id for option in options}
    chosen = renewal.chosen_option_id if renewal.chosen_option_id in known else None
    offered = standing(products, options, chosen)
    held = (renewal.products, renewal.options, renewal.chosen_option_id, renewal.currency)
    money = currency or renewal.currency
    if (offered, options, chosen, money) == held:
        return renewal, []
    changed = replace(
        renewal,
        currency=money,
        products=offered,
        options=options,
        chosen_option_id=chosen,
        version=renewal.version + 1,
    )
    event = contract.RenewalTermsChanged(
        **about(changed, at),
        currency=changed.currency,
        current_mrr=changed.current_mrr,
        renewal_mrr=changed.renewal_mrr,
        products=offered,
        options=options,
    )
    return changed, [event]


def standing(
    products: tuple[contract.Product, ...],
    options: tuple[contract.Option, ...],
    chosen: UUID | None,
) -> tuple[contract.Product, ...]:
    """What stands for decision: the chosen option's products, else the first's, else these."""
    if not options:
        return products
    return next((o.products for o in options if o.option_id == chosen), options[0].products)


def published(renewal: Renewal) -> contract.Renewal:
    """The renewal as the client's snapshot holds it."""
    return contract.Renewal(
        renewal_id=renewal.renewal_id,
        kind=renewal.kind,
        status=renewal.status,
        renewal_start=renewal.starts,
        deadline=renewal.deadline,
        currency=renewal.currency,
        current_mrr=renewal.current_mrr,
        renewal_mrr=renewal.renewal_mrr,
        products=renewal.products,
        options=renewal.options,
        chosen_option_id=renewal.chosen_option_id,
        version=renewal.version,
    )
