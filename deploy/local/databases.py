"""One database and three roles for each service, on a server that is already there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

SERVICES = ("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ONE_AT_A_TIME = 0x70617274  # any number that nobody else locks


@dataclass(frozen=True, slots=True)
class Addresses:
    """A service's database: as its owner, who migrates it, and as the service itself."""

    name: str
    owner_dsn: str
    dsn: str


async def create_service_databases(
    superuser_dsn: str, services: Iterable[str] = SERVICES, *, password: str
) -> dict[str, Addresses]:
    """Create what is missing of each service's roles and database; change nothing else.

    The password is for both logins of every service, and is set again each time.
    """
    made = {}
    connection = await asyncpg.connect(superuser_dsn)
    try:
        for service in services:
            await create_roles(connection, service, password=password)
            await create_database(connection, service, owner=service)
            made[service] = addresses(superuser_dsn, service, service, password=password)
    finally:
        await connection.close()
    return made


async def create_roles(
    connection: Connection, service: str, *, password: str, owner_password: str | None = None
) -> None:
    """The owner, the service's login, and the role that a tenant's transaction takes on.

    The password is for both logins where the owner has none of its own.
    """
    _require_name(service)
    logins = {f"{service}_owner": owner_password or password, service: password}
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        there = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in (f"{service}_owner", service, f"{service}_tenant"):
            if role not in there:
                await connection.execute(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS")
        for role, plain in logins.items():
            secret = await connection.fetchval("SELECT quote_literal($1)", plain)
            await connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD {secret}")
        await connection.execute(
            f"GRANT {service}_tenant TO {service} WITH INHERIT FALSE, SET TRUE"
        )


async def create_database(
    connection: Connection, name: str, *, owner: str, template: str | None = None
) -> None:
    """A service's database under this name, if it is not there; others may not connect to it."""
    _require_name(name)
    if await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        return
    # A copy of the files takes two thirds of what copying page by page through the log does.
    source = f"TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
    await connection.execute(f"CREATE DATABASE {name} OWNER {owner}_owner {source}")
    await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {owner}")


def addresses(superuser_dsn: str, name: str, service: str, *, password: str) -> Addresses:
    """How a service reaches the database of this name on the same server."""

    def dsn(role: str) -> str:
        server = urlsplit(superuser_dsn)
        login = f"{role}:{quote(password, safe='')}@"
        where = server.netloc.rpartition("@")[2]
        return urlunsplit(("postgresql", login + where, f"/{name}", server.query, ""))

    return Addresses(name, dsn(f"{service}_owner"), dsn(service))


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't name a role or database: lower-case letters, digits, _")
