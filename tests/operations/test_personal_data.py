"""Who is erased is nowhere any more; what is held of a partner can be taken elsewhere, whole."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.settings import ROOT
from shared.chassis.clock import ManualClock
from shared.chassis.exporting import differences
from shared.contracts import ids, topics
from tests import tokens
from tests.conftest import MakeDatabase
from tests.faults.evidence import read_topics
from tests.journeys.portfolio import HUB, NOTICE, Portfolio
from tests.journeys.system import SERVICES, System, system

pytestmark = [pytest.mark.operations, pytest.mark.delivery, pytest.mark.timeout(900)]

START = date(2026, 1, 15) + timedelta(days=8) + NOTICE  # d-7 falls due tomorrow
TOMORROW = datetime(2026, 1, 16, 12, tzinfo=UTC)
CANARY, CONTACT, USER = "zanzibara", 501, 3
OTHER_HUB = HUB + 1
# Everything of a database as texts, whatever tables there are.
_ALL = """
    SELECT c.oid::regclass::text AS name FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


@pytest.fixture
async def running(
    fresh_topics: str, database: MakeDatabase, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[System]:
    """A partner with two clients, one of which has been told; another partner beside it."""
    databases = {name: await database(name) for name in SERVICES}
    async with system(fresh_topics, databases, tmp_path, clock) as made:
        await made.start()
        for hub in (HUB, OTHER_HUB):
            portfolio = Portfolio(hub)
            portfolio.partner(f"Partner {hub}")
            portfolio.user(1, f"ada@{hub}.example", "admin")
            portfolio.user(USER, f"{CANARY}-user@{hub}.example")
            for record in (71, 72):
                portfolio.client(f"Acme {record}", renewal_start=START, record=record)
            portfolio._next = CONTACT - 1001
            assert portfolio.contact(71, f"{CANARY}@acme.example", "decision_maker") == contact(hub)
            portfolio.contact(72, "dm@other.example", "decision_maker")
            folder = portfolio.write(tmp_path / str(hub))
            await made.import_files("clients", folder / "clients")
        await made.quiet()
        clock.set(TOMORROW)
        await made.quiet()
        assert f"{CANARY}@acme.example" in made.addressees()
        yield made


def contact(hub: int = HUB) -> object:
    return ids.contact_id(hub, CONTACT)


async def run(made: System, service: str, *command: str) -> str:
    """What an operator runs beside a service."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}", *command),
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "KAFKA_SERVERS": made.kafka,
            "OIDC_ISSUER": tokens.ISSUER,
            "OIDC_JWKS_URL": f"{tokens.ISSUER}/jwks.json",
            f"{service.upper()}_DATABASE_URL": made.databases[service].dsn,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


async def where(made: System, word: str) -> set[str]:
    """The tables that hold a word, also inside bytes, and the topics whose newest records do."""
    found = set()
    for service, address in made.databases.items():
        connection = await asyncpg.connect(address.owner_dsn)
        for [name] in await connection.fetch(_ALL):
            query = f"""
                SELECT count(*) FROM {name} AS t
                 WHERE position($1 IN t::text) > 0
                    OR position(encode(convert_to($1, 'UTF8'), 'hex') IN t::text) > 0
            """
            if await connection.fetchval(query, word):
                found.add(f"{service}.{name}")
        await connection.close()
    newest: dict[tuple[str, bytes], bytes] = {}
    names = [topic.name for topic in topics.REGISTRY]
    for name, records in (await read_topics(made.kafka, names)).items():
        compacted = name.endswith(".state.v1")
        for at, record in enumerate(records):
            newest[name, record.key if compacted else str(at).encode()] = record.value or b""
    return found | {name for (name, _), value in newest.items() if word.encode() in value.lower()}


async def test_a_person_who_is_erased_is_in_no_table_and_in_no_newest_record(
    running: System,
) -> None:
    people = [("--contact", str(CONTACT)), ("--user", str(USER))]
    there = await where(running, CANARY)
    assert there >= {"clients.contacts", "clients.users", "notifications.messages"}
    assert "clients.state.v1" in there
    for hub in (HUB, OTHER_HUB):
        for option, number in people:
            erase = ("erase", "--partner", str(hub), option, number, "--yes")
            erased = (await run(running, "clients", *erase)).partition(":")[0]
            await running.quiet()
            await run(running, "notifications", "forget", erased)
            for service in ("renewals", "notifications", "tiers"):
                await run(running, service, "dead-letters", "forget", erased)
    assert await where(running, CANARY) == set()
    [[told]] = await running.ledger(
        "SELECT count(*) FROM messages WHERE recipient_id = $1 AND state = 'accepted'", contact()
    )
    assert told == 2, "that somebody was told stays, without the name"


async def test_a_client_that_is_erased_is_forgotten_by_everybody_and_its_neighbour_stays(
    running: System,
) -> None:
    client = ids.client_id(HUB, 71)
    await run(running, "clients", "erase", "--partner", str(HUB), "--client", "71", "--yes")
    await running.quiet()
    for service in ("clients", "renewals", "notifications"):
        rows = await running.fetch(service, "SELECT client_id FROM clients ORDER BY 1")
        left = [row[0] for row in rows]
        assert client not in left
        assert ids.client_id(HUB, 72) in left
    [[names]] = await running.fetch(
        "tiers", "SELECT count(*) FROM clients WHERE client_id = $1 AND name <> ''", client
    )
    assert names == 0
    [[addresses]] = await running.ledger(
        "SELECT count(*) FROM messages WHERE client_id = $1 AND address NOTNULL", client
    )
    assert addresses == 0


async def test_an_export_holds_all_of_one_partner_nothing_of_another_and_can_be_checked(
    running: System, tmp_path: Path
) -> None:
    partner, other = str(ids.partner_id(HUB)), str(ids.partner_id(OTHER_HUB))
    for service in SERVICES:
        folder = tmp_path / "export" / service
        printed = await run(running, service, "export", "--partner", str(HUB), str(folder))
        assert "rows in" in printed
        assert differences(folder) == []
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["partner_id"] == partner
        for each in manifest["files"]:
            lines = (folder / each["file"]).read_text().splitlines()
            query = f"SELECT count(*) FROM {each['table']} WHERE partner_id = $1"
            [[count]] = await running.fetch(service, query, ids.partner_id(HUB))
            assert len(lines) == each["rows"] == count
            assert all(json.loads(line)["partner_id"] == partner for line in lines)
            assert other not in "".join(lines)
    contacts = tmp_path / "export" / "clients" / "contacts.jsonl"
    assert CANARY in contacts.read_text()
    contacts.write_text(contacts.read_text().replace(CANARY, "x"))
    assert differences(contacts.parent) == ["contacts.jsonl is not what was written"]
