"""A small OpenID provider for the demo. It believes anybody, so it serves this machine only."""

import argparse
import ipaddress
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.middleware.trustedhost import TrustedHostMiddleware

from deploy.local import issuer_page, ports
from deploy.local.issuer_grants import CALLBACK, SIGNED_OUT, Asked, Grant, Grants, is_ours
from shared.chassis.clock import SystemClock

ALGORITHM = "ES256"
CLIENT = "partner-tools-dashboard"
COOKIE = "issuer-person"
KEY_FILE = "issuer-key.json"
_OF_A_CONTAINER = re.compile(r"[a-z][a-z0-9-]{0,62}\.localhost")
FRESH = {"Cache-Control": "no-store"}


class Person(BaseModel):
    """Somebody to be. ``partner`` is the partner's name, shown in the chooser.

    ``partner_ids``: staff who may ask for a token of any of these, instead of ``partner_id``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    partner_id: UUID
    partner: str
    role: Literal["admin", "member", "staff"]
    name: str
    partner_ids: tuple[UUID, ...] = ()


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


def name_of_a_container(name: str) -> str:
    """The name under which browsers and containers reach an issuer that runs in a container.

    There it has to listen on all addresses of the container, so what keeps others away is the
    port's publication on the host's loopback address. A name that ends in .localhost leads a
    browser to its own machine and nowhere else. Raises NotLoopbackError for another.
    """
    if not _OF_A_CONTAINER.fullmatch(name):
        raise NotLoopbackError(
            f"The issuer gives anybody a token for any sample person, so its name in a container "
            f"ends in .localhost, which leads to one's own machine alone; not {name}."
        )
    return name


def write_people(path: Path, people: Sequence[Person]) -> None:
    """Write the file from which the issuer reads, at each request, who there is."""
    fresh = path.with_suffix(".tmp")
    fresh.write_bytes(_PEOPLE.dump_json(list(people), indent=1))
    fresh.rename(path)


def read_people(path: Path) -> list[Person]:
    """Who there is; nobody before the file is written."""
    return _PEOPLE.validate_json(path.read_bytes()) if path.exists() else []


class Issuer:
    """Makes tokens, with the key and of the people in a folder."""

    def __init__(self, folder: Path, *, issuer: str, audience: str, lifetime: int) -> None:
        """``lifetime`` is of a token, in seconds."""
        self.issuer, self._audience, self._lifetime = issuer, audience, lifetime
        self._key, self._people = _key(folder / KEY_FILE), folder / "people.json"
        self._clock = SystemClock()
        self.grants = Grants(self._now)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def people(self) -> list[Person]:
        """Who there is at this moment."""
        return read_people(self._people)

    def find(self, person: str | UUID | None) -> Person | None:
        """Somebody, by id."""
        return next((each for each in self.people() if str(each.id) == str(person)), None)

    def public_keys(self) -> dict[str, Any]:
        """What tokens are verified with."""
        return {"keys": [self._key.as_dict(private=False)]}

    def describe(self) -> dict[str, Any]:
        """The provider's description (OpenID Connect Discovery)."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "end_session_endpoint": f"{self.issuer}/end-session",
            "jwks_uri": f"{self.issuer}/jwks.json",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    def access(self, person: Person, partner: UUID) -> dict[str, Any]:
        """The answer with a token that the services take."""
        token = self._sign(person, partner, aud=self._audience)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime}

    def answer(self, grant: Grant, *, nonce: str | None) -> dict[str, Any] | None:
        """All tokens of a sign-in; None where the person is gone."""
        person = self.find(grant.person)
        if person is None:
            return None
        ident = self._sign(person, grant.partner, aud=grant.client_id, nonce=nonce)
        refresh = self.grants.promise_refresh(grant)
        return self.access(person, grant.partner) | {"id_token": ident, "refresh_token": refresh}

    def _sign(self, person: Person, partner: UUID, **other: str | None) -> str:
        now = int(self._now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime,
            "sub": str(person.id),
            "partner_id": str(partner),
            "role": person.role,
            "name": person.name,
        }
        if person.partner_ids:
            claims["partner_ids"] = [str(each) for each in person.partner_ids]
        claims |= {name: value for name, value in other.items() if value}
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, claims, self._key)


def create_app(folder: Path, *, issuer: str, audience: str, lifetime: int) -> FastAPI:
    """The issuer. Its key and its people live in the folder; a token lives ``lifetime`` seconds.

    It answers under this machine's own names and that of ``issuer``, no other.
    """
    made = Issuer(folder, issuer=issuer, audience=audience, lifetime=lifetime)
    app = FastAPI(title="Local issuer", docs_url=None, redoc_url=None)
    names = [*ports.LOCAL_NAMES, urlsplit(issuer).hostname or ""]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=names)
    _add_description(app, made)
    _add_sign_in(app, made)
    _add_tokens(app, made)
    return app


def _add_description(app: FastAPI, made: Issuer) -> None:
    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/.well-known/openid-configuration")
    async def describe() -> dict[str, Any]:
        return made.describe()

    @app.get("/jwks.json")
    async def publish_key() -> dict[str, Any]:
        return made.public_keys()

    @app.get("/people")
    async def list_people() -> list[Person]:
        return made.people()

    @app.get("/style.css")
    async def style() -> Response:
        return Response(issuer_page.STYLE, media_type="text/css")

    @app.get("/")
    async def choose() -> Response:
        return issuer_page.chooser(
            made.people(), address=lambda each: f"/token?person={each.id}", label="A token"
        )


def _add_sign_in(app: FastAPI, made: Issuer) -> None:
    @app.get("/authorize")
    async def authorize(
        request: Request, asked: Annotated[Asked, Query()], person: str = ""
    ) -> Response:
        """Let somebody choose who to be; with a partner's id, go on as the same person there."""
        if asked.client_id != CLIENT or not is_ours(asked.redirect_uri, CALLBACK):
            text = "The request names no client, or no address, that is known here."
            return issuer_page.page("This sign-in goes nowhere", text, status=400)
        if asked.error:
            return _back(asked, error=asked.error)
        if asked.partner_id and not person:
            person = request.cookies.get(COOKIE) or asked.login_hint
        if not person:
            return issuer_page.chooser(
                made.people(), address=lambda each: _choice(request, each.id), label="Sign in"
            )
        chosen = made.find(person)
        partner = None if chosen is None else _partner(chosen, asked.partner_id)
        if chosen is None or partner is None:
            return _back(asked, error="access_denied")
        answer = _back(asked, code=made.grants.promise(asked, chosen.id, partner))
        answer.set_cookie(COOKIE, str(chosen.id), httponly=True, samesite="lax")
        return answer

    @app.get("/end-session")
    async def end_session(post_logout_redirect_uri: str = "", state: str = "") -> Response:
        """Forget who somebody was."""
        answer: Response
        if is_ours(post_logout_redirect_uri, SIGNED_OUT):
            query = f"?{urlencode({'state': state})}" if state else ""
            answer = RedirectResponse(post_logout_redirect_uri + query, 303)
        else:
            answer = issuer_page.page("You are signed out", "Nobody is remembered here.")
        answer.delete_cookie(COOKIE)
        return answer


def _choice(request: Request, person: UUID) -> str:
    return f"/authorize?{urlencode({**request.query_params, 'person': str(person)})}"


def _partner(person: Person, wanted: str) -> UUID | None:
    """At which partner a token is: one's own, or the one that is wanted, if one may choose it."""
    if not wanted:
        return person.partner_id
    return next((each for each in person.partner_ids if str(each) == wanted), None)


def _back(asked: Asked, **said: str) -> Response:
    query = urlencode(said | ({"state": asked.state} if asked.state else {}))
    return RedirectResponse(f"{asked.redirect_uri}?{query}", 303, headers=FRESH)


def _add_tokens(app: FastAPI, made: Issuer) -> None:
    @app.get("/token")
    async def issue(person: UUID) -> dict[str, Any]:
        """A token without a sign-in, for the command line."""
        chosen = made.find(person)
        if chosen is None:
            raise HTTPException(404, f"There is no sample person {person}; /people lists them.")
        return made.access(chosen, chosen.partner_id)

    @app.post("/token")
    async def redeem(
        grant_type: Annotated[str, Form()] = "",
        client_id: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        redirect_uri: Annotated[str, Form()] = "",
        code_verifier: Annotated[str, Form()] = "",
        refresh_token: Annotated[str, Form()] = "",
    ) -> Response:
        """Tokens for a code, or for a refresh token: each works once."""
        if client_id != CLIENT:
            return JSONResponse({"error": "invalid_client"}, 401, FRESH)
        if grant_type == "authorization_code":
            grant = made.grants.redeem(
                code, client_id=client_id, redirect_uri=redirect_uri, verifier=code_verifier
            )
            given = grant and made.answer(grant, nonce=grant.nonce)
        elif grant_type == "refresh_token":
            grant = made.grants.refresh(refresh_token, client_id=client_id)
            given = grant and made.answer(grant, nonce=None)
        else:
            return JSONResponse({"error": "unsupported_grant_type"}, 400, FRESH)
        if given is None:
            return JSONResponse({"error": "invalid_grant"}, 400, FRESH)
        return JSONResponse(given, headers=FRESH)


def _key(path: Path) -> ECKey:
    """The signing key, kept over restarts: services remember it for a while."""
    if path.exists():
        return ECKey.import_key(json.loads(path.read_text()))
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(key.as_dict(private=True), handle)
    return key


def main() -> None:
    """Run until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.issuer", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for its key and people.json")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", default=ports.LOOPBACK)
    where.add_argument(
        "--in-container",
        metavar="NAME.localhost",
        help="listen on all addresses of this container, and be called so; only for a container "
        "whose port is published on a loopback address",
    )
    parser.add_argument("--port", type=int, default=18100)
    parser.add_argument("--audience", default="partner-tools")
    parser.add_argument("--lifetime", type=int, default=8 * 3600, help="of a token, in seconds")
    arguments = parser.parse_args()
    host, name = arguments.host, ports.LOOPBACK
    try:
        if arguments.in_container:
            host, name = ports.EVERYWHERE, name_of_a_container(arguments.in_container)
        else:
            require_loopback(host)
        ports.require_free("The issuer", arguments.port, "--port")
    except (NotLoopbackError, ports.PortTakenError) as error:
        sys.exit(str(error))
    app = create_app(
        arguments.folder,
        issuer=f"http://{name}:{arguments.port}",
        audience=arguments.audience,
        lifetime=arguments.lifetime,
    )
    uvicorn.run(app, host=host, port=arguments.port, access_log=False)


if __name__ == "__main__":
    main()
