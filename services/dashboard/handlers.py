"""What the dashboard does about what it hears: keep what the page shows, and say that it changed.

Each topic has one handler that takes whole lists, so that a batch is a few statements however
many events it holds. Whatever order the topics come in, the end is the same.
"""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from services.dashboard.store import erasure, facts, model, signals
from shared.chassis.database import Connection
from shared.chassis.inbox import Inbox
from shared.contracts import clients, notifications, renewals, tiers
from shared.contracts.event import Event, Snapshot

from_clients = Inbox("dashboard", clients.EVENTS)
from_clients_state = Inbox("dashboard", clients.STATE)
from_renewals = Inbox("dashboard", renewals.EVENTS)
from_renewals_state = Inbox("dashboard", renewals.STATE)
from_notifications = Inbox("dashboard", notifications.EVENTS)
from_tiers = Inbox("dashboard", tiers.EVENTS)
from_tiers_state = Inbox("dashboard", tiers.STATE)

INBOXES = (
    from_clients_state,
    from_clients,
    from_renewals_state,
    from_renewals,
    from_notifications,
    from_tiers_state,
    from_tiers,
)

E = TypeVar("E", bound=Event)


@from_clients_state.on_run(clients.PartnerSnapshot, clients.ClientSnapshot)
async def follow_clients(said: Sequence[Snapshot], tx: Connection) -> None:
    """Know partners and clients, whole."""
    news: set[UUID] = set()
    if partners := _only(said, clients.PartnerSnapshot):
        news |= await model.save_partners(tx, partners)
    if told := _only(said, clients.ClientSnapshot):
        news |= await model.save_clients(tx, told)
    await signals.tell(tx, news)


@from_clients_state.on_tombstone
async def erase(key: str, tx: Connection) -> None:
    """Forget all about a client or a partner, its history too."""
    await signals.tell(tx, await erasure.erase(tx, UUID(key)))


@from_clients.on_run(
    clients.PartnerRegistered,
    clients.PartnerTimeZoneChanged,
    clients.PartnerUserRegistered,
    clients.PartnerUserDeactivated,
    clients.PartnerUserReactivated,
    clients.HubSpotTeamChanged,
    clients.ClientRegistered,
    clients.ClientRelationshipChanged,
    clients.ClientContactsChanged,
    clients.SubscriptionChanged,
    clients.SubscriptionRemoved,
    clients.AllowancesRecorded,
    clients.AppUsageRecorded,
    clients.ServicesEnded,
    clients.ServicesResumed,
)
async def follow_client_facts(said: Sequence[Event], tx: Connection) -> None:
    """Keep the history of clients and partners; end and resume services at once."""
    news: set[UUID] = set()
    services = [
        each for each in said if isinstance(each, clients.ServicesEnded | clients.ServicesResumed)
    ]
    if services:
        news |= await model.save_services(tx, services)
    await signals.tell(tx, news | await facts.save_changes(tx, said))


@from_renewals_state.on_run(renewals.PartnerPolicySnapshot, renewals.ClientRenewalsSnapshot)
async def follow_renewals(said: Sequence[Snapshot], tx: Connection) -> None:
    """Know partners' settings, and each client's contract changes as a whole."""
    news: set[UUID] = set()
    if policies := _only(said, renewals.PartnerPolicySnapshot):
        news |= await model.save_policies(tx, policies)
    if told := _only(said, renewals.ClientRenewalsSnapshot):
        news |= await model.save_renewals(tx, told)
    await signals.tell(tx, news)


@from_renewals_state.on_tombstone
async def erase_renewals(key: str, tx: Connection) -> None:
    """Forget a client's contract changes, or a partner's settings."""
    await signals.tell(tx, await erasure.erase_renewals(tx, UUID(key)))


@from_renewals.on_run(
    renewals.RenewalScheduled,
    renewals.RenewalMoved,
    renewals.RenewalTermsChanged,
    renewals.RenewalWithdrawn,
    renewals.RenewalDeadlineApproaching,
    renewals.RenewalDecided,
    renewals.RenewalSettled,
    renewals.RenewalEnded,
    renewals.RenewalReopened,
    renewals.RenewalOwnerChanged,
    renewals.DefaultRenewalOwnerChanged,
    renewals.StagesChanged,
)
async def follow_renewal_facts(said: Sequence[Event], tx: Connection) -> None:
    """Keep the history of contract changes, and which stages were told or overtaken."""
    stages = _only(said, renewals.RenewalDeadlineApproaching)
    others = [e for e in said if not isinstance(e, renewals.RenewalDeadlineApproaching)]
    news = await facts.save_changes(tx, others) | await facts.save_stages(tx, stages)
    await signals.tell(tx, news)


@from_notifications.on_run(
    notifications.ReminderSent,
    notifications.ReminderBlocked,
    notifications.ReminderDropped,
    notifications.ReminderFailed,
    notifications.ReminderInDoubt,
)
async def follow_messages(said: Sequence[notifications.MessageEvent], tx: Connection) -> None:
    """Know what became of each message."""
    await signals.tell(tx, await facts.save_messages(tx, said))


@from_tiers_state.on_run(tiers.PartnerTierSnapshot)
async def follow_tiers(said: Sequence[tiers.PartnerTierSnapshot], tx: Connection) -> None:
    """Know where each partner stands."""
    await signals.tell(tx, await model.save_tiers(tx, said))


@from_tiers_state.on_tombstone
async def erase_tier(key: str, tx: Connection) -> None:
    """Forget where a partner stood."""
    await signals.tell(tx, await erasure.erase_tier(tx, UUID(key)))


@from_tiers.on_run(tiers.TierPerformanceChanged, tiers.TierCredited, tiers.CertificationRecorded)
async def follow_tier_facts(said: Sequence[tiers.TierEvent], tx: Connection) -> None:
    """Keep the history of tiers. Figures move with every client: only another tier is history."""
    told = [
        each
        for each in said
        if not isinstance(each, tiers.TierPerformanceChanged)
        or each.performance.tier != each.previous_tier
    ]
    await signals.tell(tx, await facts.save_changes(tx, told))


def _only(said: Sequence[Event], kind: type[E]) -> list[E]:
    return [each for each in said if isinstance(each, kind)]
