"""Lists that are ready: made once for each state of what they show, and then only given out."""

import gzip
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from typing_extensions import override

from services.dashboard.api import pages
from services.dashboard.api.guards import AViewer, Viewer, find_viewer
from services.dashboard.api.pages import Asking, NotAtHand
from services.dashboard.store import reading
from services.dashboard.store.clients import Choices
from services.dashboard.store.held import Held
from services.dashboard.store.partners import Alerts, PartnerRow, State, count_alerts
from services.dashboard.views import frame
from shared.chassis.clock import Clock
from shared.chassis.database import Connection
from shared.chassis.http.guards import POOL_WAIT_SECONDS
from shared.chassis.http.idempotency import Route

T = TypeVar("T")

MOST_BYTES: Final = 4 * 1024 * 1024  # a thousand answers
MOST_PARTNERS: Final = 256
MOST_HELD_BYTES: Final = 40 * 1024 * 1024  # 3.5 MiB are those of a partner with 5,000 clients
ZIP_LEVEL: Final = 3  # the next one takes twice the time for a twentieth of the bytes
COOKIES: Final = (pages.THEME_COOKIE, pages.COLUMNS_COOKIE)
# What depends on more than the read model and the day: what was just done may be undone for a
# while, and the stages in a panel have their hours.
NEVER: Final = frozenset({"told", "panel", "columns"})


class Notes(Generic[T]):
    """What was read last for each partner, for as long as its data stand as they did then.

    Partners of which something was asked lately are kept: all their notes together have at most
    so large a size, which is 1 for each where nothing else is said.
    """

    def __init__(
        self, most: int = MOST_PARTNERS, size_of: Callable[[T], int] = lambda _: 1
    ) -> None:
        self._most, self._size_of, self._size = most, size_of, 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, T]] = OrderedDict()

    def find(self, partner: Hashable, state: Hashable) -> T | None:
        """What was read in this state; None where nothing was."""
        known, value = self._kept.get(partner, (None, None))
        if known != state:
            return None
        self._kept.move_to_end(partner)
        return value

    def keep(self, partner: Hashable, state: Hashable, value: T) -> None:
        """Keep what was read in a state, in place of what was kept."""
        if before := self._kept.pop(partner, None):
            self._size -= self._size_of(before[1])
        self._kept[partner] = state, value
        self._size += self._size_of(value)
        while self._size > self._most:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._size -= self._size_of(dropped)


class Shelf:
    """The answers given last, at most so many bytes of them, as they go over the line."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self.partners = Notes[PartnerRow]()
        self.alerts = Notes[Alerts]()
        self.choices = Notes[tuple[Hashable, float, Choices]]()
        self.held = Notes[Held](MOST_HELD_BYTES, lambda held: held.size)

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


async def _asking(request: Request, viewer: AViewer) -> AsyncIterator[Asking]:
    state = request.app.state
    clock: Clock = state.clock
    seconds: float = state.settings.statement_timeout
    notes: Notes[PartnerRow] = state.shelf.partners
    async with (
        state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx,
        reading.entered(tx, viewer.partner_id, seconds, viewer.state) as holds,
    ):
        found = viewer.state if holds else None
        known = notes.find(viewer.partner_id, standing(found)) if found else None
        if found is None or known is None:
            asked = await pages.asking(request, viewer, tx, clock)
            if asked.partner.version:
                notes.keep(viewer.partner_id, standing(asked.partner.state), asked.partner)
        else:
            asked = _asked(request, viewer, tx, known, found)
        yield asked


def standing(state: State) -> Hashable:
    """What is the same for as long as nothing of the partner changes."""
    return state.model, state.mark


# As `pages.Asked`; who asks for lists asks again, and mostly nothing of the partner has changed.
# The answer is sent before the transaction ends, which only has read, and does not wait for that:
# it is small enough to be sent at once, whoever takes it slowly.
AskedForList: TypeAlias = Annotated[Asking, Depends(_asking, scope="request")]


async def _at_hand(request: Request) -> Asking | None:
    """Who asks, to answer of what is in memory, where the partner is known in this state.

    As with an answer that is ready, what is in memory is given out by the state that came with
    the session: it is what would have been read at that moment.
    """
    viewer = await find_viewer(request)
    if viewer is None or viewer.state is None:
        return None
    partner = request.app.state.shelf.partners.find(viewer.partner_id, standing(viewer.state))
    return _asked(request, viewer, None, partner, viewer.state) if partner else None


def _asked(
    request: Request, viewer: Viewer, tx: Connection | None, known: PartnerRow, state: State
) -> Asking:
    partner, clock = replace(known, as_of=state.as_of), request.app.state.clock
    return Asking(request, viewer, tx, clock, partner, clock.today(partner.time_zone))


class ReadyRoute(Route):
    """A route for lists, whose endpoint gets an `Asking` and nothing else.

    Its answers may be ready: then nothing is run but who asks. Else it is tried without the
    database: all that a list is made of may be in memory.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        make = super().get_route_handler()

        async def find_or_make(request: Request) -> Response:
            if found := await _find(request):
                return found
            if asked := await _at_hand(request):
                with suppress(NotAtHand):
                    made: Response = await self.endpoint(asked)
                    return made
            return await make(request)

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
    partner_id, state = asked.viewer.partner_id, (standing(asked.partner.state), asked.today)
    known = notes.find(partner_id, state)
    if known is None:
        known = await count_alerts(asked.tx, asked.today)
        notes.keep(partner_id, state, known)
    return known


async def held(
    asked: Asking, kind: str, hold: Callable[[Connection], Awaitable[Held]]
) -> Held | None:
    """A list in memory, as it stands in the state that is asked for; None: PostgreSQL has to look.

    To read the names of all rows costs as much as to look through them there.
    """
    if not asked.partner.version:  # nothing tells its states apart
        return None
    notes: Notes[Held] = asked.request.app.state.shelf.held
    key, state = (asked.viewer.partner_id, kind), (standing(asked.partner.state), asked.today)
    found = notes.find(key, state)
    if found is None:
        found = await hold(asked.tx)
        notes.keep(key, state, found)
    return found if found.whole else None


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
