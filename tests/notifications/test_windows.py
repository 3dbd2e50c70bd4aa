from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from shared.contracts import renewals
from shared.contracts.event import Event
from tests.deliver import published
from tests.notifications.ledger import messages, only, states
from tests.notifications.portfolio import hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]


async def test_a_moved_start_arms_every_stage_again(pool: Pool, sink: Sink, send: Send) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    await send()

    story.starts = date(2026, 3, 8)
    await hear(pool, story.changes(), story.due())
    await send()

    assert [str(mail["Subject"]).count("2026-03-08") for mail in sink.mails] == [0, 1]


async def test_nothing_is_sent_before_it_is_due(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    at = clock.now() + timedelta(hours=1)
    await hear(pool, *story.everything(), story.due(due_at=at, due_until=at + timedelta(days=1)))

    await send()
    assert sink.kept == []
    clock.advance(timedelta(hours=1))
    await send()

    assert len(sink.kept) == 1


async def test_a_stage_that_an_outage_held_back_until_the_next_is_superseded(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    clock.advance(timedelta(days=2))

    await send()

    assert sink.kept == []
    assert await states(pool) == {("d-7", "superseded"): 1}
    [event] = await published(pool, told.ReminderDropped)
    assert (event.superseded, event.reason) == (True, "overtaken")


async def test_the_next_stage_ends_what_is_still_open_of_those_before(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    first = story.due("d-7")
    await hear(pool, *story.everything(), first)
    clock.advance(timedelta(days=1))
    story.now = clock.now()

    await hear(pool, story.due("d-1", due_at=first.due_until))
    await send()

    assert await states(pool) == {("d-7", "superseded"): 1, ("d-1", "accepted"): 1}
    assert len(sink.kept) == 1


async def test_stages_that_the_sweep_never_announced_are_recorded_as_superseded(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due("d-1", superseded=("d-15", "d-7")))

    await send()

    assert await states(pool) == {
        ("d-15", "superseded"): 1,
        ("d-7", "superseded"): 1,
        ("d-1", "accepted"): 1,
    }
    assert {e.stage for e in await published(pool, told.ReminderDropped)} == {"d-15", "d-7"}
    assert len(sink.kept) == 1


async def test_a_later_stage_waits_for_an_earlier_one_on_its_way(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    first = story.due("d-7")
    await hear(pool, *story.everything(), first)
    await send()
    await pool.execute(
        "UPDATE messages SET state = 'handed_over', lease_until = now() + interval '1 hour'"
    )
    clock.set(first.due_until)
    story.now = clock.now()
    await hear(pool, story.due("d-1", due_at=first.due_until))

    await send()
    assert await states(pool) == {("d-7", "handed_over"): 1, ("d-1", "planned"): 1}
    await pool.execute(
        "UPDATE messages SET state = 'accepted', lease_until = NULL WHERE stage = 'd-7'"
    )
    clock.advance(timedelta(seconds=1))
    await send()

    assert await states(pool) == {("d-7", "accepted"): 1, ("d-1", "accepted"): 1}


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("decided", "decided"),
        ("settled", "decided"),
        ("moved", "moved"),
        ("withdrawn", "withdrawn"),
        ("gone", "withdrawn"),
    ],
)
async def test_what_happened_meanwhile_drops_a_message_and_says_why(
    pool: Pool, sink: Sink, send: Send, what: str, reason: str
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    common: dict[str, Any] = {
        "version": story.version("renewal"),
        "occurred_at": story.now,
        "renewal_id": story.renewal_id,
        "client_id": story.client_id,
        "partner_id": story.partner_id,
    }
    happened: dict[str, Event] = {
        "decided": renewals.RenewalDecided(
            status="renewed", renewal_start=story.starts, decided_by=uuid4(), **common
        ),
        "settled": renewals.RenewalSettled(
            status="renewed", renewal_start=story.starts, settled_on=date(2026, 1, 20), **common
        ),
        "moved": renewals.RenewalMoved(
            previous_start=story.starts,
            renewal_start=date(2026, 6, 1),
            deadline=date(2026, 4, 17),
            **common,
        ),
        "withdrawn": renewals.RenewalWithdrawn(renewal_start=story.starts, **common),
        "gone": story.changes(renewals=()),
    }

    await hear(pool, happened[what])
    await send()

    assert sink.kept == []
    dropped = await only(pool)
    assert (dropped["state"], dropped["reason"]) == ("dropped", reason)
    [event] = await published(pool, told.ReminderDropped)
    assert event.reason == reason


async def test_the_outcome_goes_out_though_it_was_decided(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    clock.set(datetime.fromisoformat("2026-01-20T12:00:00+00:00"))
    story = usual(status="renewed", now=clock.now(), tell_renewal_manager=False)
    until = datetime.fromisoformat("2026-03-05T00:00:00+00:00")
    await hear(pool, *story.everything(), story.due("outcome", due_until=until))

    await send()

    assert "goes ahead" in str(sink.mails[0]["Subject"])


async def test_a_message_waits_until_all_that_its_event_was_decided_on_has_arrived(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(tell_renewal_manager=False)
    everything = story.everything()
    await hear(pool, story.due())
    for event in everything:
        await send()
        assert sink.kept == []
        await hear(pool, event)

    await send()

    assert sink.recipients == ["dora@acme.example"]


async def test_a_hundred_sweeps_over_thirty_days_tell_each_stage_once(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything())
    begins = clock.now() - timedelta(hours=3)
    plan = [("d-7", begins), ("d-1", begins + timedelta(days=1))]
    for turn in range(20):
        for stage, at in plan:
            if clock.now() >= at:
                story.now = clock.now()
                due = story.due(stage, due_at=at, due_until=at + timedelta(days=1))
                await pool.execute("DELETE FROM inbox")
                await hear(pool, due)
        await send()
        clock.advance(timedelta(hours=6))
        assert turn < 20

    assert [row["stage"] for row in await messages(pool, state="accepted")] == ["d-7", "d-1"]
    assert len(sink.kept) == 2
