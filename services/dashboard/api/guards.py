"""Who looks at the page, what they may do, and the transaction that it is read in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from typing_extensions import override

from services.dashboard.api import keeping
from services.dashboard.store import reading
from services.dashboard.store.partners import State
from shared.chassis.database import Connection
from shared.chassis.http import TheClock
from shared.chassis.http.guards import POOL_WAIT_SECONDS, Policy, Rates
from shared.chassis.identity import Caller, Role

__all__ = [
    "AMember",
    "AViewer",
    "AnAdmin",
    "Reading",
    "SignedIn",
    "SignedOut",
    "TheClock",
    "Viewer",
    "find_viewer",
    "opened",
]

WHO = {"admin": "an admin", "member": "a member", "staff": "HubSpot staff"}


@dataclass(frozen=True, slots=True)
class Viewer(Caller):
    """Who is signed in. All that they see is of ``partner_id``; ``token`` opens the services.

    ``session`` names the session without opening it. ``state`` is that of the partner's data
    when the session was found; what a page is made of may be newer.
    """

    token: str = field(repr=False)
    session: bytes = field(default=b"", repr=False)
    state: State | None = field(default=None, repr=False)

    @property
    def may_decide(self) -> bool:
        """Whether they decide on renewals and on a client's owner; staff only reads."""
        return self.role in ("admin", "member")

    @property
    def is_admin(self) -> bool:
        """Whether they change settings and end services."""
        return self.role == "admin"


class SignedOut(Exception):  # noqa: N818 - says what the viewer is
    """Nobody is signed in: a page leads to the sign-in, and comes back."""


async def find_viewer(request: Request) -> Viewer | None:
    """Who is signed in, if anybody is; asked once in a request."""
    known: Viewer | None = getattr(request.state, "viewer", None)
    if known is not None:
        return known
    kept = await keeping.find(request)
    if kept is None:
        return None
    session = kept.session
    viewer = Viewer(
        session.user_id,
        session.partner_id,
        session.role,
        session.name,
        kept.token,
        session.digest,
        kept.state,
        partner_ids=session.partner_ids,
    )
    rates: Rates = request.app.state.rates
    rates.spend(viewer.partner_id)
    request.state.viewer = viewer
    return viewer


@dataclass(frozen=True, slots=True)
class SignedIn(Policy):
    """Lets people of some roles pass, by their session; raises SignedOut where there is none."""

    @override
    async def __call__(self, request: Request) -> Viewer:  # type: ignore[override] # a cookie, no token
        viewer = await find_viewer(request)
        if viewer is None:
            raise SignedOut
        if viewer.role not in self.roles:
            wanted = " or ".join(WHO[role] for role in sorted(self.roles))
            raise HTTPException(
                403, f"This is for {wanted}. You are signed in as {WHO[viewer.role]}."
            )
        return viewer


def _signed_in(*roles: Role) -> SignedIn:
    return SignedIn(frozenset(roles))


ANYBODY = _signed_in("admin", "member", "staff")

AViewer: TypeAlias = Annotated[Viewer, Depends(ANYBODY)]
AMember: TypeAlias = Annotated[Viewer, Depends(_signed_in("admin", "member"))]
AnAdmin: TypeAlias = Annotated[Viewer, Depends(_signed_in("admin"))]


async def _reading(request: Request, viewer: AViewer) -> AsyncIterator[Connection]:
    state = request.app.state
    async with (
        state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx,
        reading.entered(tx, viewer.partner_id, state.settings.statement_timeout),
    ):
        yield tx


# The same, for as long as an answer is being sent.
opened = asynccontextmanager(_reading)

# Of the model that serves, one partner's rows, all as of one moment.
Reading: TypeAlias = Annotated[Connection, Depends(_reading, scope="function")]
