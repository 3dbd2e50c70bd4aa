"""Whether the partner services a client: the end, with a reason, and a new beginning."""

from uuid import UUID

from services.clients import domain
from services.clients.api.answers import ClientDetails
from services.clients.api.asking import Answers, AsAdmin
from services.clients.api.orders import EndServicesOrder
from shared.chassis.http import IfMatch, Router, Stale

router = Router(tags=["services"])


@router.post("/clients/{client_id}/services/end")
async def end_services(
    client_id: UUID, order: EndServicesOrder, act: AsAdmin, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Say that the partner no longer services the client: once in a period.

    Nobody of the partner hears of the client's contract changes any more; the client does, from
    HubSpot. The subscriptions stay. Where services have ended already nothing changes, whatever
    version the caller has seen.
    """
    client = await act.hold_any(client_id)
    if client.services.active and client.version != version:
        raise Stale(client.version)
    at = act.clock.now()
    decision = domain.end_services(client, act.caller.user_id, order.reason, at)
    return answers.details(await act.keep(client, decision))


@router.post("/clients/{client_id}/services/resume")
async def resume_services(
    client_id: UUID, act: AsAdmin, version: IfMatch, answers: Answers
) -> ClientDetails:
    """Service the client again: a new period, which no event of an old one can end.

    Where the partner services the client already nothing changes.
    """
    client = await act.hold_any(client_id)
    if not client.services.active and client.version != version:
        raise Stale(client.version)
    decision = domain.resume_services(client, act.caller.user_id, act.clock.now())
    return answers.details(await act.keep(client, decision))
