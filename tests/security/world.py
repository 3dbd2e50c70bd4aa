"""A system with four partners in it: one who asks, one whose data it may not see, two to change.

The sample portfolio goes through all services over the real Kafka; then the services stop and only
answer. So whatever changes from here on was changed by a request.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import httpx2

from deploy.local.databases import Addresses
from deploy.local.sink_page import Behaviour
from deploy.sample import portfolio
from services.webhooks.domain import TYPES
from shared.chassis.clock import Clock
from shared.chassis.database import Pool
from shared.chassis.identity import Role
from tests import tokens
from tests.journeys.system import Person, System
from tests.security import evidence
from tests.security.operations import (
    DESCRIBED,
    SERVICES,
    Asked,
    NoValueError,
    Operation,
    application,
    is_format,
)
from tests.security.serving import Loop, served

SEED, CLIENTS, PARTNERS = 7, 100, 4
ENDPOINTS = 12
IN_DOUBT = 48  # the first mails, some of each partner: nobody can tell whether they arrived


@dataclass(frozen=True, eq=False)
class Partner:
    """One partner, and somebody of each role who acts for it."""

    name: str
    partner_id: UUID
    people: Mapping[Role, UUID]

    def bearer(self, role: Role = "admin") -> dict[str, str]:
        """The header of a request by one of its people."""
        return tokens.bearer(self.people[role], self.partner_id, role)


@dataclass
class World:
    """The services, their databases, and the four partners."""

    loop: Loop
    addresses: dict[str, str]
    databases: Mapping[str, Pool]
    asking: Partner
    hidden: Partner
    changing: Partner
    fuzzed: Partner
    http: httpx2.Client
    dsns: Mapping[str, str]
    said_by_hidden: dict[str, Asked] = field(default_factory=dict)
    words: dict[UUID, evidence.Canaries] = field(default_factory=dict)
    before: dict[str, dict[str, str]] = field(default_factory=dict)
    _found: dict[str, list[str]] = field(default_factory=dict)

    @property
    def canaries(self) -> evidence.Canaries:
        """What only the hidden partner has."""
        return self.words[self.hidden.partner_id]

    @property
    def partners(self) -> tuple[Partner, ...]:
        """All four."""
        return self.asking, self.hidden, self.changing, self.fuzzed

    def get(self, service: str, path: str, by: Partner, **params: Any) -> Any:
        """Read something that has to be there."""
        answer = self.http.get(
            self.addresses[service] + path, params=params or None, headers=by.bearer()
        )
        assert answer.status_code == 200, f"{service} GET {path}: {answer.text}"
        return answer.json()

    def send(self, asked: Asked, by: Partner | None, role: Role = "admin") -> httpx2.Response:
        """Make a request as somebody, or as nobody."""
        return self.http.request(
            asked.operation.method.upper(),
            self.addresses[asked.operation.service] + asked.path,
            params=asked.params or None,
            headers=(by.bearer(role) if by else {}) | asked.headers,
            json=asked.body,
        )

    def ids(self, name: str, owner: Partner, known: dict[str, str]) -> list[str]:
        """What a partner has of a kind. Of the hidden one, whose data stays, it is kept."""
        key = f"{owner.name} {name} {known}"
        if key not in self._found:
            found = FINDERS[name](self, owner, known)
            if not self.before or owner is not self.hidden:
                return found
            self._found[key] = found
        return self._found[key]

    def checksums(self, service: str, partner: Partner) -> dict[str, str]:
        """What stands in a service's database of a partner, table by table."""
        made: dict[str, str] = self._look(
            service, partial(evidence.checksums, partner=partner.partner_id)
        )
        return made

    def dump(self, service: str, partner: Partner | None) -> list[Any]:
        """All rows of a partner; without one, those of nobody in particular."""
        found = partner.partner_id if partner else None
        rows: list[Any] = self._look(service, partial(evidence.dump, partner=found))
        return rows

    def fetch(self, service: str, query: str, *arguments: Any) -> Any:
        """Look into a service's database, whoever's the rows are."""
        return self._look(service, lambda connection: connection.fetch(query, *arguments))

    def _look(self, service: str, do: Callable[[Any], Any]) -> Any:
        async def look() -> Any:
            async with self.databases[service].acquire() as connection:
                return await do(connection)

        return self.loop.run(look())


Find: TypeAlias = Callable[[World, Partner, dict[str, str]], list[str]]


def _clients(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    found = world.get("clients", "/clients", owner, limit=200)["items"]
    return [each["client_id"] for each in found if each["products"]]


def _belonging(kind: str, key: str, world: World, owner: Partner, known: dict[str, str]) -> Any:
    client = world.get("clients", f"/clients/{known['client_id']}", owner)
    return [each[key] for each in client[kind]]


def _users(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    found = world.get("clients", "/users", owner, limit=200)["items"]
    acting = {str(each) for each in owner.people.values()}
    return [each["user_id"] for each in found if each["user_id"] not in acting and each["active"]]


def _renewals(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    """Those on which can be decided."""
    found = world.get("renewals", "/renewals", owner, limit=200, kind="renewal", upcoming="true")
    return [each["renewal_id"] for each in found["items"] if each["days_to_deadline"] > 0]


def _messages(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    """Those that may be sent again; when there are none left, those that may not."""
    found = world.get("notifications", "/messages", owner, limit=200)["items"]
    doubtful = [each["message_id"] for each in found if each["state"] == "unknown"]
    return doubtful or [each["message_id"] for each in found]


def _endpoints(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    """Those that are active, so that something can be sent there."""
    found = world.get("webhooks", "/endpoints", owner, limit=200)["items"]
    return [each["endpoint_id"] for each in found if each["active"]]


def _deliveries(world: World, owner: Partner, _: dict[str, str]) -> list[str]:
    """Those of endpoints that are active."""
    active = _endpoints(world, owner, {})
    found = world.get("webhooks", "/deliveries", owner, limit=200)["items"]
    return [each["delivery_id"] for each in found if each["endpoint_id"] in active]


FINDERS: Final[Mapping[str, Find]] = {
    "client_id": _clients,
    "contact_id": partial(_belonging, "contacts", "contact_id"),
    "subscription_id": partial(_belonging, "subscriptions", "subscription_id"),
    "user_id": _users,
    "renewal_id": _renewals,
    "message_id": _messages,
    "endpoint_id": _endpoints,
    "delivery_id": _deliveries,
}


def request(world: World, operation: Operation, owner: Partner, *, turn: int = 0) -> Asked:
    """A good request about something of a partner's; each operation and turn takes another."""
    ids: dict[str, str] = {}
    path = operation.path
    for parameter in operation.parameters("path"):
        name = parameter["name"]
        if name not in FINDERS:
            raise NoValueError(f"{operation}: say in {__name__}.FINDERS how to find a {name}")
        found = world.ids(name, owner, ids)
        if not found:
            raise NoValueError(f"{operation}: {owner.name} has no {name}; make it one")
        ids[name] = found[(operation.place + 7 * turn) % len(found)]
        path = path.replace(f"{{{name}}}", ids[name])
    params = {
        each["name"]: operation.value_of(each)
        for each in operation.parameters("query")
        if each.get("required")
    }
    asked = Asked(operation, path, params, {}, operation.example())
    if "If-Match" in operation.header_names:
        asked.headers["If-Match"] = version(world, asked, owner)
    if "Idempotency-Key" in operation.header_names:
        asked.headers["Idempotency-Key"] = f"{operation.service}-{operation.place}-{turn}"
    return asked


def version(world: World, asked: Asked, owner: Partner) -> str:
    """The present ETag of what a request changes: of its own address, or of the nearest above."""
    readable = {each.path for each in DESCRIBED[asked.operation.service] if not each.changes}
    template, path = asked.operation.path, asked.path
    while template:
        if template in readable:
            address = world.addresses[asked.operation.service] + path
            answer = world.http.get(address, headers=owner.bearer())
            if "ETag" in answer.headers:
                return answer.headers["ETag"]
        template, path = template.rpartition("/")[0], path.rpartition("/")[0]
    raise NoValueError(f"{asked.operation}: no GET above it tells the ETag that it asks for")


def foreign_ids(world: World, operation: Operation, owner: Partner) -> dict[str, str]:
    """For each id in the query or the body, one of a partner's."""
    named = {each["name"]: each["schema"] for each in operation.parameters("query")}
    named |= (operation.body or {}).get("properties", {})
    made = {}
    for name, schema in named.items():
        if not is_format(operation, schema, "uuid"):
            continue
        find = FINDERS.get("user_id" if name.endswith(("user_id", "contact_id")) else name)
        if name == "option_id":
            made[name] = _option(world, owner)
        elif find is None:
            raise NoValueError(f"{operation}: say in {__name__}.foreign_ids what {name} is")
        else:
            made[name] = find(world, owner, {})[0]
    return made


def _option(world: World, owner: Partner) -> str:
    """An option of a renewal of the partner's."""
    for renewal in _renewals(world, owner, {}):
        options = world.get("renewals", f"/renewals/{renewal}", owner)["options"]
        if options:
            found: str = options[0]["option_id"]
            return found
    raise NoValueError(f"no renewal of {owner.name} has options")


async def fill(system: System, folder: Path) -> dict[str, Any]:
    """Let the sample portfolio go through all services, and some mails be in doubt."""
    told = portfolio.write(
        folder, seed=SEED, size=CLIENTS, partners=PARTNERS, today=system.clock.today("UTC"), spoil=0
    )
    await system.start("clients", "renewals", "tiers", "webhooks")
    now = system.clock.now()
    system.clock.set(now - timedelta(days=1))
    for each in told["partners"]:
        await _add_endpoints(system, _partner(each, told["people"]))
    await system.import_files("clients", folder / "clients")
    await system.quiet()
    await system.import_files("renewals", folder / "renewals")
    await system.import_files("tiers", folder / "tiers")
    await system.quiet()
    system.misbehave(Behaviour(count=IN_DOUBT, hang_up="after"))
    await system.start("notifications")
    await system.quiet()
    system.clock.set(now)
    await system.quiet()
    return told


async def _add_endpoints(system: System, partner: Partner) -> None:
    """Places to send to, so many that each request of a test can have another."""
    acting = Person(partner.people["admin"], partner.partner_id)
    async with system.http("webhooks", acting) as http:
        for number in range(ENDPOINTS):
            body = {
                "url": f"https://{partner.partner_id}.example.com/{number}",
                "types": TYPES if number == 0 else ["clients.PartnerRegistered.v1"],
            }
            answer = await http.post("/endpoints", json=body)
            assert answer.status_code == 201, answer.text


@contextmanager
def opened(
    databases: Mapping[str, Addresses], clock: Clock, told: Mapping[str, Any]
) -> Iterator[World]:
    """Answer for what is in the databases, for the four partners of the sample."""
    loop = Loop()
    apps = {name: application(name, clock, database_url=databases[name].dsn) for name in SERVICES}

    async def look() -> dict[str, Any]:
        return {
            name: await asyncpg.create_pool(databases[name].dsn, min_size=1, max_size=1)
            for name in SERVICES
        }

    asking, hidden, changing, fuzzed = (_partner(each, told["people"]) for each in told["partners"])
    with served(loop, apps) as addresses, httpx2.Client(timeout=30) as http:
        pools = loop.run(look())
        dsns = {name: found.dsn for name, found in databases.items()}
        world = World(loop, addresses, pools, asking, hidden, changing, fuzzed, http, dsns)
        _require_doubt(world)
        yield world
        for pool in pools.values():
            loop.run(pool.close())
    loop.close()


def _require_doubt(world: World) -> None:
    """Say so where a partner has no mail in doubt: none of its mails could be sent again."""
    found = world.fetch(
        "notifications", "SELECT DISTINCT partner_id FROM messages WHERE state = 'unknown'"
    )
    have = {row["partner_id"] for row in found}
    without = [each.name for each in world.partners if each.partner_id not in have]
    assert not without, f"of {IN_DOUBT} mails in doubt none is one of {', '.join(without)}"


def _partner(found: Mapping[str, Any], people: list[dict[str, str]]) -> Partner:
    own = [each for each in people if each["partner_id"] == found["partner_id"]]
    acting: dict[Role, UUID] = {}
    for each in own:
        acting.setdefault(each["role"], UUID(each["id"]))  # type: ignore[arg-type]
    return Partner(found["name"], UUID(found["partner_id"]), acting)


def live(world: World) -> None:
    """Let the hidden partner do everything once, so that there is all to hide; then look at it."""
    for found in DESCRIBED.values():
        for operation in found:
            if operation.described.get("security"):
                asked = request(world, operation, world.hidden)
                answer = world.send(asked, world.hidden)
                assert answer.status_code < 300, f"{operation}: {answer.text}"
                world.said_by_hidden[str(operation)] = asked
    known = json.dumps([each[0].document for each in DESCRIBED.values()], ensure_ascii=False)
    rows = {
        each: [row for service in SERVICES for row in world.dump(service, each)]
        for each in (*world.partners, None)
    }
    for own in world.partners:
        others = [row for each, found in rows.items() if each is not own for row in found]
        world.words[own.partner_id] = evidence.canaries(rows[own], others, known)
    for service in SERVICES:
        world.before[service] = world.checksums(service, world.hidden)
