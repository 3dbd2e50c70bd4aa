"""Each event once: a record may come again, by a resend, a rebalance or a replay."""

from collections import OrderedDict
from typing import Any, Literal, Protocol

from ..event import Snapshot
from .reading import Erased, Told


class Cursor(Protocol):
    """A cursor of any DB-API driver: sqlite3, psycopg and their like."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, *arguments: Any, **options: Any) -> Any: ...


class SeenTable:
    """Remembers in your own database, in the transaction of the effect: the way to be sure.

    Claim first, then act, then commit: where the transaction is rolled back, so is the claim.
    ``consumer`` tells consumers apart that share the table. PostgreSQL and SQLite understand it.
    """

    def __init__(self, consumer: str, *, mark: Literal["%s", "?"] = "%s") -> None:
        """``mark`` is the driver's own: ``%s`` for psycopg, ``?`` for sqlite3."""
        self._consumer = consumer
        self._claim = (
            "INSERT INTO seen_events (consumer, source, id) "  # noqa: S608 - marks, no values
            f"VALUES ({mark}, {mark}, {mark}) ON CONFLICT DO NOTHING"
        )

    @staticmethod
    def create(cursor: Cursor) -> None:
        """Make the table, where there is none."""
        cursor.execute(
            """
            CREATE TABLE IF NOT EXISTS seen_events (
                consumer text NOT NULL,
                source text NOT NULL,
                id text NOT NULL,
                at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
                PRIMARY KEY (consumer, source, id)
            )
            """
        )

    def claim(self, cursor: Cursor, message: Told | Erased) -> bool:
        """Whether it comes for the first time. Of two that ask at once, the second waits."""
        cursor.execute(self._claim, (self._consumer, *message.identity))
        return cursor.rowcount == 1


class Seen:
    """Remembers the last few in memory: enough where doing a thing twice does no harm.

    It forgets when the process ends; what comes again after that is new to it.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def claim(self, message: Told | Erased) -> bool:
        """Whether it comes for the first time, as far as this remembers."""
        if message.identity in self._seen:
            self._seen.move_to_end(message.identity)
            return False
        self._seen[message.identity] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True


class Versions:
    """Which version of each subject is the newest known: for those who keep the last word.

    A copy, a replay or a late arrival is no news, and no ids need be kept. Snapshots and the end
    of their key are one row of versions; each type of fact is one of its own.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], int] = {}

    def news(self, message: Told | Erased) -> bool:
        """Whether it is newer than all of its row that was told of its subject so far."""
        told = message.attributes
        if told is None:
            return True
        fact = isinstance(message, Told) and not isinstance(message.event, Snapshot)
        row = told.source, told.subject, told.type if fact else ""
        if told.version <= self._known.get(row, 0):
            return False
        self._known[row] = told.version
        return True
