"""Random walks through everything that may happen, with what must hold after each."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.notifications import jobs, senders
from services.notifications.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import renewals
from tests.notifications.conftest import TABLES, make_settings
from tests.notifications.portfolio import NOON, hear, usual
from tests.notifications.sink import Sink, serving

AGENCY, ACME = "@agency.example", "@acme.example"
LATER = ["d-1", "d-0"]
FAULTS = [
    ("RCPT", "450 busy"),
    ("RCPT", "550 no"),
    ("MAIL", "421 away"),
    ("DATA", "cut"),
    ("DOT", "cut"),
    ("DOT", "keep and cut"),
    ("DOT", "451 no disk"),
]
DONE = {"accepted", "rejected", "dropped", "superseded", "unknown"}


class _DiedError(Exception):
    """The process was killed."""


class World:
    """One client of one partner, two senders, and a relay that fails now and then."""

    def __init__(self, pool: Pool, sink: Sink) -> None:
        self.pool, self.sink = pool, sink
        self.clock = ManualClock(NOON)
        self.settings: Settings = make_settings(sink, smtp_connections=1, lanes=1)
        self.relay = senders.Relay(self.settings)
        self.lanes = [self._lane(), self._lane()]
        self.story = usual(contacts=usual().contacts[:1])
        self.story.owner = renewals.OwnerChoice(
            owner="partner", point_of_contact_id=self.story.users[1].user_id
        )
        self.contacts = self.story.contacts
        self.later = list(LATER)
        self.silent_from: int | None = None
        self.said: list[Any] = []

    def _lane(self) -> jobs.Lane:
        figures = jobs.Figures(CollectorRegistry())
        return jobs.Lane(self.pool, self.clock, self.relay, self.settings, figures)

    async def say(self, *events: Any) -> None:
        self.said += events
        await hear(self.pool, *events)

    async def begin(self) -> None:
        await self.pool.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
        await self.say(*self.story.everything(), self.story.due("d-7"))

    async def next_stage(self) -> None:
        if self.later:
            self.clock.advance(timedelta(days=1))
            self.story.now = self.clock.now()
            await self.say(self.story.due(self.later.pop(0)))

    async def end_services(self) -> None:
        if self.story.active:
            self.story.active = False
            await self.say(self.story.services_ended(period=self.story.period))
            self.silent_from = len(self.sink.kept)

    async def resume_services(self) -> None:
        if not self.story.active:
            self.story.active, self.story.period = True, self.story.period + 1
            self.silent_from = None
            await self.say(self.story.services_resumed(self.story.period))

    async def tell_client(self) -> None:
        await self.say(self.story.client())

    async def change_owner(self) -> None:
        ben = self.story.users[1].user_id
        self.story.owner = (
            renewals.OwnerChoice(owner="hubspot", notified_user_id=ben)
            if self.story.owner.owner == "partner"
            else renewals.OwnerChoice(owner="partner", point_of_contact_id=ben)
        )
        await self.say(self.story.changes())

    async def change_contacts(self) -> None:
        self.story.contacts = () if self.story.contacts else self.contacts
        await self.say(self.story.client())

    async def decide(self) -> None:
        await self.say(self.story.decided())

    async def replay(self) -> None:
        await self.pool.execute("DELETE FROM inbox")
        await hear(self.pool, *self.said)

    async def step(self, number: int) -> None:
        self.relay._until = 0.0  # the pause after a failure is over
        await self.lanes[number].step()

    async def kill(self, number: int) -> None:
        self.lanes[number] = self._lane()

    async def kill_after_handing_over(self, number: int) -> None:
        lane = self.lanes[number]

        class Dying(senders.Relay):
            async def send(self, _: Any) -> Any:
                raise _DiedError

        lane._relay = Dying(self.settings)
        try:
            await lane.step()
        except _DiedError:
            lane._sending = None
        await self.kill(number)

    async def leases_end(self) -> None:
        await self.pool.execute(
            "UPDATE messages SET lease_until = clock_timestamp() - interval '1 second' "
            "WHERE lease_until IS NOT NULL"
        )
        await self.upkeep()

    async def upkeep(self) -> None:
        figures = jobs.Figures(CollectorRegistry())
        await jobs.look_after(self.settings, figures, self.pool, self.clock)

    async def minutes_pass(self) -> None:
        self.clock.advance(timedelta(minutes=5))

    async def finish(self) -> None:
        """Everything heals, and then every window ends."""
        self.sink.faults.clear()
        for _ in range(3):
            await self.leases_end()
            await self.minutes_pass()
            for number in (0, 1, 0, 1, 0, 1):
                await self.step(number)
        self.clock.advance(timedelta(days=30))
        await self.upkeep()
        for number in (0, 1, 0, 1):
            await self.step(number)

    async def check(self) -> None:
        copies = Counter(str(mail["Message-ID"]) for mail in self.sink.mails)
        rows = await self.pool.fetch("SELECT doubted, attempts FROM messages")
        doubted = sum(row["attempts"] for row in rows if row["doubted"])
        assert sum(copies.values()) - len(copies) <= doubted
        if not doubted:
            assert set(copies.values()) <= {1}
        silent = self.sink.kept[self.silent_from :] if self.silent_from is not None else []
        assert not [kept for kept in silent if any(AGENCY in to for to in kept.recipients)]
        for kept in self.sink.kept:
            audience = str(kept.mail["X-Partner-Tools-Audience"])
            to_client = [to for to in kept.recipients if ACME in to]
            assert bool(to_client) == (audience == "client")

    async def check_the_end(self) -> None:
        rows = await self.pool.fetch("SELECT stage, state, reason, lease_until FROM messages")
        assert {row["state"] for row in rows} <= DONE
        assert all(row["reason"] for row in rows if row["state"] != "accepted")


ACTIONS: dict[str, Callable[[World], Awaitable[None]]] = {
    "next stage": World.next_stage,
    "end services": World.end_services,
    "resume services": World.resume_services,
    "tell client": World.tell_client,
    "change owner": World.change_owner,
    "change contacts": World.change_contacts,
    "decide": World.decide,
    "replay": World.replay,
    "leases end": World.leases_end,
    "upkeep": World.upkeep,
    "minutes pass": World.minutes_pass,
} | {
    f"{name} {number}": (lambda world, how=how, number=number: how(world, number))  # type: ignore[misc]
    for number in (0, 1)
    for name, how in (
        ("step", World.step),
        ("kill", World.kill),
        ("kill after handing over", World.kill_after_handing_over),
    )
}
STEPS = st.one_of(
    st.sampled_from(["step 0", "step 1"]),
    st.sampled_from(sorted(ACTIONS)),
    st.sampled_from(FAULTS),
)


@pytest.fixture(params=[False, True], ids=["in turn", "pipelined"])
async def sink(request: pytest.FixtureRequest) -> AsyncIterator[Sink]:
    async with serving(pipelining=request.param) as sink:
        yield sink


@pytest.mark.timeout(120)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(walk=st.lists(STEPS, min_size=5, max_size=40))
async def test_whatever_happens_nobody_is_told_twice_or_wrongly_and_all_comes_to_an_end(
    pool: Pool, sink: Sink, walk: list[Any]
) -> None:
    sink.kept.clear()
    sink.faults.clear()
    world = World(pool, sink)
    await world.begin()
    try:
        for action in walk:
            if isinstance(action, tuple):
                sink.fail(*action)
            else:
                await ACTIONS[action](world)
            await world.check()
        await world.finish()
        await world.check()
        await world.check_the_end()
    finally:
        await world.relay.close()
