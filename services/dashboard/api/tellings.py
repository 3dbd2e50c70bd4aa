"""What a page says of a command that was just done, by what is known now and not by what was sent.

The address says only what it was about: ``?told=ended:<client>``. So it can be read again at any
time, by anybody, and is never wrong.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

from markupsafe import Markup

from services.dashboard.api.pages import TELLERS, Asking
from services.dashboard.store.renewals import find_renewal
from services.dashboard.store.services import find_services
from services.dashboard.views import render
from services.dashboard.views.renewals import People, people

LATE: Final = ":late"

Telling: TypeAlias = Callable[[Asking, UUID], Awaitable[dict[str, object] | None]]


def code(what: str, ident: UUID, *, shown: bool) -> str:
    """What goes into the address. Without ``shown`` the page does not show it yet, and says so."""
    return f"{what}:{ident}{'' if shown else LATE}"


async def flash(asked: Asking) -> Markup | None:
    """What was done, if the address says that something was."""
    what, _, rest = asked.told.partition(":")
    tell = _TELLINGS.get(what)
    ident = _ident(rest.removesuffix(LATE))
    if tell is None or ident is None:
        return None
    shown = await tell(asked, ident)
    if shown is None:
        return None
    late = rest.endswith(LATE)
    written = render(
        "services/told.html.j2",
        what=what,
        late=late,
        back=asked.page_address,
        viewer=asked.viewer,
        zone=asked.partner.time_zone,
        **shown,
    )
    return Markup(written)  # noqa: S704 - rendered


def _ident(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


def people_of(asked: Asking) -> People:
    """The partner's people, as rows need them."""
    partner = asked.partner
    return people(partner.users, partner.policy, partner.time_zone, asked.today)


async def _services(asked: Asking, client_id: UUID) -> dict[str, object] | None:
    services = await find_services(asked.tx, client_id)
    return {"services": services} if services else None


async def _renewal(asked: Asking, renewal_id: UUID) -> dict[str, object] | None:
    renewal = await find_renewal(asked.tx, renewal_id, asked.today)
    return {"renewal": renewal} if renewal else None


async def _settings(asked: Asking, partner_id: UUID) -> dict[str, object] | None:
    return {} if partner_id == asked.partner.partner_id else None


_TELLINGS: Final[dict[str, Telling]] = {
    "ended": _services,
    "resumed": _services,
    "owner": _services,
    "decided": _renewal,
    "default": _settings,
    "stages": _settings,
}

TELLERS.append(flash)
