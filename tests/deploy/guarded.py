"""A broker with default deny, its users, and what its log says that they did."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from deploy.grants import Grant, Operation, Resource, grants
from deploy.local import ports
from deploy.local.kafka import Kafka
from deploy.local.secured import ADMIN, Secured
from deploy.local.settings import ROOT
from shared.chassis.access import Access
from tests import tokens
from tests.journeys.system import System

PASSWORDS = {user: f"the password of {user}" for user in (ADMIN, *grants())}
SECOND = {"tiers": "the next password of tiers"}
# Kafka's numbers, as its protocol has them.
_RESOURCES: Mapping[Resource, int] = {"topic": 2, "group": 3}
_OPERATIONS: Mapping[Operation, int] = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Describe": 8,
    "DescribeConfigs": 10,
}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
_LINE = re.compile(
    r"Principal = User:(?P<user>\S+) is (?P<verdict>Allowed|Denied) operation = (?P<asked>\S+) from"
    r".* on resource = (?P<on>\S+) for request = (?P<request>\S+)"
    r".* based on rule (?:MatchingAcl\(acl=StandardAcl\[resourceType=(?P<resource>\w+), "
    r"resourceName=(?P<name>[^,]+), patternType=(?P<pattern>\w+), principal=User:[^,]+, "
    r"host=\*, operation=(?P<operation>\w+),|(?P<rule>\w+))"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the authoriser's log."""

    user: str
    allowed: bool
    asked: str
    line: str
    grant: Grant | None  # that the verdict rests on


def secured(folder: Path) -> Kafka:
    """A broker with a password for each user, not started yet."""
    port, controller_port, tls_port = ports.free_ports(3)
    return Kafka(
        folder,
        port=port,
        controller_port=controller_port,
        quick=True,
        secured=Secured(PASSWORDS, tls_port=tls_port, second=SECOND),
    )


async def allow(access: Access, wanted: Mapping[str, Sequence[Grant]]) -> None:
    """Let the users do what they are granted."""
    admin: Any = AIOKafkaAdminClient(**access.options("test"))
    await admin.start()
    try:
        for user, granted in wanted.items():
            for each in granted:
                answer = await admin._send_request(
                    CreateAclsRequest(
                        _RESOURCES[each.resource],
                        each.name,
                        _PREFIXED if each.prefixed else _LITERAL,
                        f"User:{user}",
                        "*",
                        _OPERATIONS[each.operation],
                        _ALLOW,
                    )
                )
                assert [code for code, _ in answer.creation_responses] == [0], answer
    finally:
        await admin.close()


NOWHERE = 99  # a partition that no topic has: whoever may is told so, and nothing happens


async def readable(admin: Any, names: Sequence[str]) -> set[str]:
    """The topics that the one who asks may read."""
    asked = [(name, [(NOWHERE, 0, 1024)]) for name in names]
    answer = await admin._send_request(FetchRequest(100, 1, 1024, 0, asked))
    return _allowed(answer.topics)


async def writable(admin: Any, names: Sequence[str]) -> set[str]:
    """The topics that the one who asks may write to."""
    asked = [(name, [(NOWHERE, b"")]) for name in names]
    answer = await admin._send_request(ProduceRequest(None, -1, 1000, asked))
    return _allowed(answer.topics)


async def joinable(admin: Any, groups: Iterable[str]) -> set[str]:
    """The groups that the one who asks may be in."""
    answers = {
        group: for_code((await admin._send_request(FindCoordinatorRequest(group, 0))).error_code)
        for group in groups
    }
    return {group for group, error in answers.items() if error is not GroupAuthorizationFailedError}


def _allowed(topics: Sequence[Any]) -> set[str]:
    found = {name: for_code(partitions[0][1]) for name, partitions in topics}
    assert set(found.values()) <= {TopicAuthorizationFailedError, UnknownTopicOrPartitionError}
    return {name for name, error in found.items() if error is UnknownTopicOrPartitionError}


def verdicts(log: Path) -> list[Verdict]:
    """What the broker allowed and refused to users, in their order."""
    found = (_LINE.search(line) for line in log.read_text().splitlines() if "Principal =" in line)
    return [_verdict(each) for each in found if each and each["user"] in grants()]


def _verdict(line: "re.Match[str]") -> Verdict:
    grant = None
    if line["resource"]:
        operation = {_in_logs(each): each for each in _OPERATIONS}
        grant = Grant(
            "topic" if line["resource"] == "TOPIC" else "group",
            line["name"],
            operation[line["operation"]],
            prefixed=line["pattern"] == "PREFIXED",
        )
    return Verdict(line["user"], line["verdict"] == "Allowed", line["asked"], line[0], grant)


def used(seen: Iterable[Verdict]) -> dict[str, set[Grant]]:
    """Which grants were needed: what was asked for is what they allow, and not less."""
    found: dict[str, set[Grant]] = defaultdict(set)
    for each in seen:
        if each.allowed and each.grant and each.asked == _in_logs(each.grant.operation):
            found[each.user].add(each.grant)
    return found


def _in_logs(operation: Operation) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).upper()


def bare(granted: Iterable[Grant]) -> set[Grant]:
    """Without the reasons, of which a broker knows nothing."""
    return {Grant(g.resource, g.name, g.operation, prefixed=g.prefixed) for g in granted}


@dataclass(slots=True)
class Guarded(System):
    """All services, each as its own user of such a broker."""

    broker: Kafka = field(kw_only=True)

    def looks_as(self) -> Access:
        """The test may see everything."""
        return self.broker.access()

    def settings_of(self, name: str) -> dict[str, object]:
        """What a service is told of its user, and what it needs here."""
        own = System.settings_of(self, name)
        if name == "dashboard":
            own |= {
                "session_key": "a secret of tests, thirty-two characters and more",
                "run_http": False,
            }
        return own | settings(self.broker.access(name))


def settings(access: Access) -> dict[str, object]:
    """What a service's settings say of its way to Kafka."""
    return {
        "kafka_security_protocol": access.protocol,
        "kafka_sasl_mechanism": access.mechanism,
        "kafka_username": access.username,
        "kafka_password": access.password,
        "kafka_ca_file": access.ca_file,
        "kafka_certificate_file": access.certificate_file,
        "kafka_key_file": access.key_file,
    }


def environment(service: str, access: Access, dsn: str) -> dict[str, str]:
    """What a process of a service is told."""
    told = {name.upper(): str(value) for name, value in settings(access).items() if value}
    return (
        os.environ
        | told
        | {
            "KAFKA_SERVERS": access.servers,
            f"{service.upper()}_DATABASE_URL": dsn,
            "OIDC_ISSUER": tokens.ISSUER,
            "OIDC_JWKS_URL": f"{tokens.ISSUER}/jwks.json",
            "START_TIMEOUT": "30",
            "PYTHONPATH": str(ROOT),
        }
    )


def command(service: str, *arguments: str) -> list[str]:
    """A command of a service, as a person gives it."""
    return [sys.executable, "-m", f"services.{service}", *arguments]
