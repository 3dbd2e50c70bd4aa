"""Makes up the secrets of a system of containers, a file for each: `secrets.py FOLDER`.

What is there stays. A folder below is what one container sees, so that none sees another's.
"""

import argparse
import secrets
from collections.abc import Iterator
from pathlib import Path

from deploy.local.databases import SERVICES

POSTGRES, MIGRATIONS = "postgres", "migrations"
SUPERUSER = "postgres_password"
_OTHERS = {"dashboard": "dashboard_session_key", "webhooks": "webhooks_secrets_key"}


def make(folder: Path, *, server: str) -> list[Path]:
    """Write what is missing; return what was written.

    ``server`` is PostgreSQL's host and port, as the services reach it. Each folder that is there
    already (a mounted volume, as a rule) is filled, others are made.
    """
    written = [*_keep(folder / POSTGRES / SUPERUSER, _random())]
    for service in SERVICES:
        names = {
            f"{service}_database_url": f"postgresql://{service}:{_random()}@{server}/{service}"
        }
        if service in _OTHERS:
            names[_OTHERS[service]] = _random()
        for name, value in names.items():
            own = folder / service / name
            written += _keep(own, value)
            # `migrate` reads the same settings as the service, and the owner's beside them.
            written += _keep(folder / MIGRATIONS / name, own.read_text())
        owner = f"postgresql://{service}_owner:{_random()}@{server}/{service}"
        written += _keep(folder / MIGRATIONS / f"{service}_owner_database_url", owner)
    return written


def _random() -> str:
    return secrets.token_urlsafe(32)


def _keep(path: Path, value: str) -> Iterator[Path]:
    """Write a file whole or not at all. Whoever may enter its folder may read it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(value)
    fresh.chmod(0o444)
    fresh.replace(path)
    yield path


def main() -> None:
    """Say how many were made up."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.containers.secrets", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", default="postgres:5432", help="PostgreSQL's host and port")
    arguments = parser.parse_args()
    written = make(arguments.folder, server=arguments.server)
    print(f"{len(written)} secrets made up, the others are there")


if __name__ == "__main__":
    main()
