"""How messages read as mail; pure."""

from services.notifications.views.mails import Letter, Letterhead, MailView, UnsafeError, write
from services.notifications.views.texts import amount, plain

__all__ = ["Letter", "Letterhead", "MailView", "UnsafeError", "amount", "plain", "write"]
