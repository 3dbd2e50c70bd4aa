"""Events of two partners and their clients, and what a receiver makes of what it got."""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from shared.contracts import clients, examples, ids, registry, renewals

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PARTNER, OTHER = ids.partner_id(1), ids.partner_id(2)
ONE, TWO, THREE = (ids.client_id(1, number) for number in (1, 2, 3))
DUE = "renewals.RenewalDeadlineApproaching.v1"
_GOLDEN = next(
    each for each in examples.events() if isinstance(each, renewals.RenewalDeadlineApproaching)
)


def due(
    client: UUID = ONE, number: int = 1, *, partner: UUID = PARTNER, after: timedelta = timedelta()
) -> renewals.RenewalDeadlineApproaching:
    """A stage that is due: a change of its own for each number."""
    return _GOLDEN.model_copy(
        update={
            "client_id": client,
            "partner_id": partner,
            "renewal_id": uuid5(client, str(number)),
            "version": number,
            "occurred_at": NOON + after,
        }
    )


def ended(client: UUID = ONE) -> clients.ServicesEnded:
    """The end of services for a client."""
    golden = next(each for each in examples.events() if isinstance(each, clients.ServicesEnded))
    return golden.model_copy(
        update={"client_id": client, "partner_id": PARTNER, "occurred_at": NOON}
    )


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether one of the signatures is by this secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return right in headers["webhook-signature"].split(" ")


assert DUE in registry.BY_TYPE
