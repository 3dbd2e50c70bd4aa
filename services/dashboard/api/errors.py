"""What a person is shown when something is wrong: a page, or a part of one; never internals."""

from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.api import pages
from services.dashboard.api.guards import SignedOut, Viewer, find_viewer
from services.dashboard.domain.addresses import HOME, own_path
from services.dashboard.store import reading
from services.dashboard.views import render
from shared.chassis.database import Pool
from shared.chassis.http.guards import POOL_WAIT_SECONDS
from shared.chassis.http.problems import MEDIA_TYPE, Problem

log = structlog.get_logger(__name__)

SIGN_IN: Final = "/session/sign-in"
TITLES: Final = {
    401: "You are not signed in",
    403: "This is not for you",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "This is too much",
    422: "Something in that cannot be used",
    429: "One moment, please",
    500: "Something went wrong",
    503: "Out of order for a moment",
}
TEXTS: Final = {
    401: "You were signed out, or have not signed in yet. Nothing was changed.",
    403: "Your role does not allow this.",
    404: "It may have been removed, or the address is not quite right.",
    405: "The address is right, but not what was asked of it.",
    429: "You or your colleagues asked for a lot at once. Try again in a second.",
    500: "It has been recorded. What you see elsewhere is as it was.",
    503: "Try again in a few seconds. Nothing was changed.",
}
# Without a frame: what the frame is made of may be what is out of order.
BARE: Final = frozenset({401, 429, 503})
KEPT: Final = ("Allow", "Retry-After", "X-Request-ID")


class Pages:
    """Says as a page what the application says as problem details."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        said = bytearray()

        async def send_or_keep(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _is_problem(message):
                begun = message
            elif begun is None:
                await send(message)
            else:
                said.extend(message.get("body", b""))

        await self._app(scope, receive, send_or_keep)
        if begun is not None:
            request = Request(scope, receive)
            problem = Problem.model_validate_json(bytes(said))
            try:
                answer = await _answer(request, problem)
            except Exception:  # a page about a failure must not fail
                log.exception("page_not_drawn", status=problem.status)
                answer = PlainTextResponse(TITLES.get(problem.status, ""), problem.status)
            _keep_headers(begun, answer)
            await answer(scope, receive, send)


def _is_problem(message: Message) -> bool:
    headers = MutableHeaders(raw=list(message.get("headers", ())))
    return headers.get("Content-Type", "").startswith(MEDIA_TYPE)


def _keep_headers(begun: Message, answer: Response) -> None:
    was = MutableHeaders(raw=list(begun["headers"]))
    for name in KEPT:
        if name in was:
            answer.headers[name] = was[name]
    answer.headers["Cache-Control"] = "no-store"


async def _answer(request: Request, problem: Problem) -> Response:
    status = problem.status
    title = TITLES.get(status, problem.title)
    text = problem.detail or TEXTS.get(status, "")
    shown: dict[str, Any] = {"title": title, "text": text}
    if request.url.path == "/stream":
        return PlainTextResponse(f"{title}. {text}", status)
    if pages.wants_fragment(request):
        shown["href"] = own_path(_current(request))
        return pages.fragment("error_part.html.j2", status, **shown)
    viewer = await _viewer(request, status)
    if viewer is not None and status not in BARE:
        framed = await _framed(request, viewer, status, shown)
        if framed is not None:
            return framed
    if viewer is None and status in (401, 403):
        shown |= {"href": SIGN_IN, "label": "Sign in"}
    else:
        shown |= {"href": HOME, "label": "To the dashboard"}
    return HTMLResponse(render("error.html.j2", theme=pages.theme_of(request), **shown), status)


async def _viewer(request: Request, status: int) -> Viewer | None:
    """Who looks, if that is known; an address that nobody has was asked of nobody."""
    known: Viewer | None = getattr(request.state, "viewer", None)
    if known is not None or status in BARE:
        return known
    try:
        return await find_viewer(request)
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("viewer_not_known", reason=repr(error))
        return None


async def _framed(
    request: Request, viewer: Viewer, status: int, shown: dict[str, Any]
) -> Response | None:
    """The page in its frame; None where that cannot be drawn just now."""
    state = request.app.state
    pool: Pool = state.pool
    try:
        async with (
            pool.acquire(timeout=POOL_WAIT_SECONDS) as tx,
            reading.entered(tx, viewer.partner_id, state.settings.statement_timeout),
        ):
            asked = await pages.asking(request, viewer, tx, state.clock)
            return await pages.page(
                asked, "session/trouble.html.j2", at="", status=status, live=False, **shown
            )
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("frame_not_drawn", reason=repr(error))
        return None


async def _signed_out(request: Request, _: Exception) -> Response:
    """Lead to the sign-in, and back to where one was; what was posted is not done."""
    if request.url.path == "/stream":
        return PlainTextResponse("Nobody is signed in.", 401)
    if pages.wants_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": _sign_in(_current(request))})
    if request.method in ("GET", "HEAD"):
        url = request.url
        return RedirectResponse(_sign_in(url.path + (url.query and f"?{url.query}")), 303)
    shown = {"title": TITLES[401], "text": TEXTS[401], "label": "Sign in"}
    href = _sign_in(_current(request))
    theme = pages.theme_of(request)
    return HTMLResponse(render("error.html.j2", theme=theme, href=href, **shown), 401)


def _sign_in(after: str) -> str:
    return f"{SIGN_IN}?next={quote(own_path(after), safe='')}"


def _current(request: Request) -> str:
    """The path of the page from which something is asked."""
    headers = request.headers
    parts = urlsplit(headers.get("HX-Current-URL") or headers.get("Referer", ""))
    return parts.path + (parts.query and f"?{parts.query}")


def install(app: FastAPI) -> None:
    """Answer people with pages."""
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_middleware(Pages)
