"""After a restore: groups go back, and what was said is read back."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.chassis import restoring
from shared.chassis.access import Access
from shared.chassis.clock import SystemClock
from shared.chassis.database import Pool
from shared.chassis.failures import KafkaUnavailableError
from shared.chassis.kafka import consuming
from shared.contracts.topics import Topic
from tests.chassis.depot import Settings, depot, make_topic, until
from tests.chassis.test_kafka import committed, done_with, records, send

pytestmark = pytest.mark.delivery
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_group_goes_back_to_what_came_since_a_moment_and_never_forward(
    pool: Pool, kafka: str
) -> None:
    cls = await make_topic(kafka)
    inbox = depot(cls)
    await send(kafka, *records(cls, range(50)))
    moment = SystemClock().now() + timedelta(milliseconds=1)
    await send(kafka, *records(cls, range(50, 80)))
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: done_with(kafka, inbox, 80))
        with pytest.raises(KafkaUnavailableError, match="Is the service stopped"):
            await restoring.rewind(kafka, [inbox], LONG_AGO)
    await send(kafka, *records(cls, range(80, 81)))
    with pytest.raises(KafkaUnavailableError, match="has not heard all"):
        await restoring.require_heard(kafka, [inbox])
    assert await restoring.rewind(kafka, [inbox], moment) == {inbox.group: 30}
    assert await committed(kafka, inbox) == 50
    assert await restoring.rewind(kafka, [inbox], moment) == {inbox.group: 0}
    assert await restoring.rewind(kafka, [inbox], LONG_AGO) == {inbox.group: 50}
    for table in ("inbox", "effects"):
        await pool.execute(f"DELETE FROM {table}")
    async with consuming(Settings(kafka), [inbox], pool):
        await until(lambda: done_with(kafka, inbox, 81))
    await restoring.require_heard(kafka, [inbox])
    assert await pool.fetchval("SELECT count(*) FROM effects") == 81


async def test_the_newest_version_of_each_that_anything_was_said_of_is_known(kafka: str) -> None:
    cls = await make_topic(kafka)
    topic = Topic(cls.TOPIC, "depot", "events", "for a test", 3)
    said = records(cls, range(20), keys=4)
    await send(kafka, *said)
    found = await restoring.said_versions(Access.to(kafka), [topic], LONG_AGO)
    assert sorted(found.values()) == [17, 18, 19, 20]
    later = SystemClock().now() + timedelta(seconds=1)
    assert await restoring.said_versions(Access.to(kafka), [topic], later) == {}
