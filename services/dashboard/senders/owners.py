"""Commands to the services that own what the page shows, in the name of who is signed in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from uuid import UUID

import httpx2
import structlog

from shared.chassis import tracing
from shared.chassis.envelope import cause_of
from shared.chassis.telemetry import child_of
from shared.chassis.trust import trusted

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 5.0
LIMITS: Final = httpx2.Limits(max_connections=50, max_keepalive_connections=20)

NOT_REACHED: Final = "{service} cannot be reached at the moment. Nothing was changed."
NO_ANSWER: Final = (
    "{service} did not answer in time. It may have done it all the same: look again in a moment."
)
BUSY: Final = "{service} cannot do it at the moment. Nothing was changed."
FAILED: Final = (
    "{service} failed while doing it. It may have been done all the same: look again in a moment."
)
NOT_TRIED: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
NOT_KNOWN: Final = "{service} does not know this. It may have been removed meanwhile."
NOT_ALLOWED: Final = "{service} does not let you do this. Your role may have changed: sign in anew."


@dataclass(frozen=True, slots=True)
class Done:
    """It is so now, at this version."""

    version: int
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule says no: what is wrong with which field, and in a sentence."""

    fields: Mapping[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody changed it since it was looked at; it is at this version now, if that was said."""

    version: int = 0


@dataclass(frozen=True, slots=True)
class Away:
    """It cannot be done now: why, and whether it may have been done all the same."""

    reason: str
    perhaps_done: bool = False


Answer: TypeAlias = Done | Refused | Stale | Away


class Owners:
    """The clients and the renewals service, over connections that are held."""

    def __init__(self, clients: httpx2.AsyncClient, renewals: httpx2.AsyncClient) -> None:
        self._clients = _Service("The clients service", clients)
        self._renewals = _Service("The renewals service", renewals)

    async def end_services(
        self, token: str, client_id: UUID, *, version: int, reason: str, key: str
    ) -> Answer:
        """Say that the partner no longer services a client."""
        return await self._clients.command(
            "POST",
            f"/clients/{client_id}/services/end",
            token,
            {"reason": reason, "confirm": True},
            version=version,
            key=key,
        )

    async def resume_services(
        self, token: str, client_id: UUID, *, version: int, key: str
    ) -> Answer:
        """Service a client again, in a new period."""
        path = f"/clients/{client_id}/services/resume"
        return await self._clients.command("POST", path, token, None, version=version, key=key)

    async def choose_owner(
        self, token: str, client_id: UUID, chosen: Mapping[str, Any], *, version: int
    ) -> Answer:
        """Set who relays a client's contract changes."""
        path = f"/clients/{client_id}/owner"
        return await self._renewals.command("PUT", path, token, chosen, version=version)

    async def decide(
        self, token: str, renewal_id: UUID, decision: Mapping[str, Any], *, key: str
    ) -> Answer:
        """Decide on a contract change."""
        path = f"/renewals/{renewal_id}/decision"
        return await self._renewals.command("POST", path, token, decision, key=key)

    async def choose_default(
        self, token: str, chosen: Mapping[str, Any], *, version: int
    ) -> Answer:
        """Set who relays contract changes to all clients that inherit."""
        return await self._renewals.command(
            "PUT", "/settings/owner", token, chosen, version=version
        )

    async def choose_stages(self, token: str, chosen: Mapping[str, Any], *, version: int) -> Answer:
        """Set when people are told."""
        path = "/settings/stages"
        return await self._renewals.command("PUT", path, token, chosen, version=version)

    async def preview_default(self, token: str, chosen: Mapping[str, str]) -> Answer:
        """How many clients another default would move, and how many it leaves."""
        return await self._renewals.ask("/settings/owner/preview", token, chosen)

    async def history(self, token: str, subject: str) -> Answer:
        """Who changed a setting of the partner, the latest first: ``owner`` or ``stages``."""
        return await self._renewals.ask(f"/settings/{subject}/history", token, {"limit": "20"})


class _Service:
    def __init__(self, name: str, http: httpx2.AsyncClient) -> None:
        self._name, self._http = name, http

    async def command(
        self,
        method: str,
        path: str,
        token: str,
        body: Mapping[str, Any] | None,
        *,
        version: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """Give a command; one with a key is done once, however often it is given."""
        headers: dict[str, str] = {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            answer = await call(self._http, method, path, token, headers, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return self._away(error, NOT_REACHED)
        except httpx2.TransportError as error:
            return self._away(error, NO_ANSWER, perhaps_done=True)
        return self._read(answer)

    async def ask(self, path: str, token: str, query: Mapping[str, str]) -> Answer:
        """Ask for something that changes nothing."""
        try:
            answer = await call(self._http, "GET", path, token, params=query)
        except httpx2.TransportError as error:
            return self._away(error, "{service} cannot be reached at the moment.")
        return self._read(answer)

    def _read(self, answer: httpx2.Response) -> Answer:
        status = answer.status_code
        if answer.is_success:
            return Done(_version(answer), _body(answer))
        if status == HTTPStatus.PRECONDITION_FAILED:
            return Stale(_version(answer))
        if status == HTTPStatus.NOT_FOUND:
            return Refused({}, NOT_KNOWN.format(service=self._name))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return Refused({}, NOT_ALLOWED.format(service=self._name))
        if answer.is_server_error or status == HTTPStatus.TOO_MANY_REQUESTS:
            log.warning("owner_away", service=self._name, status=status)
            told, perhaps = (BUSY, False) if status in NOT_TRIED else (FAILED, True)
            return Away(told.format(service=self._name), perhaps)
        return _refused(_body(answer))

    def _away(self, error: Exception, reason: str, *, perhaps_done: bool = False) -> Away:
        log.warning("owner_away", service=self._name, reason=repr(error))
        return Away(reason.format(service=self._name), perhaps_done)


async def call(
    http: httpx2.AsyncClient,
    method: str,
    path: str,
    token: str,
    headers: Mapping[str, str] | None = None,
    **what: Any,
) -> httpx2.Response:
    """Ask a service, saying who asks and which request it is for. Raises httpx2.TransportError."""
    cause = cause_of("")  # of the request that is answered here
    told = {"Authorization": f"Bearer {token}", **(headers or {})}
    if cause is not None:
        told["X-Request-Id"] = cause.correlation_id
    trace = cause.traceparent if cause else None
    with tracing.doing("client", method, trace, _called(http, method)) as span:
        if cause is not None:
            told["traceparent"] = span.traceparent if span else child_of(trace)
        answer = await http.request(method, path, headers=told, **what)
        if span:
            span.set({"http.response.status_code": answer.status_code})
        return answer


def _called(http: httpx2.AsyncClient, method: str) -> dict[str, tracing.Value]:
    url = http.base_url
    return {
        "http.request.method": method,
        "server.address": url.host,
        "server.port": url.port or (443 if url.scheme == "https" else 80),
    }


def _version(answer: httpx2.Response) -> int:
    digits = answer.headers.get("ETag", "").strip('"')
    return int(digits) if digits.isdecimal() else 0


def _body(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(problem: Mapping[str, Any]) -> Refused:
    """What problem details say; whoever stands in between may have answered something else."""
    errors = problem.get("errors")
    fields = {
        str(each["field"]): str(each.get("reason", ""))
        for each in (errors if isinstance(errors, list) else ())
        if isinstance(each, dict) and "field" in each
    }
    return Refused(fields, str(problem.get("detail") or "It was refused, without a reason."))


@asynccontextmanager
async def reaching(clients_url: str, renewals_url: str) -> AsyncIterator[Owners]:
    """Hold connections to the owning services."""
    async with AsyncExitStack() as stack:
        clients, renewals = [
            await stack.enter_async_context(
                httpx2.AsyncClient(
                    base_url=url,
                    timeout=TIMEOUT_SECONDS,
                    limits=LIMITS,
                    follow_redirects=False,
                    verify=trusted(),
                    trust_env=False,  # a token goes to no proxy that the environment names
                )
            )
            for url in (clients_url, renewals_url)
        ]
        yield Owners(clients, renewals)
