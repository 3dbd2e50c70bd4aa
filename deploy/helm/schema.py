"""The parts of values.schema.json that follow from the services' settings."""

from typing import Any

from deploy.helm import facts
from deploy.local.settings import SERVICES

Schema = dict[str, Any]


def definitions() -> Schema:
    """What is written into the ``$defs`` of the schema, under names that begin with a service."""
    made: Schema = {"sharedSettings": _closed(_shared(), "Settings that all services share.")}
    for service in SERVICES:
        made[f"{service}Settings"] = _settings(service)
        made[f"{service}Secrets"] = _secrets(service)
        made[f"{service}Roles"] = _roles(service)
        made[f"{service}Service"] = _service(service)
    made["services"] = _closed(
        {service: _ref(f"{service}Service") for service in SERVICES}, "The services."
    )
    return made


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _closed(properties: Schema, description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }


def _elsewhere(where: str) -> Schema:
    """Refuses any value, with a message that says where it belongs."""
    return {"const": f"said elsewhere: {where}", "maxLength": 0}


def _settings(service: str) -> Schema:
    properties = {}
    for each in facts.variables(service):
        where = facts.place(service, each)
        properties[each.name] = _elsewhere(where) if where else each.schema
    return _closed(properties, f"Settings of {service}, by the names of their variables.")


def _shared() -> Schema:
    """Those whose variables have no service's prefix."""
    properties = {}
    for service in SERVICES:
        for each in facts.variables(service):
            if not each.name.startswith(f"{service.upper()}_"):
                where = facts.place("<name>", each)
                properties[each.name] = _elsewhere(where) if where else each.schema
    return properties


def _secrets(service: str) -> Schema:
    names = {each.name for each in facts.variables(service) if each.secret}
    names |= {facts.KAFKA_PASSWORD}
    owners = facts.facts()[service]["ownerSecret"]
    properties: Schema = {name: _ref("secretKey") for name in sorted(names - {owners})}
    properties[owners] = _elsewhere(f"services.{service}.owner (only the migration sees it)")
    return _closed(properties, "Where a secret is, if not in existingSecret under its own name.")


def _roles(service: str) -> Schema:
    properties = {
        role: _ref("consumersRole" if role == "consumers" and facts.groups(service) else "role")
        for role in facts.roles(service)
    }
    return _closed(properties, "Roles that run apart, each in a Deployment of its own.")


def _service(service: str) -> Schema:
    lag = "autoscalingOnLag" if facts.groups(service) else "autoscaling"
    return {
        "type": "object",
        "description": f"The service {service}.",
        "allOf": [_ref("service")],
        "properties": {
            "settings": _ref(f"{service}Settings"),
            "secrets": _ref(f"{service}Secrets"),
            "roles": _ref(f"{service}Roles"),
            "autoscaling": _ref(lag),
        },
        "unevaluatedProperties": _ref("unknown"),
    }
