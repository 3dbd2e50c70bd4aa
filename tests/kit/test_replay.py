"""Facts that are replayed come again as they were, behind nothing, and change nothing."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.chassis.access import Access
from shared.chassis.database import open_pool
from shared.chassis.replay import Range, replay
from shared.contracts import clients, examples, ids, topics
from shared.contracts.consumer.once import Seen
from shared.contracts.consumer.reading import Told
from tests import tokens
from tests.kit.speaking import READ, Owner, read_all

pytestmark = pytest.mark.delivery
TOPIC = next(topic for topic in topics.REGISTRY if topic.name == clients.EVENTS)
BOTH = (clients.AppUsageRecorded, clients.ClientContactsChanged)


def client(number: int) -> UUID:
    return uuid5(ids.NAMESPACE, f"replayed {number}")


async def a_past(owner: Owner) -> list[Any]:
    """Forty facts about ten clients; the records as Kafka has them."""
    facts = [each for each in examples.events() if isinstance(each, BOTH)]
    for version in (1, 3):
        await owner.says(
            *[
                fact.model_copy(update={"client_id": client(number), "version": version + later})
                for number in range(10)
                for later, fact in enumerate(facts)
            ]
        )
    return await read_all(owner.servers, clients.EVENTS)


async def again(owner: Owner, wanted: Range, **options: Any) -> tuple[int, list[Any]]:
    """Replay, let the relay send, and return the records that came."""
    before = await read_all(owner.servers, clients.EVENTS)
    async with open_pool(owner.dsn) as pool:
        count = await replay(pool, Access.to(owner.servers), TOPIC, wanted, **options)
    await owner.sends()
    seen = {(each.partition, each.offset) for each in before}
    after = await read_all(owner.servers, clients.EVENTS)
    return count, [each for each in after if (each.partition, each.offset) not in seen]


def said(records: list[Any]) -> list[tuple[Any, ...]]:
    return [(each.key, each.value, tuple(each.headers)) for each in records]


async def test_a_replay_brings_the_same_records_with_the_same_ids_in_order(owner: Owner) -> None:
    past = await a_past(owner)

    count, came = await again(owner, Range())

    assert count == len(came) == len(past) == 40
    for number in range(10):
        key = str(client(number)).encode()
        assert said([each for each in came if each.key == key]) == said(
            [each for each in past if each.key == key]
        )
    seen = Seen()
    new = 0
    for each in (*past, *came):
        message = READ.read(each.topic, each.key, each.value, each.headers)
        assert isinstance(message, Told)
        new += seen.claim(message)
    assert new == 40, "who dedupes hears nothing twice"


async def test_of_a_key_or_a_type_alone_just_that_comes_again(owner: Owner) -> None:
    await a_past(owner)

    by_key, came = await again(owner, Range(key=str(client(3))))
    by_both, kinds = await again(
        owner, Range(key=str(client(4)), types=(clients.AppUsageRecorded.TYPE,))
    )

    assert by_key == len(came) == 4
    assert {each.key.decode() for each in came} == {str(client(3))}
    assert by_both == len(kinds) == 2
    assert {dict(each.headers)["ce_type"].decode() for each in kinds} == {
        clients.AppUsageRecorded.TYPE
    }


async def test_a_range_of_offsets_or_of_time_is_just_that_range(owner: Owner) -> None:
    past = await a_past(owner)
    some = max(range(12), key=lambda number: sum(each.partition == number for each in past))
    there = [each for each in past if each.partition == some]
    middle = sorted(each.timestamp for each in past)[20]
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=middle)

    offsets, came = await again(owner, Range(partition=some, first=1, last=2))
    assert said(came) == said(there[1:3])
    assert offsets == 2
    earlier, _ = await again(owner, Range(until=moment), dry_run=True)
    assert earlier == len([each for each in past if each.timestamp < middle])
    later, _ = await again(owner, Range(since=moment), dry_run=True)
    assert later == len([each for each in past if each.timestamp >= middle]) + 2


async def test_a_dry_run_counts_and_says_nothing(owner: Owner) -> None:
    await a_past(owner)

    assert await again(owner, Range(), dry_run=True) == (40, [])


async def test_what_is_new_waits_behind_no_more_than_a_little_of_a_replay(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_past(owner)
    monkeypatch.setattr("shared.chassis.replay.ROOM", 5)
    told: list[str] = []

    async with open_pool(owner.dsn) as pool:
        work = asyncio.create_task(
            replay(pool, Access.to(owner.servers), TOPIC, Range(), say=told.append)
        )
        while not told:
            await asyncio.sleep(0.05)
        assert not work.done()
        assert await pool.fetchval("SELECT count(*) FROM outbox") < 40
        while not work.done():
            await owner.sends()
    assert told == ["5 records wait for the relay; going on once they are sent ..."]
    assert await work == 40


async def test_a_state_topic_is_not_replayed(owner: Owner) -> None:
    state = next(topic for topic in topics.REGISTRY if topic.name == clients.STATE)

    async with open_pool(owner.dsn) as pool:
        with pytest.raises(ValueError, match=r"clients\.state\.v1 is not replayed: the last"):
            await replay(pool, Access.to(owner.servers), state, Range())


async def command(owner: Owner, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.clients", "replay", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={
            "PATH": os.environ["PATH"],
            "CLIENTS_DATABASE_URL": owner.dsn,
            "KAFKA_SERVERS": owner.servers,
            "OIDC_ISSUER": tokens.ISSUER,
            "OIDC_JWKS_URL": "http://127.0.0.1:1/jwks",
        },
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_the_owner_replays_by_a_command(owner: Owner) -> None:
    await a_past(owner)

    code, told = await command(owner, "--key", str(client(3)))

    assert (code, told) == (0, "4 records of clients.events.v1 will be published again\n")
    await owner.sends()
    assert len(await read_all(owner.servers, clients.EVENTS)) == 44


REFUSED: dict[tuple[str, ...], str] = {
    (): "say which facts: a time, a key, a type or a partition; or --all",
    ("--all", "--key", "k"): "say which facts: a time, a key, a type or a partition; or --all",
    ("--since", "yesterday"): "'yesterday' is no instant; expected one with its zone",
    ("--since", "2026-01-15T12:00:00"): "is no instant; expected one with its zone",
    ("--first", "3"): "offsets are those of one partition: say --partition too",
    ("--partition", "12"): "clients.events.v1 has the partitions 0 to 11",
}


async def test_a_range_that_cannot_be_meant_is_refused() -> None:
    nobody = Owner("postgresql://nobody@127.0.0.1:1/x", "127.0.0.1:1")

    done = await asyncio.gather(*[command(nobody, *each) for each in REFUSED])

    for (code, printed), told in zip(done, REFUSED.values(), strict=True):
        assert code == 2
        assert told in printed
