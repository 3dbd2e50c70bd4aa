"""The way to receivers: HTTPS to public addresses, each resolved once."""

from services.webhooks.senders.network import NotAllowedError, Resolve
from services.webhooks.senders.posting import Answer, Poster, Posting, reach_of

__all__ = ["Answer", "NotAllowedError", "Poster", "Posting", "Resolve", "reach_of"]
