from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from shared.chassis.database import Pool
from shared.contracts import notifications as told
from shared.contracts import renewals
from tests.deliver import published
from tests.notifications.ledger import only, steps
from tests.notifications.portfolio import contact, hear, user, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]


async def test_after_a_blocked_message_is_mended_the_story_says_so(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(contacts=(contact("Eve", "billing"),), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    await send()
    blocked = await only(pool)
    assert (blocked["state"], blocked["reason"]) == ("blocked", "no_contact_in_roles")
    [event] = await published(pool, told.ReminderBlocked)
    assert (event.audience, event.reason) == ("client", "no_contact_in_roles")

    story.contacts = (contact("Dora", "decision_maker"),)
    await hear(pool, story.client())
    await send()

    assert sink.recipients == ["dora@acme.example"]
    assert await steps(pool, blocked["message_id"]) == [
        ("blocked", "no_contact_in_roles"),
        ("mended", "no_contact_in_roles"),
    ]


async def test_a_blocked_message_does_not_keep_the_renewal_manager_waiting(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(contacts=())
    await hear(pool, *story.everything(), story.due())
    await send()
    assert sink.recipients == ["rita@hubspot.example"]

    story.contacts = (contact("Dora", "decision_maker"),)
    await hear(pool, story.client())
    await send()

    assert sink.recipients == ["dora@acme.example", "rita@hubspot.example"]


async def test_a_block_that_stays_is_told_once(pool: Pool, sink: Sink, send: Send) -> None:
    story = usual(contacts=(), tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due())
    for _ in range(3):
        await send()
        await hear(pool, story.client())

    await send()

    assert len(await published(pool, told.ReminderBlocked)) == 1


@pytest.mark.parametrize("mend", ["user", "policy", "override"])
async def test_a_partner_without_a_valid_person_is_told_once_there_is_one(
    pool: Pool, sink: Sink, send: Send, mend: str
) -> None:
    gone, new = user("Gone", active=False), user("New")
    story = usual(users=(gone,), tell_renewal_manager=False)
    story.default_owner = renewals.OwnerChoice(owner="partner", point_of_contact_id=gone.user_id)
    await hear(pool, *story.everything(), story.due())
    await send()
    assert (await only(pool))["reason"] == "no_active_partner_user"
    assert sink.kept == []

    if mend == "user":
        story.users = (gone.model_copy(update={"active": True}),)
        await hear(pool, story.partner())
    else:
        story.users = (gone, new)
        await hear(pool, story.partner())
        choice = renewals.OwnerChoice(owner="partner", point_of_contact_id=new.user_id)
        if mend == "policy":
            story.default_owner = choice
            await hear(pool, story.policy())
        else:
            story.owner = choice
            await hear(pool, story.changes())
    await send()

    assert sink.recipients == ["gone@agency.example" if mend == "user" else "new@agency.example"]


async def test_a_point_of_contact_who_left_is_replaced_at_sending(
    pool: Pool, sink: Sink, send: Send
) -> None:
    story = usual(tell_renewal_manager=False)
    ben = story.users[1]
    story.owner = renewals.OwnerChoice(owner="partner", point_of_contact_id=ben.user_id)
    await hear(pool, *story.everything(), story.due())
    await hear(pool, story.deactivated(ben))

    await send()

    assert sink.recipients == ["ada@agency.example"]
