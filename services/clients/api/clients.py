"""A partner's clients: the list, each as a whole, and what became of it."""

from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import Depends, Query
from starlette.exceptions import HTTPException

from services.clients import store
from services.clients.api.answers import ClientDetails, ClientView, PastView
from services.clients.api.asking import Answers
from services.clients.api.partners import ByVersion, history_page
from shared.chassis.http import Page, Paging, Router, Transaction, paging

router = Router(tags=["clients"])

Sorted = Annotated[Paging, Depends(paging("name", "domain", "mrr", "apps_used", default="name"))]


async def _wanted(
    q: Annotated[str, Query(max_length=200, description="A part of the name or the domain.")] = "",
    product: Annotated[
        str,
        Query(
            max_length=200,
            description="Clients with a product whose name begins so.",
            examples=["Marketing Hub"],
        ),
    ] = "",
    relationship: Annotated[
        Literal["sold", "managed", "both"] | None,
        Query(description="Clients that the partner sold to, manages, or both."),
    ] = None,
    services: Annotated[
        Literal["active", "ended", "all"],
        Query(description="Whether the partner services them now."),
    ] = "active",
    currency: Annotated[
        str,
        Query(
            pattern="^([A-Z]{3})?$",
            description="Clients that pay in this currency; `mrr` then sorts by it alone.",
        ),
    ] = "",
) -> store.Wanted:
    active = None if services == "all" else services == "active"
    return store.Wanted(" ".join(q.split()), product, relationship, active, currency)


@router.get("/clients")
async def list_clients(
    tx: Transaction,
    page: Sorted,
    wanted: Annotated[store.Wanted, Depends(_wanted)],
    answers: Answers,
) -> Page[ClientView]:
    """The partner's clients, those that it services unless others are asked for.

    Sorted by `mrr`, clients stand by the currency in which they pay most often and then by the
    amount in it: amounts in two currencies are never compared. Clients whose apps nobody counted
    come before those with none.
    """
    sort = cast("store.Sort", page.sort)
    found = await store.list_clients(
        tx,
        wanted,
        sort,
        descending=page.descending,
        after=page.after(*store.key_types(sort)),
        limit=page.fetch,
    )
    return page.page(
        found,
        lambda row: row.key,
        lambda row: ClientView(
            **ClientView.fields_of(row.client, answers.patterns, answers.hub_id)
        ),
    )


@router.get("/clients/{client_id}")
async def tell_client(client_id: UUID, tx: Transaction, answers: Answers) -> ClientDetails:
    """A client as a whole: company, subscriptions, tiers and how near they are, contacts."""
    client = await store.find_client(tx, client_id)
    if client is None:
        raise HTTPException(404)
    return answers.details(client)


@router.get("/clients/{client_id}/history")
async def list_client_history(client_id: UUID, tx: Transaction, page: ByVersion) -> Page[PastView]:
    """Every change of the client: by whom, from what, to what; the last first."""
    if await store.find_client(tx, client_id) is None:
        raise HTTPException(404)
    return await history_page(tx, client_id, page)
