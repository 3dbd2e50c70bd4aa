"""What the clients service does when somebody asks."""

from services.clients.api import belongings, clients, partners, services

ROUTERS = (partners.router, clients.router, belongings.router, services.router)

__all__ = ["ROUTERS"]
