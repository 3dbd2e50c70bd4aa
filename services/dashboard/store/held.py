"""A list of a partner in memory: what is typed is looked for there, and rows are kept."""

from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate, islice
from json import JSONDecoder
from typing import Any, Final

from shared.chassis.database import Connection

MOST_WORDS: Final = 5
MOST_ROWS: Final = 20_000  # of a partner; more would take too much of the memory
MOST_READ: Final = 2048  # rows that are kept as values
BLOCK: Final = 16  # rows that are read and kept together
AHEAD: Final = 40  # blocks that are read with those that are asked for
ROW_BYTES: Final = 300  # of a usual one
ID_BYTES: Final = 16
BLOCK_BYTES: Final = BLOCK * ID_BYTES


def words_of(typed: str) -> list[str]:
    """The parts of a name that somebody looks for, in lower case as names are kept."""
    return typed.lower().split()[:MOST_WORDS]


def containing(word: str) -> str:
    """A pattern for a part of a text, in which nothing that was typed is a wild card."""
    plain = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


@dataclass(frozen=True, slots=True)
class Held:
    """What the rows of a list are found by, in its order, and those that were shown already.

    Names line by line in one text, as bytes, and ids one after another: as many objects as rows
    would take half as much room again, and the time of the garbage collector.
    """

    names: bytes
    starts: "array[int]"  # where each line begins, and where the last one ends
    ids: bytes
    whole: bool  # whether every row of the list is here
    blocks: dict[int, str] = field(default_factory=dict)  # so many rows, as PostgreSQL wrote them

    @classmethod
    def made(cls, names: bytes, ids: bytes) -> "Held":
        """Of as many lines as ids. Where they are more than `MOST_ROWS`, none is held."""
        if len(ids) > MOST_ROWS * ID_BYTES:
            return cls(b"", _starts(b""), b"", whole=False)
        return cls(names, _starts(names), ids, whole=True)

    @property
    def size(self) -> int:
        """How many bytes it takes once all usual rows are here."""
        rows = len(self.ids) // ID_BYTES * ROW_BYTES
        return len(self.names) + len(self.starts) * self.starts.itemsize + len(self.ids) + rows

    def find(self, typed: str) -> list[int]:
        """The places of rows whose name holds each of the words that were typed."""
        first, *others = [word.encode("utf-8", "replace") for word in words_of(typed)]
        names, starts = self.names, self.starts
        found, at = list[int](), names.find(first)
        while at >= 0:
            number = bisect_right(starts, at) - 1
            begin, end = starts[number], starts[number + 1]
            if not others or all(names.find(word, begin, end) >= 0 for word in others):
                found.append(number)
            at = names.find(first, end)
        return found

    async def read(
        self, places: Sequence[int], read: Callable[[list[str]], Awaitable[list[str]]]
    ) -> list[str]:
        """The rows in these places. Those that are not here yet are read by their ids, and kept.

        Some others are read at once, until all are here: soon somebody looks for them, too.
        """
        blocks = self.blocks
        missing = {place // BLOCK for place in places}.difference(blocks)
        if missing:
            count = -(-len(self.ids) // BLOCK_BYTES)
            missing.update(islice((each for each in range(count) if each not in blocks), AHEAD))
            wanted = sorted(missing)
            ids = [each for number in wanted for each in self._ids(number)]
            found = await read(ids)
            if len(found) != len(ids):  # rows would stand in each other's places
                raise RuntimeError(f"{len(found)} of {len(ids)} rows of a list that is held")
            for n, number in enumerate(wanted):  # only the last block of all may have fewer rows
                blocks[number] = "\n".join(found[n * BLOCK : (n + 1) * BLOCK])
        return [blocks[place // BLOCK].split("\n")[place % BLOCK] for place in places]

    def _ids(self, block: int) -> list[str]:
        """As asyncpg takes them: to make a UUID of each takes longer than to find its row."""
        text = self.ids[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES].hex()
        return [text[at : at + 2 * ID_BYTES] for at in range(0, len(text), 2 * ID_BYTES)]


def _starts(lines: bytes) -> "array[int]":
    lengths = (len(line) + 1 for line in lines.split(b"\n")) if lines else ()
    return array("I", accumulate(lengths, initial=0))


async def hold(tx: Connection, query: str) -> Held:
    """Read a list by a query that gives its rows in order: ``id`` and ``search``."""
    found = await tx.fetchrow(
        f"""
        SELECT convert_to(coalesce(string_agg(translate(search, E'\\n', ' '), E'\\n'), ''), 'UTF8')
                   AS names,
               coalesce(string_agg(uuid_send(id), ''), '') AS ids
          FROM ({query} LIMIT {MOST_ROWS + 1}) AS list
        """  # noqa: S608 - constants
    )
    assert found is not None  # noqa: S101 - aggregates always are a row
    return Held.made(found["names"], found["ids"])


# Amounts stay what they are in PostgreSQL.
values_of: Final[Callable[[str], list[Any]]] = JSONDecoder(parse_float=Decimal).decode
