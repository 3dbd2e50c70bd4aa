"""Puts the gadgets service together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from shared.chassis import background, http
from shared.chassis.clock import Clock
from shared.chassis.database import Connection
from shared.chassis.inbox import Inbox
from shared.chassis.settings import ServiceSettings
from shared.contracts import clients
from tests import tokens
from tests.chassis.gadgets import api

from_clients = Inbox("gadgets", clients.EVENTS)


@from_clients.on(clients.ServicesEnded)
async def forget_gadgets(event: clients.ServicesEnded, tx: Connection) -> None:
    await tx.execute("DELETE FROM gadgets WHERE partner_id = $1", event.partner_id)


INBOXES = (from_clients,)


@asynccontextmanager
async def _failing(app: FastAPI) -> AsyncIterator[None]:
    async def fail() -> None:
        await asyncio.sleep(0.2)
        raise RuntimeError("this part fails")

    app.state.failing = True
    ending = http.ending(app, "failing")
    async with background.running(fail(), "failing", end=ending):
        yield


def create_app(settings: ServiceSettings, clock: Clock, **other: Any) -> FastAPI:
    extras = [_failing] if getattr(settings, "run_failing", False) else []
    given: dict[str, Any] = {
        "routers": [api.router],
        "inboxes": INBOXES,
        "extras": extras,
        "refused": api.Refused,
        "verifier": tokens.verifier(),
        "description": "Gadgets.",
    }
    return http.create_app("gadgets", settings, clock, **(given | other))
