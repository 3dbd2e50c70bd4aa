"""The page over the portfolio, as one of its people sees it, and what is read on it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from uuid import UUID

import httpx2
from fastapi import FastAPI

from deploy.local.databases import Addresses
from services.dashboard.main import create_app
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.chassis.identity import Role
from tests import tokens
from tests.dashboard.conftest import settings_for
from tests.dashboard.people import ADMIN, BRIGHTWATER
from tests.dashboard.signing_in import sign_in


@dataclass
class Sight:
    """Looks at pages as somebody."""

    http: httpx2.AsyncClient
    pool: Pool
    headers: dict[str, str]
    app: FastAPI

    async def by(
        self, user: UUID = ADMIN, partner: UUID = BRIGHTWATER, role: Role = "admin"
    ) -> "Sight":
        """The same pages, seen by somebody else."""
        headers = await sign_in(self.pool, user, partner, role)
        return Sight(self.http, self.pool, headers, self.app)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.http.get(path, headers=self.headers | headers)

    async def read(self, path: str, **headers: str) -> str:
        """A page that is there."""
        answer = await self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.text


@asynccontextmanager
async def looking(pool: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    """The page of Brightwater's admin. The owning services are away."""
    settings = settings_for(
        address.dsn,
        public_url="https://dashboard.test",
        clients_url="http://127.0.0.1:1",
        renewals_url="http://127.0.0.1:1",
        start_timeout=5,
    )
    app = create_app(settings, clock, verifier=tokens.verifier())
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="https://dashboard.test") as http,
    ):
        yield Sight(http, pool, await sign_in(pool, ADMIN, BRIGHTWATER), app)


def words(html: str) -> str:
    """What is read: the text, with single blanks."""
    text = re.sub(r"<(script|style|svg|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " ").split())


def rows(html: str) -> list[str]:
    """The rows of the page's list, each as it is read, without its menu."""
    [body] = re.findall(r'<table class="rows.*?<tbody>(.*?)</tbody>', html, re.DOTALL) or [""]
    found = re.findall(r"<tr\b.*?</tr>", body, re.DOTALL)
    return [words(re.sub(r'<td class="act">.*?</td>', "", each, flags=re.DOTALL)) for each in found]


def section(html: str, heading: str) -> str:
    """The words of the section with this id of its heading."""
    found = re.search(rf'<section[^>]*aria-labelledby="{heading}".*?</section>', html, re.DOTALL)
    assert found, heading
    return words(found[0])


def link(html: str, label: str) -> str:
    """Where the first link with these words leads."""
    for href, inside in re.findall(r'<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL):
        if label in words(inside):
            return unescape(href)
    raise AssertionError(f"no link {label!r}")
