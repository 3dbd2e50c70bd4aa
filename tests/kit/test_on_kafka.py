"""On a real Kafka: others read our records, old consumers go on, and a first start has no gap."""

import asyncio
import json
from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from typing import ClassVar
from uuid import UUID, uuid5

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.contracts import clients, examples, ids, registry, renewals, topics
from shared.contracts.consumer.bootstrap import bootstrap
from shared.contracts.consumer.reading import Broken, Erased, Reader, Told
from shared.contracts.event import Event, Tombstone
from shared.contracts.fake.__main__ import main
from shared.contracts.fake.mishaps import Mishaps
from shared.contracts.fake.story import Story
from tests.kit.speaking import READ, TOLD, Owner, go_on, read_all

pytestmark = pytest.mark.delivery
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


async def test_cloudevents_reads_every_golden_record_from_the_real_topic(owner: Owner) -> None:
    said: list[Event | Tombstone] = [*examples.events(), *examples.tombstones()]
    await owner.says(*said)

    records = await read_all(owner.servers, *TOLD)

    assert len(records) == len(said)
    golden = {
        path.name.removesuffix(".example.json"): json.loads(path.read_text("utf-8"))
        for path in registry.PUBLISHED.glob("*.example.json")
    }
    for record in records:
        message = KafkaMessage(dict(record.headers), record.key, record.value or b"")
        event = from_binary(message, JSONFormat())
        published = golden.pop(event.get_type())
        assert event.get_specversion() == "1.0"
        assert event.get_source() == published["headers"]["ce_source"]
        assert event.get_subject() == published["headers"]["ce_subject"]
        assert event.get_extension("partitionkey") == published["key"] == record.key.decode()
        assert record.topic == published["topic"]
        if published["value"] is None:
            assert record.value is None
        else:
            assert event.get_data() == published["value"]
        ours = READ.read(record.topic, record.key, record.value, record.headers)
        assert isinstance(ours, Told | Erased)
        assert ours.identity == (event.get_source(), event.get_id())
    assert golden == {}


class RenewalMovedV2(Event):
    """The new terms start on another day, told in another way."""

    TOPIC: ClassVar[str] = renewals.EVENTS
    TYPE: ClassVar[str] = "renewals.RenewalMoved.v2"
    SUBJECT: ClassVar[str] = "renewal_id"

    client_id: UUID
    renewal_id: UUID
    days_later: int


async def test_a_consumer_of_v1_goes_on_unchanged_while_v2_is_said_beside_it(
    owner: Owner,
) -> None:
    first = next(each for each in examples.events() if isinstance(each, renewals.RenewalMoved))
    old_consumer = Reader(renewals.RenewalMoved)  # as it was written before there was a v2
    new_consumer = Reader(RenewalMovedV2)

    await owner.says(first.model_copy(update={"version": 1}))
    for version in range(2, 6):  # from here on both are said, in one transaction
        moved = first.model_copy(update={"version": version})
        beside = RenewalMovedV2(
            version=version,
            occurred_at=NOON,
            client_id=first.client_id,
            renewal_id=first.renewal_id,
            days_later=4,
        )
        await owner.says(moved, beside)

    records = await read_all(owner.servers, renewals.EVENTS)
    heard: dict[str, list[int]] = {"old": [], "new": []}
    for name, reader in (("old", old_consumer), ("new", new_consumer)):
        for each in records:
            message = reader.read(each.topic, each.key, each.value, each.headers)
            assert not isinstance(message, Broken)
            if isinstance(message, Told):
                heard[name].append(message.event.version)
    assert heard == {"old": [1, 2, 3, 4, 5], "new": [2, 3, 4, 5]}
    assert len({dict(each.headers)["ce_id"] for each in records}) == 9


def changes(number: int, version: int) -> tuple[Event, Event]:
    """A fact about a client, and the snapshot that goes with it."""
    of_examples = {type(each): each for each in examples.events()}
    about = {"client_id": uuid5(ids.NAMESPACE, str(number)), "version": version}
    fact = of_examples[clients.AppUsageRecorded].model_copy(
        update=about | {"app_usage": clients.AppUsage(apps_used=version, period_end=NOON.date())}
    )
    return fact, of_examples[clients.ClientSnapshot].model_copy(update=about)


async def test_a_first_start_from_state_and_on_with_events_has_no_gap(owner: Owner) -> None:
    for version in (1, 2):
        await owner.says(*[each for n in range(30) for each in changes(n, version)])
    [late_fact, late_snapshot] = changes(7, 3)
    await owner.says(late_fact)  # its snapshot is still on its way when the consumer starts
    known: dict[str, int] = {}

    async def apply(message: Told | Erased) -> None:
        assert isinstance(message, Told)
        first = not known
        known[message.event.key] = max(message.event.version, known.get(message.event.key, 0))
        if first:  # and more is said while it reads
            await owner.says(*changes(8, 3))

    group = "billing.first-start"
    assert await bootstrap(servers=owner.servers, group=group, owner="clients", apply=apply)
    assert set(known.values()) <= {2, 3}
    assert len(known) == 30
    await owner.says(late_snapshot, *changes(9, 3))
    heard = await go_on(owner.servers, group, clients.EVENTS, clients.STATE, until=5)
    for message in heard:
        assert isinstance(message, Told)
        known[message.event.key] = max(message.event.version, known[message.event.key])

    late = {str(uuid5(ids.NAMESPACE, str(number))) for number in (7, 8, 9)}
    assert known == {key: 3 if key in late else 2 for key in known}
    assert len(heard) == 5, "old facts were read again"
    assert not await bootstrap(servers=owner.servers, group=group, owner="clients", apply=apply), (
        "a group that was placed starts over"
    )


async def test_a_first_start_without_the_topic_says_what_is_missing(kafka: str) -> None:
    async def apply(message: Told | Erased) -> None:
        """Nothing comes."""

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_topics(sorted({clients.STATE} & set(await admin.list_topics())))
    await admin.close()
    for owner, missing in (("clients", "Kafka has no"), ("notifications", "there is no topic")):
        with pytest.raises(LookupError, match=missing):
            await bootstrap(servers=kafka, group="g", owner=owner, apply=apply)


async def test_the_fake_tells_its_story_to_a_real_kafka_and_spares_one_that_is_in_use(
    fresh_topics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to_kafka = ["--servers", fresh_topics, "--seed", "5", "--events", "400"]

    assert await asyncio.to_thread(main, [*to_kafka, "--duplicates", "0.1"]) == 0
    assert await asyncio.to_thread(main, to_kafka) == 1
    assert "--append writes behind them all the same" in capsys.readouterr().err
    told = Mishaps(duplicates=0.1, seed=5).on(Story(5).records())
    expected = list(islice(told, 400))
    by_key: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in await read_all(fresh_topics, *TOLD):
        by_key[each.topic, each.key.decode()].append(dict(each.headers)["ce_id"].decode())
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in expected:
        wanted[record.topic, record.key].append(record.id)
    assert by_key == wanted

    assert await asyncio.to_thread(main, [*to_kafka, "--append"]) == 0
    assert len(await read_all(fresh_topics, *TOLD)) == 800


async def test_the_fake_makes_topics_only_where_it_is_told_to(
    kafka: str, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    there = set(await admin.list_topics()) & {topic.name for topic in topics.REGISTRY}
    await admin.delete_topics(sorted(there))
    while there & set(await admin.list_topics()):
        await asyncio.sleep(0.05)
    to_kafka = ["--servers", kafka, "--events", "50", "--rate", "500"]

    assert await asyncio.to_thread(main, to_kafka) == 1
    assert "--create-topics makes them" in capsys.readouterr().err
    assert await asyncio.to_thread(main, [*to_kafka, "--create-topics"]) == 0
    found = {each["topic"]: each for each in await admin.describe_topics(TOLD)}
    await admin.close()
    assert {len(each["partitions"]) for each in found.values()} == {12}
    assert len(await read_all(kafka, *TOLD)) == 50
