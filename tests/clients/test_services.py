"""Ending services, and beginning anew."""

import asyncio
from datetime import timedelta

import httpx2

from shared.contracts import clients
from tests.clients.conftest import Service
from tests.clients.portfolio import ACME, ANN, OURS
from tests.deliver import pending, published

END = {"reason": "The client moved on", "confirm": True}


async def end(service: Service, version: int | None, *, key: str | None = None) -> httpx2.Response:
    return await service.ask("POST", f"/clients/{ACME}/services/end", END, version=version, key=key)


async def resume(service: Service, version: int | None) -> httpx2.Response:
    return await service.ask("POST", f"/clients/{ACME}/services/resume", version=version)


async def test_services_end_with_actor_time_and_reason_and_one_snapshot(service: Service) -> None:
    ended = await end(service, 1)

    assert ended.status_code == 200
    assert ended.json()["services"] == {
        "active": False,
        "period": 1,
        "ended_at": "2026-01-15T12:00:00Z",
    }
    [fact] = await published(service.pool, clients.ServicesEnded)
    [snapshot] = await published(service.pool, clients.ClientSnapshot)
    assert (fact.ended_by, fact.reason, fact.period) == (ANN, END["reason"], 1)
    assert fact.ended_at == fact.occurred_at == service.clock.now()
    assert (fact.version, snapshot.version) == (2, 2)
    assert not snapshot.services.active
    assert snapshot.subscriptions, "the subscription itself is untouched"
    assert len(await pending(service.pool)) == 2


async def test_the_client_leaves_the_list_and_is_still_to_be_found(service: Service) -> None:
    await end(service, 1)

    active = (await service.get("/clients")).json()["items"]
    ended = (await service.get("/clients?services=ended")).json()["items"]

    assert str(ACME) not in {each["client_id"] for each in active}
    assert [each["client_id"] for each in ended] == [str(ACME)]


async def test_ending_twice_says_it_once(service: Service) -> None:
    first = await end(service, 1)
    service.clock.advance(timedelta(hours=1))
    again, late = await end(service, 2), await end(service, 1)

    assert first.json() == again.json() == late.json()
    assert len(await published(service.pool, clients.ServicesEnded)) == 1


async def test_a_resumed_client_has_a_new_period_that_can_end_again(service: Service) -> None:
    await end(service, 1)
    resumed = await resume(service, 2)
    still = await resume(service, 2)
    stale = await end(service, 1)
    ended = await end(service, 3)

    assert resumed.json()["services"] == {"active": True, "period": 2, "ended_at": None}
    assert still.json() == resumed.json()
    assert stale.status_code == 412, "who saw the old period cannot end the new one"
    assert ended.status_code == 200
    facts = await published(service.pool, clients.ServicesEnded)
    [back] = await published(service.pool, clients.ServicesResumed)
    assert [fact.period for fact in facts] == [1, 2]
    assert (back.period, back.resumed_by, back.version) == (2, ANN, 3)


async def test_who_saw_an_older_version_neither_ends_nor_resumes(service: Service) -> None:
    assert (await end(service, 9)).status_code == 412
    assert (await end(service, None)).status_code == 428
    await end(service, 1)
    assert (await resume(service, 1)).status_code == 412
    assert len(await published(service.pool, clients.ServicesEnded)) == 1


async def test_the_same_key_gets_the_same_answer_and_another_body_none(service: Service) -> None:
    key = "end-acme"
    first = await end(service, 1, key=key)
    await resume(service, 2)
    replayed = await end(service, 1, key=key)
    other = await service.ask(
        "POST",
        f"/clients/{ACME}/services/end",
        END | {"reason": "another"},
        version=3,
        key=key,
    )

    assert replayed.json() == first.json()
    assert replayed.headers["etag"] == first.headers["etag"]
    assert other.status_code == 422
    assert (await service.get(f"/clients/{ACME}")).json()["services"]["active"]


async def test_of_many_who_end_services_at_once_one_does(service: Service) -> None:
    answers = await asyncio.gather(*(end(service, 1) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(await published(service.pool, clients.ServicesEnded)) == 1
    assert len(await published(service.pool, clients.ClientSnapshot)) == 1


async def test_events_stand_in_the_outbox_in_the_order_of_their_versions(service: Service) -> None:
    """Twenty members change one client at a time; each reads and tries again until it may."""

    async def rename(number: int) -> None:
        body = {"name": f"Gus {number}", "email": "gus@acme.example.com"}
        while True:
            seen = await service.version(ACME)
            answer = await service.ask(
                "POST",
                f"/clients/{ACME}/contacts",
                body | {"record_id": 2000 + number},
                version=seen,
                partner=OURS,
            )
            if answer.status_code == 201:
                return
            assert answer.status_code == 412

    await asyncio.gather(*(rename(number) for number in range(8)))

    snapshots = await published(service.pool, clients.ClientSnapshot)
    facts = await published(service.pool, clients.ClientContactsChanged)
    assert [each.version for each in snapshots] == list(range(2, 10))
    assert [each.version for each in facts] == list(range(2, 10))
    assert [len(each.contacts) for each in snapshots] == list(range(3, 11))
