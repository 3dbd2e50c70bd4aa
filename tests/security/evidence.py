"""What tells one partner's data from another's: their rows, and words that nobody else has."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.chassis.database import Connection

_WHOLE_NUMBER = re.compile(r"(?<![0-9.])[0-9]+(?!\.?[0-9])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS_OR_NAME = re.compile(r".*@.*|.*\.example|[^\W\d_a-z][^\d_:]* [^\d_:]*")
SMALLEST_ID = 1_000_000  # a smaller number may be anything


async def tables_of_tenants(connection: Connection) -> list[str]:
    """Every table whose rows belong to a partner."""
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'partner_id' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def checksums(connection: Connection, partner: UUID) -> dict[str, str]:
    """How many rows a partner has in each table, and a hash over all their bytes."""
    made = {}
    for table in await tables_of_tenants(connection):
        made[table] = await connection.fetchval(
            f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, chr(10)"
            f" ORDER BY t::text)), '') FROM {table} AS t WHERE partner_id = $1",
            partner,
        )
    return made


async def dump(connection: Connection, partner: UUID | None) -> list[Any]:
    """All rows of a partner; for None, those of nobody in particular."""
    everything = await connection.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    owned = set(await tables_of_tenants(connection))
    found: list[Any] = []
    for table in [row[0] for row in everything]:
        if (partner is None) is (table in owned) or table in ("inbox", "outbox", "dead_letters"):
            continue
        where = "" if partner is None else f"WHERE partner_id = '{partner}'"
        rows = await connection.fetch(f"SELECT to_jsonb(t) AS row FROM {table} AS t {where}")
        found.extend(json.loads(row["row"]) for row in rows)
    return found


def _words(value: Any) -> Iterator[str]:
    """Every text in there, also within JSON that is kept as a text."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, int) and key.endswith("_id") and each >= SMALLEST_ID:
                yield str(each)
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                inner = json.loads(value)
            except ValueError:
                pass
            else:
                yield from _words(inner)
                return
        yield value


@dataclass(frozen=True)
class Canaries:
    """Ids and words that only one partner's data holds."""

    ids: frozenset[str]
    words: tuple[str, ...]

    def in_text(self, text: str, *, but: str = "") -> list[str]:
        """Those which a text holds, apart from those that ``but``, what was sent, holds too."""
        found = self.ids.intersection(_UUID.findall(text.lower()))
        # Digits within a longer number, such as seconds in a metric, are nobody's id.
        numbers = set(_WHOLE_NUMBER.findall(text))
        named = {
            word for word in self.words if (word in numbers if word.isdecimal() else word in text)
        }
        return sorted(each for each in found | named if each not in but)


def canaries(own: Iterable[Any], others: Iterable[Any], known: str) -> Canaries:
    """Ids, names and addresses in ``own``, and neither in ``others`` nor in ``known``."""
    theirs = json.dumps(list(others), ensure_ascii=False) + known
    words = {word for row in own for word in _words(row)}
    ids = {each for word in words for each in _UUID.findall(word.lower())}
    telling = {
        json.dumps(word, ensure_ascii=False)[1:-1]
        for word in words
        if _ADDRESS_OR_NAME.fullmatch(word) or word.isdecimal()
    }
    return Canaries(
        frozenset(ids.difference(_UUID.findall(theirs))),
        tuple(sorted(word for word in telling if word not in theirs)),
    )
