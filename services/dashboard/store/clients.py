"""Clients as people look at them: filtered, sorted, page by page; one as a whole; its history."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

from pydantic import TypeAdapter

from services.dashboard.domain.clients import ClientRow
from services.dashboard.store.held import MOST_READ, Held, containing, hold, values_of, words_of
from services.dashboard.store.places import Place
from shared.chassis.database import Connection
from shared.contracts.clients import ClientSnapshot
from shared.contracts.renewals import OwnerChoice

Sort: TypeAlias = Literal["domain", "name", "usage", "mrr"]
Row: TypeAlias = Any  # a record of the database: its columns by name

# Each is an index with the partner and whether services run before it, and the id behind it.
# Amounts of two currencies are never compared: they stand by currency first.
SORTS: Final[dict[str, tuple[tuple[str, type], ...]]] = {
    "domain": (("sort_domain", str),),
    "name": (("sort_name", str),),
    "usage": (("sort_usage", int),),
    "mrr": (("sort_currency", str), ("sort_mrr", int)),
}
assert tuple(SORTS) == get_args(Sort)  # noqa: S101 - one list
_SQL_TYPES: Final = {
    "sort_domain": "text",
    "sort_name": "text",
    "sort_usage": "smallint",
    "sort_currency": "text",
    "sort_mrr": "bigint",
}
_BANDS: Final = {
    "low": "sort_usage BETWEEN 0 AND 3",
    "medium": "sort_usage BETWEEN 4 AND 6",
    "high": "sort_usage >= 7",
    "unknown": "sort_usage < 0",
}
_RELATIONS: Final = {
    "sold": "sold AND NOT managed",
    "managed": "managed AND NOT sold",
    "both": "sold AND managed",
}
_SERVICES: Final = {
    "serviced": "serviced",
    "ended": "NOT serviced AND version > 0",
    "all": "version > 0",
}
_COLUMNS: Final = """c.client_id, c.domain, c.name, c.products, c.sold, c.managed, c.serviced,
           c.apps_used, c.currency, c.mrr, c.mrrs, c.record_id, c.account_id,
           c.owner ->> 'owner' AS owner"""
_HELD: Final = """c.client_id, c.domain, c.name, c.products, c.sold, c.managed, c.serviced,
           c.apps_used, c.currency, c.mrr, c.mrrs::text, c.record_id, c.account_id,
           c.owner ->> 'owner', nullif(c.sort_domain, c.domain)"""
_NAMES: Final = (
    *("client_id", "domain", "name", "products", "sold", "managed", "serviced", "apps_used"),
    *("currency", "mrr", "mrrs", "record_id", "account_id", "owner", "sort_domain"),
)
_MRRS: Final = TypeAdapter(dict[str, Decimal])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which clients are asked for; ``default_owner`` is what a client without a choice has."""

    default_owner: str = "hubspot"
    q: str = ""
    product: str = ""
    relationship: str = ""
    usage: str = ""
    currency: str = ""
    services: str = "serviced"
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, how many match on all pages, and the places of the pages before and after."""

    rows: Sequence[ClientRow]
    matches: int
    before: Place | None
    after: Place | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the clients of a partner can be filtered by."""

    products: tuple[str, ...]
    currencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """A client as a whole. What its services are is told apart: the end may be known first."""

    document: ClientSnapshot
    serviced: bool
    ended_at: datetime | None
    owner: OwnerChoice | None


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that happened to a client, as it was said."""

    type: str
    at: datetime
    actor_id: UUID | None
    said: str


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """Say which rows are shown, the same for the rows and for their number."""
    shown, arguments = [_SERVICES[wanted.services]], list[Any]()

    def value(given: Any) -> str:
        arguments.append(given)
        return f"${len(arguments)}"

    if wanted.q:
        shown += [f"search LIKE {value(containing(word))}" for word in words_of(wanted.q)]
    if wanted.product:
        shown.append(f"{value(wanted.product)} = ANY (products)")
    if wanted.relationship:
        shown.append(_RELATIONS[wanted.relationship])
    if wanted.usage:
        shown.append(_BANDS[wanted.usage])
    if wanted.currency:
        shown.append(f"mrrs::jsonb ? {value(wanted.currency)}")
    if wanted.owner == "inherited":
        shown.append("coalesce(owner ->> 'owner', 'default') = 'default'")
    elif wanted.owner:
        own, default = "nullif(owner ->> 'owner', 'default')", value(wanted.default_owner)
        effective = f"CASE WHEN serviced THEN coalesce({own}, {default}) ELSE 'hubspot' END"
        shown.append(f"{effective} = {value(wanted.owner)}")
    return shown, arguments


async def list_clients(
    tx: Connection,
    wanted: Wanted,
    *,
    sort: Sort,
    descending: bool = False,
    at: Place | None = None,
    limit: int,
) -> Listed:
    """A page of clients.

    Keys and ids alone are found first, from an index; whole rows are read for one page. What is
    filtered is found once for the page and for the number; all of a partner's are counted apart.
    """
    shown, arguments = _conditions(wanted)
    once = "MATERIALIZED" if arguments or len(shown) > 1 else "NOT MATERIALIZED"
    by = [column for column, _ in SORTS[sort]]
    back = at is not None and at.backwards
    way, beyond = ("DESC", "<") if descending is not back else ("ASC", ">")
    behind = ""
    if at is not None:
        kinds = [*(_SQL_TYPES[column] for column in by), "uuid"]
        places = ", ".join(f"${n}::{kind}" for n, kind in enumerate(kinds, len(arguments) + 1))
        behind = f"WHERE ({', '.join(by)}, client_id) {beyond} ({places})"
        arguments += [*at.key, at.ident]
    arguments.append(limit + 1)
    keys, order = ", ".join(by), ", ".join(f"{column} {way}" for column in [*by, "client_id"])
    rows = await tx.fetch(
        f"""
        WITH found AS {once} (SELECT {keys}, client_id FROM clients WHERE {" AND ".join(shown)})
        SELECT {_COLUMNS}, page.*, (SELECT count(*) FROM found) AS matches
          FROM (SELECT * FROM found {behind} ORDER BY {order} LIMIT ${len(arguments)}) AS page
          JOIN clients c USING (client_id)
         ORDER BY {", ".join(f"page.{column} {way}" for column in [*by, "client_id"])}
        """,  # noqa: S608 - made of constants of this module
        *arguments,
    )
    matches = rows[0]["matches"] if rows else await count_clients(tx, wanted) if at else 0
    page, more = rows[:limit], len(rows) > limit
    if back:
        page.reverse()
    earlier, later = (more, True) if back else (at is not None, more)

    def place(row: Row, *, backwards: bool) -> Place:
        return Place(tuple(row[column] for column in by), row["client_id"], backwards)

    return Listed(
        [_client(row, wanted.default_owner) for row in page],
        matches,
        place(page[0], backwards=True) if page and earlier else None,
        place(page[-1], backwards=False) if page and later else None,
    )


async def hold_clients(tx: Connection) -> Held:
    """The list of all clients whose services run, by domain, to be held in memory."""
    return await hold(
        tx,
        """
        SELECT search, client_id AS id
          FROM clients
         WHERE serviced
         ORDER BY sort_domain, client_id
        """,
    )


async def read_clients(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Rows of a list that is held, as JSON, in the order of their ids."""
    found = await tx.fetch(
        f"""
        SELECT json_build_array({_HELD})::text AS row
          FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, n)
          JOIN clients c ON c.client_id = wanted.id
         ORDER BY n
        """,  # noqa: S608 - constants
        ids,
    )
    return [row["row"] for row in found]


def found_clients(rows: Sequence[str], matches: int, default_owner: str) -> Listed:
    """As `list_clients` of ``q`` alone, by domain: the first page, from its rows."""
    page = [_read(row, default_owner) for row in rows]
    after = None
    if matches > len(page):
        *_, sort_domain = values_of(rows[-1])  # as it is sorted, where that differs
        after = Place((sort_domain or page[-1].domain,), page[-1].client_id)
    return Listed(page, matches, None, after)


@lru_cache(maxsize=MOST_READ)
def _read(written: str, default_owner: str) -> ClientRow:
    row = dict(zip(_NAMES, values_of(written), strict=True))
    return _client(row | {"client_id": UUID(row["client_id"])}, default_owner)


async def count_clients(tx: Connection, wanted: Wanted) -> int:
    """How many clients all pages together have."""
    shown, arguments = _conditions(wanted)
    query = f"SELECT count(*) FROM clients WHERE {' AND '.join(shown)}"  # noqa: S608 - constants
    return int(await tx.fetchval(query, *arguments))


async def stream_clients(
    tx: Connection, wanted: Wanted, *, sort: Sort, descending: bool = False
) -> AsyncIterator[ClientRow]:
    """All clients of the list, as they are read."""
    shown, arguments = _conditions(wanted)
    way = "DESC" if descending else "ASC"
    by = [*(column for column, _ in SORTS[sort]), "client_id"]
    query = f"""
        SELECT {_COLUMNS}
          FROM clients c
         WHERE {" AND ".join(shown)}
         ORDER BY {", ".join(f"{column} {way}" for column in by)}
        """  # noqa: S608 - made of constants of this module
    async for row in tx.cursor(query, *arguments, prefetch=500):
        yield _client(row, wanted.default_owner)


async def find_choices(tx: Connection) -> Choices:
    """What the partner's clients can be filtered by."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT array_agg(DISTINCT product ORDER BY product)
                  FROM clients, unnest(products) AS product) AS products,
               (SELECT array_agg(DISTINCT code ORDER BY code)
                  FROM clients, json_object_keys(mrrs) AS code) AS currencies
        """
    )
    assert row is not None  # noqa: S101 - aggregates always are a row
    return Choices(tuple(row["products"] or ()), tuple(row["currencies"] or ()))


async def find_client(tx: Connection, client_id: UUID) -> Client | None:
    """A client as a whole; None where the partner has none of this id, or none is told yet."""
    row = await tx.fetchrow(
        """
        SELECT document, serviced, ended_at, owner
          FROM clients
         WHERE client_id = $1 AND document IS NOT NULL
        """,
        client_id,
    )
    if row is None:
        return None
    return Client(
        ClientSnapshot.model_validate_json(row["document"]),
        row["serviced"],
        row["ended_at"],
        OwnerChoice.model_validate_json(row["owner"]) if row["owner"] else None,
    )


async def list_changes(tx: Connection, client_id: UUID, *, limit: int) -> list[Changed]:
    """What happened to a client, the latest first."""
    rows = await tx.fetch(
        """
        SELECT type, at, actor_id, said
          FROM changes
         WHERE client_id = $1
         ORDER BY at DESC, version DESC, type, digest
         LIMIT $2
        """,
        client_id,
        limit,
    )
    return [Changed(**dict(row)) for row in rows]


def _client(row: Row, default_owner: str) -> ClientRow:
    currency, amounts = row["currency"], row["mrrs"]
    mrrs: tuple[tuple[str, Decimal], ...] = ((currency, row["mrr"]),) if currency else ()
    if amounts.count(":") > 1:
        others = _MRRS.validate_json(amounts).items()
        mrrs += tuple((name, mrr) for name, mrr in others if name != currency)
    owner = "hubspot"
    if row["serviced"]:
        chosen = row["owner"]
        owner = default_owner if chosen in (None, "default") else chosen
    return ClientRow(
        row["client_id"],
        row["domain"],
        row["name"],
        tuple(row["products"]),
        row["sold"],
        row["managed"],
        row["serviced"],
        row["apps_used"],
        mrrs,
        row["record_id"],
        row["account_id"],
        owner,
    )
