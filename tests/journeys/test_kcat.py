"""Anybody with Debian's kcat can follow what the services say: headers, keys, values, schemas."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest

from shared.contracts import clients, gate, ids, registry, renewals
from tests.journeys.portfolio import HUB, NOTICE, Portfolio
from tests.journeys.system import Person, System

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
TODAY = date(2026, 1, 15)
HEADERS: Final = {
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_partitionkey",
    "ce_dataschema",
    "ce_aggregateversion",
    "ce_correlationid",
    "content-type",
    "correlation_id",
}
SOME: Final = {"ce_causationid", "traceparent"}  # only what followed from something else has them


@dataclass(frozen=True)
class Record:
    """A record as kcat prints it."""

    partition: int
    offset: int
    key: str
    value: Any
    headers: dict[str, str]


async def kcat(servers: str, topic: str) -> list[Record]:
    """Read a topic from its beginning to its present end."""
    program = shutil.which("kcat")
    if program is None:
        pytest.fail("kcat is not installed. On Debian: apt-get install kcat")
    process = await asyncio.create_subprocess_exec(
        program, "-b", servers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J",
        "-X", "isolation.level=read_committed",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, trouble = await process.communicate()
    assert process.returncode == 0, trouble.decode()
    return list(_records(printed.decode().splitlines()))


def _records(lines: list[str]) -> Iterator[Record]:
    for line in lines:
        found = json.loads(line)
        pairs = list(zip(found["headers"][::2], found["headers"][1::2], strict=True))
        assert len(pairs) == len(dict(pairs)), f"a header twice: {pairs}"
        yield Record(
            found["partition"],
            found["offset"],
            found["key"],
            json.loads(found["payload"]),
            dict(pairs),
        )


async def one_renewal_with_a_history(system: System, folder: Path) -> None:
    """A term that is told of, moved, decided and settled; and a default owner that changes."""
    portfolio = Portfolio()
    portfolio.partner()
    portfolio.user(1, "ada@partner.example", "admin")
    portfolio.client("Acme", decision_maker="dm@acme.example", record=71)
    starts = TODAY + timedelta(days=7) + NOTICE
    portfolio.subscription(71, "Sales Hub Enterprise", "1200.00", "USD", starts, record=500)
    await system.start("clients", "renewals")
    await system.import_files("clients", portfolio.write(folder) / "clients")
    await system.quiet()
    ada = Person(ids.user_id(HUB, 1), ids.partner_id(HUB))
    async with system.http("renewals", ada) as http:
        current = await http.get("/settings/owner")
        chosen = {"owner": "partner", "point_of_contact_id": str(ada.user_id)}
        answer = await http.put(
            "/settings/owner", json=chosen, headers={"If-Match": current.headers["ETag"]}
        )
        assert answer.status_code == 200, answer.text
        [row] = (await http.get("/renewals")).json()["items"]
        answer = await http.post(
            f"/renewals/{row['renewal_id']}/decision", json={"status": "renewed"}
        )
        assert answer.status_code == 200, answer.text
    await system.quiet()


async def test_kcat_reads_what_renewals_says_with_the_headers_of_cloudevents(
    partner_tools: System, tmp_path: Path
) -> None:
    await one_renewal_with_a_history(partner_tools, tmp_path / "files")

    records = await kcat(partner_tools.kafka, renewals.EVENTS)

    assert {record.headers["ce_type"] for record in records} >= {
        renewals.RenewalScheduled.TYPE,
        renewals.RenewalDeadlineApproaching.TYPE,
        renewals.DefaultRenewalOwnerChanged.TYPE,
        renewals.RenewalDecided.TYPE,
    }
    for topic in (renewals.STATE, clients.EVENTS, clients.STATE):
        more = await kcat(partner_tools.kafka, topic)
        assert more, topic
        records += more
    assert len({(each.headers["ce_source"], each.headers["ce_id"]) for each in records}) == len(
        records
    )
    for record in records:
        hold_envelope(record)
        hold_schema(record)


def hold_envelope(record: Record) -> None:
    """The headers are those of CloudEvents in binary mode, and agree with the record."""
    headers = record.headers
    assert headers.keys() >= HEADERS, headers
    assert headers.keys() <= HEADERS | SOME, headers
    assert headers["ce_specversion"] == "1.0"
    assert UUID(headers["ce_id"]).version in {5, 7}
    assert headers["ce_source"] == "/" + headers["ce_type"].partition(".")[0]
    assert headers["content-type"] == "application/json"
    assert headers["ce_partitionkey"] == record.key
    assert str(UUID(headers["ce_subject"])) == headers["ce_subject"]
    assert headers["correlation_id"] == headers["ce_correlationid"]
    at = datetime.fromisoformat(headers["ce_time"])
    assert at == datetime.fromisoformat(record.value["occurred_at"])
    assert int(headers["ce_aggregateversion"]) == record.value["version"] >= 1
    assert record.value[registry.BY_TYPE[headers["ce_type"]].KEY] == record.key


def hold_schema(record: Record) -> None:
    """The value is what the published schema of its type says, which `ce_dataschema` names."""
    type_ = record.headers["ce_type"]
    assert type_ in registry.BY_TYPE, type_
    schema = json.loads((registry.PUBLISHED / f"{type_}.schema.json").read_text("utf-8"))
    assert record.headers["ce_dataschema"] == schema["$id"]
    jsonschema.validate(record.value, gate.closed(schema), format_checker=CHECKER)
