"""Contract changes as people look at them: filtered, sorted, page by page, and counted."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter

from services.dashboard.domain.renewals import Renewal, RenewalRow
from services.dashboard.store.held import MOST_READ, Held, containing, hold, values_of, words_of
from services.dashboard.store.places import Place
from shared.chassis.database import Connection
from shared.contracts.renewals import (
    Option,
    OwnerChoice,
    Product,
    RenewalDecided,
    RenewalSettled,
)

Sort: TypeAlias = Literal["deadline", "client", "current_mrr", "renewal_mrr", "change"]
Row: TypeAlias = Any  # a record of the database: its columns by name

# Few clients are not serviced: to leave theirs out takes a quarter of the time of looking up the
# client of each. A contract change never stands without its client, so it is the same.
_SERVICED: Final = "r.client_id NOT IN (SELECT client_id FROM clients WHERE NOT serviced)"
# The one place that says what is to be acted on: the rows of the list, and the number in Alerts.
# $1 is the partner's today. A client whose services ended leaves at once, whatever its contract
# changes say by then.
_DUE: Final = """r.status = 'pending'
        AND r.deadline >= $1::date AND r.starts BETWEEN $1::date AND $1::date + 120"""
UPCOMING: Final = f"{_SERVICED} AND {_DUE}"
FROM: Final = "renewals r JOIN clients c ON c.client_id = r.client_id"

# Amounts of two currencies are never compared: they stand by currency first.
SORTS: Final[dict[str, tuple[tuple[str, type], ...]]] = {
    "deadline": (("r.deadline", date),),
    "client": (("c.sort_domain", str),),
    "current_mrr": (("r.currency", str), ("r.current_mrr", Decimal)),
    "renewal_mrr": (("r.currency", str), ("r.renewal_mrr", Decimal)),
    "change": (("r.currency", str), ("r.renewal_mrr - r.current_mrr", Decimal)),
}
_SQL_TYPES = {date: "date", str: "text", Decimal: "numeric"}
_PRODUCTS = TypeAdapter(tuple[Product, ...])
_OPTIONS = TypeAdapter(tuple[Option, ...])

# Who relays the changes of a client; of one whose services ended that is HubSpot, whatever was set.
_OWNER: Final = """CASE WHEN c.serviced THEN coalesce(c.owner ->> 'owner', 'default')
             ELSE 'hubspot' END = ANY({}::text[])"""

_COLUMNS = f"""r.renewal_id, r.client_id, r.version, r.kind, r.starts, r.deadline, r.currency,
        r.current_mrr, r.renewal_mrr, r.products, c.domain, c.name, c.serviced, c.account_id,
        c.owner,
        CASE WHEN NOT c.serviced AND r.status = 'pending' THEN 'ended' ELSE r.status END AS status,
        c.serviced AND {_DUE} AS upcoming"""


_HELD: Final = f"""r.renewal_id, r.client_id, r.version, r.kind, r.starts, r.deadline, r.currency,
        r.current_mrr, r.renewal_mrr,
        coalesce((SELECT json_agg(p -> 'product') FROM json_array_elements(r.products) AS p), '[]'),
        c.domain, c.name, c.serviced, c.account_id, c.owner::text, r.status, {_DUE}"""  # noqa: S608 - a constant
_NAMES: Final = (
    *("renewal_id", "client_id", "version", "kind", "starts", "deadline", "currency"),
    *("current_mrr", "renewal_mrr", "products", "domain", "name", "serviced", "account_id"),
    *("owner", "status", "upcoming"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which contract changes are asked for; ``today`` and ``default_owner`` are the partner's.

    ``owner`` is the effective one, or ``inherited``. Those of clients whose services ended are
    shown only where ``status`` asks for them.
    """

    today: date
    default_owner: str
    upcoming: bool = False
    q: str = ""
    owner: str = ""
    status: str = ""
    kind: str = ""
    client_id: UUID | None = None
    deadline_from: date | None = None
    deadline_to: date | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, how many match on all pages, and the places of the pages before and after."""

    rows: Sequence[RenewalRow]
    matches: int
    before: Place | None
    after: Place | None


@dataclass(frozen=True, slots=True)
class Decision:
    """When a contract change was decided, and why. Without an actor it renewed by itself."""

    at: datetime
    actor_id: UUID | None
    reason: str


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """Say which rows are shown, the same for the rows and for their number."""
    ended = wanted.status == "ended"
    # A statement has to name each parameter that it is given, so the first is always true.
    shown = [UPCOMING if wanted.upcoming else "$1::date IS NOT NULL"]
    if not wanted.q:  # else it is asked where the clients are searched
        if ended:
            shown.append("NOT c.serviced")
        elif not wanted.upcoming:
            shown.append(_SERVICED)
    if wanted.owner == "inherited":
        shown.append("coalesce(c.owner ->> 'owner', 'default') = 'default'")
    arguments: list[Any] = [wanted.today]
    for condition, given in (
        ("r.status = {}", "" if ended else wanted.status),
        (_OWNER, _owner(wanted)),
        ("r.kind = {}", wanted.kind),
        ("r.client_id = {}", wanted.client_id),
        ("r.deadline >= {}", wanted.deadline_from),
        ("r.deadline <= {}", wanted.deadline_to),
    ):
        if given:
            arguments.append(given)
            shown.append(condition.format(f"${len(arguments)}"))
    if words := words_of(wanted.q):
        # The clients first, from an index alone: to look at each row of them takes ten times that.
        likes = [f"search LIKE ${len(arguments) + n}" for n in range(1, len(words) + 1)]
        serviced = "NOT serviced" if ended else "serviced"
        named = f"SELECT client_id FROM clients WHERE {' AND '.join([serviced, *likes])}"  # noqa: S608 - constants
        shown.append(f"r.client_id = ANY (ARRAY ({named}))")
        arguments += map(containing, words)
    return shown, arguments


def _owner(wanted: Wanted) -> list[str] | None:
    """The choices that make the wanted party the owner: its own name, and maybe the default."""
    if wanted.owner not in ("hubspot", "partner"):
        return None
    inherits = ["default"] if wanted.owner == wanted.default_owner else []
    return [wanted.owner, *inherits]


async def list_renewals(
    tx: Connection,
    wanted: Wanted,
    *,
    sort: Sort,
    descending: bool = False,
    at: Place | None = None,
    limit: int,
) -> Listed:
    """A page of contract changes.

    Keys and ids alone are found first, and whole rows are read for one page. What is filtered is
    found once for the page and for the number; all of a partner's are counted apart.
    """
    by = SORTS[sort]
    shown, arguments = _conditions(wanted)
    once = "MATERIALIZED" if len(arguments) > 1 else "NOT MATERIALIZED"
    columns = [column for column, _ in by]
    source = _source([*shown, *columns])
    names = [*(f"key_{number}" for number in range(len(by))), "renewal_id"]
    back = at is not None and at.backwards
    way, beyond = ("DESC", "<") if descending is not back else ("ASC", ">")
    behind = ""
    if at is not None:
        kinds = [*(_SQL_TYPES[kind] for _, kind in by), "uuid"]
        places = ", ".join(f"${n}::{kind}" for n, kind in enumerate(kinds, len(arguments) + 1))
        behind = f"WHERE ({', '.join(names)}) {beyond} ({places})"
        arguments += [*at.key, at.ident]
    arguments.append(limit + 1)
    keys = ", ".join(f"{column} AS {name}" for column, name in zip(columns, names, strict=False))
    found = await tx.fetch(
        f"""
        WITH found AS {once} (
             SELECT {keys}, r.renewal_id FROM {source} WHERE {" AND ".join(shown)})
        SELECT {_COLUMNS}, page.*, (SELECT count(*) FROM found) AS matches
          FROM (SELECT * FROM found {behind}
                 ORDER BY {", ".join(f"{name} {way}" for name in names)}
                 LIMIT ${len(arguments)}) AS page
          JOIN renewals r USING (renewal_id)
          JOIN clients c ON c.client_id = r.client_id
         ORDER BY {", ".join(f"page.{name} {way}" for name in names)}
        """,  # noqa: S608 - made of constants of this module
        *arguments,
    )
    matches = found[0]["matches"] if found else await count_renewals(tx, wanted) if at else 0
    return _listed(found, matches, names, at, limit)


def _listed(
    found: list[Row], matches: int, names: Sequence[str], at: Place | None, limit: int
) -> Listed:
    page, more = found[:limit], len(found) > limit
    earlier, later = at is not None, more
    if at is not None and at.backwards:
        page.reverse()
        earlier, later = more, True

    def place(row: Row, *, backwards: bool) -> Place:
        return Place(tuple(row[name] for name in names[:-1]), row["renewal_id"], backwards)

    return Listed(
        [RenewalRow(**_fields(row)) for row in page],
        matches,
        place(page[0], backwards=True) if page and earlier else None,
        place(page[-1], backwards=False) if page and later else None,
    )


async def hold_renewals(tx: Connection) -> Held:
    """The list of all contract changes of clients whose services run, to be held in memory."""
    return await hold(
        tx,
        f"""
        SELECT c.search, r.renewal_id AS id
          FROM {FROM}
         WHERE c.serviced
         ORDER BY r.deadline, r.renewal_id
        """,  # noqa: S608 - constants
    )


async def read_renewals(tx: Connection, ids: Sequence[str], today: date) -> list[str]:
    """Rows of a list that is held, as JSON, in the order of their ids."""
    found = await tx.fetch(
        f"""
        SELECT json_build_array({_HELD})::text AS row
          FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, n)
          JOIN renewals r ON r.renewal_id = wanted.id
          JOIN clients c ON c.client_id = r.client_id
         ORDER BY n
        """,  # noqa: S608 - constants
        today,
        ids,
    )
    return [row["row"] for row in found]


def found_renewals(rows: Sequence[str], matches: int) -> Listed:
    """As `list_renewals` of ``q`` alone, by deadline: the first page, from its rows."""
    page = [_read(row) for row in rows]
    more = matches > len(page)
    after = Place((page[-1].deadline,), page[-1].renewal_id) if more else None
    return Listed(page, matches, None, after)


@lru_cache(maxsize=MOST_READ)
def _read(written: str) -> RenewalRow:
    row = dict(zip(_NAMES, values_of(written), strict=True))
    row |= {name: UUID(row[name]) for name in ("renewal_id", "client_id")}
    row |= {name: date.fromisoformat(row[name]) for name in ("starts", "deadline")}
    return RenewalRow(**_fields(row, row["products"]))


def _source(parts: Iterable[str]) -> str:
    """Where rows are found: clients are looked up only where something is asked of them."""
    return FROM if any("c." in each for each in parts) else "renewals r"


async def count_renewals(tx: Connection, wanted: Wanted) -> int:
    """How many contract changes `list_renewals` would give, all pages together."""
    shown, arguments = _conditions(wanted)
    query = f"SELECT count(*) FROM {_source(shown)} WHERE {' AND '.join(shown)}"  # noqa: S608 - constants
    return int(await tx.fetchval(query, *arguments))


async def stream_renewals(
    tx: Connection, wanted: Wanted, *, sort: Sort, descending: bool = False
) -> AsyncIterator[RenewalRow]:
    """All contract changes of the list, as they are read."""
    shown, arguments = _conditions(wanted)
    way = "DESC" if descending else "ASC"
    order = ", ".join(
        f"{column} {way}" for column in [*(c for c, _ in SORTS[sort]), "r.renewal_id"]
    )
    query = f"""
        SELECT {_COLUMNS}
          FROM {FROM}
         WHERE {" AND ".join(shown)}
         ORDER BY {order}
        """  # noqa: S608 - made of constants of this module
    async for row in tx.cursor(query, *arguments, prefetch=500):
        yield RenewalRow(**_fields(row))


async def find_renewal(tx: Connection, renewal_id: UUID, today: date) -> Renewal | None:
    """A contract change as a whole; None where the partner has none of this id."""
    row = await tx.fetchrow(
        f"""
        SELECT {_COLUMNS}, r.options, r.chosen_option_id
          FROM {FROM}
         WHERE r.renewal_id = $2
        """,  # noqa: S608 - constants of this module
        today,
        renewal_id,
    )
    if row is None:
        return None
    return Renewal(
        **_fields(row),
        products=_PRODUCTS.validate_json(row["products"]),
        options=_OPTIONS.validate_json(row["options"]),
        chosen_option_id=row["chosen_option_id"],
    )


async def find_decision(tx: Connection, renewal_id: UUID) -> Decision | None:
    """How a contract change was decided last; None where nobody did and time has not either."""
    row = await tx.fetchrow(
        """
        SELECT at, actor_id, coalesce(said ->> 'reason', '') AS reason
          FROM changes
         WHERE subject_id = $1 AND type = ANY($2::text[])
         ORDER BY version DESC
         LIMIT 1
        """,
        renewal_id,
        [RenewalDecided.TYPE, RenewalSettled.TYPE],
    )
    return Decision(**dict(row)) if row else None


def _names(written: str) -> Iterable[str]:
    """Of products, and no more of them: to make a page's products takes as long as its rows."""
    return (each["product"] for each in json.loads(written))


# Few choices are different.
@lru_cache(maxsize=1024)
def _choice(written: str) -> OwnerChoice:
    return OwnerChoice.model_validate_json(written)


def _fields(row: Row, products: Iterable[str] | None = None) -> dict[str, Any]:
    """What a `RenewalRow` is made of; ``products`` are the names where only they are known."""
    names = _names(row["products"]) if products is None else products
    return {
        "renewal_id": row["renewal_id"],
        "client_id": row["client_id"],
        "version": row["version"],
        "kind": row["kind"],
        "status": row["status"],
        "upcoming": row["upcoming"],
        "starts": row["starts"],
        "deadline": row["deadline"],
        "currency": row["currency"],
        "current_mrr": row["current_mrr"],
        "renewal_mrr": row["renewal_mrr"],
        "product_names": tuple(dict.fromkeys(names)),
        "domain": row["domain"],
        "name": row["name"],
        "serviced": row["serviced"],
        "account_id": row["account_id"],
        "owner": _choice(row["owner"]) if row["owner"] else None,
    }
