"""Puts the renewals service together."""

from fastapi import FastAPI

from services.renewals import api, domain, handlers, jobs
from services.renewals.settings import Settings
from shared.chassis import http
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.identity import Verifier

INBOXES = (handlers.from_clients_state, handlers.from_clients)


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; its parts run while its lifespan does."""
    shown: list[jobs.Figures] = []

    async def watch(pool: Pool, now: Clock) -> int:
        return await jobs.watch(pool, now, limit=settings.sweep_batch, figures=shown[0])

    sweep = http.Job("sweep", watch, settings.sweep_idle, enabled=settings.run_sweep)
    app = http.create_app(
        "renewals",
        settings,
        clock,
        routers=api.ROUTERS,
        inboxes=INBOXES,
        jobs=[sweep],
        reading=http.Reading(jobs.STANDING, jobs.read_standing),
        refused=domain.Refused,
        description="What renews when, who decides and who tells the client, stage by stage.",
        verifier=verifier,
    )
    shown.append(jobs.Figures(app.state.registry))
    return app
