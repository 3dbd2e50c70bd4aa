"""Tokens for sample people, for the demo. It believes anybody, so it serves this machine only."""

import argparse
import html
import ipaddress
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.middleware.trustedhost import TrustedHostMiddleware

from deploy.local import ports
from shared.chassis.clock import SystemClock

ALGORITHM = "ES256"


class Person(BaseModel):
    """Somebody to be. ``partner`` is the partner's name, shown in the chooser."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    partner_id: UUID
    partner: str
    role: Literal["admin", "member", "staff"]
    name: str


_PEOPLE = TypeAdapter(list[Person])


class NotLoopbackError(Exception):
    """The issuer was asked to listen where others could reach it."""


def require_loopback(host: str) -> None:
    """Raise NotLoopbackError unless the address is this machine's own."""
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    if not own:
        raise NotLoopbackError(
            f"The issuer gives anybody a token for any sample person, so it listens on a loopback "
            f"address only: 127.0.0.1 or ::1, not {host}."
        )


def write_people(path: Path, people: Sequence[Person]) -> None:
    """Write the file from which the issuer reads, at each request, who there is."""
    fresh = path.with_suffix(".tmp")
    fresh.write_bytes(_PEOPLE.dump_json(list(people), indent=1))
    fresh.rename(path)


def read_people(path: Path) -> list[Person]:
    """Who there is; nobody before the file is written."""
    return _PEOPLE.validate_json(path.read_bytes()) if path.exists() else []


def create_app(folder: Path, *, issuer: str, audience: str, lifetime: int) -> FastAPI:
    """The issuer. Its key and its people live in the folder; a token lives ``lifetime`` seconds."""
    key, clock, people = _key(folder / "issuer-key.json"), SystemClock(), folder / "people.json"
    app = FastAPI(title="Local issuer", docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(ports.LOCAL_NAMES))

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/.well-known/openid-configuration")
    async def describe() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks.json",
            "token_endpoint": f"{issuer}/token",
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    @app.get("/jwks.json")
    async def publish_key() -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False)]}

    @app.get("/people")
    async def list_people() -> list[Person]:
        return read_people(people)

    @app.get("/token")
    async def issue(person: UUID) -> dict[str, Any]:
        chosen = next((each for each in read_people(people) if each.id == person), None)
        if chosen is None:
            raise HTTPException(404, f"There is no sample person {person}; /people lists them.")
        now = int(clock.now().timestamp())
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "sub": str(chosen.id),
            "partner_id": str(chosen.partner_id),
            "role": chosen.role,
            "name": chosen.name,
        }
        token = jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key)
        return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}

    @app.get("/", response_class=HTMLResponse)
    async def choose() -> str:
        return _page(read_people(people))

    return app


def _key(path: Path) -> ECKey:
    """The signing key, kept over restarts: services remember it for a while."""
    if path.exists():
        return ECKey.import_key(json.loads(path.read_text()))
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(key.as_dict(private=True), handle)
    return key


def _page(people: list[Person]) -> str:
    nobody = "<tr><td colspan=4>Nobody yet: import a portfolio."
    rows = "".join(
        f"<tr><td>{html.escape(each.partner)}<td>{html.escape(each.name)}<td>{each.role}"
        f'<td><a href="/token?person={each.id}">a token</a>'
        for each in people
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Who are you?</title>'
        "<style>body{font:1rem/1.5 system-ui,sans-serif;margin:2rem}"
        "td,th{padding:.2rem 1rem .2rem 0;text-align:left}</style><h1>Who are you?</h1>"
        "<p>Sample people. A token is good for this machine's demo and nothing else.</p>"
        "<table><thead><tr><th>Partner<th>Person<th>Role<th></thead>"
        f"<tbody>{rows or nobody}</tbody></table></html>"
    )


def main() -> None:
    """Run until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.issuer", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for its key and people.json")
    parser.add_argument("--host", default=ports.LOOPBACK)
    parser.add_argument("--port", type=int, default=18100)
    parser.add_argument("--audience", default="partner-tools")
    parser.add_argument("--lifetime", type=int, default=8 * 3600, help="of a token, in seconds")
    arguments = parser.parse_args()
    try:
        require_loopback(arguments.host)
        ports.require_free("The issuer", arguments.port, "--port")
    except (NotLoopbackError, ports.PortTakenError) as error:
        sys.exit(str(error))
    app = create_app(
        arguments.folder,
        issuer=f"http://{ports.LOOPBACK}:{arguments.port}",
        audience=arguments.audience,
        lifetime=arguments.lifetime,
    )
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False)


if __name__ == "__main__":
    main()
