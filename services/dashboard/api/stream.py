"""Tells open pages that something changed, and nothing else: they fetch what they show."""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.dashboard.api import keeping
from services.dashboard.api.guards import AViewer, Viewer
from services.dashboard.store import signals
from shared.chassis import background
from shared.chassis.clock import SystemClock
from shared.chassis.http import Router, ending

PING_SECONDS: Final = 15
LOOK_SECONDS: Final = 15.0  # how often a quiet stream asks whether its session still holds
PAUSE_SECONDS: Final = 0.25  # the least time between two words: many changes come together
CHANGED: Final = ServerSentEvent(event="changed", data="", sep="\n")
# A page that comes back sends the id, and so is told that it may have missed something.
BEGUN: Final = ServerSentEvent(id="1", sep="\n")

router = Router(include_in_schema=False)


class Stream:
    """One open page: what it still has to be told."""

    def __init__(self, viewer: Viewer) -> None:
        self.partner_id, self.user_id, self.session = (
            viewer.partner_id,
            viewer.user_id,
            viewer.session,
        )
        self.news = asyncio.Event()
        self.changed = False
        self.over = False


class Hub:
    """The open pages of this process."""

    def __init__(self, most: int) -> None:
        """``most`` are of one session; beyond that the oldest is ended."""
        self._most = most
        self._told: dict[UUID | None, float] = {None: _now()}
        self._of_session: dict[bytes, list[Stream]] = defaultdict(list)

    @contextmanager
    def opened(self, viewer: Viewer) -> Iterator[Stream]:
        """Have a page told for as long as it is open."""
        stream, mine = Stream(viewer), self._of_session[viewer.session]
        mine.append(stream)
        for old in mine[: -self._most]:
            old.over = True
            old.news.set()
        try:
            yield stream
        finally:
            mine.remove(stream)
            if not mine and self._of_session.get(viewer.session) is mine:
                del self._of_session[viewer.session]

    def tell(self, partner_id: UUID | None) -> None:
        """Have the pages of a partner, or all, told that something changed."""
        self._told[partner_id] = _now()
        for stream in self._all():
            if partner_id in (None, stream.partner_id):
                stream.changed = True
                stream.news.set()

    def told_since(self, partner_id: UUID, instant: float) -> bool:
        """Whether something changed from that instant on."""
        return max(self._told.get(partner_id, 0.0), self._told[None]) >= instant

    def look(self, user_id: UUID) -> None:
        """Have the pages of a person look whether their sessions still hold."""
        for stream in self._all():
            if stream.user_id == user_id:
                stream.news.set()

    def _all(self) -> Iterator[Stream]:
        return (stream for streams in self._of_session.values() for stream in streams)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[None]:
    """Hear from all processes what to tell; for `create_app`'s ``extras``."""
    hub: Hub = app.state.hub
    hearing = signals.listen(app.state.pool, hub.tell, hub.look)
    async with background.running(hearing, "listen", end=ending(app, "listen")):
        yield


@router.get("/stream")
async def stream(
    request: Request,
    viewer: AViewer,
    since: Annotated[float, Query(description="When the page was made, in seconds.")] = math.inf,
) -> EventSourceResponse:
    """One for each open page; ends with the session.

    What changed between the making of the page and its first word here is told as well.
    """
    if "Last-Event-ID" in request.headers:
        since = 0.0
    told = _told(request, viewer, since)
    return EventSourceResponse(told, ping=PING_SECONDS, sep="\n")


async def _told(request: Request, viewer: Viewer, since: float) -> AsyncIterator[ServerSentEvent]:
    hub: Hub = request.app.state.hub
    with hub.opened(viewer) as mine:
        mine.changed = hub.told_since(viewer.partner_id, since)
        yield BEGUN
        while not mine.over:
            if await keeping.look(request.app.state, viewer.session) is None:
                yield CHANGED  # the page finds out by itself, and goes to the sign-in
                return
            if mine.changed:
                mine.changed = False
                yield CHANGED
                await asyncio.sleep(PAUSE_SECONDS)
            if await _waited(mine.news):
                mine.news.clear()


def _now() -> float:
    return SystemClock().now().timestamp()


async def _waited(news: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await news.wait()
    except TimeoutError:
        return False
