"""What the service does because time passes: sending, and the upkeep of the ledger."""

from services.notifications.jobs.figures import Figures
from services.notifications.jobs.restoring import Reconciled, reconcile
from services.notifications.jobs.sending import Lane
from services.notifications.jobs.upkeep import look_after

__all__ = ["Figures", "Lane", "Reconciled", "look_after", "reconcile"]
