"""What Strimzi and CloudNativePG are given follows from topics, grants and services.

``crds.json`` holds the fields that those operators know at the places that are used here, taken
from the resource definitions of Strimzi 1.2, CloudNativePG 1.30 and its plugin barman-cloud 0.14.
"""

import copy
import json
import secrets
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import jsonschema  # type: ignore[import-untyped]  # none
import pytest
import yaml

from deploy.grants import SERVICES, Grant, commands, grants
from deploy.k8s import cnpg_manifests
from deploy.k8s.__main__ import HERE, manifests
from deploy.local import databases
from shared.contracts import topics
from tests.deploy.guarded import bare

CRDS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "crds.json").read_text())
FILES = sorted(HERE.glob("*/*.yaml"))


def documents(*kinds: str) -> list[dict[str, Any]]:
    found = [each for path in FILES for each in yaml.safe_load_all(path.read_text())]
    return [each for each in found if each["kind"] in (kinds or CRDS)]


def test_what_is_committed_is_what_follows_from_topics_grants_and_services() -> None:
    for path, text in manifests():
        assert path.read_text() == text, f"{path.name} is old: make manifests"


def test_the_operators_know_every_field() -> None:
    assert {each["kind"] for each in documents()} == set(CRDS)
    for each in documents():
        known = CRDS[each["kind"]]
        assert each["apiVersion"] == known["apiVersion"]
        jsonschema.validate(each["spec"], known["spec"])


def test_a_field_that_no_operator_knows_is_noticed() -> None:
    user = copy.deepcopy(documents("KafkaUser")[0])
    user["spec"]["authorization"]["acls"][0]["resource"]["pattern"] = "literal"
    with pytest.raises(jsonschema.ValidationError, match="'pattern' was unexpected"):
        jsonschema.validate(user["spec"], CRDS["KafkaUser"]["spec"])


def test_strimzis_users_may_do_what_the_services_need_and_nothing_else() -> None:
    users = {each["metadata"]["name"]: each["spec"] for each in documents("KafkaUser")}
    allowed = {
        name: {
            Grant(
                rule["resource"]["type"],
                rule["resource"]["name"],
                operation,
                prefixed={"prefix": True, "literal": False}[rule["resource"]["patternType"]],
            )
            for rule in spec["authorization"]["acls"]
            for operation in rule["operations"]
        }
        for name, spec in users.items()
    }
    assert allowed == {user: bare(granted) for user, granted in grants().items()}
    assert {spec["authentication"]["type"] for spec in users.values()} == {"scram-sha-512"}


def test_the_commands_for_kafkas_own_tool_allow_the_same() -> None:
    allowed: dict[str, set[Grant]] = {user: set() for user in grants()}
    for line in commands(grants()):
        words = line.split()
        said = list(pairwise(words))
        user = next(value for name, value in said if name == "--allow-principal")
        allowed[user.removeprefix("User:")] |= {
            Grant(resource, name, operation, prefixed="prefixed" in words)  # type: ignore[arg-type]
            for option, operation in said
            if option == "--operation"
            for resource in ("topic", "group")
            for other, name in said
            if other == f"--{resource}"
        }
    assert allowed == {user: bare(granted) for user, granted in grants().items()}


def test_strimzis_topics_are_those_of_the_registry_kept_as_it_says() -> None:
    made = {each["metadata"]["name"]: each["spec"] for each in documents("KafkaTopic")}
    assert made == {
        topic.name: {
            "partitions": topic.partitions,
            "replicas": 3,
            "config": topic.config | {"min.insync.replicas": "2"},
        }
        for topic in topics.REGISTRY
    }


def test_the_example_cluster_denies_by_default_and_belongs_to_all_of_it() -> None:
    [kafka], [nodes] = documents("Kafka"), documents("KafkaNodePool")
    assert kafka["spec"]["kafka"]["authorization"] == {"type": "simple"}
    assert kafka["spec"]["kafka"]["config"]["auto.create.topics.enable"] is False
    assert all(
        each["tls"] and each["authentication"] for each in kafka["spec"]["kafka"]["listeners"]
    )
    assert nodes["spec"]["replicas"] == 3
    named = {
        each["metadata"]["labels"]["strimzi.io/cluster"]
        for each in documents("KafkaNodePool", "KafkaTopic", "KafkaUser")
    }
    assert named == {kafka["metadata"]["name"]}


def test_each_service_has_a_database_that_its_owner_owns() -> None:
    made = {each["spec"]["name"]: each["spec"]["owner"] for each in documents("Database")}
    assert made == {service: f"{service}_owner" for service in databases.SERVICES}
    assert set(SERVICES) == set(databases.SERVICES)
    clusters = {
        each["spec"]["cluster"]["name"] for each in documents("Database", "ScheduledBackup")
    }
    assert clusters == {each["metadata"]["name"] for each in documents("Cluster")}


def test_nobody_is_let_into_the_database_of_another_service() -> None:
    [cluster] = documents("Cluster")
    rules = [line.split() for line in cluster["spec"]["postgresql"]["pg_hba"]]
    roles = {each["name"] for each in cluster["spec"]["managed"]["roles"] if each["login"]}
    assert len(roles) == 2 * len(SERVICES)
    for role in roles:
        for database in (*SERVICES, "postgres"):
            own = role in (database, f"{database}_owner")
            expected = "scram-sha-256" if own else "reject"
            assert admission(rules, database, role, encrypted=True) == expected
            assert admission(rules, database, role, encrypted=False) == "reject"


def admission(rules: Sequence[Sequence[str]], database: str, role: str, *, encrypted: bool) -> str:
    """What the first rule that fits says, as PostgreSQL reads them."""
    for kind, databases_, roles, _, method in rules:
        fits = databases_ in (database, "all") and role in roles.split(",")
        if fits and (encrypted or kind == "host"):
            return method
    return "scram-sha-256"  # what the operator ends the list with


async def test_its_roles_are_those_that_the_tests_run_with(postgres: str) -> None:
    there, here = (f"{word}{secrets.token_hex(4)}" for word in ("manifest", "local"))
    connection = await asyncpg.connect(postgres)
    try:
        for role in cnpg_manifests.cluster([there])["spec"]["managed"]["roles"]:
            await connection.execute(created(role))
        await databases.create_roles(connection, here, password="not-a-secret")
        made, wanted = [await attributes(connection, each) for each in (there, here)]
        assert made == wanted
    finally:
        for service in (there, here):
            for role in (service, f"{service}_owner", f"{service}_tenant"):
                await connection.execute(f"DROP ROLE IF EXISTS {role}")
        await connection.close()


def created(role: dict[str, Any]) -> str:
    """What the operator makes of a role."""
    words = [
        word if role.get(name, default) else f"NO{word}"
        for name, word, default in (
            ("login", "LOGIN", False),
            ("superuser", "SUPERUSER", False),
            ("bypassrls", "BYPASSRLS", False),
            ("inherit", "INHERIT", True),
        )
    ]
    grants_ = [f"GRANT {parent} TO {role['name']};" for parent in role.get("inRoles", [])]
    return f"CREATE ROLE {role['name']} {' '.join(words)}; {' '.join(grants_)}"


async def attributes(connection: Any, service: str) -> list[tuple[Any, ...]]:
    """What the roles of a service may do, and which takes on which, on what terms."""
    rows = await connection.fetch(
        """
        SELECT replace(rolname, $1, '') AS name, rolcanlogin, rolsuper, rolbypassrls,
               rolcreaterole, rolcreatedb, rolreplication,
               replace(roleid::regrole::text, $1, '') AS takes_on, inherit_option, set_option,
               admin_option
          FROM pg_roles LEFT JOIN pg_auth_members ON member = pg_roles.oid
         WHERE rolname LIKE $1 || '%'
         ORDER BY name
        """,
        service,
    )
    return [tuple(row) for row in rows]
