"""The list of a partner's clients: narrowed, sorted, a page at a time."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from services.clients.domain import Client
from services.clients.store.documents import SUMMARY
from shared.chassis.database import Connection

Sort: TypeAlias = Literal["name", "domain", "mrr", "apps_used"]
NOT_COUNTED: Final = -1  # the sort key of a client whose apps nobody counted yet


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clients are asked for. What is empty or None does not narrow the list."""

    words: str = ""
    product: str = ""
    relationship: Literal["sold", "managed", "both"] | None = None
    active: bool | None = True
    currency: str = ""


class Listed(NamedTuple):
    """A client without its people, and the sort key after which the next page goes on."""

    client: Client
    key: tuple[Any, ...]


class _Order(NamedTuple):
    """How the list is sorted: expressions with their types, the client's id last."""

    columns: tuple[tuple[str, str], ...]
    types: tuple[type, ...]
    source: str = ""


_ID: Final = ("c.client_id", "uuid")
# The currency in which a client pays most often stands before the amount in it, so that amounts
# in two currencies are never compared.
_MRR: Final = """
          LEFT JOIN LATERAL (
               SELECT s.currency, sum(s.mrr) AS amount
                 FROM subscriptions AS s
                WHERE s.client_id = c.client_id AND ($5 = '' OR s.currency = $5)
                GROUP BY s.currency
                ORDER BY count(*) DESC, s.currency
                LIMIT 1) AS main ON true"""
_ORDERS: Final[dict[str, _Order]] = {
    "name": _Order((("c.name_key", "text"), _ID), (str, UUID)),
    "domain": _Order((("c.domain_key", "text"), _ID), (str, UUID)),
    "apps_used": _Order(((f"coalesce(c.apps_used, {NOT_COUNTED})", "bigint"), _ID), (int, UUID)),
    "mrr": _Order(
        (("coalesce(main.currency, '')", "text"), ("coalesce(main.amount, 0)", "numeric"), _ID),
        (str, Decimal, UUID),
        _MRR,
    ),
}


def key_types(sort: Sort) -> tuple[type, ...]:
    """The types of a row's sort key."""
    return _ORDERS[sort].types


async def list_clients(
    tx: Connection,
    wanted: Wanted,
    sort: Sort = "name",
    *,
    descending: bool = False,
    after: tuple[Any, ...] | None = None,
    limit: int = 50,
) -> list[Listed]:
    """List clients without their people, by a key and then by their id."""
    rows = await tx.fetch(
        _statement(_ORDERS[sort], descending=descending, goes_on=after is not None),
        wanted.words,
        wanted.product,
        wanted.relationship,
        wanted.active,
        wanted.currency,
        limit,
        *(after or ()),
    )
    return [Listed(Client.model_validate_json(row[0]), tuple(row)[1:]) for row in rows]


def _statement(order: _Order, *, descending: bool, goes_on: bool) -> str:
    way, than = ("DESC", "<") if descending else ("ASC", ">")
    keys = ", ".join(f"{column} AS key{at}" for at, (column, _) in enumerate(order.columns))
    names = [f"page.key{at}" for at in range(len(order.columns))]
    columns = ", ".join(column for column, _ in order.columns)
    given = ", ".join(f"${at}::{kind}" for at, (_, kind) in enumerate(order.columns, start=7))
    return f"""
        SELECT {SUMMARY} AS document, {", ".join(names)}
          FROM (
               SELECT {keys}
                 FROM clients AS c {order.source}
                WHERE ($1 = '' OR strpos(c.name_key, lower($1)) > 0
                               OR strpos(c.domain_key, lower($1)) > 0)
                  AND ($2 = '' OR EXISTS (
                       SELECT FROM subscriptions AS s
                        WHERE s.client_id = c.client_id
                          AND starts_with(lower(s.product), lower($2))))
                  AND ($3::text IS NULL
                       OR CASE $3 WHEN 'both' THEN c.sold AND c.managed
                                  WHEN 'sold' THEN c.sold ELSE c.managed END)
                  AND ($4::boolean IS NULL OR c.active = $4)
                  AND ($5 = '' OR EXISTS (
                       SELECT FROM subscriptions AS s
                        WHERE s.client_id = c.client_id AND s.currency = $5))
                  {f"AND ({columns}) {than} ({given})" if goes_on else ""}
                ORDER BY {", ".join(f"{column} {way}" for column, _ in order.columns)}
                LIMIT $6) AS page
          JOIN clients AS c ON c.client_id = {names[-1]}
         ORDER BY {", ".join(f"{name} {way}" for name in names)}
        """  # noqa: S608 - made of constants; what a caller says is a parameter
