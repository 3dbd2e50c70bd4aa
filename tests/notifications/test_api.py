from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.notifications.conftest import Asking
from tests.notifications.ledger import only
from tests.notifications.portfolio import Story, contact, hear, usual
from tests.notifications.sink import Sink

Send: TypeAlias = Callable[..., Awaitable[None]]


async def sent(pool: Pool, send: Send, story: Story | None = None) -> Story:
    story = story or usual()
    await hear(pool, *story.everything(), story.due())
    await send()
    return story


async def test_messages_are_listed_with_whom_they_went_to_and_why(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = await sent(pool, send)
    ask = Asking(http, story.partner_id, "staff")

    [first, second] = (await ask.json("/messages"))["items"]

    shown = {each["audience"]: each for each in (first, second)}
    assert shown["client"]["recipient"] == {
        "person_id": str(story.contacts[0].contact_id),
        "name": "Dora",
        "address": "dora@acme.example",
    }
    assert shown["hubspot"]["recipient"]["name"] == "Rita"
    assert (shown["client"]["state"], shown["client"]["renewal_start"]) == (
        "accepted",
        "2026-03-05",
    )
    assert shown["client"]["client_name"] == "Acme"


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 3),
        ({"state": "accepted"}, 2),
        ({"state": ["accepted", "blocked"]}, 3),
        ({"audience": "hubspot"}, 1),
        ({"stage": "d-7"}, 3),
        ({"stage": "d-1"}, 0),
        ({"kind": "email_overage"}, 0),
        ({"due_from": "2026-01-15"}, 3),
        ({"due_to": "2026-01-14"}, 0),
        ({"due_from": "2026-01-15", "due_to": "2026-01-15"}, 3),
    ],
)
async def test_lists_and_counts_are_filtered_alike(
    pool: Pool, http: httpx2.AsyncClient, send: Send, params: dict[str, str], count: int
) -> None:
    story = await sent(pool, send)
    other = usual(
        partner_id=story.partner_id, users=story.users, contacts=(), tell_renewal_manager=False
    )
    other.renewal_manager = None
    await hear(pool, other.client(), other.changes(), other.due(partner_version=1))
    await send()
    ask = Asking(http, story.partner_id)

    listed = (await ask.json("/messages", **params))["items"]
    summary = await ask.json("/messages/summary", **params)

    assert len(listed) == count
    assert summary["total"] == count
    assert sum(each["messages"] for each in summary["counts"]) == count
    one = await ask.json("/messages", client_id=str(story.client_id))
    assert {each["client_id"] for each in one["items"]} == {str(story.client_id)}


@pytest.mark.parametrize("sort", ["due_at", "-due_at"])
async def test_pages_follow_each_other_without_gap_or_overlap(
    pool: Pool, http: httpx2.AsyncClient, send: Send, sort: str, clock: ManualClock
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything())
    for stage in ("d-45", "d-15", "d-7", "d-1", "d-0"):
        await hear(pool, story.due(stage, due_at=clock.now(), due_until=story.now))
        clock.advance(timedelta(minutes=1))
    ask = Asking(http, story.partner_id)

    found, cursor = [], None
    while True:
        page = await ask.json(
            "/messages", limit=2, sort=sort, **({"cursor": cursor} if cursor else {})
        )
        found += [each["stage"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    expected = ["d-45", "d-15", "d-7", "d-1", "d-0"]
    assert found == (expected if sort == "due_at" else expected[::-1])


async def test_the_whole_story_of_a_message_goes_from_event_to_outcome(
    pool: Pool, http: httpx2.AsyncClient, send: Send, sink: Sink, clock: ManualClock
) -> None:
    sink.fail("RCPT", "450 busy")
    story = await sent(pool, send, usual(tell_renewal_manager=False))
    clock.advance(timedelta(minutes=1))
    await send()
    message = await only(pool)
    ask = Asking(http, story.partner_id)

    told = await ask.json(f"/messages/{message['message_id']}")

    assert told["event"]["said"]["days_to_deadline"] == 4
    assert told["policy"] == {
        "owner": "hubspot",
        "owner_source": "partner",
        "rule": "partner:contacts_in_roles:decision_maker",
    }
    assert [(a["outcome"], a["code"]) for a in told["attempts"]] == [
        ("deferred", 450),
        ("accepted", 250),
    ]
    assert told["because"][-1] == "The mail relay accepted it."
    assert "HubSpot relays the change, by the partner's default setting." in told["because"]


async def test_a_message_that_waits_says_for_what(pool: Pool, http: httpx2.AsyncClient) -> None:
    story = usual()
    await hear(pool, story.partner(), story.due(client_version=4, policy_version=2))
    message = await only(pool)

    told = await Asking(http, story.partner_id).json(f"/messages/{message['message_id']}")

    assert told["waiting_for"] == [
        "version 4 of the client (here: 0)",
        "version 2 of the partner's policy (here: 0)",
    ]
    assert any("It waits until this is known here" in each for each in told["because"])


async def test_a_blocked_message_says_how_to_mend_it(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = usual(contacts=(contact("Eve", "billing"),), tell_renewal_manager=False)
    await sent(pool, send, story)
    ask = Asking(http, story.partner_id, "member")

    page = await ask.json("/blocked")

    [blocked] = page["items"]
    assert page["next"] is None
    assert blocked["message"]["reason"] == "no_contact_in_roles"
    assert "one of the roles" in blocked["mend"]
    told = await ask.json(f"/messages/{blocked['message']['message_id']}")
    assert [each["what"] for each in told["steps"]] == ["blocked"]


async def test_blocked_messages_come_in_pages(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = usual(contacts=(), tell_renewal_manager=False)
    await hear(pool, *story.everything())
    for start in ("d-7", "d-1", "d-0"):
        await hear(pool, story.due(start))
    await send()
    ask = Asking(http, story.partner_id)

    first = await ask.json("/blocked", limit=2)
    second = await ask.json("/blocked", limit=2, cursor=first["next"])

    stages = [each["message"]["stage"] for each in first["items"] + second["items"]]
    assert sorted(stages) == ["d-0", "d-1", "d-7"]
    assert second["next"] is None


async def test_why_a_client_was_told_on_a_day_is_the_chain_of_that_day(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = await sent(pool, send, usual(tell_renewal_manager=False))
    ask = Asking(http, story.partner_id)

    why = await ask.json(f"/clients/{story.client_id}/why", on="2026-01-15")

    [told] = why["messages"]
    assert why["due_that_day"] == [told["message"]["message_id"]]
    assert why["nothing_due"] is None
    assert why["changes"][0]["days_to_deadline"] == 4
    assert told["message"]["recipient"]["name"] == "Dora"


async def test_why_a_client_was_not_told_on_a_day_names_the_next_stage(
    pool: Pool, http: httpx2.AsyncClient
) -> None:
    story = usual()
    await hear(pool, *story.everything())
    ask = Asking(http, story.partner_id)

    why = await ask.json(f"/clients/{story.client_id}/why")

    assert (why["day"], why["messages"]) == ("2026-01-15", [])
    assert "the next stage is 'd-1' on 2026-01-18" in why["nothing_due"]


async def test_why_a_message_was_dropped_is_told_too(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = usual(tell_renewal_manager=False)
    await hear(pool, *story.everything(), story.due(), story.decided())
    await send()

    why = await Asking(http, story.partner_id).json(f"/clients/{story.client_id}/why")

    assert "The renewal was decided" in why["messages"][0]["because"][-1]


async def test_another_partner_sees_nothing_of_it(
    pool: Pool, http: httpx2.AsyncClient, send: Send
) -> None:
    story = await sent(pool, send)
    other = usual()
    await hear(pool, other.partner())
    message = (await only(pool, audience="client"))["message_id"]
    stranger = Asking(http, other.partner_id)

    assert (await stranger.json("/messages"))["items"] == []
    assert (await stranger.json("/messages/summary"))["total"] == 0
    assert (await stranger.json("/blocked"))["items"] == []
    for path in (f"/messages/{message}", f"/clients/{story.client_id}/why"):
        assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(f"/messages/{message}/resend")).status_code == 404


async def in_doubt(pool: Pool, send: Send, sink: Sink) -> Story:
    sink.fail("DOT", "keep and cut")
    return await sent(pool, send, usual(tell_renewal_manager=False))


async def test_an_admin_sends_again_what_is_in_doubt_with_the_same_message_id(
    pool: Pool, http: httpx2.AsyncClient, send: Send, sink: Sink
) -> None:
    story = await in_doubt(pool, send, sink)
    message = (await only(pool))["message_id"]
    ask = Asking(http, story.partner_id)

    answer = await ask.post(f"/messages/{message}/resend")
    await send()

    assert answer.status_code == 202
    assert [each["what"] for each in answer.json()["steps"]] == ["sent_again"]
    assert len(sink.kept) == 2
    assert len({str(mail["Message-ID"]) for mail in sink.mails}) == 1
    assert (await only(pool))["state"] == "accepted"


async def test_only_an_admin_sends_again(
    pool: Pool, http: httpx2.AsyncClient, send: Send, sink: Sink
) -> None:
    story = await in_doubt(pool, send, sink)
    path = f"/messages/{(await only(pool))['message_id']}/resend"
    ask = Asking(http, story.partner_id)

    assert (await ask.by("member").post(path)).status_code == 403
    assert (await ask.by("staff").post(path)).status_code == 403
    assert (await http.post(path)).status_code == 401


async def test_what_is_not_in_doubt_or_is_over_is_not_sent_again(
    pool: Pool, http: httpx2.AsyncClient, send: Send, sink: Sink, clock: ManualClock
) -> None:
    story = await in_doubt(pool, send, sink)
    path = f"/messages/{(await only(pool))['message_id']}/resend"
    ask = Asking(http, story.partner_id)
    clock.advance(timedelta(days=2))
    late = await ask.post(path)
    clock.advance(timedelta(days=-2))
    await ask.post(path)

    again = await ask.post(path)

    assert (late.status_code, again.status_code) == (409, 409)
    assert "too late" in late.json()["detail"]
    assert "this one is planned" in again.json()["detail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/messages?state=sent", "state"),
        ("/messages?stage=D%207", "stage"),
        ("/messages?due_from=2026-02-30", "due_from"),
        ("/messages?due_to=0001-01-01", "due_to"),
        ("/messages?client_id=7", "client_id"),
        ("/messages?limit=0", "limit"),
        ("/messages?cursor=x", "cursor"),
        ("/messages?sort=name", "sort"),
        ("/blocked?cursor=W10", "cursor"),
        ("/messages/7", "message_id"),
        (f"/clients/{UUID(int=1)}/why?on=9999-12-31", None),
    ],
)
async def test_what_cannot_be_used_is_named(
    pool: Pool, http: httpx2.AsyncClient, path: str, field: str | None
) -> None:
    answer = await Asking(http, uuid4()).get(path)

    if field is None:
        assert answer.status_code == 404
    else:
        assert answer.status_code == 422
        assert field in str(answer.json()["errors"][0]["field"])


async def test_a_day_beyond_reason_is_refused(pool: Pool, http: httpx2.AsyncClient) -> None:
    story = usual()
    await hear(pool, *story.everything())

    answer = await Asking(http, story.partner_id).get(
        f"/clients/{story.client_id}/why", on="9999-12-31"
    )

    assert answer.status_code == 422
