"""Topics and users for Strimzi, as topics and grants say."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from deploy.grants import Grant, Operation, Resource
from shared.contracts.topics import Topic

API: Final = "kafka.strimzi.io/v1"
CLUSTER: Final = "partner-tools"
REPLICAS: Final = 3
SAFE: Final = {"min.insync.replicas": "2"}  # who acknowledges: the leader and one more


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def topics(registry: Sequence[Topic]) -> Iterator[dict[str, Any]]:
    """A KafkaTopic for each topic."""
    for topic in registry:
        yield _resource(
            "KafkaTopic",
            topic.name,
            {
                "partitions": topic.partitions,
                "replicas": REPLICAS,
                "config": topic.config | SAFE,
            },
        )


def users(wanted: dict[str, tuple[Grant, ...]]) -> Iterator[dict[str, Any]]:
    """A KafkaUser for each user, whose password is in the Secret of the same name."""
    for user, granted in wanted.items():
        yield _resource(
            "KafkaUser",
            user,
            {
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_rules(granted))},
            },
        )


def _rules(granted: Sequence[Grant]) -> Iterator[dict[str, Any]]:
    operations: dict[tuple[Resource, str, bool], list[Operation]] = defaultdict(list)
    for each in granted:
        operations[each.resource, each.name, each.prefixed].append(each.operation)
    for (resource, name, prefixed), allowed in operations.items():
        yield {
            "resource": {
                "type": resource,
                "name": name,
                "patternType": "prefix" if prefixed else "literal",
            },
            "operations": sorted(allowed),
        }
