"""What every page is made of: who asks, for which partner, when; the frame; the panel beside it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from services.dashboard.api.guards import AViewer, Reading, TheClock, Viewer
from services.dashboard.domain.addresses import own_path
from services.dashboard.domain.links import Patterns
from services.dashboard.store.partners import PartnerRow, find_partner
from services.dashboard.views import formats, frame, render, template
from services.dashboard.views.rows import filled_page, hole
from shared.chassis.clock import Clock, SystemClock
from shared.chassis.database import Connection
from shared.chassis.http import Public, Router

T = TypeVar("T")

THEME_COOKIE: Final = "__Host-theme"
COLUMNS_COOKIE: Final = "__Host-client-columns"
LONGEST_READ_SECONDS: Final = 10  # from the first look at the database to the page
YEAR_SECONDS: Final = 365 * 24 * 3600

router = Router(include_in_schema=False)


class NotAtHand(Exception):  # noqa: N818 - says where something is not
    """Something has to be read in the database."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request of somebody who is signed in, in the transaction that it reads in, if any."""

    request: Request
    viewer: Viewer
    transaction: Connection | None
    clock: Clock
    partner: PartnerRow
    today: date

    @property
    def tx(self) -> Connection:
        """The transaction. Raises NotAtHand where it is tried to do without one."""
        if self.transaction is None:
            raise NotAtHand
        return self.transaction

    @property
    def here(self) -> str:
        """The address that is asked for, without the panel that may be open and what was done."""
        url = self.request.url
        return frame.without(f"{url.path}?{url.query}", "panel", "told")

    @property
    def links(self) -> Patterns:
        """Where a client's pages at HubSpot are."""
        settings = self.request.app.state.settings
        return Patterns(settings.crm_link, settings.portal_link)

    @property
    def page_address(self) -> str:
        """The address of the page that a part is asked for, without the panel."""
        current = self.request.headers.get("HX-Current-URL")
        if current is None:
            return self.here
        parts = urlsplit(current)
        return frame.without(f"{parts.path}?{parts.query}", "panel", "told")

    @property
    def told(self) -> str:
        """What the address says was just done; empty where nothing was."""
        return self.request.query_params.get("told", "")


async def asking(request: Request, viewer: AViewer, tx: Reading, clock: TheClock) -> Asking:
    partner = await find_partner(tx) or PartnerRow(viewer.partner_id, "", None, "UTC")
    return Asking(request, viewer, tx, clock, partner, clock.today(partner.time_zone))


Asked: TypeAlias = Annotated[Asking, Depends(asking)]
Panel: TypeAlias = Callable[[Asking, UUID], Awaitable[str | None]]
PANELS: Final[dict[str, Panel]] = {}
Teller: TypeAlias = Callable[[Asking], Awaitable[Markup | None]]
TELLERS: Final[list[Teller]] = []  # say what was just done, above the content


def panel(kind: str) -> Callable[[Panel], Panel]:
    """Show what this returns as the right panel for ``?panel=<kind>:<id>``; None: no such thing.

    The same is a part of its own at ``/panels/<kind>s/<id>``.
    """

    def register(show: Panel) -> Panel:
        PANELS[kind] = show
        return show

    return register


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part, and not for the page as it was in the history."""
    headers = request.headers
    return (
        "HX-Request" in headers
        and "HX-History-Restore-Request" not in headers
        and headers.get("HX-Request-Type") != "full"
    )


def theme_of(request: Request) -> str:
    """Light, dark, or what the system has."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in frame.THEMES else "system"


def read_query(kind: TypeAdapter[T], request: Request) -> T:
    """What the address asks for, read at once: FastAPI reads each parameter by itself."""
    try:
        return kind.validate_python(dict(request.query_params.multi_items()))
    except ValidationError as error:
        wrong = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(wrong) from error


async def page(
    asked: Asking,
    name: str,
    *,
    at: str,
    title: str,
    status: int = 200,
    live: bool = True,
    **shown: Any,
) -> HTMLResponse:
    """Answer with a page in the frame, or with its content alone where htmx asks.

    The content fetches itself again when something changed, unless ``live`` is False: a page
    with a form keeps what is being written. ``viewer``, ``today`` and ``frame`` are shown, too.
    """
    part = wants_fragment(asked.request)
    around = await _frame(asked, at, title, here=asked.here, live=live, part=part)
    shell = "part.html.j2" if part else "layout.html.j2"
    shown |= {"shell": shell, "frame": around, "viewer": asked.viewer, "today": asked.today}
    return _html(render(name, **shown), status)


async def list_page(
    asked: Asking,
    name: str,
    *,
    at: str,
    title: str,
    here: str,
    shape: Mapping[str, Hashable],
    values: Mapping[str, str],
) -> HTMLResponse:
    """Answer with a list: the page around its rows is rendered once for each shape.

    ``here`` is the address in that shape. In the template the parts of the shape have their
    names, and values are ``v``.
    """
    part = wants_fragment(asked.request)
    around = await _frame(asked, at, title, here=here, live=True, part=part)
    shaped = replace(around, since=hole("since"))
    if part:  # what a part does not show makes it no other
        shaped = replace(shaped, partner="", person="", role="", theme="")
    shell = "part.html.j2" if part else "layout.html.j2"
    written = filled_page(
        template(name),
        {**shape, "shell": shell, "frame": shaped},
        {**values, "since": around.since},
    )
    return _html(written, 200)


def fragment(name: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """Answer htmx with a part of a page."""
    return _html(render(name, **shown), status)


def _html(written: str, status: int) -> HTMLResponse:
    return HTMLResponse(written, status, {"Vary": "HX-Request"})


async def _frame(
    asked: Asking, at: str, title: str, *, here: str, live: bool, part: bool
) -> frame.Frame:
    viewer, partner = asked.viewer, asked.partner
    told_as_of, fresh = ("", True) if part else as_of(asked)
    said = [await tell(asked) for tell in TELLERS if asked.told]
    return frame.Frame(
        at=at,
        title=title,
        here=here,
        again=frame.without(here, told=asked.told),
        told=next((each for each in said if each), None),
        partner=partner.name or "Your partner account",
        zone=partner.time_zone,
        person=viewer.name,
        role=formats.ROLES[viewer.role],
        theme=theme_of(asked.request),
        staff=viewer.role == "staff",
        live=live,
        as_of=told_as_of,
        fresh=fresh,
        panel=None if part else await _panel(asked),
        close=here,
        since=f"{SystemClock().now().timestamp() - LONGEST_READ_SECONDS:.0f}",
    )


async def _panel(asked: Asking) -> Markup | None:
    """The panel that the address names, made on the server: it needs no JavaScript."""
    kind, _, named = asked.request.query_params.get("panel", "").partition(":")
    show = PANELS.get(kind)
    if show is None:
        return None
    written = await show(asked, _id(named))
    return Markup(written or render("missing.html.j2", close=asked.here))  # noqa: S704 - rendered


def _id(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError:
        return UUID(int=0)  # nothing has it


def as_of(asked: Asking) -> tuple[str, bool]:
    """How old the data is, in words, and whether that is nothing to think of."""
    return frame.told_as_of(asked.partner.as_of, asked.clock.now(), asked.partner.time_zone)


@router.get("/panels/{kind}/{ident}")
async def show_panel(kind: str, ident: UUID, asked: Asked) -> HTMLResponse:
    """The right panel, for the dialog that waits for it."""
    show = PANELS.get(kind.removesuffix("s"))
    if show is None:
        raise HTTPException(404)
    written = await show(asked, ident)
    if written is None:
        return fragment("missing.html.j2", 404, close=asked.page_address)
    answer = _html(written, 200)
    if asked.request.headers.get("HX-Target", "").startswith("dialog"):
        # It was opened, and did not bring itself up to date: its page has an address of its own.
        kept = frame.without(asked.page_address, panel=f"{kind.removesuffix('s')}:{ident}")
        answer.headers["HX-Push-Url"] = kept
    return answer


@router.get("/as-of")
async def showas_of(asked: Asked) -> HTMLResponse:
    """How old the data is."""
    told, fresh = as_of(asked)
    return fragment("as_of.html.j2", told=told, fresh=fresh)


@router.post("/theme", dependencies=[Public])
async def choose_theme(
    theme: Annotated[Literal["system", "light", "dark"], Form()],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> RedirectResponse:
    """Keep the choice of light or dark in a cookie."""
    answer = RedirectResponse(own_path(frame.without(back)), 303)
    answer.set_cookie(
        THEME_COOKIE, theme, max_age=YEAR_SECONDS, secure=True, httponly=True, samesite="lax"
    )
    return answer
