"""What the webhooks service does because time passes: sending, and upkeep."""

from services.webhooks.jobs.courier import Courier
from services.webhooks.jobs.figures import Figures
from services.webhooks.jobs.upkeep import look_after

__all__ = ["Courier", "Figures", "look_after"]
