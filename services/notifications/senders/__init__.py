"""The outside that is not Kafka: the mail relay."""

from services.notifications.senders.relay import Relay, RelayAwayError
from services.notifications.senders.session import Answer, Mail

__all__ = ["Answer", "Mail", "Relay", "RelayAwayError"]
