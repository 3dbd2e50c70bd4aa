"""The AsyncAPI 3.0 document: topics, headers, keys, values, servers, and how one signs in."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.contracts import registry, topics
from shared.contracts.documents import catalogue

if TYPE_CHECKING:
    from shared.contracts.schemas import Plan

Node: TypeAlias = dict[str, Any]
BINDING = "0.5.0"
_TEXT = {"ce_specversion": {"const": "1.0"}, "content-type": {"const": "application/json"}}
_FORMATS = {"ce_id": "uuid", "ce_time": "date-time", "ce_dataschema": "uri"}


def render(planned: "Plan") -> Node:
    """The whole document. Values are those of the present schemas; refused ones never get here."""
    revisions = sum(int(each["$id"].rpartition("/")[2]) for each in planned.schemas.values())
    told = catalogue.told_topics()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:partner-tools:events",
        "info": {
            "title": "Partner Tools: the events",
            "version": f"1.{revisions}.0",
            "description": _INFO,
            "license": {"name": "MIT"},
            "tags": [{"name": owner} for owner in registry.MODULES],
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {topic.name: _channel(topic, planned) for topic in told},
        "operations": {
            f"publish-{topic.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": f"The {topic.owner} service publishes; you receive.",
                "messages": [
                    {"$ref": f"#/channels/{topic.name}/messages/{type_}"}
                    for type_ in _types_of(topic, planned)
                ],
            }
            for topic in told
        },
        "components": {
            "securitySchemes": _SECURITY,
            "correlationIds": {
                "correlation": {
                    "description": "The same in all that followed from one cause.",
                    "location": "$message.header#/ce_correlationid",
                }
            },
            "messages": {type_: _message(type_, planned) for type_ in planned.records},
            "schemas": {"Headers": _headers()} | _parts(planned),
        },
    }


_INFO = (
    "What renews when, who is told, who services whom, and where partners stand: facts in "
    "`<owner>.events.v1`, the whole truth of each key in `<owner>.state.v1`.\n\n"
    "Delivered at least once, in order per key within a topic. Dedupe on `ce_source` and `ce_id`; "
    "skip fields and types that you do not know. The payloads' schemas, in JSON Schema 2020-12, "
    "are published beside this document; `ce_dataschema` names them."
)
_SECURITY: Node = {
    "scram-sha-512": {
        "type": "scramSha512",
        "description": "A user that may read the topics and use the groups of its own prefix.",
    },
    "scram-sha-256": {"type": "scramSha256", "description": "Where the cluster has no SHA-512."},
    "plain": {"type": "plain", "description": "Over TLS alone."},
}
_SERVERS: Node = {
    "production": {
        "host": "{host}:{port}",
        "protocol": "kafka-secure",
        "description": "TLS; the operator of your installation names host and user.",
        "variables": {
            "host": {"default": "kafka.partner-tools.example", "description": "Any broker."},
            "port": {"default": "9093", "description": "Its port for TLS."},
        },
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
    },
    "local": {
        "host": "127.0.0.1:19092",
        "protocol": "kafka",
        "description": "What `make demo` starts; nobody signs in.",
    },
}


def _types_of(topic: topics.Topic, planned: "Plan") -> list[str]:
    return [type_ for type_, each in planned.records.items() if each["topic"] == topic.name]


def _channel(topic: topics.Topic, planned: "Plan") -> Node:
    configuration: Node = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    for name in ("retention.ms", "delete.retention.ms"):
        if name in topic.config:
            configuration[name] = int(topic.config[name])
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.description} Kept: {catalogue.kept(topic)}.",
        "servers": [{"$ref": f"#/servers/{name}"} for name in _SERVERS],
        "messages": {
            type_: {"$ref": f"#/components/messages/{type_}"} for type_ in _types_of(topic, planned)
        },
        "tags": [{"name": topic.owner}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": 3,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING,
            }
        },
    }


def _message(type_: str, planned: "Plan") -> Node:
    record, schema = planned.records[type_], planned.schemas.get(type_)
    about = schema["description"] if schema else "The key is erased: forget what was said of it."
    key = schema["x-event"]["key"] if schema else "the key that ends"
    fixed: Node = {
        "ce_type": {"const": type_},
        "ce_source": {"const": f"/{type_.partition('.')[0]}"},
    }
    named = schema["$id"].rpartition("/")[0] if schema else ""
    if schema:
        fixed["ce_dataschema"] = {"pattern": f"^{named}/[0-9]+$".replace(".", "\\.")}
    return {
        "name": type_,
        "title": schema["title"] if schema else "Erased",
        "summary": about.partition("\n")[0],
        "description": catalogue.one_line(about),
        "contentType": "application/json",
        "headers": {
            "allOf": [{"$ref": "#/components/schemas/Headers"}],
            "type": "object",
            "properties": fixed,
            "required": [*fixed, *(["content-type"] if schema else [])],
        },
        "payload": {"$ref": f"#/components/schemas/{type_}"} if schema else {"type": "null"},
        "correlationId": {"$ref": "#/components/correlationIds/correlation"},
        "tags": [{"name": type_.partition(".")[0]}],
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "description": f"{key}, as text."},
                "bindingVersion": BINDING,
            }
        },
        "examples": [{"name": "golden", "headers": record["headers"], "payload": record["value"]}],
    }


def _headers() -> Node:
    return {
        "type": "object",
        "description": "CloudEvents 1.0 in binary mode; each value is UTF-8.",
        "properties": {
            name: {"type": "string", "description": what.replace("`", "")}
            | _TEXT.get(name, {})
            | ({"format": _FORMATS[name]} if name in _FORMATS else {})
            for name, _, what in catalogue.HEADERS
        },
        "required": [name for name, when, _ in catalogue.HEADERS if when == "always"],
    }


def _parts(planned: "Plan") -> Node:
    """Every value, and each object within under its owner's name, as references need it here."""
    found: Node = {}
    for type_, schema in planned.schemas.items():
        owner = type_.partition(".")[0]
        for name, part in schema["$defs"].items():
            found[f"{owner}.{name}"] = _moved(part, owner)
        body = {name: schema[name] for name in ("title", "description", "type", "properties")}
        body["required"] = schema["required"]
        found[type_] = {"x-dataschema": schema["$id"]} | _moved(body, owner)
    return found


def _moved(schema: Node, owner: str) -> Node:
    """The schema with its references led to this document's components."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {name: walk(each) for name, each in node.items()}
        target = {"$ref": f"#/components/schemas/{owner}.{node['$ref'].rpartition('/')[2]}"}
        beside = {name: each for name, each in node.items() if name != "$ref"}
        return {"allOf": [target], **beside} if beside else target

    moved: Node = walk(deepcopy(schema))
    return moved
