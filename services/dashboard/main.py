"""Puts the dashboard together: the page, and what keeps up what it shows."""

from fastapi import APIRouter, FastAPI

from services.dashboard import handlers
from services.dashboard.domain.refused import Refused
from services.dashboard.settings import Settings
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.identity import Verifier

INBOXES = handlers.INBOXES
ROUTERS: tuple[APIRouter, ...] = ()


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    return http.create_app(
        "dashboard",
        settings,
        clock,
        routers=ROUTERS,
        inboxes=INBOXES,
        refused=Refused,
        description="The page of the partner's people. It is made from the topics alone.",
        verifier=verifier,
    )
