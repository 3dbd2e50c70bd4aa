"""Puts the webhooks service together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI

from services.webhooks import api, domain, handlers, jobs, senders
from services.webhooks.settings import Settings
from shared.chassis import background
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.http import Job
from shared.chassis.http import create_app as create
from shared.chassis.identity import Verifier

log = structlog.get_logger(__name__)

DESCRIPTION = """Events for those without Kafka: to the endpoints of each partner, signed, in order.

An event is sent until its endpoint takes it, for days if need be. What waits behind it is only
what is about the same client."""

INBOXES = handlers.INBOXES


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; it starts and stops the consumers, the relay and the courier."""
    shown: list[jobs.Figures] = []

    async def upkeep(pool: Pool, now: Clock) -> int:
        return await jobs.look_after(settings, shown[0], pool, now)

    app = create(
        "webhooks",
        settings,
        clock,
        routers=api.ROUTERS,
        inboxes=INBOXES,
        jobs=[Job("upkeep", upkeep, idle=settings.upkeep_idle, enabled=settings.run_upkeep)],
        extras=[partial(delivering, settings, shown)] if settings.run_courier else [],
        refused=domain.Refused,
        description=DESCRIPTION,
        verifier=verifier,
    )
    shown.append(jobs.Figures(app.state.registry))
    if settings.allow_loopback:
        log.critical("endpoints_may_be_on_this_machine", setting="WEBHOOKS_ALLOW_LOOPBACK")
    return app


@asynccontextmanager
async def delivering(
    settings: Settings, shown: list[jobs.Figures], app: FastAPI
) -> AsyncIterator[None]:
    """Send for as long as it is entered; on leaving, what is in hand is ended and noted."""
    poster = senders.Poster(settings)
    courier = jobs.Courier(app.state.pool, app.state.clock, poster, settings, shown[0])
    try:
        async with background.running(courier.run(), "courier"):
            yield
    finally:
        await poster.close()
