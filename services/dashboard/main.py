"""Puts the dashboard together: the page, and what keeps up what it shows."""

from functools import partial

from fastapi import APIRouter, FastAPI

from services.dashboard import handlers
from services.dashboard.api import alerts, edge, session, static, stream, team, tier
from services.dashboard.domain.refused import Refused
from services.dashboard.settings import Settings
from services.dashboard.store import sessions
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.identity import Verifier

INBOXES = handlers.INBOXES
ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    static.router,
    stream.router,
    alerts.router,
    team.router,
    tier.router,
)


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    idle = settings.session_idle_hours * 3600
    forget = partial(sessions.forget_old, idle_seconds=idle)
    app = http.create_app(
        "dashboard",
        settings,
        clock,
        routers=ROUTERS,
        inboxes=INBOXES,
        jobs=[http.Job("forget sessions", forget, 600, enabled=settings.run_http)],
        extras=[stream.listening, tier.holding_tiers] if settings.run_http else [],
        refused=Refused,
        description="The page of the partner's people. It is made from the topics alone.",
        verifier=verifier,
    )
    edge.install(app)
    return app
