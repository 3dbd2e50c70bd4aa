"""Puts the tiers service together."""

from fastapi import FastAPI

from services.tiers import api, domain, handlers, jobs
from services.tiers.settings import Settings
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.identity import Verifier

INBOXES = (handlers.from_state, handlers.from_events)


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    days = http.Job("days", jobs.move_days, settings.days_idle, enabled=settings.run_days)
    return http.create_app(
        "tiers",
        settings,
        clock,
        routers=[api.router],
        inboxes=INBOXES,
        jobs=[days],
        refused=domain.Refused,
        description="Where each partner stands: credited tier, performance, and what they rest on.",
        verifier=verifier,
    )
