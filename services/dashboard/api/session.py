"""Signing in and out, and the choice of a partner by HubSpot's staff."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final
from uuid import UUID

import structlog
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response
from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from services.dashboard.api import keeping, pages
from services.dashboard.api.guards import AViewer, SignedOut, Viewer, find_viewer
from services.dashboard.domain.addresses import HOME, own_path
from services.dashboard.senders.oidc import Attempt, NotProven, Provider, ProviderAway, Tokens
from services.dashboard.settings import Settings
from services.dashboard.store import sessions, signals
from services.dashboard.store.sessions import Session
from services.dashboard.views import render
from shared.chassis.clock import SystemClock
from shared.chassis.http import Public, Router
from shared.chassis.http.guards import POOL_WAIT_SECONDS
from shared.chassis.identity import KeysAway
from shared.chassis.seals import Seal

log = structlog.get_logger(__name__)

ATTEMPT_COOKIE: Final = "__Host-sign-in"
ATTEMPT_SECONDS: Final = 600
PROVIDER_AWAY: Final = "The sign-in cannot be reached at the moment. Try again in a few seconds."
NOT_SIGNED_IN: Final = "That sign-in did not work, and nobody is signed in. Try it again."
DEACTIVATED: Final = "Your partner account has deactivated you. An admin of it can undo that."
OTHER_PARTNER: Final = "The sign-in gave access to another partner than the one you chose."
NOT_YOURS: Final = "You may not choose that partner."

router = Router(tags=["session"], include_in_schema=False)


@asynccontextmanager
async def holding_provider(app: FastAPI) -> AsyncIterator[None]:
    """Keep connections to the provider; for `create_app`'s ``extras``."""
    provider: Provider = app.state.provider
    async with provider.connected():
        yield


@router.get("/session/sign-in", dependencies=[Public])
async def sign_in(
    request: Request,
    after: Annotated[str, Query(alias="next")] = HOME,
    *,
    other: Annotated[
        bool, Query(description="Choose who to be, where the provider knows.")
    ] = False,
) -> Response:
    """Send a person to the provider, and remember where they wanted to go."""
    attempt = Attempt.begin(own_path(after))
    answer = RedirectResponse(await _address(request, attempt, other=other), 303)
    _remember(request, answer, attempt)
    return answer


@router.get("/session/callback", dependencies=[Public])
async def come_back(request: Request) -> Response:
    """Take a person back from the provider: prove who they are, and begin a session."""
    attempt = _attempt(request)
    code = _code(request, attempt)
    if attempt is None or code is None:
        if await find_viewer(request):  # another tab was faster
            return RedirectResponse(HOME, 303)
        raise HTTPException(403, NOT_SIGNED_IN)
    tokens = await _tokens(request, code, attempt)
    if attempt.partner_id not in ("", str(tokens.caller.partner_id)):
        raise HTTPException(403, OTHER_PARTNER)
    cookie = await keeping.begin(request, tokens)
    if cookie is None:
        raise HTTPException(403, DEACTIVATED)
    log.info("signed_in", user=str(tokens.caller.user_id), role=tokens.caller.role)
    answer = RedirectResponse(own_path(attempt.next), 303)
    keeping.set_cookie(answer, keeping.COOKIE, cookie)
    keeping.drop_cookie(answer, ATTEMPT_COOKIE)
    return answer


def _code(request: Request, attempt: Attempt | None) -> str | None:
    """What the tokens are got with, if this answers the attempt that this browser began."""
    reason = "no sign-in was begun in this browser, or too long ago"
    if attempt is not None:
        try:
            given = parse_authorization_code_response(str(request.url), attempt.state)
            return str(given["code"])
        except OAuth2Error as error:
            reason = error.error or str(error)
    log.info("sign_in_failed", reason=reason, said=request.query_params.get("error", "")[:60])
    return None


async def _tokens(request: Request, code: str, attempt: Attempt) -> Tokens:
    try:
        return await _provider(request).exchange(code, attempt)
    except NotProven as error:
        log.warning("sign_in_failed", reason=str(error))
        raise HTTPException(403, NOT_SIGNED_IN) from error
    except (ProviderAway, KeysAway) as error:
        raise HTTPException(503, PROVIDER_AWAY, {"Retry-After": "5"}) from error


@router.post("/session/sign-out", dependencies=[Public])
async def sign_out(request: Request) -> Response:
    """End this session, here and at the provider."""
    return await _sign_out(request, everywhere=False)


@router.post("/session/sign-out-everywhere", dependencies=[Public])
async def sign_out_everywhere(request: Request) -> Response:
    """End all sessions of this person, in every browser."""
    return await _sign_out(request, everywhere=True)


async def _sign_out(request: Request, *, everywhere: bool) -> Response:
    ended = await _end(request, everywhere=everywhere)
    seal = keeping.seal_of(request.app.state.settings)
    tokens = ended and seal.open(ended.sealed)
    place = await _provider(request).farewell(tokens.get("id_token") if tokens else None)
    answer = _leave(request, place or "/session/signed-out", "Signing out")
    keeping.drop_cookie(answer, keeping.COOKIE)
    return answer


async def _end(request: Request, *, everywhere: bool) -> Session | None:
    cookie = request.cookies.get(keeping.COOKIE)
    if not cookie:
        return None
    pool = request.app.state.pool
    async with pool.acquire(timeout=POOL_WAIT_SECONDS) as tx, tx.transaction():
        ended: Session | None = await sessions.end_session(tx, keeping.digest_of(cookie))
        if ended is not None:
            if everywhere:
                await sessions.end_sessions_of(tx, ended.user_id)
            await signals.tell_ended(tx, ended.user_id)
    return ended


@router.get("/session/signed-out", dependencies=[Public])
async def say_signed_out(request: Request) -> HTMLResponse:
    """Say that it is done, whoever comes here."""
    shown = {
        "theme": pages.theme_of(request),
        "title": "You are signed out",
        "text": "Close the browser if others use it, too.",
        "href": "/session/sign-in?other=true",
        "label": "Sign in",
    }
    return HTMLResponse(render("error.html.j2", **shown))


@router.get("/session/partner")
async def show_partners(request: Request, viewer: AViewer) -> HTMLResponse:
    """HubSpot's staff choose whose page they see."""
    _require_choice(viewer)
    async with request.app.state.pool.acquire(timeout=POOL_WAIT_SECONDS) as tx:
        names = await sessions.list_names(tx, viewer.partner_ids)
    known = [(each, names.get(each) or f"Partner {each}") for each in viewer.partner_ids]
    shown = {
        "theme": pages.theme_of(request),
        "partners": sorted(known, key=lambda each: each[1].casefold()),
        "present": viewer.partner_id,
        "person": viewer.name,
    }
    return HTMLResponse(render("session/partner.html.j2", **shown))


@router.post("/session/partner", dependencies=[Public])
async def choose_partner(request: Request, partner_id: Annotated[UUID, Form()]) -> Response:
    """Ask the provider for a token of that partner: whose page it is, comes from a token alone."""
    viewer = await find_viewer(request)
    if viewer is None:
        raise SignedOut
    _require_choice(viewer)
    if partner_id not in viewer.partner_ids:
        raise HTTPException(403, NOT_YOURS)
    attempt = Attempt.begin(HOME, str(partner_id))
    answer = _leave(request, await _address(request, attempt), "Going to the partner")
    _remember(request, answer, attempt)
    return answer


def _require_choice(viewer: Viewer) -> None:
    if viewer.role != "staff" or not viewer.partner_ids:
        raise HTTPException(403, "Only staff of HubSpot chooses among partners.")


def _leave(request: Request, place: str, title: str) -> Response:
    """Send the browser elsewhere after a form.

    Browsers hold the target of a redirect against the form's ``form-action 'self'``, so the way
    to another site is a page that goes on by itself.
    """
    if pages.wants_fragment(request):
        return Response(status_code=200, headers={"HX-Redirect": place})
    shown = {
        "theme": pages.theme_of(request),
        "title": title,
        "text": "If nothing happens, go on by yourself.",
        "href": place,
        "label": "Go on",
    }
    answer = HTMLResponse(render("error.html.j2", **shown))
    answer.headers["Refresh"] = f"0; url={place}"
    return answer


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


async def _address(request: Request, attempt: Attempt, *, other: bool = False) -> str:
    try:
        return await _provider(request).address(attempt, other=other)
    except ProviderAway as error:
        raise HTTPException(503, PROVIDER_AWAY, {"Retry-After": "5"}) from error


def _seal(request: Request) -> Seal:
    settings: Settings = request.app.state.settings
    return Seal(settings.session_key, "sign-in")


def _remember(request: Request, answer: Response, attempt: Attempt) -> None:
    sealed = _seal(request).close(
        {
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "next": attempt.next,
            "partner_id": attempt.partner_id,
            "until": SystemClock().now().timestamp() + ATTEMPT_SECONDS,
        }
    )
    keeping.set_cookie(answer, ATTEMPT_COOKIE, sealed, seconds=ATTEMPT_SECONDS)


def _attempt(request: Request) -> Attempt | None:
    opened = _seal(request).open(request.cookies.get(ATTEMPT_COOKIE, ""))
    if opened is None or opened.pop("until") < SystemClock().now().timestamp():
        return None
    return Attempt(**opened)
