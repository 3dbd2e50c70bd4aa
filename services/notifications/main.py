"""Puts the notifications service together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.notifications import api, domain, handlers, jobs, senders
from services.notifications.settings import Settings
from shared.chassis import background
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.http import Job
from shared.chassis.http import create_app as create
from shared.chassis.identity import Verifier

DESCRIPTION = """Who is told about coming contract changes, by which rule, and what came of it.

Messages follow from the events of the renewals service; whom they go to is decided when they
are handed to the mail relay, from what the clients and renewals services said last."""

INBOXES = handlers.INBOXES


def create_app(settings: Settings, clock: Clock, *, verifier: Verifier | None = None) -> FastAPI:
    """Make the application; it starts and stops the consumers, the relay and the sender."""
    shown: list[jobs.Figures] = []

    async def upkeep(pool: Pool, now: Clock) -> int:
        return await jobs.look_after(settings, shown[0], pool, now)

    app = create(
        "notifications",
        settings,
        clock,
        routers=api.ROUTERS,
        inboxes=INBOXES,
        jobs=[Job("upkeep", upkeep, idle=settings.upkeep_idle, enabled=settings.run_upkeep)],
        extras=[partial(sending, settings, shown)] if settings.run_sender else [],
        refused=domain.Refused,
        description=DESCRIPTION,
        verifier=verifier,
        by_keys=True,
    )
    shown.append(jobs.Figures(app.state.registry))
    return app


@asynccontextmanager
async def sending(
    settings: Settings, shown: list[jobs.Figures], app: FastAPI
) -> AsyncIterator[None]:
    """Send for as long as it is entered; on leaving, what is in hand is ended and noted.

    Nothing is sent on stale knowledge: that services ended may be what was not heard yet.
    """
    from shared.chassis.freshness import Freshness  # slow to import

    relay = senders.Relay(settings)
    freshness = Freshness(INBOXES, most_seconds=settings.stale_after)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(relay.close)
        watching = freshness.watch(settings.kafka)
        await stack.enter_async_context(background.running(watching, "freshness"))
        for number in range(settings.lanes):
            lane = jobs.Lane(
                app.state.pool, app.state.clock, relay, settings, shown[0], freshness=freshness
            )
            await stack.enter_async_context(background.running(lane.run(), f"send {number}"))
        yield
