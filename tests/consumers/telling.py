"""The story that every example hears, and what follows from it, worked out from its records."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.contracts import renewals
from shared.contracts.fake.mishaps import Mishaps
from shared.contracts.fake.story import Story
from shared.contracts.record import Record

SEED, RECORDS = 8, 4000
DUE = renewals.RenewalDeadlineApproaching.TYPE
CLIENT = renewals.ClientRenewalsSnapshot.TYPE


@dataclass(frozen=True)
class Raw:
    """A record, byte by byte."""

    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None

    @property
    def type(self) -> str:
        return dict(self.headers).get("ce_type", b"").decode()

    @property
    def identity(self) -> tuple[bytes, bytes] | None:
        found = dict(self.headers)
        return (found["ce_source"], found["ce_id"]) if "ce_id" in found else None


def story() -> list[Raw]:
    """What the fake producer tells of renewals, with all that may happen, and some that may not."""
    mishaps = Mishaps(0.1, 0.3, 0.005, 0.02, 0.05, SEED)
    told = islice(mishaps.on(Story(SEED, clients=40).records()), RECORDS)
    plain = [raw(each) for each in told if each.topic in (renewals.EVENTS, renewals.STATE)]
    first = next(each for each in plain if each.type == DUE)
    half = len(plain) // 2
    return [*plain[:half], *odd(first), *plain[half:], forgotten(plain)]


def raw(record: Record) -> Raw:
    headers = tuple((name, text.encode()) for name, text in record.headers.items())
    return Raw(record.topic, record.key.encode(), headers, record.value)


def odd(model: Raw) -> list[Raw]:
    """A value that is no JSON; no headers at all; a good one with a header that is no text."""
    broken = dict(model.headers) | {"ce_id": b"019b8b74-0000-7000-8000-000000000001"}
    good = broken | {"ce_id": b"019b8b74-0000-7000-8000-000000000002", "x-odd": b"\xff\xfe"}
    value = json.loads(model.value or b"{}") | {"stage": "outcome"}
    return [
        Raw(model.topic, model.key, tuple(broken.items()), b"{not json"),
        Raw(model.topic, model.key, (), b"what is this?"),
        Raw(model.topic, model.key, tuple(good.items()), json.dumps(value).encode()),
    ]


def forgotten(records: Sequence[Raw]) -> Raw:
    """The end of a client's key as a person might write it: with nothing but the key."""
    last = {each.key: each for each in records if each.topic == renewals.STATE}
    key = next(key for key, each in reversed(last.items()) if each.type == CLIENT)
    return Raw(renewals.STATE, key, (), None)


def expected(records: Sequence[Raw]) -> list[str]:
    """The lines that a consumer prints at the end, in their order."""
    clients: dict[str, int] = {}
    due: dict[str, dict[str, Any]] = {}
    stages: dict[str, set[tuple[str, str]]] = defaultdict(set)
    seen = set()
    for each in records:
        if each.topic == renewals.STATE and each.value is None:
            clients.pop(each.key.decode(), None)
        if each.value is None or each.type not in (DUE, CLIENT) or each.identity in seen:
            continue
        try:
            value = json.loads(each.value)
        except ValueError:
            continue
        seen.add(each.identity)
        if each.type == CLIENT:
            statuses = [one["status"] for one in value["renewals"]]
            clients[value["client_id"]] = statuses.count("pending")
            continue
        due[value["renewal_id"]] = value
        stages[value["renewal_id"]].add((value["renewal_start"], value["stage"]))
    lines: list[dict[str, object]] = [
        {"client": key, "pending": pending} for key, pending in clients.items()
    ]
    lines += [
        {
            "renewal": key,
            "stage": value["stage"],
            "owner": value["owner"]["owner"],
            "deadline": value["deadline"],
            "told": len(stages[key]),
        }
        for key, value in due.items()
    ]
    return sorted(json.dumps(each, sort_keys=True, separators=(",", ":")) for each in lines)


async def tell(servers: str, records: Sequence[Raw]) -> None:
    """Publish records in their order."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for each in records:
            await producer.send(each.topic, each.value, key=each.key, headers=[*each.headers])
        await producer.flush()
    finally:
        await producer.stop()
