"""The tab "Partner Tier": figures from the read model, what is behind them from their owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from services.dashboard.api.guards import AViewer
from services.dashboard.api.pages import Asked, page
from services.dashboard.domain.standing import Details, Figure
from services.dashboard.senders.tiers import Tiers, asking
from services.dashboard.views import charts, frame, tier
from shared.chassis.http import Router

router = Router(tags=["page"])

LONGEST_CURSOR: Final = 1000
Sort: TypeAlias = Literal["name", "-name", "figure", "-figure"]


@asynccontextmanager
async def holding_tiers(app: FastAPI) -> AsyncIterator[None]:
    """Hold connections to the tiers service while the application runs."""
    async with asking(app.state.settings.tiers_url) as tiers:
        app.state.tiers = tiers
        yield


async def _details(
    request: Request,
    viewer: AViewer,
    behind: Figure = "sold",
    sort: Sort = "-figure",
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
) -> Details:
    tiers: Tiers = request.app.state.tiers
    return await tiers.details(viewer.token, behind, sort=sort, cursor=cursor)


# Asked before the transaction begins: no connection is held while another service thinks.
TheDetails: TypeAlias = Annotated[Details, Depends(_details)]


@router.get("/dashboard/tier", include_in_schema=False)
async def show_tier(
    details: TheDetails,
    asked: Asked,
    behind: Figure = "sold",
    sort: Sort = "-figure",
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
) -> HTMLResponse:
    """Where the partner stands, what is missing to the next tier, and who is behind it."""
    here = asked.here
    figures = [
        frame.Tab(name, label, frame.without(here, "cursor", "sort", behind=name))
        for name, label in tier.FIGURES.items()
    ]
    return await page(
        asked,
        "tier/page.html.j2",
        at="dashboard/tier",
        title="Partner Tier",
        shown=tier.show(asked.partner.tier, details, asked.today),
        figures=figures,
        figure=behind,
        figure_name=tier.FIGURES[behind],
        sort=sort,
        cursor=cursor,
        tier_name=tier.tier_name,
        last_day=tier.last_day,
        month=charts.month,
        apps=charts.apps,
    )
