"""Puts the dashboard together: the page, and what keeps up what it shows."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from fastapi import APIRouter, FastAPI

from services.dashboard import handlers
from services.dashboard.api import (
    alerts,
    clients,
    commanding,
    edge,
    links,
    owners,
    pages,
    ready,
    renewal,
    renewals,
    services,
    session,
    settings_page,
    static,
    stream,
    team,
    tier,
)
from services.dashboard.domain.refused import Refused
from services.dashboard.settings import Settings
from services.dashboard.store import builds, sessions
from shared.chassis import background, commands, dead_letters, http
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool, open_pool
from shared.chassis.identity import Verifier
from shared.chassis.inbox import Inbox

INBOXES = handlers.INBOXES
ROUTERS: tuple[APIRouter, ...] = (
    clients.lists,  # first: they are asked for most, and routers are tried in turn
    renewals.lists,
    session.router,
    static.router,
    stream.router,
    alerts.router,
    clients.router,
    team.router,
    tier.router,
    pages.router,
    renewals.router,
    renewal.router,
    owners.router,
    services.router,
    settings_page.router,
    links.router,  # last: a part of what they match has pages of its own
)
EXTRAS = (
    session.holding_provider,
    stream.listening,
    tier.holding_tiers,
    commanding.holding_owners,
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
        feed=keeping_up,
        jobs=[
            http.Job("forget sessions", forget, 600, enabled=settings.run_http),
            http.Job("tidy", _tidy, 60, enabled=settings.run_consumers),
        ],
        extras=EXTRAS if settings.run_http else (),
        reading=http.Reading(STANDING, _read_standing),
        refused=Refused,
        description="The page of the partner's people. It is made from the topics alone.",
        verifier=verifier,
    )
    ready.install(app)
    edge.install(app)
    return app


@asynccontextmanager
async def keeping_up(app: FastAPI) -> AsyncIterator[None]:
    """Hear for the model that serves, and for another once that serves."""
    from services.dashboard.jobs import Projection  # with Kafka's client, which is slow to import
    from shared.chassis import kafka

    settings: Settings = app.state.settings
    topics = [inbox.topic for inbox in INBOXES]
    await kafka.check_topics(settings.kafka, topics, seconds=settings.start_timeout)

    def feeding(inboxes: Sequence[Inbox]) -> None:
        app.state.inboxes = inboxes

    projection = Projection(settings, app.state.clock, INBOXES, feeding)
    end = http.ending(app, "projection")
    async with background.running(projection.run(app.state.pool), "projection", end=end):
        yield


STANDING = {
    "read_model_behind_seconds": "Age of what the pages show: of the topic heard least lately."
}


async def _read_standing(tx: Connection, now: datetime) -> dict[str, float]:
    until = await builds.find_heard_until(tx)
    behind = max(0.0, (now - until).total_seconds()) if until else 0.0
    return {"read_model_behind_seconds": behind}


async def _tidy(pool: Pool, _: Clock) -> int:
    from services.dashboard.jobs import tidy

    return await tidy(pool, INBOXES)


async def retry_letter(work: commands.Work, letter_id: int) -> None:
    """Handle a record again for the revision that could not, in its own model."""
    async with work.pool.acquire() as tx:
        letter = await dead_letters.find(tx, letter_id)
        found = letter and re.match(r"dashboard\.r(\d+)\.", letter.consumer)
        build = await builds.find(tx, int(found[1])) if found else None
    if letter is None or build is None:
        raise dead_letters.NoSuchLetterError(f"no model needs dead letter {letter_id} any more")
    inboxes = [inbox.of_revision(build.revision) for inbox in INBOXES]
    async with open_pool(
        work.settings.database_url, max_size=1, search_path=build.search_path
    ) as pool:
        await dead_letters.retry(pool, inboxes, letter_id)
