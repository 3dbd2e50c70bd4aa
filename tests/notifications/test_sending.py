from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import TypeAlias
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.notifications import domain, jobs
from services.notifications.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import notifications as told
from shared.contracts import renewals
from tests.deliver import published
from tests.notifications.conftest import MakeLane
from tests.notifications.ledger import attempts, messages, only, states
from tests.notifications.portfolio import contact, hear, user, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]


async def test_a_stage_that_is_due_reaches_the_decision_maker_and_the_renewal_manager(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.due())

    await send()

    assert sink.recipients == ["dora@acme.example", "rita@hubspot.example"]
    assert await states(pool) == {("d-7", "accepted"): 2}
    sent = await published(pool, told.ReminderSent)
    assert {(e.audience, e.stage, e.renewal_id) for e in sent} == {
        ("client", "d-7", story.renewal_id),
        ("hubspot", "d-7", story.renewal_id),
    }
    first = await only(pool, audience="client")
    assert await attempts(pool, first["message_id"]) == [(1, "accepted")]
    assert (first["address"], first["owner"], first["owner_source"]) == (
        "dora@acme.example",
        "hubspot",
        "partner",
    )


async def test_the_mail_has_what_is_known_when_it_is_sent(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual()
    await hear(pool, *story.everything(), story.due())
    story.client_name = "Acme Worldwide"
    await hear(pool, story.client())
    clock.advance(timedelta(hours=13))

    await send()

    mail = sink.mails[0]
    assert "3 days left" in str(mail["Subject"])
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Acme Worldwide" in body.get_content()


async def test_the_partner_as_owner_means_one_mail_to_its_point_of_contact(
    pool: Pool, sink: Sink, send: Send
) -> None:
    ben = user("Ben")
    story = usual(users=(user("Ada", admin=True), ben))
    story.owner = renewals.OwnerChoice(owner="partner", point_of_contact_id=ben.user_id)
    await hear(pool, *story.everything(), story.due())

    await send()

    assert sink.recipients == ["ben@agency.example"]
    assert "For your action with Acme" in str(sink.mails[0]["Subject"])


async def test_a_chosen_user_gets_a_copy_of_the_clients_mail(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(tell_renewal_manager=False)
    ben = story.users[1].user_id
    story.owner = renewals.OwnerChoice(owner="hubspot", notified_user_id=ben)
    await hear(pool, *story.everything(), story.due())

    await send()

    [kept] = sink.kept
    assert kept.recipients == ["dora@acme.example", "ben@agency.example"]
    [event] = await published(pool, told.ReminderSent)
    assert event.copied_user_id == ben


async def test_several_contacts_in_the_roles_get_a_message_each(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(roles=("decision_maker", "billing"), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())

    await send()

    assert sink.recipients == ["dora@acme.example", "eve@acme.example"]
    assert len({str(mail["Message-ID"]) for mail in sink.mails}) == 2


async def test_changing_the_default_moves_what_is_planned_and_no_override(
    pool: Pool, sink: Sink, send: Send
) -> None:
    inheriting = usual(tell_renewal_manager=False)
    overriding = usual(
        tell_renewal_manager=False,
        partner_id=inheriting.partner_id,
        users=inheriting.users,
        contacts=(contact("Frank", "decision_maker"),),
        owner=renewals.OwnerChoice(owner="hubspot"),
    )
    await hear(pool, *inheriting.everything(), overriding.client(), overriding.changes())
    await hear(pool, inheriting.due(), overriding.due(client_version=1, renewals_version=1))

    inheriting.default_owner = renewals.OwnerChoice(
        owner="partner", point_of_contact_id=inheriting.users[1].user_id
    )
    await hear(pool, inheriting.policy())
    await send()

    assert sink.recipients == ["ben@agency.example", "frank@acme.example"]


async def test_the_same_event_again_is_no_second_message(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual()
    due = story.due()
    await hear(pool, *story.everything(), due)
    await send()
    await pool.execute("DELETE FROM inbox")

    await hear(pool, *story.everything(), due)
    await send()

    assert len(sink.kept) == 2


@pytest.mark.parametrize("kind", ["contact_tier_upgrade", "email_overage"])
async def test_other_kinds_have_messages_of_their_own(
    pool: Pool, sink: Sink, send: Send, kind: str
) -> None:
    story = usual(kind=kind, starts=date(2026, 2, 5), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())

    await send()

    assert str(sink.mails[0]["X-Partner-Tools-Kind"]) == kind


async def test_a_message_put_off_is_tried_again_with_the_same_message_id(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT", "450 mailbox busy")

    await send()
    put_off = await only(pool)
    assert (put_off["state"], put_off["deferrals"]) == ("deferred", 1)
    await send()
    assert sink.kept == []
    clock.advance(timedelta(minutes=1))
    await send()

    done = await only(pool)
    assert (done["state"], done["attempts"]) == ("accepted", 2)
    assert await attempts(pool, done["message_id"]) == [(1, "deferred"), (2, "accepted")]
    mail_id = domain.mail_id(story.renewal_id, "2026-03-05", "d-7", done["recipient_id"])
    assert str(sink.mails[0]["Message-ID"]) == f"<{mail_id.hex}@partner-tools.example>"


async def test_of_two_recipients_the_one_who_failed_is_tried_again_alone(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(roles=("decision_maker", "billing"), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT eve@acme.example", "451 greylisted")

    await send()
    clock.advance(timedelta(minutes=1))
    await send()

    assert sink.recipients == ["dora@acme.example", "eve@acme.example"]


async def test_a_recipient_refused_for_good_is_told_as_failed(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT", "550 no such user")

    await send()
    clock.advance(timedelta(hours=2))
    await send()

    assert (await only(pool))["state"] == "rejected"
    [event] = await published(pool, told.ReminderFailed)
    assert (event.reason, event.attempts) == ("refused", 1)
    assert sink.seen == ["dora@acme.example"]


async def test_a_message_put_off_too_often_has_failed(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT", "450 busy", "450 busy", "450 busy")

    for _ in range(3):
        await send(most_deferrals=3)
        clock.advance(timedelta(minutes=10))

    failed = await only(pool)
    assert (failed["state"], failed["reason"]) == ("rejected", "put_off_too_often")


async def test_a_relay_that_is_away_for_hours_uses_up_no_tries(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock, settings: Settings
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    for _ in range(8):
        sink.fail("MAIL", "421 down for maintenance")
        await send(smtp_user=None, mail_from_name=f"try {_}")  # a relay that has not stepped back
        clock.advance(timedelta(hours=1))
    sink.faults.clear()

    await send()

    done = await only(pool)
    assert (done["state"], done["deferrals"]) == ("accepted", 0)
    assert len(sink.kept) == 1


async def test_without_a_relay_claims_are_given_back_and_nothing_is_tried(
    pool: Pool, make_lane: MakeLane
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    registry = CollectorRegistry()
    lane = make_lane(smtp_host="127.0.0.1", smtp_port=1, figures=jobs.Figures(registry))

    await lane.step()
    await lane.step()
    await lane.step()

    assert registry.get_sample_value("mail_relay_away") == 1

    waiting = await only(pool)
    assert (waiting["state"], waiting["attempts"], waiting["lease_until"]) == ("planned", 0, None)


async def test_a_connection_cut_before_the_dot_costs_nothing_but_time(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("DATA", "cut")

    await send()
    clock.advance(timedelta(seconds=2))
    await send()

    done = await only(pool)
    assert (done["state"], done["doubted"]) == ("accepted", False)
    assert await attempts(pool, done["message_id"]) == [(1, "not_sent"), (2, "accepted")]


async def test_an_owner_who_changed_while_it_was_put_off_sends_it_to_somebody_else(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    sink.fail("RCPT dora@acme.example", "450 busy")
    await send()

    ben = story.users[1].user_id
    story.owner = renewals.OwnerChoice(owner="partner", point_of_contact_id=ben)
    await hear(pool, story.changes())
    clock.advance(timedelta(minutes=1))
    await send()

    assert sink.recipients == ["ben@agency.example"]
    assert {(row["state"], row["reason"]) for row in await messages(pool)} == {
        ("dropped", "no_longer_recipient"),
        ("accepted", None),
    }


async def test_an_owner_who_changed_twice_sends_it_to_the_first_one_once(
    pool: Pool, sink: Sink, send: Send, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    ben = story.users[1].user_id
    sink.fail("RCPT dora@acme.example", "450 busy")
    sink.fail("RCPT ben@agency.example", "450 busy")
    await send()
    for owner in (
        renewals.OwnerChoice(owner="partner", point_of_contact_id=ben),
        renewals.OwnerChoice(owner="hubspot"),
    ):
        story.owner = owner
        await hear(pool, story.changes())
        clock.advance(timedelta(minutes=1))
        await send()

    assert sink.recipients == ["dora@acme.example"]
    assert (await only(pool, state="accepted"))["address"] == "dora@acme.example"


async def test_one_message_that_cannot_be_written_does_not_hold_up_the_others(
    pool: Pool, sink: Sink, send: Send
) -> None:
    stories = [usual(tell_renewal_manager=False) for _ in range(5)]
    for story in stories:
        await hear(pool, *story.everything(), story.due())
    await pool.execute(
        "UPDATE renewals SET products = '[{}]' WHERE renewal_id = $1", stories[2].renewal_id
    )

    await send()

    assert len(sink.kept) == 4
    bad = await only(pool, subject_id=stories[2].renewal_id)
    assert (bad["state"], bad["reason"]) == ("planned", "failed: KeyError")


async def test_batches_are_never_larger_than_may_be_in_doubt(
    pool: Pool, sink: Sink, make_lane: MakeLane
) -> None:
    partner = usual(tell_renewal_manager=False)
    await hear(pool, partner.partner(), partner.policy())
    for _ in range(10):
        story = usual(partner_id=partner.partner_id, users=partner.users)
        story.tell_renewal_manager = False
        await hear(pool, story.client(), story.changes(), story.due(partner_version=1))
    lane = make_lane(in_doubt=4, lanes=1)
    counted = []
    while await lane.step():
        counted.append(
            await pool.fetchval("SELECT count(*) FROM messages WHERE state = 'handed_over'")
        )

    assert max(counted) == 4
    assert len(sink.kept) == 10


async def test_events_about_unknown_renewals_do_no_harm(pool: Pool, send: Send) -> None:
    story = usual()
    await hear(pool, story.decided(renewal_id=uuid4()))

    await send()

    assert await messages(pool) == []
