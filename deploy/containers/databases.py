"""Gives each service its database and logins on the PostgreSQL of a system of containers.

Makes what is missing and sets the logins' passwords to those in the secrets' folders, so it may
run at each start, and after passwords were changed.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.containers.secrets import MIGRATIONS, POSTGRES, SUPERUSER
from deploy.local.databases import SERVICES, create_database, create_roles
from shared.chassis.database import DatabaseUnavailableError, patiently

SECONDS = 60.0


async def prepare(folder: Path) -> None:
    """Do it for every service. Raises DatabaseUnavailableError."""
    passwords = {service: _passwords(folder / MIGRATIONS, service) for service in SERVICES}
    server = urlsplit(_read(folder / MIGRATIONS / f"{SERVICES[0]}_database_url"))
    connection = await patiently(
        lambda: asyncpg.connect(
            host=server.hostname,
            port=server.port or 5432,
            user="postgres",
            password=_read(folder / POSTGRES / SUPERUSER),
            database="postgres",
        ),
        seconds=SECONDS,
        what=f"{server.hostname}:{server.port or 5432}",
    )
    try:
        for service, (own, owners) in passwords.items():
            await create_roles(connection, service, password=own, owner_password=owners)
            await create_database(connection, service, owner=service)
    finally:
        await connection.close()


def _passwords(folder: Path, service: str) -> tuple[str, str]:
    """The service's own, and its database's owner's."""
    own, owners = (
        unquote(urlsplit(_read(folder / f"{service}{of}_database_url")).password or "")
        for of in ("", "_owner")
    )
    return own, owners


def _read(path: Path) -> str:
    return path.read_text().strip()


def main() -> int:
    """Return 0 once every database is there, 3 where PostgreSQL stays away."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.containers.databases", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where `secrets` put them")
    try:
        asyncio.run(prepare(parser.parse_args().folder))
    except DatabaseUnavailableError as error:
        print(error, file=sys.stderr)
        return 3
    print(f"{len(SERVICES)} databases are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
