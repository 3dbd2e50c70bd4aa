"""Questions to the tiers service, in the name of who is signed in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, TypeVar

import httpx2
import structlog
from pydantic import BaseModel, ValidationError

from services.dashboard.domain.standing import (
    Contributions,
    Details,
    Expiries,
    Figure,
    History,
    Reviews,
    RuleSets,
    Standing,
    Told,
)
from services.dashboard.senders.owners import call
from shared.chassis.trust import trusted

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 2.0
LIMITS: Final = httpx2.Limits(max_connections=50, max_keepalive_connections=20)
DAYS, REVIEWS, BEHIND = "120", "20", "25"

NOT_REACHED: Final = "The tiers service cannot be reached at the moment."
NO_ANSWER: Final = "The tiers service did not answer in time."
NOT_KNOWN: Final = "The tiers service has not heard of your partner account yet."
NOT_ALLOWED: Final = "The tiers service does not let you see it. Sign in anew."
NOT_THERE: Final = "There is no such page of the list any more. Begin with the first."
NOT_READ: Final = "The tiers service answered something that this page cannot read."

M = TypeVar("M", bound=BaseModel)


class Tiers:
    """The tiers service, over connections that are held."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def details(
        self, token: str, figure: Figure, *, sort: str = "-figure", cursor: str | None = None
    ) -> Details:
        """All that the page shows beside the figures, asked for at once.

        ``figure`` is the one whose clients are listed; ``cursor`` goes on behind a page of them.
        """
        behind = {"figure": figure, "sort": sort, "limit": BEHIND}
        if cursor:
            behind["cursor"] = cursor
        standing, contributions, expiries, history, reviews, rule_sets = await asyncio.gather(
            self._ask(Standing, "/tier", token),
            self._ask(Contributions, "/tier/contributions", token, behind),
            self._ask(Expiries, "/tier/expiries", token),
            self._ask(History, "/tier/history", token, {"limit": DAYS}),
            self._ask(Reviews, "/tier/reviews", token, {"limit": REVIEWS}),
            self._ask(RuleSets, "/rule-sets", token),
        )
        found = Details(standing, contributions, expiries, history, reviews, rule_sets)
        if found.missing:  # one line for all that one page lacks
            log.warning("tiers_away", reasons=found.missing)
        return found

    async def _ask(
        self, kind: type[M], path: str, token: str, query: Mapping[str, str] | None = None
    ) -> Told[M]:
        try:
            answer = await call(self._http, "GET", path, token, params=query)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return _missing(path, NOT_REACHED, error)
        except httpx2.HTTPError as error:
            return _missing(path, NO_ANSWER, error)
        if not answer.is_success:
            return _missing(path, _why(answer.status_code), answer.status_code)
        try:
            return Told(kind.model_validate_json(answer.content), "")
        except ValidationError as error:
            return _missing(path, NOT_READ, error.error_count())


def _missing(path: str, told: str, reason: object) -> Told[M]:
    log.debug("tiers_away", path=path, reason=repr(reason))
    return Told(None, told)


def _why(status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return NOT_KNOWN
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NOT_ALLOWED
    return NOT_THERE if status == HTTPStatus.UNPROCESSABLE_ENTITY else NOT_REACHED


@asynccontextmanager
async def asking(tiers_url: str) -> AsyncIterator[Tiers]:
    """Hold connections to the tiers service."""
    async with httpx2.AsyncClient(
        base_url=tiers_url,
        timeout=TIMEOUT_SECONDS,
        limits=LIMITS,
        follow_redirects=False,
        verify=trusted(),
        trust_env=False,  # a token goes to no proxy that the environment names
    ) as http:
        yield Tiers(http)
