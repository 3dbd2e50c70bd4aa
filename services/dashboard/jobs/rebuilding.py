"""Another model is made from the topics while the present one serves, and takes its place."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, Protocol

from services.dashboard.jobs.projecting import hearing
from services.dashboard.settings import Settings
from services.dashboard.store import builds, erasure
from services.dashboard.store.builds import Build
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.freshness import Ask, Offsets, asking, reached
from shared.chassis.inbox import Inbox

IDLE_SECONDS: Final = 120.0  # for those who still read the model that is to be emptied
CLOSE_SECONDS: Final = 1.0  # a model that is at most this far behind may serve
TAKE_OVER_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.1
NEW: Final = timedelta(days=1)  # who was heard of since may have a snapshot on its way


class RebuildError(Exception):
    """The model could not be made, or not yet; the text is for the person who asked for it."""


class Watcher(Protocol):
    """Who is told how a rebuild goes."""

    def made(self, done: int, total: int) -> None:
        """How many of the records that the topics held at the start are handled."""

    def say(self, line: str) -> None:
        """Something that a person wants to know."""


@dataclass(frozen=True, slots=True)
class _Rebuild:
    """A rebuild under way."""

    conn: Connection  # holds the claim: when it is gone, so is the right to go on
    build: Build
    inboxes: Sequence[Inbox]
    ask: Ask
    watcher: Watcher

    @property
    def topics(self) -> list[str]:
        """All that is heard."""
        return [inbox.topic for inbox in self.inboxes]


async def rebuild(
    settings: Settings, pool: Pool, clock: Clock, inboxes: Sequence[Inbox], watcher: Watcher
) -> int:
    """Make the model anew and let it serve; returns its revision.

    An earlier one that was interrupted is given up. Goes on hearing until the running service
    has taken over. Raises RebuildError.
    """
    async with (
        pool.acquire() as conn,
        asking(settings.kafka) as ask,
        builds.rebuilding(conn) as alone,
    ):
        if not alone:
            raise RebuildError("another rebuild is under way; only one can be")
        try:
            build = await builds.begin(conn, seconds=IDLE_SECONDS)
        except builds.StillReadError as error:
            raise RebuildError(str(error)) from error
        watcher.say(f"revision {build.revision} is made in {build.model}")
        revised = [inbox.of_revision(build.revision) for inbox in inboxes]
        under_way = _Rebuild(conn, build, revised, ask, watcher)
        async with hearing(settings, revised, build):
            await _fill(under_way)
            await _put_in_order(under_way, clock)
            old, running = await _switch(under_way, clock)
            await _hand_over(under_way, old, running)
        return build.revision


async def _fill(this: _Rebuild) -> None:
    """Wait until all is heard that the topics hold now."""
    begins, ends = await this.ask.begins(this.topics), await this.ask.ends(this.topics)
    total = _records(begins, ends, ends)

    def tell(handled: Offsets) -> None:
        this.watcher.made(_records(begins, handled, ends), total)

    await _reach(this, ends, tell)


async def _reach(this: _Rebuild, ends: Offsets, tell: Callable[[Offsets], None]) -> None:
    while True:
        handled = await _handled(this)
        tell(handled)
        if all(reached(ends[topic], handled[topic]) for topic in ends):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _put_in_order(this: _Rebuild, clock: Clock) -> None:
    """Forget who is known by old facts alone, and let PostgreSQL look at what there is."""
    dead = await builds.count_dead(this.conn, [inbox.group for inbox in this.inboxes])
    async with this.conn.transaction():
        await builds.enter(this.conn, this.build)
        await erasure.forget_erased(this.conn)
    if dead:
        # A snapshot that was set aside may be put back: what belongs to it has to stay.
        this.watcher.say(f"{dead} records could not be handled; see the command dead-letters")
    else:
        await _forget_unknown(this, clock.now() - NEW)
    await builds.measure(this.conn, this.build)


async def _forget_unknown(this: _Rebuild, before: datetime) -> None:
    async with this.conn.transaction():
        await builds.enter(this.conn, this.build)
        suspects = await erasure.find_unknown(this.conn, before)
    if not suspects:
        return
    # Of two topics one may be ahead: who is new is known once both are heard up to here.
    await _reach(this, await this.ask.ends(this.topics), lambda _: None)
    async with this.conn.transaction():
        await builds.enter(this.conn, this.build)
        gone = await erasure.forget_unknown(this.conn, suspects, before)
    this.watcher.say(f"{gone} clients or partners that no longer exist are left out")


async def _switch(this: _Rebuild, clock: Clock) -> tuple[Build, int]:
    """Let the model serve as soon as all is heard that was said a moment ago.

    Returns what served until then, and how many processes heard for that.
    """
    while True:
        asked, now = monotonic(), clock.now()
        await _reach(this, await this.ask.ends(this.topics), lambda _: None)
        if monotonic() - asked <= CLOSE_SECONDS:
            serving = await builds.find_serving(this.conn)
            running = await builds.count_followers(this.conn, serving.revision)
            old = await builds.switch(this.conn, this.build, dict.fromkeys(this.topics, now))
            this.watcher.say(f"revision {this.build.revision} serves")
            return old, running


async def _hand_over(this: _Rebuild, old: Build, running: int) -> None:
    """Go on until the running service hears for the model that serves now."""
    if not running:
        this.watcher.say("no service runs that hears; the next to start goes on from here")
        return
    until = monotonic() + TAKE_OVER_SECONDS
    while monotonic() < until:
        left = await builds.count_followers(this.conn, old.revision)
        if not left and await builds.count_followers(this.conn, this.build.revision):
            this.watcher.say("the running service has taken over")
            return
        await asyncio.sleep(LOOK_SECONDS)
    this.watcher.say(
        f"the running service has not taken over within {TAKE_OVER_SECONDS:g} s; "
        "the next to start goes on from here"
    )


async def _handled(this: _Rebuild) -> dict[str, Mapping[int, int]]:
    """Up to where each topic is handled. Raises RebuildError where a consumer stopped itself."""
    for inbox in this.inboxes:
        if inbox.stopped:
            raise RebuildError(f"{inbox.group} stopped itself: {inbox.stopped}")
    await builds.find_serving(this.conn)  # fails where the claim is lost with the connection
    return {inbox.topic: await this.ask.handled(inbox) for inbox in this.inboxes}


def _records(begins: Offsets, now: Offsets, ends: Offsets) -> int:
    """How many records lie between, of those before the ends."""
    return sum(
        max(0, min(now[topic].get(part, 0), end) - begins[topic][part])
        for topic, parts in ends.items()
        for part, end in parts.items()
    )
