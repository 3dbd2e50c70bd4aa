"""The outermost layer of the page: what every answer says to the browser, and who may ask."""

from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.api import errors
from services.dashboard.api.stream import Hub
from services.dashboard.senders.oidc import Provider
from services.dashboard.settings import Settings
from shared.chassis.http import problem
from shared.chassis.http.guards import SAFE_METHODS

PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
SMALLEST_ZIPPED: Final = 600
ZIP_LEVEL: Final = 3  # the next one takes twice the time for a twentieth of the bytes
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers would hide the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
A_YEAR: Final = "max-age=31536000"
FOREIGN: Final = "This was not sent by a page of this site. Nothing was changed."


class Hardened:
    """Puts the security headers on every answer, whoever gives it."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": A_YEAR} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_hardened if scope["type"] == "http" else send)


class Doorman:
    """Lets in who asks for this site, and changes only from a page of it."""

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app, self._origin = app, origin
        self._host = urlsplit(origin).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            headers = Headers(scope=scope)
            if _name(headers.get("Host", "")) != self._host:
                answer = problem(404, f"This page is at {self._origin}.")
                await answer(scope, receive, send)
                return
            if scope["method"] not in SAFE_METHODS and not self._is_own(headers):
                await problem(403, FOREIGN)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        """Whether the browser itself says that a page of this site asks."""
        site = headers.get("Sec-Fetch-Site")
        if site is not None:
            return site == "same-origin"
        return headers.get("Origin") == self._origin


def _name(host: str) -> str | None:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def install(app: FastAPI) -> None:
    """Make a page of the application: what is needed of the outside, from the inside out."""
    settings: Settings = app.state.settings
    app.state.provider = Provider(settings, app.state.verifier)
    app.state.hub = Hub(settings.session_streams)
    app.add_middleware(Doorman, origin=settings.public_url)
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST_ZIPPED, compresslevel=ZIP_LEVEL)
    app.add_middleware(Hardened, secure=settings.public_url.startswith("https://"))
