"""The tab "HubSpot Team": who supports the partner, and how to reach them."""

from fastapi.responses import HTMLResponse

from services.dashboard.api.pages import Asked, page
from services.dashboard.views import team
from shared.chassis.http import Router

router = Router(tags=["page"])


@router.get("/dashboard/team", include_in_schema=False)
async def show_team(asked: Asked) -> HTMLResponse:
    """Each person of HubSpot who looks after the partner."""
    partner = asked.partner
    return await page(
        asked,
        "team/page.html.j2",
        at="dashboard/team",
        title="HubSpot Team",
        team=team.show(partner.team, partner.name),
    )
