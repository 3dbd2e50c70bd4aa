"""Each service does its work as a user that may do what it needs and nothing else.

A real broker with default deny, passwords and certificates; what it allowed and refused is read
from its own log.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    TopicAuthorizationFailedError,
    for_code,
)

from deploy.grants import SERVICES, SUBSCRIBER, TOPICS, Grant, grants
from deploy.local import ports
from deploy.local.certificates import Authority
from deploy.local.kafka import Kafka
from services.dashboard import jobs as dashboard_jobs
from services.dashboard.main import INBOXES as OF_DASHBOARD
from shared.chassis.access import Access
from shared.chassis.clock import ManualClock
from shared.chassis.database import open_pool
from shared.chassis.failures import KafkaUnavailableError
from shared.chassis.kafka import check_topics, ensure_topics
from shared.chassis.replay import Range, replay
from shared.contracts import clients, topics
from tests.conftest import MakeDatabase
from tests.deploy import guarded
from tests.deploy.guarded import PASSWORDS, SECOND, Guarded
from tests.journeys.portfolio import NOTICE, Portfolio

pytestmark = [pytest.mark.delivery, pytest.mark.operations, pytest.mark.timeout(300)]

PATIENCE = 90.0  # seconds; other tests start their servers meanwhile
TODAY = date(2026, 1, 15)
NAMES = [topic.name for topic in topics.REGISTRY]


@pytest.fixture(scope="module")
def broker(scratch: Path) -> Iterator[Kafka]:
    """Default deny, and each user granted what the list says. It has no topics yet."""
    made = guarded.secured(scratch / "guarded")
    made.start()
    asyncio.run(guarded.allow(made.access(), grants()))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def served(broker: Kafka, scratch: Path) -> Kafka:
    """The same broker, with the topics that the command `topics` made as its own user."""
    done = subprocess.run(
        guarded.command("clients", "topics", "--all"),
        env=guarded.environment("clients", broker.access(TOPICS), "postgresql://nobody@x/y"),
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NAMES)} topics are there" in done.stdout
    assert asyncio.run(ensure_topics(broker.access(TOPICS), topics.REGISTRY)) == []
    return broker


class Silent:
    """A rebuild that nobody watches."""

    def made(self, done: int, total: int) -> None: ...

    def say(self, line: str) -> None: ...


@asynccontextmanager
async def working(
    broker: Kafka, database: MakeDatabase, folder: Path, clock: ManualClock
) -> AsyncIterator[Guarded]:
    """All services, each as its own user, with a client whose decision maker is told today."""
    databases = {name: await database(name) for name in SERVICES}
    portfolio = Portfolio()
    portfolio.partner()
    portfolio.user(1, "ada@partner.example", "admin")
    portfolio.client(
        "Acorn",
        decision_maker="dora@acorn.example",
        renewal_start=TODAY + timedelta(days=7) + NOTICE,
    )
    portfolio.write(folder)
    [port] = ports.free_ports(1)
    async with Guarded(broker.servers, clock, databases, folder, port, broker=broker) as everything:
        now = clock.now()
        clock.set(now - timedelta(days=200))
        await everything.start("clients", "renewals", "tiers", "dashboard", "webhooks")
        await everything.import_files("clients", folder / "clients")
        await everything.quiet(PATIENCE)
        clock.set(now)
        await everything.start("notifications")
        await everything.quiet(PATIENCE)
        yield everything


async def test_every_service_does_its_work_with_what_is_granted_and_needs_all_of_it(
    served: Kafka, database: MakeDatabase, tmp_path: Path, clock: ManualClock
) -> None:
    async with working(served, database, tmp_path, clock) as everything:
        assert everything.addressees() == {"dora@acorn.example"}
        await spoil(everything, clients.EVENTS)
        await rebuild(everything)
        for topic in topics.REGISTRY:
            if topic.kind == "events":
                await say_again(everything, topic)
    assert await heard(served.access(SUBSCRIBER), "renewals.events.v1", "renewals.state.v1")

    seen = guarded.verdicts(served.log)
    refused = [each for each in seen if not each.allowed]
    assert not refused, refused[:5]
    listed = {user: guarded.bare(granted) for user, granted in grants().items()}
    assert differences(guarded.used(seen), listed) == []


def differences(used: dict[str, set[Grant]], listed: dict[str, set[Grant]]) -> list[str]:
    return [
        f"{user}: {word} {sorted(found)}"
        for user in listed
        for word, found in (
            ("unused", listed[user] - used.get(user, set())),
            ("unlisted", used.get(user, set()) - listed[user]),
        )
        if found
    ]


async def spoil(everything: Guarded, topic: str) -> None:
    """Say something that nobody can handle, and wait until all who hear the topic set it aside."""
    producer = AIOKafkaProducer(**everything.broker.access().options("test"))
    await producer.start()
    await producer.send_and_wait(topic, b"{", key=b"spoilt", headers=[("ce_id", None)])
    await producer.stop()
    for service in SERVICES:
        if service != "clients":
            await everything.until(service, "SELECT count(*) FROM dead_letters", 1)
    await everything.quiet(PATIENCE)


async def rebuild(everything: Guarded) -> None:
    settings = everything.apps["dashboard"].state.settings
    async with open_pool(settings.database_url, application_name="rebuild") as pool:
        made = dashboard_jobs.rebuild(settings, pool, everything.clock, OF_DASHBOARD, Silent())
        assert await made == 2


async def say_again(everything: Guarded, topic: topics.Topic) -> None:
    app = everything.apps[topic.owner]
    count = await replay(app.state.pool, app.state.settings.kafka, topic, Range(), dry_run=True)
    assert count > 0, topic.name


async def heard(access: Access, *names: str) -> int:
    """Read topics as a group of one's own, and commit; return how many records there were."""
    consumer: Any = AIOKafkaConsumer(
        *names,
        **access.options("test"),
        group_id=f"{access.client}.all",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        found: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            while found < set(names):
                found |= {place.topic for place in await consumer.getmany(timeout_ms=500)}
        await consumer.commit()
        return len(found)
    finally:
        await consumer.stop()


@asynccontextmanager
async def asking(access: Access) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**access.options("test"))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def test_no_user_reads_or_writes_a_topic_beyond_what_is_granted(served: Kafka) -> None:
    for user, granted in grants().items():
        async with asking(served.access(user)) as admin:
            read = await guarded.readable(admin, NAMES)
            written = await guarded.writable(admin, NAMES)
        assert read == {g.name for g in granted if (g.resource, g.operation) == ("topic", "Read")}
        assert written == {g.name for g in granted if g.operation == "Write"}


async def test_no_user_is_in_a_group_of_another(served: Kafka) -> None:
    groups = {
        user: {each.name for each in granted if each.resource == "group"}
        for user, granted in grants().items()
    }
    for user, own in groups.items():
        async with asking(served.access(user)) as admin:
            assert await guarded.joinable(admin, set.union(*groups.values())) == own


async def test_no_user_makes_changes_or_deletes_topics_or_rights(served: Kafka) -> None:
    for user in grants():
        own = next(g.name for g in grants()[user] if g.resource == "topic")
        async with asking(served.access(user)) as admin:
            made = await admin.create_topics([NewTopic("intruder", 1, 1)])
            gone = await admin.delete_topics([own])
            changed = await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, own, {"retention.ms": "1"})]
            )
        codes = [made.topic_errors[0][1], gone.topic_error_codes[0][1]]
        codes += [each[0] for answer in changed for each in answer.resources]
        assert {for_code(code) for code in codes} == {TopicAuthorizationFailedError}, user
        with pytest.raises(AssertionError, match="31"):  # cluster: not authorised
            await guarded.allow(served.access(user), {user: [Grant("topic", own, "Write")]})


async def test_a_subscriber_reads_what_it_was_given_in_groups_of_its_own(served: Kafka) -> None:
    async with asking(served.access(SUBSCRIBER)) as admin:
        assert set(await admin.list_topics()) == {"renewals.events.v1", "renewals.state.v1"}
        mine, others = f"{SUBSCRIBER}.whatever-it-calls-it", "another-subscriber.all"
        assert await guarded.joinable(admin, [mine, others]) == {mine}


async def test_a_certificate_is_as_good_as_a_password_and_a_strangers_is_refused(
    served: Kafka,
) -> None:
    known = served.certified("tiers")
    await check_topics(known, ["tiers.events.v1"], seconds=20)
    async with asking(known) as admin:
        assert "renewals.events.v1" not in await admin.list_topics()
    stranger = served.certified("tiers", authority=Authority("A stranger"))
    nobody = replace(known, certificate_file=None, key_file=None)
    for refused in (stranger, nobody):
        with pytest.raises(KafkaUnavailableError):
            await check_topics(refused, [], seconds=0)


async def test_who_has_a_password_for_each_mechanism_changes_them_one_after_the_other(
    served: Kafka,
) -> None:
    access = served.access("tiers")
    await check_topics(access, ["tiers.events.v1"], seconds=20)
    following = replace(access, mechanism="SCRAM-SHA-256", password=SECOND["tiers"])
    await check_topics(following, ["tiers.events.v1"], seconds=20)
    for wrong in (replace(following, password=PASSWORDS["tiers"]), replace(access, password="no")):
        with pytest.raises(KafkaUnavailableError, match="invalid credentials"):
            await check_topics(wrong, [], seconds=0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ca_file": None}, "certificate verify failed"),
        ({"protocol": "SASL_PLAINTEXT"}, "is KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT what is"),
        ({"username": SUBSCRIBER, "password": PASSWORDS[SUBSCRIBER]}, f"or let {SUBSCRIBER} see"),
    ],
)
async def test_what_keeps_a_process_out_is_said(
    served: Kafka, changed: dict[str, Any], reason: str
) -> None:
    access = replace(served.access("tiers"), **changed)
    with pytest.raises(KafkaUnavailableError, match=reason):
        await check_topics(access, ["tiers.events.v1"], seconds=0)


async def test_a_service_with_a_wrong_password_says_so_in_one_line_and_ends(
    served: Kafka, database: MakeDatabase
) -> None:
    told = guarded.environment("tiers", served.access("tiers"), (await database("tiers")).dsn)
    wrong = {"KAFKA_PASSWORD": "a wrong password", "START_TIMEOUT": "0"}
    process = await asyncio.create_subprocess_exec(
        *guarded.command("tiers", "serve"),
        env=told | wrong,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 3, said
    [line] = [line for line in said.splitlines() if "cannot start" in line]
    assert "invalid credentials" in line
    assert "(as tiers)" in line
    assert "Traceback" not in said
    assert "a wrong password" not in said


def test_a_right_that_nobody_needed_and_one_that_is_not_listed_are_noticed(tmp_path: Path) -> None:
    rule = (
        "Principal = User:tiers is Allowed operation = {asked} from host = 127.0.0.1 on resource = "
        "Topic:LITERAL:{name} for request = Any with resourceRefCount = 1 based on rule MatchingAcl"
        "(acl=StandardAcl[resourceType=TOPIC, resourceName={name}, patternType=LITERAL, "
        "principal=User:tiers, host=*, operation={granted}, permissionType=ALLOW]) (logger)\n"
    )
    log = tmp_path / "kafka.log"
    log.write_text(
        rule.format(asked="DESCRIBE", granted="WRITE", name="tiers.state.v1")  # seen, not written
        + rule.format(asked="READ", granted="READ", name="clients.state.v1")
        + rule.format(asked="READ", granted="READ", name="renewals.state.v1")
    )
    written = Grant("topic", "tiers.state.v1", "Write")
    read = Grant("topic", "clients.state.v1", "Read")
    other = Grant("topic", "renewals.state.v1", "Read")
    assert differences(guarded.used(guarded.verdicts(log)), {"tiers": {written, read}}) == [
        f"tiers: unused {[written]}",
        f"tiers: unlisted {[other]}",
    ]
