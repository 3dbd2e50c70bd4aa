"""What a service records is what was published, header by header; and it can be read back."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.chassis import envelope, outbox
from shared.chassis.envelope import Cause
from shared.contracts import examples
from shared.contracts.event import Event, Tombstone
from shared.contracts.registry import PUBLISHED
from tests import deliver
from tests.conftest import MakeDatabase

CHOSEN_BY_THE_OUTBOX = {"ce_id"}  # random, where the event does not choose it
EVERYTHING: list[Event | Tombstone] = [*examples.events(), *examples.tombstones()]


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PUBLISHED / f"{name}.example.json").read_text("utf-8"))
    return found


def name_of(said: Event | Tombstone) -> str:
    return said.TYPE if isinstance(said, Event) else f"{said.owner}.Erased.v1"


async def test_the_outbox_holds_every_record_as_it_was_published(database: MakeDatabase) -> None:
    connection = await asyncpg.connect((await database("clients")).dsn)
    async with connection.transaction():
        for said in EVERYTHING:
            wanted = golden(name_of(said))["headers"]
            cause = Cause(
                wanted["ce_correlationid"], wanted.get("ce_causationid"), wanted.get("traceparent")
            )
            with envelope.because(cause):
                await outbox.record(connection, said)
    records = await deliver.pending(connection)
    await connection.close()

    assert len(records) == len(EVERYTHING)
    for said, record in zip(EVERYTHING, records, strict=True):
        published = golden(name_of(said))
        headers = {name: (value or b"").decode() for name, value in record.headers}
        value = None if record.value is None else json.loads(record.value)
        for name in CHOSEN_BY_THE_OUTBOX:
            assert UUID(headers.pop(name)).version in {5, 7}
            published["headers"].pop(name)
        assert headers == published["headers"]
        assert (record.topic, record.key) == (published["topic"], published["key"].encode())
        assert value == published["value"]


@pytest.mark.parametrize("said", EVERYTHING, ids=name_of)
def test_a_service_reads_the_identity_and_the_cause_of_a_published_record(
    said: Event | Tombstone,
) -> None:
    record = deliver.record_of(said)
    headers = golden(name_of(said))["headers"]
    record.headers = [(name, text.encode()) for name, text in headers.items()]

    message = envelope.read(record)

    assert message.error is None
    assert message.identity == (headers["ce_source"], UUID(headers["ce_id"]))
    assert message.type == (headers["ce_type"] if isinstance(said, Event) else envelope.TOMBSTONE)
    assert message.cause.correlation_id == headers["ce_correlationid"]
    assert message.cause.causation_id == headers["ce_id"]
