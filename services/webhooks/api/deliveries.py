"""Deliveries: what became of each event, and sending one once more."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query
from starlette.exceptions import HTTPException

from services.webhooks import domain
from services.webhooks.api.models import DeliveryView
from services.webhooks.store import arrivals, endpoints, reading
from services.webhooks.store.reading import Filters
from shared.chassis.database import Connection
from shared.chassis.http import (
    AnAdmin,
    AReader,
    Page,
    Paging,
    Router,
    TheClock,
    Transaction,
    paging,
)

router = Router(tags=["deliveries"])

InOrder = Annotated[Paging, Depends(paging("seq", default="-seq"))]


async def _asked(
    endpoint_id: Annotated[UUID | None, Query(description="To this endpoint alone.")] = None,
    client_id: Annotated[UUID | None, Query(description="About this client alone.")] = None,
    state: Annotated[
        Literal["waiting", "delivered", "dead"] | None, Query(description="In this state.")
    ] = None,
) -> Filters:
    return Filters(endpoint_id, client_id, state)


async def shown(tx: Connection, delivery_id: UUID) -> DeliveryView:
    """One of the partner's; 404 where there is none."""
    row = await reading.find_delivery(tx, delivery_id)
    if row is None:
        raise HTTPException(404)
    return DeliveryView.of(row)


@router.get("/deliveries")
async def list_deliveries(
    _: AReader, tx: Transaction, page: InOrder, filters: Annotated[Filters, Depends(_asked)]
) -> Page[DeliveryView]:
    """List deliveries, of the events heard last first."""
    after = page.after(int)
    rows = await reading.list_deliveries(
        tx,
        filters,
        after=after[0] if after else None,
        descending=page.descending,
        limit=page.fetch,
    )
    return page.page(rows, lambda row: (row["seq"],), DeliveryView.of)


@router.get("/deliveries/{delivery_id}")
async def show_delivery(_: AReader, tx: Transaction, delivery_id: UUID) -> DeliveryView:
    """One delivery, and what came of its last attempt."""
    return await shown(tx, delivery_id)


@router.post("/deliveries/{delivery_id}/redelivery", status_code=202)
async def send_again(
    _: AnAdmin, tx: Transaction, clock: TheClock, delivery_id: UUID
) -> DeliveryView:
    """Send one once more, with the same id. What waits already goes on waiting."""
    delivery = await shown(tx, delivery_id)
    endpoint = await endpoints.lock_endpoint(tx, delivery.endpoint_id)
    if endpoint is None:
        raise HTTPException(404)
    domain.require_active(endpoint)
    await arrivals.send_again(tx, delivery.endpoint_id, clock.now(), delivery_id=delivery_id)
    return await shown(tx, delivery_id)
