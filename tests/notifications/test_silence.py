from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import permutations
from typing import TypeAlias

import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from shared.contracts import renewals
from shared.contracts.event import Event, Tombstone
from tests.deliver import published
from tests.notifications.conftest import MakeLane
from tests.notifications.ledger import messages, only
from tests.notifications.portfolio import Story, hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]

AGENCY = "@agency.example"


def partner_owned() -> Story:
    story = usual(tell_renewal_manager=False, team=())
    story.renewal_manager = None
    story.owner = renewals.OwnerChoice(owner="partner", point_of_contact_id=story.users[1].user_id)
    return story


def with_a_copy() -> Story:
    story = partner_owned()
    story.owner = renewals.OwnerChoice(owner="hubspot", notified_user_id=story.users[1].user_id)
    return story


@pytest.mark.parametrize("made", [partner_owned, with_a_copy])
async def test_what_is_planned_when_services_end_goes_to_the_client_alone(
    pool: Pool, sink: Sink, send: Send, made: Callable[[], Story]
) -> None:
    story = made()
    await hear(pool, *story.everything(), story.due())

    await hear(pool, story.services_ended())
    await send()

    assert sink.recipients == ["dora@acme.example"]
    sent = await only(pool, state="accepted")
    assert (sent["owner"], sent["owner_source"]) == ("hubspot", "services_ended")


async def test_what_was_put_off_when_services_ended_goes_to_the_client_instead(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = partner_owned()
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT", "450 busy")
    await send()

    await hear(pool, story.services_ended())
    clock.advance(timedelta(minutes=2))
    await send()

    assert sink.recipients == ["dora@acme.example"]


async def test_what_is_claimed_when_services_end_is_looked_at_again(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    story = partner_owned()
    await hear(pool, *story.everything(), story.due())
    lane = make_lane()
    await lane.step()
    assert (await only(pool))["state"] == "claimed"

    await hear(pool, story.services_ended())
    while await lane.step():
        pass

    assert sink.recipients == ["dora@acme.example"]


async def test_the_event_redelivered_after_the_end_tells_nobody_of_the_partner(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = partner_owned()
    due = story.due(client_version=1, partner_version=1, policy_version=1, renewals_version=1)
    await hear(pool, *story.everything(), story.services_ended())
    for _ in range(3):
        await hear(pool, due)
        await pool.execute("DELETE FROM inbox")
        await send()

    assert sink.recipients == ["dora@acme.example"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_in_whatever_order_the_topics_arrive_the_partner_stays_silent(
    pool: Pool, sink: Sink, send: Send, order: tuple[int, ...]
) -> None:
    story = partner_owned()
    first = story.everything()
    due = story.due()
    ended = story.services_ended()
    renewal_ended = renewals.RenewalEnded(
        version=story.version("renewal"),
        occurred_at=story.now,
        renewal_id=story.renewal_id,
        client_id=story.client_id,
        partner_id=story.partner_id,
        period=1,
        renewal_start=story.starts,
    )
    news: list[Event] = [due, ended, renewal_ended, first[1]]
    await hear(pool, first[0], first[2], first[3])
    for place in order:
        await hear(pool, news[place])
        if order.index(1) <= order.index(place) or order.index(2) <= order.index(place):
            await send()
    await send()

    assert not [address for address in sink.recipients if address.endswith(AGENCY)]
    assert sink.recipients == ["dora@acme.example"]


async def test_a_snapshot_from_before_the_end_does_not_undo_it(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = partner_owned()
    partner, client, policy, changes = story.everything()
    await hear(pool, partner, policy, changes, story.services_ended())

    await hear(pool, client, story.due(client_version=1))
    await send()

    assert sink.recipients == ["dora@acme.example"]


async def test_services_that_were_resumed_are_a_new_period_that_the_old_end_cannot_end(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = partner_owned()
    await hear(pool, *story.everything())
    ended = story.services_ended(period=1)
    await hear(pool, ended, story.services_resumed(period=2))
    await pool.execute("DELETE FROM inbox")

    await hear(pool, ended, story.services_ended(period=1), story.due(client_version=1))
    await send()

    assert sink.recipients == ["ben@agency.example"]


async def test_every_later_stage_stays_silent_too(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = with_a_copy()
    await hear(pool, *story.everything(), story.services_ended())
    story.active = False
    await hear(pool, story.client())
    for stage in ("d-7", "d-1", "d-0"):
        story.now = clock.now()
        await hear(pool, story.due(stage))
        await send()
        clock.advance(timedelta(days=1))

    assert sink.recipients == ["dora@acme.example"] * 3


async def test_the_renewal_managers_copy_goes_on_after_the_end(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(team=())
    await hear(pool, *story.everything(), story.services_ended(), story.due(client_version=1))
    story.active = False
    await hear(pool, story.client())

    await send()

    assert sink.recipients == [
        "dora@acme.example",
        "rita@hubspot.example",
        "rita@hubspot.example",
    ]
    texts = [str(mail.get_body(("plain",))) for mail in sink.mails if "rita" in str(mail["To"])]
    assert any("no longer services this client" in text for text in texts)


async def test_hubspots_people_hear_of_the_end_once_each(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual()
    await hear(pool, *story.everything())
    ended = story.services_ended()
    await hear(pool, ended)
    await send()
    assert sink.kept == []  # the snapshot that goes with the end has not arrived
    await hear(pool, story.client().model_copy(update={"version": ended.version}))
    await send()
    await pool.execute("DELETE FROM inbox")
    await hear(pool, ended)
    await send()

    assert sink.recipients == ["cam@hubspot.example", "rita@hubspot.example"]
    mail = sink.mails[0]
    assert mail["Subject"] == "Agency no longer services Acme"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "The client left." in body.get_content()
    assert "Ended by:  Ada" in body.get_content()
    sent = await published(pool, told.ReminderSent)
    assert {(e.kind, e.audience, e.renewal_id) for e in sent} == {
        ("services_ended", "hubspot", None)
    }


async def test_an_end_that_was_taken_back_before_it_was_told_is_not_told(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.services_ended(), story.services_resumed())
    story.period = 2
    await hear(pool, story.client())

    await send()

    assert sink.kept == []
    assert (await only(pool))["reason"] == "services_resumed"


async def test_hubspots_people_hear_of_an_end_once_it_can_no_longer_be_taken_back(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual()
    ended = story.services_ended(ended_at=clock.now())
    await hear(pool, *story.everything(), ended)
    await hear(pool, story.client().model_copy(update={"version": ended.version}))

    await send(ended_notice_delay=30)
    clock.advance(timedelta(seconds=29))
    await send(ended_notice_delay=30)
    assert sink.kept == []

    clock.advance(timedelta(seconds=1))
    await send(ended_notice_delay=30)
    assert sink.recipients == ["cam@hubspot.example", "rita@hubspot.example"]


async def test_an_end_taken_back_while_it_waits_is_told_to_nobody_and_the_ledger_says_why(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual()
    ended = story.services_ended(ended_at=clock.now())
    await hear(pool, *story.everything(), ended)
    await hear(pool, story.client().model_copy(update={"version": ended.version}))
    await send(ended_notice_delay=30)

    clock.advance(timedelta(seconds=10))
    await hear(pool, story.services_resumed())
    story.period = 2
    await hear(pool, story.client())
    clock.advance(timedelta(seconds=20))
    await send(ended_notice_delay=30)

    assert sink.kept == []
    [dropped] = await published(pool, told.ReminderDropped)
    assert (dropped.kind, dropped.reason) == ("services_ended", "services_resumed")


async def test_an_end_that_nobody_at_hubspot_can_hear_of_is_blocked(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = partner_owned()
    ended_with = story.everything()
    await hear(pool, *ended_with, story.services_ended())
    await hear(pool, story.client().model_copy(update={"version": 2}))

    await send()

    blocked = await only(pool)
    assert (blocked["kind"], blocked["reason"]) == ("services_ended", "no_hubspot_person")


async def test_no_address_of_the_client_ever_gets_what_the_partner_owns(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = partner_owned()
    story.contacts = tuple(
        contact.model_copy(update={"roles": ("decision_maker", "billing", "primary")})
        for contact in story.contacts
    )
    await hear(pool, *story.everything())
    for stage in ("entered", "d-45", "d-15", "d-7", "d-1", "d-0"):
        story.now = clock.now()
        await hear(pool, story.due(stage, superseded=()))
        await send()
        clock.advance(timedelta(hours=12))
    story.users = tuple(user.model_copy(update={"active": False}) for user in story.users)
    await hear(pool, story.partner())
    story.now = clock.now()
    await hear(pool, story.due("d-3"))
    await send()

    assert sink.kept
    assert set(sink.recipients) == {"ben@agency.example"}
    assert not [address for address in sink.seen if address.endswith("@acme.example")]


async def test_an_erased_client_leaves_ids_in_the_ledger_and_no_address(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.due())
    await send()
    story.kind = "renewal"
    await hear(pool, story.due("d-1", client_version=99))

    await hear(
        pool,
        Tombstone(
            topic="clients.state.v1",
            key=str(story.client_id),
            owner="clients",
            occurred_at=story.now,
            version=9,
        ),
        Tombstone(
            topic="renewals.state.v1",
            key=str(story.client_id),
            owner="renewals",
            occurred_at=story.now,
            version=9,
        ),
    )

    assert await pool.fetchval("SELECT count(*) FROM clients") == 0
    assert await pool.fetchval("SELECT count(*) FROM renewals") == 0
    rows = await messages(pool)
    assert {(row["stage"], row["state"], row["reason"]) for row in rows} == {
        ("d-7", "accepted", None),
        ("d-1", "dropped", "erased"),
    }
    assert {row["address"] for row in rows} == {None}
    assert all(row["recipient_id"] for row in rows if row["stage"] == "d-7")
    dump = ""
    for table in ("messages", "attempts", "notices", "steps", "clients", "renewals"):
        dump += str([tuple(row) for row in await pool.fetch(f"SELECT * FROM {table}")])
    assert "dora@acme.example" not in dump
    assert "Dora" not in dump


async def test_an_erased_partner_takes_its_people_along(pool: Pool, send: Send) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.due())

    await hear(
        pool,
        Tombstone(
            topic="clients.state.v1",
            key=str(story.partner_id),
            owner="clients",
            occurred_at=story.now,
            version=9,
        ),
    )
    await send()

    assert await pool.fetchval("SELECT count(*) FROM partner_users") == 0
    assert (await only(pool))["reason"] == "erased"
