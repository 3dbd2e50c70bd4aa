"""Messages that nobody can get, each with the way to mend it."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query
from fastapi.responses import HTMLResponse

from services.dashboard.api.pages import Asked, Asking, page
from services.dashboard.domain import words
from services.dashboard.domain.messages import Blocked
from services.dashboard.store.messages import list_blocked
from services.dashboard.store.partners import count_alerts
from services.dashboard.views import frame
from services.dashboard.views import messages as views
from shared.chassis.http import Cursor, Router

router = Router(tags=["page"])

LIMIT: Final = 50
BLOCKED: Final = "/alerts/blocked"


@router.get(BLOCKED, include_in_schema=False)
async def show_blocked(
    asked: Asked, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> HTMLResponse:
    """Blocked messages, those whose deadline comes first, first."""
    after: tuple[date, UUID] | None = None
    if cursor:
        day, ident = Cursor.decode(cursor, date, UUID)
        after = (day, ident)
    found = await list_blocked(asked.tx, limit=LIMIT + 1, after=after)
    shown, last = found[:LIMIT], found[LIMIT - 1] if len(found) > LIMIT else None
    alerts = await count_alerts(asked.tx, asked.today)
    following = last and Cursor.encode(last.deadline or date.max, last.message_id)
    return await page(
        asked,
        "alerts/blocked.html.j2",
        at="dashboard/blocked",
        title="Blocked messages",
        stuck=[_stuck(asked, each) for each in shown],
        number=alerts.blocked,
        first=frame.without(asked.here, "cursor") if cursor else "",
        following=frame.without(asked.here, cursor=following) if following else "",
    )


def _stuck(asked: Asking, message: Blocked) -> views.Stuck:
    days = (message.deadline - asked.today).days if message.deadline else None
    return views.stuck(
        message,
        zone=asked.partner.time_zone,
        days=days,
        links=_links(asked, message),
    )


def _links(asked: Asking, message: Blocked) -> dict[words.Place, views.Step]:
    """The ways that this person has: who only reads is led to nothing that they cannot do."""
    client = message.client_id
    panel = frame.without(BLOCKED, panel=f"client:{client}")
    links: dict[words.Place, views.Step] = {
        "contacts": views.Step("Client details, contacts", f"{panel}#client-contacts"),
        "team": views.Step("HubSpot Team", "/dashboard/team"),
    }
    if company := asked.links.company(asked.partner.hub_id, message.record_id):
        links["crm"] = views.Step("Company in CRM", company, away=True)
    if asked.viewer.may_decide and message.serviced:
        links["owner"] = views.Step("Edit renewal owner", f"/clients/{client}/owner", dialog=True)
    if asked.viewer.is_admin:
        links["default_owner"] = views.Step("Partner settings", "/settings")
    return links
