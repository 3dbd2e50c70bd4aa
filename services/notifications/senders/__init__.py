"""The outside that is not Kafka: the mail relay."""

from services.notifications.senders.relay import Relay
from services.notifications.senders.session import Answer, Mail, RelayAwayError

__all__ = ["Answer", "Mail", "Relay", "RelayAwayError"]
