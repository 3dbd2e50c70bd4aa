"""What partners' people may ask for: endpoints, secrets, test messages, and sending once more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from services.webhooks.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests import tokens
from tests.webhooks.conftest import Asking
from tests.webhooks.events import DUE, NOON, ONE, OTHER, PARTNER, TWO, due, is_genuine
from tests.webhooks.receiver import Got, Receiver, always, reply

Do: TypeAlias = Callable[..., Awaitable[None]]
URL = "https://hooks.example.com/in"
KEPT = "SELECT body FROM idempotency_keys"


async def test_an_endpoint_wants_deadlines_unless_it_says_otherwise(ask: Asking) -> None:
    made = await ask.endpoint(URL, description="Our CRM")
    assert (made["types"], made["active"], made["version"]) == ([DUE], True, 1)
    assert made["url"] == URL
    wrongs: list[dict[str, Any]] = [
        {"types": []},
        {"types": ["clients.ClientSnapshot.v1"]},
        {"types": ["x"]},
    ]
    for wrong in wrongs:
        answer = await ask("POST", "/endpoints", {"url": URL} | wrong)
        assert answer.status_code == 422
    answer = await ask("POST", "/endpoints", {"url": "https://elsewhere.example.net/"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url")


async def test_a_secret_is_shown_once_and_is_nowhere_readable(ask: Asking, pool: Pool) -> None:
    first = await ask("POST", "/endpoints", {"url": URL}, Idempotency_Key="once")
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert first.headers["cache-control"] == "no-store"

    again = await ask("POST", "/endpoints", {"url": URL}, Idempotency_Key="once")
    assert again.status_code == 422  # somebody else's key: each call here is by another person
    shown = await ask.json("GET", "/endpoints")
    assert [each["endpoint_id"] for each in shown["items"]] == [first.json()["endpoint_id"]]
    assert "secret" not in shown["items"][0]
    rows = [
        str(row["row"])
        for table in ("endpoints", "idempotency_keys")
        for row in await pool.fetch(f"SELECT to_jsonb(t) AS row FROM {table} t")
    ]
    rows += [bytes(row["body"]).decode() for row in await pool.fetch(KEPT)]
    assert rows
    assert secret.removeprefix("whsec_") not in "".join(rows)


async def test_a_repeated_command_is_answered_without_the_secret(ask: Asking) -> None:
    bearer = tokens.bearer(UUID(int=1), PARTNER) | {"Idempotency-Key": "same"}
    first, again = [
        await ask.client.post("/endpoints", json={"url": URL}, headers=bearer) for _ in range(2)
    ]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json() | {"secret": None}
    assert len((await ask.json("GET", "/endpoints"))["items"]) == 1


async def test_a_change_is_by_who_has_seen_the_last_one(ask: Asking) -> None:
    made = await ask.endpoint(URL)
    path = f"/endpoints/{made['endpoint_id']}"
    order = {"url": URL, "description": "new", "types": [DUE, DUE], "active": False}
    assert (await ask("PUT", path, order)).status_code == 428
    changed = await ask.json("PUT", path, order, If_Match='"1"')
    assert (changed["types"], changed["off_reason"], changed["version"]) == ([DUE], "asked", 2)
    assert (await ask("PUT", path, order, If_Match='"1"')).status_code == 412
    assert (await ask("DELETE", path, If_Match='"1"')).status_code == 412
    assert (await ask.json("DELETE", path, If_Match='"2"'))["endpoint_id"] == made["endpoint_id"]
    assert (await ask("GET", path)).status_code == 404
    assert (await ask("PUT", path, order, If_Match='"2"')).status_code == 404


async def test_who_removes_an_endpoint_takes_all_that_waits_with_it(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, pool: Pool
) -> None:
    receiver.answer = always(500)
    made = await ask.endpoint(receiver.url)
    await hear(due(ONE), due(TWO))
    await send()
    await ask.json("DELETE", f"/endpoints/{made['endpoint_id']}", If_Match='"1"')
    await hear(due(ONE, 2))
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 0
    assert await pool.fetchval("SELECT count(*) FROM queues") == 0


async def test_members_and_staff_read_and_admins_alone_change(ask: Asking) -> None:
    made = await ask.endpoint(URL)
    path = f"/endpoints/{made['endpoint_id']}"
    for role in ("member", "staff"):
        assert (await ask.by(role).json("GET", path))["url"] == URL
        for method, where in (
            ("POST", "/endpoints"),
            ("DELETE", path),
            ("POST", f"{path}/secret"),
            ("POST", f"{path}/ping"),
        ):
            answer = await ask.by(role)(method, where, {"url": URL}, If_Match='"1"')
            assert answer.status_code == 403


async def test_a_partner_has_so_many_endpoints_and_no_more(ask: Asking) -> None:
    for _ in range(20):
        await ask.endpoint(URL)
    answer = await ask("POST", "/endpoints", {"url": URL})
    assert answer.status_code == 409
    await ask.of(OTHER).endpoint(URL)
    page = await ask.json("GET", "/endpoints?limit=15&sort=-created_at")
    rest = await ask.json("GET", f"/endpoints?limit=15&sort=-created_at&cursor={page['next']}")
    assert len({each["endpoint_id"] for each in page["items"] + rest["items"]}) == 20


async def test_a_partner_neither_gets_nor_sees_what_is_anothers(
    ask: Asking, receiver: Receiver, hear: Do, send: Do
) -> None:
    mine = await ask.endpoint(receiver.url)
    await hear(due(ONE), due(TWO, partner=OTHER))
    await send()
    assert [got.key for got in receiver.got] == [str(ONE)]

    stranger = ask.of(OTHER)
    [delivery] = await ask.deliveries()
    assert await stranger.deliveries() == []
    assert (await stranger.json("GET", "/endpoints"))["items"] == []
    path = f"/endpoints/{mine['endpoint_id']}"
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/secret"),
        ("POST", f"{path}/ping"),
        ("POST", f"{path}/redeliveries"),
        ("GET", f"/deliveries/{delivery['delivery_id']}"),
        ("POST", f"/deliveries/{delivery['delivery_id']}/redelivery"),
    ):
        body: dict[str, Any] | None = {} if where.endswith("redeliveries") else None
        assert (await stranger(method, where, body, If_Match='"1"')).status_code == 404


async def test_what_is_sent_is_signed_by_the_secret_before_too_for_a_while(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, clock: ManualClock
) -> None:
    made = await ask.endpoint(receiver.url)
    replaced = await ask.json("POST", f"/endpoints/{made['endpoint_id']}/secret")
    assert replaced["secret"] != made["secret"]
    assert replaced["secret_before_until"] == "2026-01-16T12:00:00Z"
    await hear(due(ONE, 1))
    await send()
    clock.advance(timedelta(hours=24))
    await hear(due(ONE, 2))
    await send()

    first, later = receiver.got
    assert is_genuine(first.headers, first.body, replaced["secret"])
    assert is_genuine(first.headers, first.body, made["secret"])
    assert is_genuine(later.headers, later.body, replaced["secret"])
    assert not is_genuine(later.headers, later.body, made["secret"])
    assert int(later.headers["webhook-timestamp"]) == int(clock.now().timestamp())


async def test_without_the_key_of_the_secrets_nothing_is_sent_and_nothing_is_lost(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, clock: ManualClock
) -> None:
    await ask.endpoint(receiver.url)
    await hear(due())
    await send(secrets_key="another key, as long as it has to be")
    [delivery] = await ask.deliveries()
    assert (delivery["outcome"], receiver.connections) == ("unsealed", 0)
    clock.advance(timedelta(hours=1))
    await send()
    assert len(receiver.got) == 1


async def test_a_secret_that_is_none_costs_its_own_endpoint_alone(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, pool: Pool, settings: Settings
) -> None:
    spoiled = (await ask.endpoint(receiver.url))["endpoint_id"]
    good = (await ask.endpoint(receiver.url))["endpoint_id"]
    sealed = settings.seal.close({"secret": "whsec_x"})
    await pool.execute("UPDATE endpoints SET secret = $2 WHERE endpoint_id = $1", spoiled, sealed)
    await hear(due(ONE, 1), due(TWO, 1))
    await send()
    assert [each["outcome"] for each in await ask.deliveries(endpoint_id=spoiled)] == ["broken"] * 2
    assert {each["state"] for each in await ask.deliveries(endpoint_id=good)} == {"delivered"}


async def test_a_test_message_is_signed_goes_ahead_of_all_and_is_tried_once(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, clock: ManualClock
) -> None:
    receiver.answer = always(503)
    made = await ask.endpoint(receiver.url)
    path = f"/endpoints/{made['endpoint_id']}"
    await hear(due())
    await send()
    sent = await ask.json("POST", f"{path}/ping")
    await send()
    assert (await ask.json("GET", f"/deliveries/{sent['delivery_id']}"))["state"] == "dead"

    receiver.answer = always(204)
    sent = await ask.json("POST", f"{path}/ping")
    await send()
    done = await ask.json("GET", f"/deliveries/{sent['delivery_id']}")
    assert (done["state"], done["status"]) == ("delivered", 204)
    [*_, got] = receiver.got
    assert got.headers["ce-type"] == "webhooks.Ping.v1"
    assert is_genuine(got.headers, got.body, made["secret"])

    order = {"url": receiver.url, "description": "", "types": [DUE], "active": False}
    await ask.json("PUT", path, order, If_Match='"1"')
    assert (await ask("POST", f"{path}/ping")).status_code == 409
    redelivery = f"/deliveries/{sent['delivery_id']}/redelivery"
    assert (await ask("POST", redelivery)).status_code == 409


async def test_one_delivery_all_dead_ones_or_all_since_an_instant_are_sent_again_by_request(
    ask: Asking, receiver: Receiver, hear: Do, send: Do, pool: Pool, clock: ManualClock
) -> None:
    made = await ask.endpoint(receiver.url)
    path = f"/endpoints/{made['endpoint_id']}/redeliveries"
    for number in range(1, 5):
        await hear(due(ONE, number, after=timedelta(seconds=number)))
    clock.advance(timedelta(minutes=1))
    await send()
    assert receiver.versions == [1, 2, 3, 4]
    [_, second, third, _] = await ask.deliveries()

    again = await ask.json("POST", f"/deliveries/{second['delivery_id']}/redelivery")
    assert (again["state"], again["attempts"]) == ("waiting", 1)
    await send()
    assert receiver.versions[4:] == [2]

    await pool.execute(
        "UPDATE deliveries SET state = 'dead' WHERE event_id = $1", third["event_id"]
    )
    assert await ask.json("POST", path, {}) == {"count": 1}
    await send()
    assert receiver.versions[5:] == [3]

    assert (await ask("POST", path, {"state": "all"})).status_code == 422
    since = third["occurred_at"]
    assert await ask.json("POST", path, {"state": "all", "since": since}) == {"count": 2}
    await send()
    assert receiver.versions[6:] == [3, 4]
    assert len({got.id for got in receiver.got}) == 4


async def test_what_is_sent_again_goes_before_what_waits_already(
    ask: Asking, receiver: Receiver, hear: Do, send: Do
) -> None:
    async def refuse_the_second(got: Got) -> bytes:
        return reply(500 if got.version == 2 else 204)

    receiver.answer = refuse_the_second
    made = await ask.endpoint(receiver.url)
    await hear(due(ONE, 1), due(ONE, 2), due(ONE, 3))
    await send()
    receiver.answer = always(204)
    body = {"state": "all", "since": NOON.isoformat()}
    assert await ask.json("POST", f"/endpoints/{made['endpoint_id']}/redeliveries", body) == {
        "count": 1
    }
    await send()
    assert receiver.versions == [1, 2, 1, 2, 3]


async def test_deliveries_are_found_by_endpoint_client_and_state(
    ask: Asking, receiver: Receiver, hear: Do, send: Do
) -> None:
    made = await ask.endpoint(receiver.url)
    await ask.endpoint(URL)
    await hear(due(ONE), due(TWO))
    assert len(await ask.deliveries()) == 4
    assert len(await ask.deliveries(client_id=str(ONE))) == 2
    found = await ask.deliveries(endpoint_id=made["endpoint_id"], client_id=str(TWO))
    assert [(each["key"], each["state"]) for each in found] == [(str(TWO), "waiting")]
    assert await ask.deliveries(state="dead") == []
    page = await ask.json("GET", "/deliveries?limit=3")
    rest = await ask.json("GET", f"/deliveries?limit=3&cursor={page['next']}")
    assert len(page["items"]) + len(rest["items"]) == 4
