"""What the notifications service does about what it hears of clients, partners and renewals."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.notifications import domain
from services.notifications.store import ledger, replica, traces
from shared.chassis import outbox, tracing
from shared.chassis.database import Connection
from shared.chassis.envelope import cause_of
from shared.chassis.inbox import Inbox
from shared.contracts import clients, renewals
from shared.contracts.event import Event

from_clients = Inbox("notifications", clients.EVENTS)
from_clients_state = Inbox("notifications", clients.STATE)
from_renewals = Inbox("notifications", renewals.EVENTS)
from_renewals_state = Inbox("notifications", renewals.STATE)

INBOXES = (from_clients, from_clients_state, from_renewals, from_renewals_state)


@from_clients_state.on_run(clients.PartnerSnapshot)
async def follow_partners(said: Sequence[clients.PartnerSnapshot], tx: Connection) -> None:
    """Know the people of each partner, and look again at what waited for that."""
    await ledger.let_go(tx, partners=await replica.save_partners(tx, said))


@from_clients_state.on_run(clients.ClientSnapshot)
async def follow_clients(said: Sequence[clients.ClientSnapshot], tx: Connection) -> None:
    """Know the people of each client, and look again at what waited for that."""
    await ledger.let_go(tx, clients=await replica.save_clients(tx, said))


@from_clients_state.on_tombstone
async def erase_people(key: str, tx: Connection) -> None:
    """Forget a client or a partner: its people, and the addresses that messages went to."""
    erased = UUID(key)
    await replica.forget_client(tx, erased)
    await replica.forget_partner(tx, erased)
    await _tell(tx, *await ledger.erase(tx, erased))


@from_clients.on_run(clients.ServicesEnded, clients.ServicesResumed)
async def follow_services(said: Sequence[clients.ClientEvent], tx: Connection) -> None:
    """Silence the partner's people from here on, or no longer; tell HubSpot's of an end."""
    news = await replica.save_services(
        tx,
        [
            (each.client_id, each.partner_id, each.period, resumed, each.version)
            for each in said
            if (resumed := isinstance(each, clients.ServicesResumed))
            or isinstance(each, clients.ServicesEnded)
        ],
    )
    ends = [domain.plan_end(each) for each in said if isinstance(each, clients.ServicesEnded)]
    if ends:
        await ledger.save_plans(tx, ends, _latest(said))
        await _trace(tx, ends, _latest(said))
    await ledger.let_go(tx, clients=news)


@from_clients.on_run(clients.PartnerUserDeactivated, clients.PartnerUserReactivated)
async def follow_activity(said: Sequence[clients.PartnerEvent], tx: Connection) -> None:
    """Tell nothing more to who no longer acts for the partner."""
    partners = await replica.save_activity(
        tx,
        [
            (each.partner_id, each.user_id, active, each.version)
            for each in said
            if (active := isinstance(each, clients.PartnerUserReactivated))
            or isinstance(each, clients.PartnerUserDeactivated)
        ],
    )
    await ledger.let_go(tx, partners=partners)


@from_renewals_state.on_run(renewals.PartnerPolicySnapshot)
async def follow_policies(said: Sequence[renewals.PartnerPolicySnapshot], tx: Connection) -> None:
    """Know who owns the communication by default; clients without an override follow."""
    await ledger.let_go(tx, partners=await replica.save_policies(tx, said))


@from_renewals_state.on_run(renewals.ClientRenewalsSnapshot)
async def follow_renewals(said: Sequence[renewals.ClientRenewalsSnapshot], tx: Connection) -> None:
    """Know where each contract change stands, and who owns it where that is set."""
    await ledger.let_go(tx, clients=await replica.save_renewals(tx, said))


@from_renewals_state.on_tombstone
async def erase_changes(key: str, tx: Connection) -> None:
    """Forget a client's contract changes or a partner's policy."""
    await replica.forget_changes(tx, UUID(key))


@from_renewals.on_run(
    renewals.RenewalDecided,
    renewals.RenewalSettled,
    renewals.RenewalEnded,
    renewals.RenewalReopened,
    renewals.RenewalMoved,
    renewals.RenewalWithdrawn,
)
async def follow_facts(said: Sequence[renewals.RenewalEvent], tx: Connection) -> None:
    """Let decisions take effect at once: what they make wrong is not sent any more."""
    await ledger.let_go(tx, clients=await replica.save_facts(tx, [_fact(each) for each in said]))


@from_renewals.on_run(renewals.RenewalDeadlineApproaching)
async def plan_messages(
    said: Sequence[renewals.RenewalDeadlineApproaching], tx: Connection
) -> None:
    """Plan a message for each stage that is due; whom it goes to is asked when it is sent."""
    at, plans = _latest(said), [domain.plan_stage(e) for e in said]
    await _tell(tx, await ledger.save_plans(tx, plans, at), at)
    await _trace(tx, plans, at)


async def _trace(tx: Connection, plans: Sequence[domain.Plan], at: datetime) -> None:
    """Let the trace go on when the message is sent, whichever process sends it."""
    if not tracing.on():
        return
    found = {
        plan.notice.notice_id: cause.traceparent
        for plan in plans
        if (cause := cause_of(str(plan.client_id))) and tracing.sampled([cause.traceparent])
    }
    if kept := {notice: trace for notice, trace in found.items() if trace is not None}:
        await traces.save_traces(tx, kept, at)


def _fact(said: renewals.RenewalEvent) -> domain.Fact:
    status: str | None = None
    deadline: date | None = None
    match said:
        case renewals.RenewalDecided() | renewals.RenewalSettled():
            status, starts = said.status, said.renewal_start
        case renewals.RenewalMoved():
            starts, deadline = said.renewal_start, said.deadline
        case renewals.RenewalEnded():
            status, starts = "ended", said.renewal_start
        case renewals.RenewalReopened():
            status, starts = "pending", said.renewal_start
        case renewals.RenewalWithdrawn():
            status, starts = "withdrawn", said.renewal_start
        case _:
            raise TypeError(f"{type(said).__name__} says nothing about where a change stands")
    return domain.Fact(
        said.renewal_id,
        said.client_id,
        said.partner_id,
        said.version,
        starts,
        status,
        deadline,
    )


def _latest(said: Sequence[Event]) -> datetime:
    return max(each.occurred_at for each in said)


async def _tell(tx: Connection, ended: Sequence[domain.Ended], at: datetime) -> None:
    await outbox.record(tx, *(domain.dropped(each, at) for each in ended))
