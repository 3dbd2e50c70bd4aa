"""Who may do what, and the transaction in which it is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.http.idempotency import claim_key
from shared.chassis.http.problems import Invalid
from shared.chassis.identity import Caller, Role, Unauthenticated, Verifier

POOL_WAIT_SECONDS = 5.0
BIGGEST: Final = 2**63 - 1
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="token", description="An OIDC token."
)


@dataclass(frozen=True, slots=True)
class Policy:
    """Lets callers of some roles pass. Each route names one, or the service does not start."""

    roles: frozenset[Role]

    async def __call__(
        self,
        request: Request,
        token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> Caller:
        caller = await _authenticate(request, token)
        if caller.role not in self.roles:
            who = " or ".join(sorted(self.roles))
            raise HTTPException(403, f"This is for {who}; the caller is {caller.role}.")
        return caller


class Rates:
    """How much each partner may still ask of this process: two seconds' worth, ever refilled."""

    def __init__(self, per_second: float) -> None:
        self._rate, self._most = per_second, max(1.0, 2 * per_second)
        self._left: dict[UUID, tuple[float, float]] = {}

    def spend(self, partner: UUID) -> None:
        """Count one request. Raises 429 where the partner asks too often."""
        if not self._rate:
            return
        now = monotonic()
        left, at = self._left.get(partner, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        if left < 1:
            told = f"At most {self._rate:g} requests a second are answered."
            raise HTTPException(429, told, {"Retry-After": "1"})
        self._left[partner] = (left - 1, now)


async def _authenticate(request: Request, token: HTTPAuthorizationCredentials | None) -> Caller:
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    if token is None or not token.credentials:
        raise Unauthenticated("the request carries no token (Authorization: Bearer <token>)")
    verifier: Verifier = request.app.state.verifier
    caller = await verifier.verify(token.credentials)
    rates: Rates = request.app.state.rates
    rates.spend(caller.partner_id)
    request.state.caller = caller
    return caller


def nobody_in_particular() -> None:
    """Let anybody pass, without a token: the policy of a page before the sign-in."""


READER = Policy(frozenset({"admin", "member", "staff"}))
MEMBER = Policy(frozenset({"admin", "member"}))
ADMIN = Policy(frozenset({"admin"}))

TheCaller: TypeAlias = Annotated[Caller, Depends(READER)]
AReader: TypeAlias = TheCaller
AMember: TypeAlias = Annotated[Caller, Depends(MEMBER)]
AnAdmin: TypeAlias = Annotated[Caller, Depends(ADMIN)]
Public = Depends(nobody_in_particular)


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


TheClock: TypeAlias = Annotated[Clock, Depends(_clock)]


@asynccontextmanager
async def tenant_transaction(
    pool: Pool, service: str, caller: Caller, *, readonly: bool, statement_seconds: float
) -> AsyncIterator[Connection]:
    """Begin a transaction that sees and changes the caller's partner's rows and no others.

    The role and the partner hold until the transaction ends, so a pooled connection never
    carries them on. Raises TimeoutError where no connection comes free in 5 s.
    """
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx, tx.transaction(readonly=readonly):
        await tx.execute(
            """
            SELECT set_config('role', $1, true),
                   set_config('app.partner', $2, true),
                   set_config('statement_timeout', $3, true)
            """,
            f"{service}_tenant",
            str(caller.partner_id),
            f"{int(statement_seconds * 1000)}ms",
        )
        yield tx


async def _transaction(request: Request, caller: TheCaller) -> AsyncIterator[Connection]:
    state = request.app.state
    async with tenant_transaction(
        state.pool,
        state.service,
        caller,
        readonly=request.method in SAFE_METHODS,
        statement_seconds=state.settings.statement_timeout,
    ) as tx:
        await claim_key(request, caller, tx)
        yield tx


# By default FastAPI answers first and commits then: a commit that fails would say 200.
Transaction: TypeAlias = Annotated[Connection, Depends(_transaction, scope="function")]


async def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            description="The `ETag` of the thing as it was read, so that nobody's change is lost.",
            examples=['"3"'],
        ),
    ] = None,
) -> int:
    if if_match is None:
        raise HTTPException(428, 'Say which version is meant: If-Match: "<ETag of the thing>".')
    digits = if_match.strip().removeprefix('"').removesuffix('"')
    if if_match.strip() != f'"{digits}"' or not digits.isdecimal() or not digits.isascii():
        raise Invalid("If-Match", 'an ETag as it was given, such as "3"', if_match)
    if len(digits) > len(str(BIGGEST)) or int(digits) > BIGGEST:
        raise Invalid("If-Match", "a version that there can be", if_match)
    return int(digits)


IfMatch: TypeAlias = Annotated[int, Depends(_if_match)]


def etag(response: Response, version: int) -> None:
    """Tell the version of the thing in the answer, for a later ``If-Match``."""
    response.headers["ETag"] = f'"{version}"'
