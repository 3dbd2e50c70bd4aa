"""Endpoints: made, changed, tried out and removed by the partner's admins."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from services.webhooks import domain, senders
from services.webhooks.api.deliveries import shown
from services.webhooks.api.models import (
    DeliveryView,
    EndpointOrder,
    EndpointView,
    EndpointWithSecret,
    NewEndpoint,
    Redelivered,
    Redelivery,
)
from services.webhooks.settings import Settings
from services.webhooks.store import arrivals
from services.webhooks.store import endpoints as store
from shared.chassis.database import Connection
from shared.chassis.http import (
    AnAdmin,
    AReader,
    IfMatch,
    Page,
    Paging,
    Router,
    Stale,
    TheClock,
    Transaction,
    etag,
    keep_instead,
    paging,
)

router = Router(tags=["endpoints"])

ByAge = Annotated[Paging, Depends(paging("created_at", default="created_at"))]


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


TheSettings = Annotated[Settings, Depends(_settings)]


async def _hold(
    tx: Connection, endpoint_id: UUID, version: int | None = None, *, to_remove: bool = False
) -> domain.Endpoint:
    endpoint = await store.lock_endpoint(tx, endpoint_id, to_remove=to_remove)
    if endpoint is None:
        raise HTTPException(404)
    if version not in (None, endpoint.version):
        raise Stale(endpoint.version)
    return endpoint


def _new_secret() -> str:
    return domain.write_secret(secrets.token_bytes(domain.SECRET_BYTES))


def _show_once(
    request: Request, response: Response, endpoint: domain.Endpoint, secret: str
) -> EndpointWithSecret:
    """Tell the secret in this answer and in no copy of it."""
    etag(response, endpoint.version)
    fields = EndpointView.fields_of(endpoint)
    keep_instead(request, EndpointWithSecret(**fields, secret=None))
    return EndpointWithSecret(**fields, secret=secret)


@router.get("/endpoints")
async def list_endpoints(_: AReader, tx: Transaction, page: ByAge) -> Page[EndpointView]:
    """List the partner's endpoints, those made first first."""
    found = await store.list_endpoints(
        tx, after=page.after(datetime, UUID), descending=page.descending, limit=page.fetch
    )
    return page.page(found, lambda each: (each.created_at, each.endpoint_id), EndpointView.of)


@router.post("/endpoints", status_code=201)
async def add_endpoint(
    order: NewEndpoint,
    caller: AnAdmin,
    tx: Transaction,
    clock: TheClock,
    settings: TheSettings,
    request: Request,
    response: Response,
) -> EndpointWithSecret:
    """Have the partner's events sent somewhere, from now on. The answer shows the secret once."""
    url = domain.allowed(order.url, senders.reach_of(settings))
    domain.require_room(await store.count_endpoints(tx), settings.most_endpoints)
    secret = _new_secret()
    made = domain.Endpoint(
        uuid4(),
        caller.partner_id,
        url,
        order.description,
        tuple(dict.fromkeys(order.types)),
        settings.seal.close({"secret": secret}),
        clock.now(),
    )
    await store.add_endpoint(tx, made)
    return _show_once(request, response, made, secret)


@router.get("/endpoints/{endpoint_id}")
async def show_endpoint(
    _: AReader, tx: Transaction, endpoint_id: UUID, response: Response
) -> EndpointView:
    """One endpoint, without its secret."""
    endpoint = await store.find_endpoint(tx, endpoint_id)
    if endpoint is None:
        raise HTTPException(404)
    etag(response, endpoint.version)
    return EndpointView.of(endpoint)


@router.put("/endpoints/{endpoint_id}")
async def change_endpoint(
    order: EndpointOrder,
    _: AnAdmin,
    tx: Transaction,
    settings: TheSettings,
    version: IfMatch,
    endpoint_id: UUID,
    response: Response,
) -> EndpointView:
    """Change where and what is sent, or switch the endpoint off and on."""
    before = await _hold(tx, endpoint_id, version)
    after = domain.change(
        before,
        url=domain.allowed(order.url, senders.reach_of(settings)),
        description=order.description,
        types=tuple(dict.fromkeys(order.types)),
        active=order.active,
    )
    await store.save_endpoint(tx, after)
    etag(response, after.version)
    return EndpointView.of(after)


@router.delete("/endpoints/{endpoint_id}")
async def remove_endpoint(
    _: AnAdmin, tx: Transaction, version: IfMatch, endpoint_id: UUID
) -> EndpointView:
    """Send nothing there any more, and forget what was sent. The answer shows it as it was."""
    endpoint = await _hold(tx, endpoint_id, version, to_remove=True)
    await store.remove_endpoint(tx, endpoint_id)
    return EndpointView.of(endpoint)


@router.post("/endpoints/{endpoint_id}/secret")
async def replace_secret(
    _: AnAdmin,
    tx: Transaction,
    clock: TheClock,
    settings: TheSettings,
    endpoint_id: UUID,
    request: Request,
    response: Response,
) -> EndpointWithSecret:
    """Give the endpoint another secret, shown once; for a while what is sent is signed by both."""
    before, secret = await _hold(tx, endpoint_id), _new_secret()
    until = clock.now() + timedelta(hours=settings.rotation_hours)
    after = domain.rotate(before, settings.seal.close({"secret": secret}), until)
    await store.save_endpoint(tx, after)
    return _show_once(request, response, after, secret)


@router.post("/endpoints/{endpoint_id}/ping", status_code=202)
async def send_ping(
    _: AnAdmin, tx: Transaction, clock: TheClock, endpoint_id: UUID
) -> DeliveryView:
    """Send a test message, once and behind nothing else; its delivery says what came of it."""
    endpoint, now, ping_id = await _hold(tx, endpoint_id), clock.now(), uuid4()
    domain.require_active(endpoint)
    headers, payload = domain.write_ping(ping_id, endpoint_id, now)
    return await shown(tx, await arrivals.add_ping(tx, endpoint, ping_id, headers, payload, now))


@router.post("/endpoints/{endpoint_id}/redeliveries", status_code=202)
async def send_again(
    order: Redelivery, _: AnAdmin, tx: Transaction, clock: TheClock, endpoint_id: UUID
) -> Redelivered:
    """Send once more, with the same ids: all that was given up, or all since an instant."""
    await _hold(tx, endpoint_id)
    if order.state == "all" and order.since is None:
        raise domain.Refused("since", "an instant, where all is to be sent once more")
    count = await arrivals.send_again(
        tx, endpoint_id, clock.now(), since=order.since, dead_alone=order.state == "dead"
    )
    return Redelivered(count=count)
