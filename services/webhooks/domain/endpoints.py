"""An endpoint: where a partner wants its events, and which."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.webhooks.domain.refusals import Refused


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it stands. ``off_reason`` is None while it is active."""

    endpoint_id: UUID
    partner_id: UUID
    url: str
    description: str
    types: tuple[str, ...]
    secret: str
    created_at: datetime
    off_reason: str | None = None
    secret_before: str | None = None
    secret_before_until: datetime | None = None
    version: int = 1

    @property
    def active(self) -> bool:
        """Whether it hears, and is sent, anything."""
        return self.off_reason is None


def change(
    endpoint: Endpoint, *, url: str, description: str, types: tuple[str, ...], active: bool
) -> Endpoint:
    """Set what an admin may set."""
    off = None if active else endpoint.off_reason or "asked"
    return replace(
        endpoint,
        url=url,
        description=description,
        types=types,
        off_reason=off,
        version=endpoint.version + 1,
    )


def rotate(endpoint: Endpoint, secret: str, until: datetime) -> Endpoint:
    """Take another secret; the present one holds as well until an instant."""
    return replace(
        endpoint,
        secret=secret,
        secret_before=endpoint.secret,
        secret_before_until=until,
        version=endpoint.version + 1,
    )


def require_room(count: int, most: int) -> None:
    """Say no to one endpoint too many."""
    if count >= most:
        raise Refused("url", f"at most {most} endpoints; remove one first", status=409)


def require_active(endpoint: Endpoint) -> None:
    """Say no to what an endpoint that is off cannot do."""
    if not endpoint.active:
        raise Refused("endpoint_id", "an endpoint that is active; switch it on first", status=409)
