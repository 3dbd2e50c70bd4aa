"""What the browser loads beside the page, kept by it for ever."""

from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.dashboard.views.assets import ASSETS, REFERENCE, Asset
from shared.chassis.http import Public, Router

FOR_EVER: Final = "public, max-age=31536000, immutable"
A_DAY: Final = "public, max-age=86400"
AN_HOUR: Final = "public, max-age=3600"
ICON: Final = "mark.svg"

router = Router(include_in_schema=False)


@router.get("/static/{digest}/{name}", dependencies=[Public])
async def show_file(request: Request, digest: str, name: str) -> Response:
    """A script, a style sheet or a picture; its address changes with its content."""
    asset = ASSETS.get(name)
    if asset is None or asset.digest != digest:
        raise HTTPException(404)
    return _sent(request, asset, FOR_EVER)


@router.get("/favicon.ico", dependencies=[Public])
async def show_icon(request: Request) -> Response:
    """For browsers that ask for it without being told."""
    return _sent(request, ASSETS[ICON], A_DAY)


@router.get("/reference", dependencies=[Public])
async def lead_to_reference() -> Response:
    """The reference of the events, for those who build on them."""
    return RedirectResponse("/reference/events.html", 308)


@router.get("/reference/{name}", dependencies=[Public])
async def show_reference(request: Request, name: str) -> Response:
    """The page of the reference, its style sheet, or the same for machines."""
    if name not in REFERENCE:
        raise HTTPException(404)
    return _sent(request, REFERENCE[name], AN_HOUR)


def _sent(request: Request, asset: Asset, kept: str) -> Response:
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(asset.body, headers=headers, media_type=asset.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.zipped, headers=headers, media_type=asset.media_type)
