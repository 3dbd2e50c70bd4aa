"""The story of a portfolio, day by day, from a seed: the same seed, the same story."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from statistics import median
from uuid import UUID

from .. import headers, ids
from ..event import Event, Tombstone
from ..record import Record, uuid7
from . import people, words

FIRST_DAY = date(2026, 1, 5)
NOTICE = timedelta(days=45)
TERM = timedelta(days=365)
MOVED, DECIDED, ENDED, RESUMED, USED, ERASED = 0.01, 0.03, 0.008, 0.15, 0.05, 0.002


class Story:
    """A portfolio of some partners, whose clients renew, decide, leave, return and are forgotten.

    It has no end: take as many records as you want.
    """

    def __init__(self, seed: int = 1, *, partners: int = 2, clients: int = 20) -> None:
        self._seed = seed
        self._draw = Random(seed)  # noqa: S311 - a story, no secret
        self._count = 0
        self._now = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
        self._known = 0
        self._partners = [people.partner(n + 1, self._draw) for n in range(partners)]
        self._clients = [self._client() for _ in range(clients)]

    def records(self) -> Iterator[Record]:
        """Every record, as the services would publish it."""
        for one in self._partners:
            yield from self._told(words.partner_begins(one, self._tick()))
        for each in self._clients:
            yield from self._told(words.client_begins(each, self._tick()))
        while True:
            yield from self._day()
            tomorrow = self._now.date() + timedelta(days=1)
            self._now = datetime.combine(tomorrow, datetime.min.time(), UTC)

    def _day(self) -> Iterator[Record]:
        for number, each in enumerate(list(self._clients)):
            yield from self._told(self._of_client(each))
            if self._draw.random() < ERASED:
                yield from self._told(words.erased(each, self._tick()))
                self._clients[number] = self._client()
                yield from self._told(words.client_begins(self._clients[number], self._tick()))
        if self._now.weekday() == 0:
            for one in self._partners:
                mine = [each for each in self._clients if each.partner is one]
                if mine:
                    mrr = sum((each.mrr for each in mine), Decimal())
                    middle = Decimal(str(median(each.apps for each in mine)))
                    yield from self._told(words.performed(one, mrr, middle, self._tick()))

    def _of_client(self, one: people.Client) -> Iterator[Event]:
        """What happens to a client today."""
        today, renewal, draw = self._now.date(), one.renewal, self._draw
        left = (renewal.deadline - today).days
        for stage, days in words.STAGES:
            if left == days and one.active and stage not in renewal.told:
                yield from words.due(one, stage, days, self._tick())
        if renewal.status == "pending":
            if left < 0:
                yield from words.settled(one, self._tick())
            elif draw.random() < DECIDED:
                status = draw.choice(("renewed", "renewed", "confirmed", "cancellation_requested"))
                yield from words.decided(one, status, self._tick())
            elif draw.random() < MOVED:
                yield from words.moved(one, draw.randrange(1, 15), self._tick())
        if draw.random() < (ENDED if one.active else RESUMED):
            turn = words.ended if one.active else words.resumed
            yield from turn(one, self._tick())
        if draw.random() < USED:
            yield from words.used(one, draw.randrange(18), self._tick())
        if today >= renewal.start and one.active:
            start = renewal.start + TERM
            one.renewal = people.Renewal(
                ids.renewal_id(one.id, "renewal", start.isoformat()), start, start - NOTICE
            )
            yield from words.scheduled(one, self._tick())

    def _client(self) -> people.Client:
        self._known += 1
        partner = self._partners[self._known % len(self._partners)]
        start = self._now.date() + NOTICE + timedelta(days=self._draw.randrange(2, 60))
        return people.client(partner, self._known, start, start - NOTICE, self._draw)

    def _tick(self) -> datetime:
        """The next instant: no two things happen at the same."""
        self._now += timedelta(seconds=self._draw.randrange(1, 20))
        return self._now

    def _told(self, said: Iterator[Event] | Iterator[Tombstone]) -> Iterator[Record]:
        cause: UUID | None = None
        for each in said:
            self._count += 1
            made = uuid7(each.occurred_at, f"{self._seed}:{self._count}")
            cause = cause or made
            if isinstance(each, Tombstone):
                described = headers.of_tombstone(
                    each, event_id=str(made), correlation_id=str(cause)
                )
                yield Record(each.topic, each.key, described, None)
                continue
            described = headers.of_event(
                each, event_id=str(each.event_id() or made), correlation_id=str(cause)
            )
            yield Record(each.TOPIC, each.key, described, each.model_dump_json().encode())
