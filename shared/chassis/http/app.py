"""Puts a service's application together, and starts and stops what runs beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from prometheus_client import CollectorRegistry

from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.http import neighbours, openapi, probes, problems
from shared.chassis.http.edge import Edge, HttpMetrics
from shared.chassis.http.figures import Reading, tell_of_process
from shared.chassis.http.guards import SAFE_METHODS, Policy, Rates, nobody_in_particular
from shared.chassis.http.idempotency import Route, forget_old_keys
from shared.chassis.identity import Verifier
from shared.chassis.inbox import Inbox
from shared.chassis.settings import ServiceSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is there because time passes.

    ``run`` does a part and returns how much that was; it is called again at once while that is
    not 0, otherwise after ``idle`` seconds. ``enabled`` is the setting that switches it.
    """

    name: str
    run: Callable[[Pool, Clock], Awaitable[int]]
    idle: float
    enabled: bool = True


Extra: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[object]]


def create_app(
    service: str,
    settings: ServiceSettings,
    clock: Clock,
    *,
    routers: Sequence[APIRouter],
    inboxes: Sequence[Inbox] = (),
    feed: Extra | None = None,
    jobs: Sequence[Job] = (),
    extras: Sequence[Extra] = (),
    reading: Reading | None = None,
    refused: type[Exception],
    version: str = "1",
    description: str = "",
    verifier: Verifier | None = None,
    by_keys: bool = False,
) -> FastAPI:
    """Make the application of a service.

    ``refused`` is what the service's domain raises for a person's wish that it declines: an
    exception with ``field``, ``reason`` and, where it is not 422, ``status``. ``extras`` are
    entered after the pool is open (``app.state.pool``) and left before it closes. ``feed`` is
    entered in place of one subscription of each inbox for good; it says in ``app.state.inboxes``
    which are fed. ``reading`` is asked for at each scrape of the metrics. ``by_keys`` is that of
    `database.open_pool`. Raises TypeError for a route that says nothing about who may use it.
    """
    lifespan = partial(_lifespan, feed=feed, jobs=jobs, extras=extras, by_keys=by_keys)
    app = FastAPI(
        title=service,
        version=version,
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever host the caller names
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.service, app.state.settings, app.state.clock = service, settings, clock
    app.state.registry, app.state.inboxes = CollectorRegistry(), list(inboxes)
    app.state.jobs = tell_of_process(app.state.registry, settings)
    app.state.reading = reading
    app.state.verifier = verifier or Verifier(
        settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url
    )
    app.state.addresses = []
    app.state.rates = Rates(settings.partner_rate)
    problems.install(app, refused)
    app.include_router(probes.router(app))
    for router in routers if settings.run_http else ():
        _check_policies(router)
        app.router.routes.extend(router.routes)  # to include them would build each anew
        app.state.addresses += [route for route in router.routes if isinstance(route, Route)]
    app.add_middleware(Edge, metrics=HttpMetrics(app.state.registry))
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    return app


def _check_policies(router: APIRouter) -> None:
    """Deny by default: a route without a policy, or one that changes things for any reader."""
    for route in router.routes:
        if not isinstance(route, Route):
            raise TypeError(f"{route} is not declared on a shared.chassis.http.Router")
        named = {f"{method} {route.path}" for method in route.methods or ()}
        policies = list(_policies(route.dependant))
        if not policies:
            raise TypeError(f"{named}: who may call it? Ask for AReader, AMember or AnAdmin")
        changes = not set(route.methods or ()) <= SAFE_METHODS
        if changes and all("staff" in each for each in policies):
            raise TypeError(f"{named}: it changes things, so ask for AMember or AnAdmin")


def _policies(dependant: Dependant) -> list[frozenset[str]]:
    found: list[frozenset[str]] = []
    if isinstance(dependant.call, Policy):
        found.append(frozenset(dependant.call.roles))
    if dependant.call is nobody_in_particular:
        found.append(frozenset({"anybody"}))
    for each in dependant.dependencies:
        found.extend(_policies(each))
    return found


@asynccontextmanager
async def _lifespan(
    app: FastAPI,
    *,
    feed: Extra | None,
    jobs: Sequence[Job],
    extras: Sequence[Extra],
    by_keys: bool,
) -> AsyncIterator[None]:
    """Start in the order of need, stop in reverse.

    The jobs take nothing new, then the consumers end their batch, then the relay sends what
    they recorded, then the pool closes, then the last spans go out. All of that fits into 41 s.
    """
    from shared.chassis import background, kafka, outbox, tracing  # slow to import
    from shared.chassis.relay import Progress

    service: str = app.state.service
    settings: ServiceSettings = app.state.settings
    clock: Clock = app.state.clock
    async with AsyncExitStack() as stack:
        begin = stack.enter_async_context
        await begin(tracing.exporting(service, settings))
        app.state.pool = pool = await begin(neighbours.found(service, settings, by_keys=by_keys))
        if settings.run_relay:
            app.state.relay = Progress()
            sending = outbox.relay(
                settings.database_url,
                settings.kafka,
                source=f"/{service}",
                progress=app.state.relay,
            )
            await begin(background.running(sending, "relay", end=ending(app, "relay")))
        if settings.run_consumers and app.state.inboxes:
            inboxes: Sequence[Inbox] = app.state.inboxes
            await begin(feed(app) if feed else kafka.consuming(settings, inboxes, pool))
        for extra in extras:
            await begin(extra(app))
        housekeeping = Job("forget old keys", forget_old_keys, 600, enabled=settings.run_http)
        for job in (housekeeping, *jobs):
            if job.enabled:
                watched = app.state.jobs.watching(job.name, job.run)
                work = background.repeat(
                    partial(watched, pool, clock), idle=job.idle, name=job.name
                )
                await begin(background.running(work, job.name, end=ending(app, job.name)))
        log.info("started", http=settings.run_http, jobs=[j.name for j in jobs if j.enabled])
        yield
        log.info("stopping")


def ending(app: FastAPI, part: str) -> Callable[[], None]:
    """For `background.running`: stop in good order, and exit as one who was not asked to."""
    from shared.chassis import background

    def end() -> None:
        app.state.ended = part
        background.end_process()

    return end
