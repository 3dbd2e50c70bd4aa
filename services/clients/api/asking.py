"""What every endpoint of the clients service needs: who acts, on which client, and its end."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from services.clients import domain, store
from services.clients.api.answers import ClientDetails
from services.clients.domain import links
from shared.chassis import outbox
from shared.chassis.clock import Clock
from shared.chassis.database import Connection
from shared.chassis.http import AMember, AnAdmin, Stale, TheCaller, TheClock, Transaction, etag
from shared.chassis.identity import Caller
from shared.contracts.clients import ClientEvent

BELONGS_ELSEWHERE = "a record that does not belong to another client of the partner"
TOO_MUCH = "less text: a client with all that belongs to it must fit into 900 KiB"


@dataclass(frozen=True, slots=True)
class Answering:
    """What shows a client: the partner's links, and the answer whose ETag tells the version."""

    patterns: links.Patterns
    hub_id: int
    response: Response

    def details(self, client: domain.Client) -> ClientDetails:
        """Show a client as a whole."""
        etag(self.response, client.version)
        return ClientDetails.of(client, self.patterns, self.hub_id)


async def _answering(
    request: Request, response: Response, caller: TheCaller, tx: Transaction
) -> Answering:
    settings = request.app.state.settings
    hub_id = await store.find_hub_id(tx, caller.partner_id)
    if hub_id is None:
        raise HTTPException(404, "The caller's partner is not known here.")
    return Answering(links.Patterns(settings.crm_link, settings.portal_link), hub_id, response)


Answers: TypeAlias = Annotated[Answering, Depends(_answering)]


@dataclass(frozen=True, slots=True)
class Act:
    """A change in the making: who makes it, in which transaction, at what time."""

    caller: Caller
    tx: Connection
    clock: Clock

    async def hold(self, client_id: UUID, version: int) -> domain.Client:
        """Hold a client until the end, as the caller has seen it. Raises 404 and `Stale`."""
        client = await self.hold_any(client_id)
        if client.version != version:
            raise Stale(client.version)
        return client

    async def hold_any(self, client_id: UUID) -> domain.Client:
        """Hold a client until the end, whatever the caller has seen of it. Raises 404."""
        client = await store.lock_client(self.tx, client_id)
        if client is None:
            raise HTTPException(404)
        return client

    async def keep(
        self,
        before: domain.Client,
        decision: tuple[domain.Client, list[domain.Change[ClientEvent]]] | None,
    ) -> domain.Client:
        """Save what was decided, with its history, its facts and one snapshot.

        None stands for something of the client's that there is not. Raises 404 and Refused.
        """
        if decision is None:
            raise HTTPException(404)
        after, changes = decision
        if not changes:
            return before
        at = self.clock.now()
        if not await store.save_client(self.tx, before, after):
            raise domain.Refused("record_id", BELONGS_ELSEWHERE, status=409)
        lines = [store.Line(after.client_id, after.partner_id, change) for change in changes]
        await store.save_history(self.tx, lines, self.caller.user_id, at)
        try:
            await outbox.record(self.tx, *domain.facts(changes), after.snapshot(at))
        except outbox.EventTooBigError as error:
            raise domain.Refused("client", TOO_MUCH, status=409) from error
        return after


async def _act(caller: Caller, tx: Connection, clock: Clock) -> Act:
    """Let nobody act who was deactivated, however long the token is good."""
    user = await store.find_user(tx, caller.user_id)
    if user is not None and not user.active:
        raise HTTPException(403, "The caller's user is deactivated.")
    return Act(caller, tx, clock)


async def _member(caller: AMember, tx: Transaction, clock: TheClock) -> Act:
    return await _act(caller, tx, clock)


async def _admin(caller: AnAdmin, tx: Transaction, clock: TheClock) -> Act:
    return await _act(caller, tx, clock)


AsMember: TypeAlias = Annotated[Act, Depends(_member)]
AsAdmin: TypeAlias = Annotated[Act, Depends(_admin)]
