"""What the webhooks service does when somebody asks."""

from services.webhooks.api import deliveries, endpoints

ROUTERS = (endpoints.router, deliveries.router)

__all__ = ["ROUTERS"]
