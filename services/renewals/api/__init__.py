"""What the renewals service does when somebody asks."""

from services.renewals.api import renewals, settings

ROUTERS = (renewals.router, settings.router)
