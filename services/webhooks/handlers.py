"""What the webhooks service does about what it hears: keep it for the endpoints that want it."""

from collections.abc import Sequence

from services.webhooks.store import arrivals
from services.webhooks.store.arrivals import Heard
from shared.chassis import outbox
from shared.chassis.database import Connection
from shared.chassis.envelope import Message
from shared.chassis.inbox import Inbox
from shared.contracts import clients, notifications, registry, renewals, tiers

from_clients = Inbox("webhooks", clients.EVENTS)
from_clients_state = Inbox("webhooks", clients.STATE)
from_renewals = Inbox("webhooks", renewals.EVENTS)
from_notifications = Inbox("webhooks", notifications.EVENTS)
from_tiers = Inbox("webhooks", tiers.EVENTS)

INBOXES = (from_clients, from_clients_state, from_renewals, from_notifications, from_tiers)


@from_clients.on_messages(*registry.of_topic(clients.EVENTS))
@from_renewals.on_messages(*registry.of_topic(renewals.EVENTS))
@from_notifications.on_messages(*registry.of_topic(notifications.EVENTS))
@from_tiers.on_messages(*registry.of_topic(tiers.EVENTS))
async def queue_deliveries(said: Sequence[Message], tx: Connection) -> None:
    """Keep each record, as it came, for every endpoint of its partner that wants its type."""
    await arrivals.enqueue(tx, [_heard(message) for message in said])


@from_clients_state.on_tombstone
async def erase(key: str, tx: Connection) -> None:
    """Forget all that was to be sent about a client; of a partner, its endpoints too."""
    await arrivals.erase(tx, key)


def _heard(message: Message) -> Heard:
    return Heard(
        message.event.partner_id,
        message.key,
        message.type,
        message.source,
        message.id,
        outbox.raw_headers(message.record.headers),
        message.record.value or b"",
        message.event.occurred_at,
    )
