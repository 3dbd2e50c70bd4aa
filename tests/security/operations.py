"""Every operation of every service, as its OpenAPI document has it; who may call it; a request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.chassis.clock import Clock, SystemClock
from shared.chassis.http.guards import Policy
from tests import tokens

SERVICES: Final = ("clients", "renewals", "notifications", "tiers", "webhooks")
METHODS: Final = ("get", "put", "post", "delete", "patch")
PROBES: Final = {"/livez", "/readyz", "/metrics"}

# Where the sample's endpoints are; nothing is sent there. The most that fuzzing may make, and more.
WEBHOOKS: Final = {
    "secrets_key": "not a secret, and as long as it has to be",
    "allowed_hosts": "example.com",
    "most_endpoints": 1000,
}

Json: TypeAlias = dict[str, Any]


class NoValueError(AssertionError):
    """The generator cannot make a request for an operation: tell it how, in this folder."""


def application(service: str, clock: Clock | None = None, **given: Any) -> FastAPI:
    """A service that only answers: it hears, sends and sweeps nothing by itself."""
    settings = {
        "database_url": "postgresql://nobody@localhost/none",
        "kafka_servers": "localhost:1",
        "oidc_issuer": tokens.ISSUER,
        "oidc_jwks_url": f"{tokens.ISSUER}/jwks.json",
        "partner_rate": 0,
        "run_relay": False,
        "run_consumers": False,
        "run_sweep": False,
        "run_days": False,
        "run_sender": False,
        "run_upkeep": False,
        "run_courier": False,
        **WEBHOOKS,
    }
    made = import_module(f"services.{service}.settings").Settings(**(settings | given))
    create = import_module(f"services.{service}.main").create_app
    app: FastAPI = create(made, clock or SystemClock(), verifier=tokens.verifier())
    return app


@dataclass(frozen=True)
class Operation:
    """One method of one address of one service."""

    service: str
    method: str
    path: str
    place: int = field(compare=False)  # among the operations of its service
    described: Json = field(compare=False, repr=False)
    document: Json = field(compare=False, repr=False)
    roles: frozenset[str] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.service} {self.method.upper()} {self.path}"

    def parameters(self, where: str) -> list[Json]:
        """Those in the path, the query or the header."""
        return [each for each in self.described.get("parameters", ()) if each["in"] == where]

    @property
    def header_names(self) -> set[str]:
        """The headers that it reads besides the token."""
        return {each["name"] for each in self.parameters("header")}

    @property
    def changes(self) -> bool:
        """Whether it is there to change something."""
        return self.method != "get"

    @property
    def body(self) -> Json | None:
        """The schema of its body, without references at the top."""
        content = self.described.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return None
        return self.resolve(content["application/json"]["schema"])

    def resolve(self, schema: Json) -> Json:
        """The schema that a reference stands for."""
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self.document["components"]["schemas"][name]
        return schema

    def example(self) -> Any:
        """A body that the description gives as an example, or None where it has none at all."""
        schema = self.body
        if schema is None:
            return None
        if schema.get("examples"):
            return schema["examples"][0]
        properties = schema.get("properties", {})
        made = {}
        for name, each in properties.items():
            if each.get("examples"):
                made[name] = each["examples"][0]
            elif name in schema.get("required", ()):
                made[name] = self._from(each, f"the body's {name}")
        return made

    def value_of(self, parameter: Json) -> Any:
        """A good value of a parameter that has to be there."""
        schema = self.resolve(parameter["schema"])
        if parameter.get("examples") or schema.get("examples"):
            return (schema.get("examples") or [parameter["example"]])[0]
        return self._from(schema, parameter["name"])

    def _from(self, schema: Json, what: str) -> Any:
        schema = self.resolve(schema)
        if schema.get("enum"):
            return schema["enum"][0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("examples"):
            return schema["examples"][0]
        raise NoValueError(f"{self}: give {what} an example in its description")


def kinds(operation: Operation, schema: Json) -> Iterator[Json]:
    """What a value may be: the schema, or each of its alternatives but null."""
    schema = operation.resolve(schema)
    for each in schema.get("anyOf", [schema]):
        if operation.resolve(each).get("type") != "null":
            yield operation.resolve(each)


def is_format(operation: Operation, schema: Json, wanted: str) -> bool:
    """Whether it holds a uuid, a date, …"""
    return any(each.get("format") == wanted for each in kinds(operation, schema))


def _policies(dependant: Dependant) -> Iterator[frozenset[str]]:
    if isinstance(dependant.call, Policy):
        yield frozenset(dependant.call.roles)
    for each in dependant.dependencies:
        yield from _policies(each)


def _roles(app: FastAPI, path: str, method: str) -> frozenset[str]:
    """Who may call it, as the route itself declares: the narrowest of its policies."""
    for route in app.state.addresses:
        assert isinstance(route, APIRoute)
        if route.path == path and method.upper() in (route.methods or ()):
            return frozenset.intersection(*_policies(route.dependant))
    return frozenset({"anybody"})


def _operations(service: str) -> Iterator[Operation]:
    app = application(service)
    document = app.openapi()
    places = count()
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(
                    service,
                    method,
                    path,
                    place=next(places),
                    described=item[method],
                    document=document,
                    roles=_roles(app, path, method),
                )


DESCRIBED: Final[Mapping[str, tuple[Operation, ...]]] = {
    service: tuple(_operations(service)) for service in SERVICES
}
EVERY: Final = [each for found in DESCRIBED.values() for each in found]
GUARDED: Final = [each for each in EVERY if each.described.get("security")]


@dataclass(frozen=True)
class Asked:
    """A request, before it is somebody's."""

    operation: Operation
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def sent(self) -> str:
        """Everything that it says, as text."""
        return f"{self.path} {self.params} {self.headers} {self.body}"
