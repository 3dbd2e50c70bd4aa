"""What is lost is brought back, the system goes on, and nobody is told anything twice."""

import asyncio
import re
import shutil
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import asyncpg
import pytest

from services.notifications import domain
from shared.chassis.clock import SystemClock
from tests.faults.bed import SERVICES, Bed, told, until
from tests.faults.cohort import Cohort, bring_in
from tests.faults.evidence import (
    Evidence,
    _by_mail,
    check,
    every_accepted_message_is_in_the_sink,
    every_due_stage_has_its_end,
    gather,
    no_key_is_sent_twice_unless_in_doubt,
    replicas_agree,
    stages_arrive_in_order,
)
from tests.operations.people import People
from tests.operations.vault import Vault

pytestmark = [pytest.mark.operations, pytest.mark.delivery, pytest.mark.timeout(900)]

CLIENTS = 120
NOT_YET = 3
KEY = rb"X-Partner-Tools-Key:\s*([^:]+:[^:]+:[^:]+):"
HELD = """
    SELECT message_id, subject_id, occasion, stage FROM messages WHERE state = 'unknown'
"""
ACCEPTED = "SELECT count(*) FROM messages WHERE state = 'accepted'"


def people_of(system: Bed) -> People:
    return People(lambda service: [system.ports[service]])


async def accepted(system: Bed) -> int:
    [[count]] = await system.fetch("notifications", ACCEPTED)
    return int(count)


async def sent_more_than(system: Bed, number: int) -> int:
    """Wait until the first of a wave are sent; a connection that is open sees it in time."""
    connection = await asyncpg.connect(system.databases["notifications"].owner_dsn)
    try:
        while (count := int(await connection.fetchval(ACCEPTED))) <= number:
            await asyncio.sleep(0.01)
    finally:
        await connection.close()
    return count


async def run(system: Bed, service: str, *command: str, code: int | None = 0) -> tuple[int, str]:
    """What an operator runs beside a service, or while it is stopped."""
    ended, printed = await system.command(service, *command)
    assert code is None or ended == code, printed
    return ended, printed


async def in_time(system: Bed, service: str, *command: str) -> str:
    """Run it again for as long as it says: not yet."""
    for _ in range(20):
        code, printed = await run(system, service, *command, code=None)
        if code != NOT_YET:
            assert code == 0, printed
            return printed
        await asyncio.sleep(1)
    raise AssertionError(printed)


async def republish(system: Bed) -> None:
    owners = ("clients", "renewals", "tiers")
    await asyncio.gather(*(run(system, service, "republish") for service in owners))


def attribute_what_is_held(found: Evidence) -> None:
    """Of what is held the ledger does not know to whom it went: to those who are told otherwise."""
    known, people = _by_mail(found), defaultdict(set)
    for row in found.messages:
        people[row["subject_id"]].add(row["recipient_id"])
    arrived = {mail["message_id"] for mail in found.mails}
    held = [row for row in found.messages if row["state"] == "unknown" and not row["recipient_id"]]
    for row in held:
        for person in people[row["subject_id"]] - {None}:
            mail = domain.mail_id(row["subject_id"], row["occasion"], row["stage"], person)
            key = f"<{mail.hex}@partner-tools.example>"
            if key in arrived and key not in known:
                found.messages.append({**row, "recipient_id": person, "attempts": 1})
                found.figures["sent and unsaid"] += 1


async def what_holds_without_the_whole_past(system: Bed) -> Counter[str]:
    """All but what is read from the copy of everything said, or from the whole log of Kafka."""
    found = await gather(system)
    attribute_what_is_held(found)
    every_due_stage_has_its_end(found)
    every_accepted_message_is_in_the_sink(found)
    counts = Counter(mail["message_id"] for mail in found.mails)
    assert set(counts.values()) == {1}, "somebody was told twice"
    no_key_is_sent_twice_unless_in_doubt(found, kills=10)
    stages_arrive_in_order(found)
    await replicas_agree(system)
    return found.figures


async def test_with_the_archive_a_destroyed_database_comes_back_whole_and_all_goes_on(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    vault, people = Vault(system), people_of(system)
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    await vault.keep_everything()
    system.move_to(cohort.due("d-15"))
    backup, _ = await asyncio.gather(vault.back_up("base"), system.quiet())
    before = await accepted(system)
    system.move_to(cohort.due("d-7"))
    sent = await sent_more_than(system, before) - before
    commands = asyncio.gather(
        *(people.end_services(cohort, number) for number in range(10)),
        *(people.decide(cohort, number) for number in range(20, 30)),
    )
    await asyncio.sleep(0)  # they begin
    vault.destroy()
    await vault.restore(backup, archive=True)
    await commands
    system.move_to(cohort.due("d-0"))
    await system.quiet()
    assert not people.refused
    figures = await check(system, [cohort])
    assert figures["sent twice, marked"] == 0
    assert 0 < sent < CLIENTS, "it was destroyed only after the work was done"
    with capsys.disabled():
        print(f"\n  destroyed after {sent} of d-7: {told(figures)}")  # noqa: T201
    system.sound = True


async def test_without_the_archive_what_was_sent_is_learned_and_what_nobody_knows_is_held(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    vault, people = Vault(system), people_of(system)
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    since = real_time().isoformat()
    backup = await vault.back_up("early")
    await people.end_services(cohort, 0)
    before = await accepted(system)
    system.move_to(cohort.due("d-15"))
    await sent_more_than(system, before + CLIENTS // 3)  # a part is said, another part is not
    await asyncio.gather(*(system.kill(service) for service in SERVICES))
    vault.destroy()
    lost, mails = system.clock.now().isoformat(), len(await system.mails())

    await vault.restore(backup, archive=False)
    assert await accepted(system) < mails, "nothing was forgotten"
    back = ("restored", "--since", since)
    for printed in await asyncio.gather(*(in_time(system, each, *back) for each in SERVICES)):
        assert "records are heard again" in printed
    await system.start("clients", "renewals", "tiers")
    off = {"NOTIFICATIONS_RUN_SENDER": "false", "NOTIFICATIONS_RUN_UPKEEP": "false"}
    await system.start("notifications", **off)
    await republish(system)
    reconcile = ("reconcile", "--since", since, "--until", lost)
    printed = await in_time(system, "notifications", *reconcile)
    assert len(await system.mails()) == mails, "it sent before it knew"
    settled = int(printed.partition(" ")[0])
    assert 0 < settled <= mails, printed
    await system.stop("notifications")
    await system.start("notifications")
    await system.quiet()
    held = await system.fetch("notifications", HELD)
    await send_what_never_arrived(system, held)
    await end_again(system, cohort)
    system.move_to(cohort.due("d-0"))
    await system.quiet()
    figures = await what_holds_without_the_whole_past(system)
    with capsys.disabled():
        print(f"\n  {printed.strip()}; {told(figures)}")  # noqa: T201
    system.sound = False  # what was said of the forgotten stays in Kafka


async def send_what_never_arrived(system: Bed, held: list[asyncpg.Record]) -> None:
    """What an operator does about what is held, with the mail relay's log in hand."""
    written = (system.folder / "mail" / "messages.eml").read_bytes()
    arrived = {key.decode() for key in re.findall(KEY, written)}
    missing = [
        str(row["message_id"])
        for row in held
        if f"{row['subject_id']}:{row['occasion']}:{row['stage']}" not in arrived
    ]
    if missing:
        await run(system, "notifications", "unknown", "resend", *missing)


async def end_again(system: Bed, cohort: Cohort) -> None:
    """What was ordered after the backup is ordered again; everybody believes it."""
    path = f"/clients/{cohort.clients[0]}"
    async with system.http("clients", cohort.admin) as client:
        found = (await client.get(path)).json()
        assert found["services"]["active"]
        body = {"reason": "As we said.", "confirm": True}
        headers = {"If-Match": f'"{found["version"]}"'}
        answer = await client.post(f"{path}/services/end", json=body, headers=headers)
        assert answer.status_code == 200, answer.text


async def test_without_kafkas_log_everybody_is_told_what_the_databases_know(
    system: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    people = people_of(system)
    cohort = await bring_in(system, CLIENTS)
    await system.quiet()
    since = system.clock.now().isoformat()
    await system.stop("notifications")
    system.move_to(cohort.due("d-15"))
    await until_told(system, cohort)
    system.kafka.kill()  # it has told of d-15, and nobody has heard it
    commands = asyncio.gather(*(people.end_services(cohort, number) for number in range(5)))
    await commands
    shutil.rmtree(system.kafka.folder / "data")
    for service in ("clients", "renewals", "tiers"):
        await system.stop(service)
    system.kafka.launch()
    await until(system.kafka.answers, "Kafka answers")
    _, printed = await run(system, "clients", "topics", "--all")
    assert "clients.state.v1: created" in printed
    await system.start()
    await republish(system)
    _, printed = await run(system, "renewals", "retell", "--since", since)
    assert f"{CLIENTS} stages are told anew" in printed
    await system.quiet()
    system.move_to(cohort.due("d-7"))
    await system.quiet()
    figures = await what_holds_without_the_whole_past(system)
    with capsys.disabled():
        print(f"\n  {told(figures)}")  # noqa: T201
    system.sound = False  # its log begins with this


async def until_told(system: Bed, cohort: Cohort) -> None:
    query = """
        SELECT (SELECT count(*) FROM outbox),
               (SELECT count(*) FROM stage_records WHERE stage = 'd-15' AND partner_id = $1)
    """
    while True:
        [[waiting, told_]] = await system.fetch("renewals", query, cohort.partner)
        if not waiting and told_ == CLIENTS:
            return
        await asyncio.sleep(0.1)


def real_time() -> datetime:
    """By the clock of Kafka, which no test moves; a little earlier."""
    return SystemClock().now() - timedelta(seconds=1)
