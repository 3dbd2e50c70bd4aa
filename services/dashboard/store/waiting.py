"""Waits until the read model shows what a command has just changed."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from time import monotonic
from typing import Final, Literal, TypeAlias
from uuid import UUID

from shared.chassis.database import Connection

What: TypeAlias = Literal["services", "owner", "renewal", "policy"]
Look: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]

SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.025

_VERSIONS: Final[dict[What, str]] = {
    "services": """
        SELECT greatest(version, services_version) >= $2 FROM clients WHERE client_id = $1
    """,
    "owner": "SELECT owner_version >= $2 FROM clients WHERE client_id = $1",
    # What was decided and by whom come by two topics.
    "renewal": """
        SELECT version >= $2
               AND EXISTS (SELECT FROM changes WHERE subject_id = $1 AND version >= $2)
          FROM renewals
         WHERE renewal_id = $1
    """,
    "policy": "SELECT policy_version >= $2 FROM partners WHERE partner_id = $1",
}


async def reached(
    look: Look, what: What, ident: UUID, version: int, *, seconds: float = SECONDS
) -> bool:
    """Whether a thing came to a version within some seconds."""
    return await _becomes_true(look, _VERSIONS[what], ident, version, seconds=seconds)


async def reopened(look: Look, client_id: UUID, today: date, *, seconds: float = SECONDS) -> bool:
    """Whether what ended with a client's services can be decided again within some seconds.

    The renewals service has to hear that services were resumed first.
    """
    query = """
        SELECT NOT EXISTS (SELECT FROM renewals
                            WHERE client_id = $1 AND status = 'ended' AND deadline >= $2)
    """
    return await _becomes_true(look, query, client_id, today, seconds=seconds)


async def _becomes_true(look: Look, query: str, *values: object, seconds: float) -> bool:
    """Look until it is so. Each look is a transaction of its own: an open one sees nothing new."""
    until = monotonic() + seconds
    while True:
        async with look() as tx:
            if await tx.fetchval(query, *values):
                return True
        if monotonic() >= until:
            return False
        await asyncio.sleep(PAUSE_SECONDS)
