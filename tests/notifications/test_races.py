import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from prometheus_client import CollectorRegistry

from services.notifications import jobs
from services.notifications.settings import Settings
from services.notifications.store import outcomes, turns
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from tests.deliver import published
from tests.notifications.conftest import MakeLane
from tests.notifications.ledger import attempts, messages, only, states, steps
from tests.notifications.portfolio import Story, contact, hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]
LookAfter: TypeAlias = Callable[..., Awaitable[Any]]


@pytest.fixture
def figures() -> jobs.Figures:
    return jobs.Figures(CollectorRegistry())


@pytest.fixture
def look_after(
    settings: Settings, pool: Pool, clock: ManualClock, figures: jobs.Figures
) -> LookAfter:
    async def look(**other: Any) -> int:
        return await jobs.look_after(settings.model_copy(update=other), figures, pool, clock)

    return look


async def one_due(pool: Pool, stage: str = "d-7") -> Story:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due(stage))
    return story


async def over(pool: Pool) -> None:
    """All leases end."""
    await pool.execute(
        "UPDATE messages SET lease_until = clock_timestamp() - interval '1 second' "
        "WHERE lease_until IS NOT NULL"
    )


async def test_many_senders_at_once_send_each_message_once(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    first = usual(tell_renewal_manager=False)
    await hear(pool, first.partner(), first.policy())
    stories = [
        usual(
            partner_id=first.partner_id,
            users=first.users,
            tell_renewal_manager=False,
            contacts=(contact(f"Dora{n}", "decision_maker"),),
        )
        for n in range(60)
    ]
    await hear(pool, *(story.client() for story in stories))
    await hear(pool, *(story.changes() for story in stories))
    await hear(pool, *(story.due() for story in stories))
    lanes = [make_lane(in_doubt=8, lanes=1) for _ in range(4)]

    async def drain(lane: jobs.Lane) -> None:
        while await lane.step():
            pass

    await asyncio.gather(*map(drain, lanes))

    assert set(Counter(sink.recipients).values()) == {1}
    assert len(sink.kept) == 60
    assert await states(pool) == {("d-7", "accepted"): 60}


async def test_a_sender_whose_claim_was_taken_over_hands_nothing_over(
    pool: Pool, sink: Sink, make_lane: MakeLane, look_after: LookAfter
) -> None:
    await one_due(pool)
    zombie, other = make_lane(), make_lane()
    await zombie.step()  # claims, and is paused until its lease is over
    await over(pool)
    await look_after()
    while await other.step():
        pass

    while await zombie.step():
        pass

    assert len(sink.kept) == 1
    assert (await only(pool))["state"] == "accepted"


async def test_a_claim_that_nobody_took_over_is_simply_used(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    await one_due(pool)
    lane = make_lane()
    await lane.step()
    await over(pool)

    while await lane.step():
        pass

    assert len(sink.kept) == 1


async def test_the_claims_of_a_sender_that_died_become_free(
    pool: Pool, sink: Sink, make_lane: MakeLane, look_after: LookAfter
) -> None:
    await one_due(pool)
    await make_lane().step()
    await over(pool)

    assert await look_after() == 1
    survivor = make_lane()
    while await survivor.step():
        pass

    assert len(sink.kept) == 1


async def died_after_handing_over(pool: Pool, make_lane: MakeLane) -> None:
    """A sender is killed between hand-over and answer: its outcome is never noted."""
    lane = make_lane()
    await lane.step()
    await lane.step()
    assert (await only(pool))["state"] == "handed_over"
    await over(pool)


async def test_a_hand_over_without_an_answer_is_in_doubt_and_held(
    pool: Pool, sink: Sink, make_lane: MakeLane, look_after: LookAfter, send: Send
) -> None:
    await one_due(pool)
    await died_after_handing_over(pool, make_lane)

    await look_after()
    await send()

    doubtful = await only(pool)
    assert (doubtful["state"], doubtful["doubted"]) == ("unknown", True)
    assert await attempts(pool, doubtful["message_id"]) == [(1, "unknown")]
    [event] = await published(pool, told.ReminderInDoubt)
    assert event.message_id == doubtful["message_id"]
    assert len(sink.kept) == 1


@pytest.mark.parametrize(
    ("stage", "policy", "copies"),
    [
        ("d-0", "last_stage", 2),
        ("d-7", "last_stage", 1),
        ("d-7", "resend", 2),
        ("d-0", "hold", 1),
    ],
)
async def test_what_is_in_doubt_is_sent_again_as_the_setting_says_with_the_same_id(
    pool: Pool,
    sink: Sink,
    make_lane: MakeLane,
    look_after: LookAfter,
    send: Send,
    stage: str,
    policy: str,
    copies: int,
) -> None:
    await one_due(pool, stage)
    await died_after_handing_over(pool, make_lane)

    await look_after(unknown_policy=policy)
    await send()

    assert len(sink.kept) == copies
    assert len({str(mail["Message-ID"]) for mail in sink.mails}) == 1
    done = await only(pool)
    assert done["doubted"]
    assert done["state"] == ("accepted" if copies == 2 else "unknown")
    if copies == 2:
        assert await steps(pool, done["message_id"]) == [("sent_again", "policy")]


async def test_with_a_relay_that_drops_second_copies_all_that_is_in_doubt_is_sent_again(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    await one_due(pool)
    sink.fail("DOT", "keep and cut")

    for _ in range(2):
        await send(idempotency_header="Relay-Key", unknown_policy="hold")
        clock.advance(timedelta(seconds=2))

    assert len(sink.kept) == 2
    assert len({str(mail["Relay-Key"]) for mail in sink.mails}) == 1
    assert "None" not in {str(mail["Relay-Key"]) for mail in sink.mails}


async def test_an_answer_that_comes_after_the_lease_settles_the_doubt(
    pool: Pool, sink: Sink, make_lane: MakeLane, look_after: LookAfter
) -> None:
    await one_due(pool)
    lane = make_lane()
    await lane.step()
    await lane.step()
    await over(pool)
    await look_after()
    assert (await only(pool))["state"] == "unknown"

    await lane.step()

    assert (await only(pool))["state"] == "accepted"
    assert len(await published(pool, told.ReminderSent)) == 1


async def test_the_late_answer_of_one_sender_does_not_touch_what_another_holds(
    pool: Pool, sink: Sink, make_lane: MakeLane, look_after: LookAfter, clock: ManualClock
) -> None:
    await one_due(pool)
    zombie, other = make_lane(), make_lane()
    sink.fail("RCPT", "550 no such user")
    await zombie.step()
    await zombie.step()
    await over(pool)
    await look_after(unknown_policy="resend")
    await other.step()
    await other.step()

    await zombie.step()

    assert (await only(pool))["state"] == "handed_over"
    await other.step()
    assert (await only(pool))["state"] == "accepted"


async def test_a_cut_after_the_dot_is_in_doubt_at_once(pool: Pool, sink: Sink, send: Send) -> None:
    await one_due(pool)
    sink.fail("DOT", "keep and cut")

    await send()

    assert (await only(pool))["state"] == "unknown"
    assert len(await published(pool, told.ReminderInDoubt)) == 1
    assert len(sink.kept) == 1


async def test_a_cut_after_the_dot_of_the_last_stage_is_sent_again(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    await one_due(pool, "d-0")
    sink.fail("DOT", "cut")

    await send()
    clock.advance(timedelta(seconds=2))
    await send()

    done = await only(pool)
    assert (done["state"], done["doubted"], len(sink.kept)) == ("accepted", True, 1)


async def test_a_note_that_fails_never_sends_twice(
    pool: Pool, sink: Sink, make_lane: MakeLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_due(pool)
    lane = make_lane()
    await lane.step()
    await lane.step()
    real = outcomes.settle

    async def broken(*_: object) -> None:
        raise ConnectionError("the database went away")

    monkeypatch.setattr(outcomes, "settle", broken)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await lane.step()
    monkeypatch.setattr(outcomes, "settle", real)
    while await lane.step():
        pass

    assert len(sink.kept) == 1
    assert (await only(pool))["state"] == "accepted"


async def test_a_hand_over_that_may_or_may_not_be_committed_is_not_sent_and_comes_again(
    pool: Pool,
    sink: Sink,
    make_lane: MakeLane,
    monkeypatch: pytest.MonkeyPatch,
    clock: ManualClock,
) -> None:
    await one_due(pool)
    lane = make_lane()
    await lane.step()
    real = turns.claim

    async def commit_and_fail(tx: Any, *_: object) -> None:
        await tx.execute("COMMIT")
        raise ConnectionError("the answer to the commit was lost")

    monkeypatch.setattr(turns, "claim", commit_and_fail)
    with pytest.raises((ConnectionError, Exception)):
        await lane.step()
    assert (await only(pool))["state"] == "handed_over"
    monkeypatch.setattr(turns, "claim", real)
    await lane.step()
    clock.advance(timedelta(seconds=2))
    while await lane.step():
        pass

    assert len(sink.kept) == 1
    done = await only(pool)
    assert (done["state"], done["doubted"]) == ("accepted", False)


async def test_a_sender_that_is_told_to_stop_ends_its_batch_and_notes_it(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    await one_due(pool)
    sink.fail("DOT", "wait 0.3")
    lane = make_lane()
    running = asyncio.create_task(lane.run())
    while not sink.seen:
        await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.wait({running})

    assert len(sink.kept) == 1
    assert (await only(pool))["state"] == "accepted"


async def test_a_sender_that_is_told_to_stop_gives_back_what_it_only_claimed(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    await one_due(pool)
    lane = make_lane()
    await lane.step()

    await lane.finish()

    back = await only(pool)
    assert (back["state"], back["lease_until"]) == ("planned", None)
    assert sink.kept == []


async def test_a_step_that_was_cut_short_hears_its_answers_in_the_next(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    await one_due(pool)
    sink.fail("DOT", "wait 0.2")
    lane = make_lane()
    await lane.step()
    step = asyncio.create_task(lane.step())
    while not sink.seen:
        await asyncio.sleep(0.01)
    step.cancel()
    await asyncio.wait({step})

    while await lane.step():
        pass

    assert len(sink.kept) == 1
    assert (await only(pool))["state"] == "accepted"


async def test_what_waits_is_let_go_late_where_news_and_event_crossed(
    pool: Pool, sink: Sink, send: Send, look_after: LookAfter
) -> None:
    await one_due(pool)
    await pool.execute("UPDATE messages SET ready = false")
    await send()
    assert sink.kept == []

    await look_after()
    await send()

    assert len(sink.kept) == 1


async def test_a_block_is_looked_at_again_where_its_mending_crossed(
    pool: Pool, sink: Sink, send: Send, look_after: LookAfter
) -> None:
    story = usual(contacts=(), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    await send()
    await pool.execute(
        "UPDATE clients SET changed_at = clock_timestamp() + interval '1 minute', contacts = $1",
        '[{"contact_id": "' + str(story.client_id) + '", "name": "Dora", '
        '"email": "dora@acme.example", "roles": ["decision_maker"]}]',
    )

    await look_after()
    await send()

    assert sink.recipients == ["dora@acme.example"]


@pytest.mark.parametrize(
    ("stage", "after", "state", "reason"),
    [
        ("d-7", timedelta(days=1), "superseded", "overtaken"),
        ("d-0", timedelta(days=5), "dropped", "deadline_passed"),
    ],
)
async def test_a_block_ends_when_it_is_too_late_and_says_so(
    pool: Pool,
    sink: Sink,
    send: Send,
    look_after: LookAfter,
    clock: ManualClock,
    stage: str,
    after: timedelta,
    state: str,
    reason: str,
) -> None:
    story = usual(contacts=(), tell_renewal_manager=False)
    due = story.due(stage)
    if stage == "d-0":
        due = story.due(stage, due_until=due.due_at + timedelta(days=6))
    await hear(pool, *story.everything(), due)
    await send()
    clock.advance(after)

    await look_after()
    story.contacts = (contact("Dora", "decision_maker"),)
    await hear(pool, story.client())
    await send()

    ended = await only(pool)
    assert (ended["state"], ended["reason"]) == (state, reason)
    assert sink.kept == []
    [event] = await published(pool, told.ReminderDropped)
    assert event.reason == reason


async def test_what_waited_too_long_ends_and_says_so(
    pool: Pool, look_after: LookAfter, clock: ManualClock
) -> None:
    story = usual()
    await hear(pool, story.due(client_version=5))
    clock.advance(timedelta(days=2))

    await look_after()

    assert (await only(pool))["state"] == "superseded"


async def test_addresses_are_forgotten_after_a_while(
    pool: Pool, sink: Sink, send: Send, look_after: LookAfter, clock: ManualClock
) -> None:
    await one_due(pool)
    await send()
    assert (await only(pool))["address"] == "dora@acme.example"
    clock.advance(timedelta(days=401))

    await look_after()

    assert (await only(pool))["address"] is None


async def test_the_figures_show_what_is_open(
    pool: Pool, send: Send, settings: Settings, clock: ManualClock
) -> None:
    registry = CollectorRegistry()
    shown = jobs.Figures(registry)
    blocked = usual(contacts=(), tell_renewal_manager=False)
    await hear(pool, *blocked.everything(), blocked.due())
    await send()
    waiting = usual()
    await hear(pool, waiting.due(client_version=9))
    due = usual()
    await hear(pool, *due.everything(), due.due())
    clock.advance(timedelta(minutes=5))

    await jobs.look_after(settings, shown, pool, clock)

    def figure(name: str) -> float | None:
        return registry.get_sample_value(name)

    assert figure("messages_blocked") == 1
    assert figure("messages_unknown") == 0
    assert figure("messages_waiting") == 1
    assert figure("messages_waiting_oldest_seconds") == 300
    assert figure("oldest_due_unsent_seconds") == 3 * 3600 + 300
    assert len(await messages(pool)) == 3
