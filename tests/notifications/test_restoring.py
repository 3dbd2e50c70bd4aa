"""A ledger that came back from a backup: what was sent is learned, what nobody knows is held."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from services.notifications import jobs
from services.notifications.store import doubts, ledger
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from tests.deliver import published
from tests.notifications.conftest import TABLES
from tests.notifications.ledger import messages, only, states
from tests.notifications.portfolio import Story, contact, hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]
NONE, ALL = timedelta(0), timedelta(days=1)


async def sent_and_forgotten(pool: Pool, story: Story, send: Send) -> list[told.ReminderSent]:
    """Send what is due; then the ledger is as it was before, and hears of it again."""
    due = story.due()
    await hear(pool, *story.everything(), due)
    await send()
    said = await published(pool, told.ReminderSent)
    await pool.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    story.versions = {}
    await hear(pool, *story.everything(), due)
    return said


async def reconcile(
    pool: Pool, clock: ManualClock, said: list[told.ReminderSent], margin: timedelta
) -> jobs.Reconciled:
    until = clock.now() + timedelta(minutes=1)
    return await jobs.reconcile(pool, said, clock.now(), until, margin)


async def test_what_was_sent_before_the_restore_is_not_sent_again(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    said = await sent_and_forgotten(pool, usual(), send)
    assert len(sink.mails) == len(said) == 2
    assert await states(pool) == {("d-7", "planned"): 1}

    done = await reconcile(pool, clock, said, NONE)

    assert (done.settled, done.held, done.asked, done.unheard) == (2, 0, 1, 0)
    await send()
    assert len(sink.mails) == 2
    assert await states(pool) == {("d-7", "accepted"): 2, ("d-7", "dropped"): 1}
    assert (await only(pool, state="dropped"))["reason"] == "already_told"
    assert await reconcile(pool, clock, said, NONE) == jobs.Reconciled(0, 0, 0, 0)


async def test_who_was_to_be_told_too_and_is_forgotten_is_told(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(contacts=(contact("Dora", "decision_maker"), contact("Don", "decision_maker")))
    said = await sent_and_forgotten(pool, story, send)
    heard = said[:1]  # the one that asked who is to be told; the others came of it
    told_of = next(p.email for p in story.contacts if p.contact_id == heard[0].recipient_id)
    lost = [to for to in sink.recipients if to != told_of]
    assert len(lost) == 2

    await reconcile(pool, clock, heard, NONE)

    await send()
    assert sink.recipients == sorted([told_of, *lost, *lost])


async def test_shortly_before_the_loss_who_else_was_told_is_not_guessed(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    said = await sent_and_forgotten(pool, usual(), send)

    done = await reconcile(pool, clock, said[:1], ALL)

    assert done.asked == 1
    await send()
    assert len(sink.mails) == 2
    assert (await only(pool, state="unknown"))["reason"] == "restored"


async def test_what_was_due_and_of_which_nothing_was_said_waits_for_an_operator(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    await sent_and_forgotten(pool, usual(), send)

    done = await reconcile(pool, clock, [], ALL)

    assert (done.settled, done.held) == (0, 1)
    await send()
    assert len(sink.mails) == 2, "it may have been sent"
    held = await only(pool)
    assert (held["state"], held["reason"], held["doubted"]) == ("unknown", "restored", True)
    [event] = await published(pool, told.ReminderInDoubt)
    assert event.message_id == held["message_id"]
    async with pool.acquire() as tx:
        assert await doubts.send_again(tx, [held["message_id"]], clock.now())
    await send()
    assert sink.recipients == ["dora@acme.example"] * 2 + ["rita@hubspot.example"] * 2


async def test_who_was_told_of_an_end_of_services_is_known_by_the_ids(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual()
    await hear(pool, *story.everything())
    ended = story.services_ended(3)
    await hear(pool, ended, story.client())
    clock.advance(timedelta(minutes=5))  # it could have been taken back until now
    await send()
    said = await published(pool, told.ReminderSent)
    mails = len(sink.mails)
    assert mails > 1
    await pool.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    story.versions = {}
    await hear(pool, *story.everything(), ended)
    await hear(pool, story.client())

    done = await reconcile(pool, clock, said, NONE)

    assert (done.settled, done.unheard) == (mails, 0)
    await send()
    assert len(sink.mails) == mails


async def test_the_address_of_a_person_is_forgotten_and_that_it_was_told_stays(
    pool: Pool, send: Send
) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.due())
    await send()
    person = story.contacts[0].contact_id

    async with pool.acquire() as tx:
        assert await ledger.forget_addresses(tx, [person]) == 1

    assert [m["address"] for m in await messages(pool, recipient_id=person)] == [None]
    [other] = await messages(pool, audience="hubspot")
    assert other["address"] == "rita@hubspot.example"
    assert await states(pool) == {("d-7", "accepted"): 2}
