"""Puts the clients service together."""

from fastapi import FastAPI

from services.clients import api, domain
from services.clients.settings import Settings
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.identity import Verifier
from shared.chassis.inbox import Inbox

INBOXES: tuple[Inbox, ...] = ()  # it owns what others hear of, and hears nobody


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    return http.create_app(
        "clients",
        settings,
        clock,
        routers=api.ROUTERS,
        inboxes=INBOXES,
        refused=domain.Refused,
        description="Partners, their people and their clients; when services end and resume.",
        verifier=verifier,
    )
