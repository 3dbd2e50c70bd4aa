"""Going through the sign-in, with the demo's issuer behind a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID

import httpx2

from deploy.local import issuer, ports
from tests.browser.site import answering
from tests.dashboard.people import BRIGHTWATER, NORDLICHT, TEAM, USERS
from tests.dashboard.visiting import Visitor, local

AUDIENCE: Final = "partner-tools"
CLIENT: Final = issuer.CLIENT
OVERSEER: Final = TEAM[0].person_id
PEOPLE: Final = [
    *(
        issuer.Person(
            id=each.user_id,
            partner_id=BRIGHTWATER,
            partner="Brightwater Digital",
            role="admin" if each.admin else "member",
            name=each.name,
        )
        for each in USERS
    ),
    issuer.Person(
        id=OVERSEER,
        partner_id=BRIGHTWATER,
        partner="HubSpot",
        role="staff",
        name="Tom Okafor",
        partner_ids=(BRIGHTWATER, NORDLICHT),
    ),
]


@asynccontextmanager
async def local_issuer(folder: Path, *, lifetime: int = 3600) -> AsyncIterator[str]:
    """The demo's issuer; gives its address."""
    [port] = ports.free_ports(1)
    url = f"http://{ports.LOOPBACK}:{port}"
    issuer.write_people(folder / "people.json", PEOPLE)
    app = issuer.create_app(folder, issuer=url, audience=AUDIENCE, lifetime=lifetime)
    async with answering(app, port):
        yield url


async def be(person: UUID, address: str) -> str:
    """At the issuer: choose who to be. Returns where one is sent back to."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{address}&person={person}")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def begin(visitor: Visitor, after: str = "/") -> str:
    """Begin to sign in; returns where the provider is, and what it is asked."""
    begun = await visitor.get(f"/session/sign-in?next={quote(after, safe='')}")
    assert begun.status_code == 303, begun.text
    return str(begun.headers["location"])


async def sign_in(visitor: Visitor, person: UUID, after: str = "/") -> str:
    """Go all the way; returns where it ends."""
    answer = await visitor.get(local(await be(person, await begin(visitor, after))))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])
