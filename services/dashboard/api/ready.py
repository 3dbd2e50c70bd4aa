"""Lists that are ready: made once for each state of what they show, and then only given out."""

import gzip
from collections import OrderedDict
from collections.abc import Hashable
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from services.dashboard.api import pages
from services.dashboard.api.guards import AViewer, Reading, TheClock
from services.dashboard.api.pages import Asking, asking
from shared.chassis.http.problems import problem

MOST_BYTES: Final = 16 * 1024 * 1024
ZIP_LEVEL: Final = 4
COOKIES: Final = (pages.THEME_COOKIE, pages.COLUMNS_COOKIE)
# What depends on more than the read model and the day: what was just done may be undone for a
# while, and the stages in a panel have their hours.
NEVER: Final = frozenset({"told", "panel", "columns"})


class Ready(Exception):  # noqa: N818 - no error: the answer is there already
    """Stops a request whose answer was made before, for the same state of everything in it."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Shelf:
    """The answers given last, at most so many bytes of them, as they go over the line."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

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


def _key(asked: Asking) -> Hashable | None:
    """All that a list depends on; None where it depends on more than can be named.

    ``mark`` grows with every transaction that changes anything of the partner, and is read in
    the snapshot that the list is read in: a list that is kept is never older than that.
    """
    request, partner, viewer = asked.request, asked.partner, asked.viewer
    if not partner.version or NEVER & request.query_params.keys():
        return None
    return (
        partner.partner_id,
        partner.model,
        partner.mark,
        asked.today,
        pages.as_of(asked),
        viewer.name,
        viewer.role,
        request.url.path,
        request.url.query,
        pages.wants_fragment(request),
        tuple(request.cookies.get(name) for name in COOKIES),
    )


def _zips(request: Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def _asking_for_a_list(
    request: Request, viewer: AViewer, tx: Reading, clock: TheClock
) -> Asking:
    asked = await asking(request, viewer, tx, clock)
    shelf: Shelf = request.app.state.shelf
    key = _key(asked) if _zips(request) else None
    if key is not None and (body := shelf.find(key)):
        raise Ready(_zipped(body))
    return asked


AskedForList: TypeAlias = Annotated[Asking, Depends(_asking_for_a_list)]


def keep(asked: Asking, answer: HTMLResponse) -> Response:
    """Keep a list for whoever asks for the same; returns what to answer."""
    key = _key(asked)
    if key is None or not _zips(asked.request):
        return answer
    body = gzip.compress(bytes(answer.body), ZIP_LEVEL)
    asked.request.app.state.shelf.keep(key, body)
    return _zipped(body)


def _zipped(body: bytes) -> Response:
    headers = {"Content-Encoding": "gzip", "Vary": "HX-Request, Accept-Encoding"}
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


def install(app: FastAPI) -> None:
    """Let a request end with an answer that is ready."""
    app.state.shelf = Shelf()

    async def give(_: Request, ready: Exception) -> Response:
        return ready.answer if isinstance(ready, Ready) else problem(500)

    app.add_exception_handler(Ready, give)
