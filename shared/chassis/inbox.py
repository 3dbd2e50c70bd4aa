"""Each event once, in order: a transaction per batch, and a bad record set aside alone."""

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pydantic import ValidationError

from shared.chassis import crash, dead_letters, outbox, tracing
from shared.chassis.database import Connection, Pool
from shared.chassis.envelope import TOMBSTONE, Message, Record, UnreadableError, because, read
from shared.chassis.failures import (
    ConsumerStoppedError,
    DeployFaultError,
    TooManyDeadLettersError,
    deploy_fault,
    time_mends,
)
from shared.contracts.event import Event

E = TypeVar("E", bound=Event)
Handler: TypeAlias = Callable[[E, Connection], Awaitable[None]]
RunHandler: TypeAlias = Callable[[Sequence[E], Connection], Awaitable[None]]
MessagesHandler: TypeAlias = Callable[[Sequence[Message], Connection], Awaitable[None]]
KeyHandler: TypeAlias = Callable[[str, Connection], Awaitable[None]]
_AnyHandler: TypeAlias = Callable[[Any, Connection], Awaitable[None]]

LIMIT, WINDOW_SECONDS = 5, 60.0
KEPT = timedelta(days=400)
_SLOW_TRIES = 5  # statement timeouts of one record alone, before it is to blame

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What an inbox has done since the process started."""

    batches: int = 0
    handled: int = 0
    skipped: int = 0  # types that this service does not hear
    repeated: int = 0  # copies of what was dealt with before
    dead: int = 0
    waits: int = 0  # batches put off until what they need is back


class Inbox:
    """What one service does about the events of one topic."""

    def __init__(
        self,
        service: str,
        topic: str,
        *,
        revision: int | None = None,
        limit: int = LIMIT,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        """A ``revision`` is part of the consumer group: each hears its topic from the beginning."""
        who = service if revision is None else f"{service}.r{revision}"
        self.service, self.topic, self.group = service, topic, f"{who}.{topic}"
        self.stopped: str | None = None  # the reason; until somebody mends it and starts anew
        self.waiting: str | None = None  # what the batch at hand waits for
        self.lag: int | None = None  # records behind, in the partitions held by this process
        self.counts = Counts()
        self._limit, self._window = limit, window_seconds
        self._died: deque[float] = deque()
        self._slow: Counter[tuple[str, UUID]] = Counter()
        self._span: tracing.Span | None = None  # of the batch at hand
        self._events: dict[str, type[Event]] = {}
        self._each: dict[str, _AnyHandler] = {}
        self._lists: dict[str, _AnyHandler] = {}
        self._whole: set[_AnyHandler] = set()  # those that take messages, not events

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Handle this event, one by one. Events without a handler are skipped."""

        def register(handler: Handler[E]) -> Handler[E]:
            self._hear(event, handler, self._each)
            return handler

        return register

    def on_run(self, *events: type[E]) -> Callable[[RunHandler[E]], RunHandler[E]]:
        """Handle these events as lists, for set-based SQL.

        A list keeps the order of its events, and events with the same key reach their handlers
        in their order. Between two lists other keys may change places.
        """

        def register(handler: RunHandler[E]) -> RunHandler[E]:
            for event in events:
                self._hear(event, handler, self._lists)
            return handler

        return register

    def on_messages(self, *events: type[E]) -> Callable[[MessagesHandler], MessagesHandler]:
        """Handle these as `on_run` does, each with its record: for who passes on what came."""

        def register(handler: MessagesHandler) -> MessagesHandler:
            self._whole.add(handler)
            return self.on_run(*events)(handler)  # type: ignore[arg-type, return-value]

        return register

    def on_tombstone(self, handler: KeyHandler) -> KeyHandler:
        """Forget a key that its owner has erased. The handler gets the key."""
        self._each[TOMBSTONE] = handler
        return handler

    def of_revision(self, revision: int) -> "Inbox":
        """An inbox with the same handlers that has heard nothing yet, as a group of its own."""
        made = Inbox(
            self.service,
            self.topic,
            revision=revision,
            limit=self._limit,
            window_seconds=self._window,
        )
        made._events, made._each, made._lists = self._events, self._each, self._lists
        made._whole = self._whole
        return made

    async def receive(self, records: Sequence[Record], pool: Pool) -> None:
        """Handle a batch in one transaction. Returning means: all of it is dealt with.

        Raises ConsumerStoppedError where somebody has to look first; any other exception means
        that nothing was done and that the same batch is to come again.
        """
        if self.stopped:
            raise ConsumerStoppedError(f"{self.group} is stopped: {self.stopped}")
        messages, skipped = self._wanted(records)
        if messages and tracing.on():
            await self._receive_traced(messages, pool)
        elif messages:
            await self._receive(messages, pool)
        self.counts.batches += 1
        self.counts.skipped += skipped

    async def handle_again(self, record: Record, tx: Connection) -> None:
        """Handle a record that was set aside, whatever the inbox remembers of it."""
        messages, _ = self._wanted([record])
        for message in messages:
            if message.error:
                raise message.error
        await self._run(messages, tx)

    def _hear(
        self, event: type[Event], handler: _AnyHandler, handlers: dict[str, _AnyHandler]
    ) -> None:
        if event.TYPE in self._events:
            raise ValueError(f"{self.group} has two handlers for {event.TYPE}; one is enough")
        if self.topic != event.TOPIC:
            raise ValueError(f"{event.TYPE} comes by {event.TOPIC}, never by {self.topic}")
        self._events[event.TYPE] = event
        handlers[event.TYPE] = handler

    def _wanted(self, records: Sequence[Record]) -> tuple[list[Message], int]:
        """The records that concern this service, parsed; and how many do not."""
        wanted: dict[tuple[str, UUID], Message] = {}
        skipped = 0
        for record in records:
            message = read(record)
            if event := self._events.get(message.type):
                try:
                    message.event = event.model_validate_json(record.value or b"")
                except ValidationError as error:
                    message.error = UnreadableError(_reason(error))
            elif message.type is TOMBSTONE:
                message.event = message.key
            elif not message.error:
                skipped += 1
                continue
            wanted.setdefault(message.identity, message)
        return list(wanted.values()), skipped

    async def _receive(self, messages: list[Message], pool: Pool) -> None:
        async with pool.acquire() as tx:
            try:
                async with tx.transaction():
                    claimed = await self._claim(messages, tx)
                    died, left = await self._settle(claimed, tx)
                    crash.point("inbox.in_batch")
            except Exception as error:
                if deploy_fault(error):
                    self._stop(f"the database is not what the code expects: {error}")
                    raise DeployFaultError(f"{self.group}: {error}") from error
                raise
        crash.point("inbox.after_commit")
        outbox.wake()
        self._died.extend([monotonic()] * died)
        self.counts.dead += died
        self.counts.handled += len(claimed) - died - len(left)
        self.counts.repeated += len(messages) - len(claimed)
        if left:
            reason = f"more than {self._limit} dead letters within {self._window:g} s"
            self._stop(reason)
            raise TooManyDeadLettersError(f"{self.group}: {reason}")

    async def _receive_traced(self, messages: list[Message], pool: Pool) -> None:
        traces = [message.cause.traceparent for message in messages]
        told: dict[str, tracing.Value] = {
            "messaging.consumer.group.name": self.group,
            "messaging.batch.message_count": len(messages),
        }
        with tracing.batch("consumer", "process", self.topic, traces, told) as self._span:
            await self._receive(messages, pool)

    async def _claim(self, messages: list[Message], tx: Connection) -> list[Message]:
        """Take, in their order, the messages that were never dealt with.

        In the order of their ids, so that two owners of the same records, in a rebalance,
        wait for each other and never deadlock.
        """
        rows = await tx.fetch(
            """
            INSERT INTO inbox (consumer, source, event_id, outcome)
            SELECT $1, source, event_id, 'handled'
              FROM unnest($2::text[], $3::uuid[]) AS wanted (source, event_id)
             ORDER BY source, event_id
            ON CONFLICT DO NOTHING
            RETURNING source, event_id
            """,
            self.group,
            [message.source for message in messages],
            [message.id for message in messages],
        )
        if len(rows) == len(messages):
            return messages
        new = {(row["source"], row["event_id"]) for row in rows}
        return [message for message in messages if message.identity in new]

    async def _settle(self, messages: list[Message], tx: Connection) -> tuple[int, list[Message]]:
        """Handle messages in order, closing in by halves on one that fails.

        Returns how many were set aside, and what is left because those were too many.
        """
        died = 0
        todo = _apart(messages)
        while todo:
            part = todo.pop()
            error = part[0].error or await self._try(part, tx)
            if error is None:
                continue
            if len(part) > 1:
                middle = len(part) // 2
                todo += [part[middle:], part[:middle]]
                crash.point("inbox.between_halves")
            elif self._too_many(died):
                left = [message for part in [part, *reversed(todo)] for message in part]
                await self._give_back(left, tx)
                return died, left
            else:
                log.error("%s sets %s %s aside: %s", self.group, part[0].type, part[0].id, error)
                await dead_letters.bury(tx, self.service, self.group, part[0], error)
                died += 1
        return died, []

    async def _try(self, part: list[Message], tx: Connection) -> Exception | None:
        """Handle a part behind a savepoint; return what is wrong with it, raise what passes."""
        try:
            async with tx.transaction():
                await self._run(part, tx)
        except Exception as error:
            if tx.is_closed() or deploy_fault(error):
                raise
            if isinstance(error, asyncpg.QueryCanceledError) and self._is_slow(part):
                return error
            if time_mends(error):
                raise
            return error
        return None

    async def _run(self, part: list[Message], tx: Connection) -> None:
        """Call the handlers, in the order of the lists that `_in_lists` makes."""
        if erased := [m.record.key for m in part if m.type is TOMBSTONE and m.record.key]:
            await dead_letters.erase(tx, self.topic, erased)
        for handler, messages in self._in_lists(part):
            if handler is not None:
                with self._because(messages):
                    whole = handler in self._whole
                    await handler(messages if whole else [each.event for each in messages], tx)
                continue
            for message in messages:
                if each := self._each.get(message.type):
                    with self._because([message], message):
                        await each(message.event, tx)

    def _because(
        self, messages: list[Message], alone: Message | None = None
    ) -> AbstractContextManager[None]:
        if tracing.on():
            return _traced(messages, alone, self.group, self._span)
        return because(alone.cause if alone else {each.key: each.cause for each in messages})

    def _in_lists(self, part: list[Message]) -> list[tuple[_AnyHandler | None, list[Message]]]:
        """Put each message into the newest list of its handler, if that keeps its key's order.

        All handlers that take one event at a time count as one handler, None.
        """
        lists: list[tuple[_AnyHandler | None, list[Message]]] = []
        newest: dict[_AnyHandler | None, int] = {}
        last: dict[bytes | None, int] = {}  # the latest list that holds a key
        for message in part:
            handler, key = self._lists.get(message.type), message.record.key
            at = newest.get(handler)
            if at is None or last.get(key, at) > at:
                at = newest[handler] = len(lists)
                lists.append((handler, []))
            lists[at][1].append(message)
            last[key] = at
        return lists

    async def _give_back(self, messages: list[Message], tx: Connection) -> None:
        """Undo the claim: these come again once the consumer runs again."""
        await tx.execute(
            """
            DELETE FROM inbox
             USING unnest($2::text[], $3::uuid[]) AS back (source, event_id)
             WHERE consumer = $1 AND inbox.source = back.source AND inbox.event_id = back.event_id
            """,
            self.group,
            [message.source for message in messages],
            [message.id for message in messages],
        )

    def _too_many(self, died: int) -> bool:
        while self._died and monotonic() - self._died[0] > self._window:
            self._died.popleft()
        return len(self._died) + died >= self._limit

    def _is_slow(self, part: list[Message]) -> bool:
        """Whether a statement timeout is the part's own fault: too many, or one again and again."""
        if len(part) > 1:
            return True
        self._slow[part[0].identity] += 1
        return self._slow[part[0].identity] >= _SLOW_TRIES

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        log.critical("%s stopped itself: %s", self.group, reason)


async def prune(pool: Pool, *, kept: timedelta = KEPT, limit: int = 10_000) -> int:
    """Forget some of what was dealt with longer ago than that; return how many."""
    async with pool.acquire() as conn:
        status = await conn.execute(
            """
            DELETE FROM inbox
             WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM inbox WHERE at < clock_timestamp() - $1::interval LIMIT $2))
            """,
            kept,
            limit,
        )
    return int(status.rpartition(" ")[2])


@contextmanager
def _traced(
    messages: list[Message], alone: Message | None, group: str, within: tracing.Span | None
) -> Iterator[None]:
    with (
        tracing.handling(messages, group, within) as causes,
        because(causes[alone.key] if alone else causes),
    ):
        yield


def _apart(messages: list[Message]) -> list[list[Message]]:
    """What is to be tried: each unreadable record alone, the rest together; last comes first."""
    parts: list[list[Message]] = []
    for message in messages:
        if message.error or not parts or parts[-1][0].error:
            parts.append([message])
        else:
            parts[-1].append(message)
    return parts[::-1]


def _reason(error: ValidationError) -> str:
    """What is wrong with a value, without the value: it may name people."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    told = [f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in found[:5]]
    return "; ".join(told) + (f" (and {len(found) - 5} more)" if len(found) > 5 else "")  # noqa: PLR2004 -- as cut above
