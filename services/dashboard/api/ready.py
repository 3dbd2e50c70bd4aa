"""Lists that are ready: made once for each state of what they show, and then only given out."""

import gzip
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from typing_extensions import override

from services.dashboard.api import pages
from services.dashboard.api.guards import AViewer, TheClock, Viewer, find_viewer
from services.dashboard.api.pages import Asking
from services.dashboard.store import reading
from services.dashboard.store.partners import Alerts, PartnerRow, State, count_alerts
from services.dashboard.views import frame
from shared.chassis.clock import Clock
from shared.chassis.http.guards import POOL_WAIT_SECONDS
from shared.chassis.http.idempotency import Route

T = TypeVar("T")

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_PARTNERS: Final = 256
ZIP_LEVEL: Final = 3  # the next one takes twice the time for a twentieth of the bytes
COOKIES: Final = (pages.THEME_COOKIE, pages.COLUMNS_COOKIE)
# What depends on more than the read model and the day: what was just done may be undone for a
# while, and the stages in a panel have their hours.
NEVER: Final = frozenset({"told", "panel", "columns"})


class Notes(Generic[T]):
    """What was read last for each partner, for as long as its data stand as they did then.

    Partners of which something was read lately are kept, at most so many.
    """

    def __init__(self, most: int = MOST_PARTNERS) -> None:
        self._most = most
        self._kept: OrderedDict[UUID, tuple[Hashable, T]] = OrderedDict()

    def find(self, partner_id: UUID, state: Hashable) -> T | None:
        """What was read in this state; None where nothing was."""
        known, value = self._kept.get(partner_id, (None, None))
        return value if known == state else None

    def keep(self, partner_id: UUID, state: Hashable, value: T) -> None:
        """Keep what was read in a state, in place of what was kept."""
        self._kept[partner_id] = state, value
        self._kept.move_to_end(partner_id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


class Shelf:
    """The answers given last, at most so many bytes of them, as they go over the line."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self.partners = Notes[PartnerRow]()
        self.alerts = Notes[Alerts]()

    def find(self, key: Hashable) -> bytes | None:
        """What was kept under the key."""
        if found := self._kept.get(key):
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, body: bytes) -> None:
        """Keep an answer; those not asked for the longest make room."""
        self._bytes += len(body) - len(self._kept.pop(key, b""))
        self._kept[key] = body
        while self._bytes > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


def _key(
    request: Request, viewer: Viewer, state: State, today: date, told: tuple[str, bool]
) -> Hashable | None:
    """All that a list depends on; None where it depends on more than can be named.

    ``mark`` grows with every transaction that changes anything of the partner, and a list is
    kept by the one that was read in its own snapshot: what is kept is never older than its key.
    """
    if not state.version or NEVER & request.query_params.keys() or not _zips(request):
        return None
    return (
        viewer.partner_id,
        state.model,
        state.mark,
        today,
        told,
        viewer.name,
        viewer.role,
        request.url.path,
        request.url.query,
        pages.wants_fragment(request),
        tuple(request.cookies.get(name) for name in COOKIES),
    )


def _zips(request: Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def _find(request: Request) -> Response | None:
    """The answer, where it was made before for the same state of everything in it."""
    viewer = await find_viewer(request)
    if viewer is None or viewer.state is None:
        return None
    clock: Clock = request.app.state.clock
    state, now = viewer.state, clock.now()
    told = frame.told_as_of(state.as_of, now, state.time_zone)
    key = _key(request, viewer, state, clock.today(state.time_zone), told)
    shelf: Shelf = request.app.state.shelf
    body = shelf.find(key) if key is not None else None
    return _zipped(body) if body else None


async def _asking(request: Request, viewer: AViewer, clock: TheClock) -> AsyncIterator[Asking]:
    state = request.app.state
    seconds: float = state.settings.statement_timeout
    notes: Notes[PartnerRow] = state.shelf.partners
    async with (
        state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx,
        reading.entered(tx, viewer.partner_id, seconds, viewer.state) as holds,
    ):
        found = viewer.state if holds else None
        known = notes.find(viewer.partner_id, _standing(found)) if found else None
        if found is None or known is None:
            asked = await pages.asking(request, viewer, tx, clock)
            if asked.partner.version:
                notes.keep(viewer.partner_id, _standing(asked.partner.state), asked.partner)
        else:
            partner = replace(known, as_of=found.as_of)
            asked = Asking(request, viewer, tx, clock, partner, clock.today(partner.time_zone))
        yield asked


def _standing(state: State) -> Hashable:
    return state.model, state.mark


# As `pages.Asked`; who asks for lists asks again, and mostly nothing of the partner has changed.
# The answer is sent before the transaction ends, which only has read, and does not wait for that:
# it is small enough to be sent at once, whoever takes it slowly.
AskedForList: TypeAlias = Annotated[Asking, Depends(_asking, scope="request")]


class ReadyRoute(Route):
    """A route whose answers may be ready: then nothing of it is run but who asks."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        make = super().get_route_handler()

        async def find_or_make(request: Request) -> Response:
            return await _find(request) or await make(request)

        return find_or_make


class Router(APIRouter):
    """The router of lists that are kept. They are for everybody who is signed in."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(route_class=ReadyRoute, **settings)


async def alerts(asked: Asking) -> Alerts:
    """The numbers in Alerts: on a day they are the same in a state, whatever is looked for."""
    if not asked.partner.version:  # nothing tells its states apart
        return await count_alerts(asked.tx, asked.today)
    notes: Notes[Alerts] = asked.request.app.state.shelf.alerts
    partner_id, standing = asked.viewer.partner_id, (_standing(asked.partner.state), asked.today)
    known = notes.find(partner_id, standing)
    if known is None:
        known = await count_alerts(asked.tx, asked.today)
        notes.keep(partner_id, standing, known)
    return known


def keep(asked: Asking, answer: HTMLResponse) -> Response:
    """Keep a list for whoever asks for the same; returns what to answer."""
    request, state = asked.request, asked.partner.state
    key = _key(request, asked.viewer, state, asked.today, pages.as_of(asked))
    if key is None:
        return answer
    body = gzip.compress(bytes(answer.body), ZIP_LEVEL)
    request.app.state.shelf.keep(key, body)
    return _zipped(body)


def _zipped(body: bytes) -> Response:
    headers = {"Content-Encoding": "gzip", "Vary": "HX-Request, Accept-Encoding"}
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


def install(app: FastAPI) -> None:
    """Give the application a shelf."""
    app.state.shelf = Shelf()
