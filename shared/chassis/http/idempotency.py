"""A command that is sent twice is done once: its answer is kept beside what it did."""

import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from typing_extensions import override

from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.http.problems import Invalid
from shared.chassis.identity import Caller

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
KEPT_HOURS = 24
_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
KEPT_HEADERS = ("content-type", "etag", "location")


@dataclass(frozen=True, slots=True)
class _Claim:
    """The key of the request that runs now, and the transaction that holds it."""

    tx: Connection
    partner: Any
    key: str


class _Answered(Exception):  # noqa: N818 - not an error
    """The command was done before, and this was the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def claim_key(request: Request, caller: Caller, tx: Connection) -> None:
    """Take the request's key, if it has one, until its transaction ends.

    A second request with the same key waits here for the first, and then either gives the
    first one's answer or, if that was undone, takes its place.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return
    if not _KEY.fullmatch(key):
        raise Invalid(HEADER, f"1 to {LONGEST_KEY} visible ASCII characters, no blank", key)
    digest = await _digest(request, caller)
    claimed = await tx.fetchval(
        """
        INSERT INTO idempotency_keys (partner_id, key, request_hash, status, body, headers)
        VALUES ($1, $2, $3, 0, '', '{}')
        ON CONFLICT (partner_id, key) DO UPDATE
           SET request_hash = excluded.request_hash, created_at = excluded.created_at
         WHERE idempotency_keys.created_at < now() - make_interval(hours => $4)
        RETURNING true
        """,
        caller.partner_id,
        key,
        digest,
        KEPT_HOURS,
    )
    if claimed:
        request.state.claim = _Claim(tx, caller.partner_id, key)
        return
    raise _Answered(await _answer(tx, caller, key, digest))


async def _digest(request: Request, caller: Caller) -> str:
    made = hashlib.sha256()
    parts = (caller.user_id.bytes, request.url.path.encode(), request.url.query.encode())
    for part in (*parts, await request.body()):
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()


async def _answer(tx: Connection, caller: Caller, key: str, digest: str) -> Response:
    row = await tx.fetchrow(
        """
        SELECT request_hash, status, headers, body
          FROM idempotency_keys
         WHERE partner_id = $1 AND key = $2
        """,
        caller.partner_id,
        key,
    )
    if row is None or row["request_hash"] != digest:
        raise Invalid(HEADER, "a key that was not used for another request", key)
    headers = json.loads(row["headers"]) | {"Idempotency-Replayed": "true"}
    return Response(row["body"], row["status"], headers=headers)


class Route(APIRoute):
    """A route that keeps the answer to a command with a key, in the command's transaction."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_once(request: Request) -> Response:
            try:
                response = await answer(request)
            except _Answered as before:
                return before.response
            claim: _Claim | None = getattr(request.state, "claim", None)
            if claim is not None:
                body = getattr(request.state, "kept", None) or bytes(response.body)
                await _keep(claim, response, body)
            return response

        return answer_once


async def _keep(claim: _Claim, response: Response, body: bytes) -> None:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    await claim.tx.execute(
        """
        UPDATE idempotency_keys
           SET status = $3, headers = $4, body = $5
         WHERE partner_id = $1 AND key = $2
        """,
        claim.partner,
        claim.key,
        response.status_code,
        json.dumps(kept),
        body,
    )


def keep_instead(request: Request, answer: BaseModel) -> None:
    """Keep this in place of the answer to a command, which shows a secret that is shown once."""
    request.state.kept = answer.model_dump_json().encode()


class Router(APIRouter):
    """The router that services declare their routes on."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(route_class=Route, **settings)


async def forget_old_keys(pool: Pool, _: Clock, *, limit: int = 1000) -> int:
    """Delete keys that are older than a day, at most so many; returns how many."""
    async with pool.acquire() as tx:
        done = await tx.execute(
            """
            DELETE FROM idempotency_keys
             WHERE ctid IN (
                   SELECT ctid
                     FROM idempotency_keys
                    WHERE created_at < now() - make_interval(hours => $1)
                    LIMIT $2)
            """,
            KEPT_HOURS,
            limit,
        )
    return int(done.rpartition(" ")[2])
