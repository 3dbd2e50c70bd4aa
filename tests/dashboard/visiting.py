"""A browser without a window: it keeps cookies as browsers do and follows nobody by itself."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from fastapi import FastAPI

ORIGIN = "http://127.0.0.1:18105"
NAVIGATES = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


class Visitor:
    """Somebody at the page. ``cookies`` is what their browser holds of it."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._ask("GET", path, NAVIGATES | headers)

    async def post(self, path: str, **form: str) -> httpx2.Response:
        return await self._ask("POST", path, NAVIGATES, data=form)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], **more: Any
    ) -> httpx2.Response:
        sent = dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self._http.request(method, path, headers=sent, **more)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                assert name.startswith("__Host-")
                assert morsel["secure"]
                assert morsel["httponly"]
                assert (morsel["path"], morsel["domain"]) == ("/", "")
                assert morsel["samesite"].lower() == "lax"
                self.cookies.pop(name, None)
                if morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
        return answer

    @property
    def session(self) -> str | None:
        """What opens the session, if there is one."""
        return self.cookies.get("__Host-session")

    async def is_signed_in(self) -> bool:
        """Whether a page opens, instead of leading to the sign-in."""
        answer = await self.get("/dashboard")
        return not (answer.status_code == 303 and "/session/sign-in" in answer.headers["location"])


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The page, started, without a socket; every failure is answered as it would be."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as http,
    ):
        yield http


def query(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def local(address: str) -> str:
    """The path and query of an address of the page."""
    parts = urlsplit(address)
    return parts.path + (parts.query and f"?{parts.query}")
