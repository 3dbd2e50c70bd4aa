"""What the service answers: messages, their whole story, and what to mend."""

from services.notifications.api import messages, why

ROUTERS = (messages.router, why.router)

__all__ = ["ROUTERS"]
