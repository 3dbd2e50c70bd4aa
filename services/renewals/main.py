"""Puts the renewals service together."""

from functools import partial

from fastapi import FastAPI

from services.renewals import api, domain, handlers, jobs
from services.renewals.settings import Settings
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.identity import Verifier

INBOXES = (handlers.from_clients_state, handlers.from_clients)


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    sweep = http.Job(
        "sweep",
        partial(jobs.watch, limit=settings.sweep_batch),
        settings.sweep_idle,
        enabled=settings.run_sweep,
    )
    return http.create_app(
        "renewals",
        settings,
        clock,
        routers=api.ROUTERS,
        inboxes=INBOXES,
        jobs=[sweep],
        refused=domain.Refused,
        description="What renews when, who decides and who tells the client, stage by stage.",
        verifier=verifier,
    )
