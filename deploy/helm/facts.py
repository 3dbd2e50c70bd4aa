"""What the chart has to know of each service, read from the service itself."""

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from deploy.local.settings import SERVICES
from shared.chassis.settings import ServiceSettings, variable

# Its consumer groups have the read model's revision in their names, so nobody can name them here.
REVISED = ("dashboard",)
# Whose answers a service asks for while somebody waits, by HTTP.
ASKS = {"dashboard": ("clients", "renewals", "tiers")}
KAFKA_PASSWORD = "KAFKA_PASSWORD"  # noqa: S105 - the name of a variable
OWNER = "owner_database_url"

# What the chart sets itself, and where in the values it is said instead.
PLACES = {
    "KAFKA_SERVERS": "kafka.servers",
    "KAFKA_SECURITY_PROTOCOL": "kafka.securityProtocol",
    "KAFKA_SASL_MECHANISM": "kafka.saslMechanism",
    "KAFKA_CA_FILE": "kafka.ca",
    "KAFKA_USERNAME": "services.{service}.kafka.username",
    "KAFKA_CERTIFICATE_FILE": "services.{service}.kafka.certificate",
    "KAFKA_KEY_FILE": "services.{service}.kafka.certificate",
    "OIDC_ISSUER": "oidc.issuer",
    "OIDC_AUDIENCE": "oidc.audience",
    "OIDC_JWKS_URL": "oidc.jwksUrl",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "telemetry.otlpEndpoint",
    "DASHBOARD_PUBLIC_URL": "publicUrl",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting of a service. ``schema`` is that of its value."""

    name: str
    field: str
    secret: bool
    required: bool
    schema: dict[str, Any]


@cache
def settings_of(service: str) -> type[ServiceSettings]:
    """The class of a service's settings."""
    found: type[ServiceSettings] = importlib.import_module(f"services.{service}.settings").Settings
    return found


@cache
def variables(service: str) -> tuple[Variable, ...]:
    """Every setting of a service."""
    settings = settings_of(service)
    schemas = settings.model_json_schema(by_alias=False)["properties"]
    return tuple(
        Variable(
            variable(settings, field),
            field,
            secret=info.repr is False,
            required=info.is_required(),
            schema=_plain(schemas[field]),
        )
        for field, info in settings.model_fields.items()
    )


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a setting's schema what Helm can check: one that may be missing is simply not set."""
    either = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    told = {"description": schema["description"]}
    kept = schema | (either[0] if len(either) == 1 else {})
    wanted = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum")
    told |= {key: kept[key] for key in wanted if key in kept}
    told |= {k: kept[k] for k in ("exclusiveMinimum", "exclusiveMaximum") if k in kept}
    return told


def place(service: str, each: Variable) -> str | None:
    """Where in the values this is said, if not among the service's settings."""
    if each.field == OWNER:
        return f"services.{service}.owner (it names a Secret)"
    if each.secret:
        return f"services.{service}.secrets.{each.name} (it names a Secret)"
    if each.field.startswith("run_"):
        return f"services.{service}.roles"
    if each.field in ("http_host", "http_port"):
        return "listen"
    found = PLACES.get(each.name)
    return found.format(service=service) if found else None


@cache
def groups(service: str) -> tuple[dict[str, str], ...]:
    """The consumer groups of a service that have a name for good."""
    if service in REVISED:
        return ()
    inboxes = importlib.import_module(f"services.{service}.main").INBOXES
    return tuple({"topic": each.topic, "group": each.group} for each in inboxes)


@cache
def hears(service: str) -> bool:
    """Whether a service has consumers."""
    return bool(importlib.import_module(f"services.{service}.main").INBOXES)


def roles(service: str) -> dict[str, str]:
    """Each role of a service, and the variable that switches it."""
    found = {
        each.field.removeprefix("run_"): each.name
        for each in variables(service)
        if each.field.startswith("run_")
    }
    if not hears(service):
        del found["consumers"]
    return found


def facts() -> dict[str, Any]:
    """What the chart's templates read of all services."""
    return {service: _facts(service) for service in SERVICES}


def _facts(service: str) -> dict[str, Any]:
    own = [each for each in variables(service) if each.secret and each.name != KAFKA_PASSWORD]
    used = roles(service)
    switches = [each.name for each in variables(service) if each.field.startswith("run_")]
    return {
        "prefix": service.upper(),
        "roles": used,
        "unused": [name for name in switches if name not in used.values()],
        "secrets": [each.name for each in own if each.required],
        "optionalSecrets": [e.name for e in own if not e.required and e.field != OWNER],
        "ownerSecret": next(each.name for each in own if each.field == OWNER),
        "groups": list(groups(service)),
        "asks": list(ASKS.get(service, ())),
    }
