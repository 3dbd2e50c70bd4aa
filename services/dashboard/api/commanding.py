"""What every command needs: the owning services, a fresh look at the model, and the way back."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, QueryParams

from services.dashboard.api.guards import Viewer, opened
from services.dashboard.api.pages import PANELS, Asking, asking, fragment, page, wants_fragment
from services.dashboard.senders.owners import Answer, Away, Done, Owners, Refused, Stale, reaching
from services.dashboard.store import waiting
from services.dashboard.views import frame
from shared.chassis.database import Connection

STALE: Final = "Somebody changed it meanwhile. Here is how it is now: look at it, then save again."
LONGEST: Final = 20_000  # characters of a field that are shown again
_UUID: Final = re.compile(r"[0-9a-f-]{36}")
STATUS: Final = {Refused: 422, Stale: 412, Away: 503}


async def _owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


@asynccontextmanager
async def holding_owners(app: FastAPI) -> AsyncIterator[None]:
    """Hold connections to the owning services while the application runs."""
    settings = app.state.settings
    async with reaching(settings.clients_url, settings.renewals_url) as app.state.owners:
        yield


TheOwners: TypeAlias = Annotated[Owners, Depends(_owners)]


async def _form(request: Request) -> FormData:
    return await request.form(max_files=0)


AForm: TypeAlias = Annotated[FormData, Depends(_form)]


@dataclass(frozen=True, slots=True)
class Commanding:
    """A command of somebody who is signed in; no transaction is open while a service is asked."""

    request: Request
    viewer: Viewer

    def look(self) -> AbstractAsyncContextManager[Connection]:
        """Read the partner's rows as they are now."""
        return opened(self.request, self.viewer)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Asking]:
        """The same, as a page is made of it."""
        clock = self.request.app.state.clock
        async with self.look() as tx:
            yield await asking(self.request, self.viewer, tx, clock)

    async def shows(self, what: waiting.What, ident: UUID, version: int) -> bool:
        """Wait until the page shows what was changed; False where it does not within 2 s."""
        return await waiting.reached(self.look, what, ident, version)


def text_of(form: FormData | QueryParams, name: str) -> str:
    """A field of a form as text; empty where there is none. A NUL is no text."""
    value = form.get(name, "")
    return value.replace("\0", "")[:LONGEST] if isinstance(value, str) else ""


def number_of(form: FormData, name: str) -> int:
    """A version in a form; for what is none 0, which is stale where anything was ever changed."""
    digits = text_of(form, name)
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) < 19 else 0  # noqa: PLR2004 - digits of a bigint


def new_key() -> str:
    """What makes a form, sent twice, one command."""
    return uuid4().hex


def key_of(form: FormData) -> str:
    """The key that a form was given, or a new one."""
    key = text_of(form, "key")
    return key if key.isalnum() and key.isascii() and len(key) <= 64 else new_key()  # noqa: PLR2004 - one of ours is shorter


def back_of(request: Request, form: FormData | None = None) -> str:
    """Where a command is given from, as an address of this site: its path and query alone."""
    written = text_of(form, "back") if form is not None else ""
    written = written or request.headers.get("HX-Current-URL", "")
    parts = urlsplit(written or request.headers.get("Referer", ""))
    if not parts.path.startswith("/") or parts.path == request.url.path:
        return "/renewals/to-act-on"
    return frame.without(f"{parts.path}?{parts.query}", "told")


def done(request: Request, back: str, told: str, *, gone: bool = False) -> Response:
    """Lead back to where the command was given; what is shown there says what was done.

    With an open panel that is the panel, else the page; ``gone`` closes a panel that is open.
    """
    address = frame.without(back, "told", told=told)
    if not wants_fragment(request):
        return RedirectResponse(address, 303)
    where = {"path": address, "target": "#content", "swap": "outerMorph", "replace": "true"}
    kind, _, ident = parse_qs(urlsplit(back).query).get("panel", [""])[0].partition(":")
    if kind in PANELS and _UUID.fullmatch(ident):
        path = f"/panels/{kind}s/{ident}?{urlencode({'told': told})}"
        where = {"path": path, "target": "#panel", "push": "false"}
    return Response(
        headers={"HX-Location": json.dumps(where), "HX-Trigger": "gone, done" if gone else "done"}
    )


async def dialog(
    asked: Asking,
    template: str,
    *,
    title: str,
    at: str = "renewals",
    status: int = 200,
    **shown: Any,
) -> HTMLResponse:
    """What is asked before a command is given: a dialog, and without JavaScript a page."""
    shown |= {"viewer": asked.viewer, "partner": asked.partner, "today": asked.today}
    if wants_fragment(asked.request):
        return fragment(template, status, **shown)
    return await page(
        asked,
        "services/page.html.j2",
        at=at,
        title=title,
        status=status,
        live=False,
        inner=template,
        **shown,
    )


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a form comes back: what is wrong in general, and with which field."""

    general: tuple[str, ...] = ()
    fields: dict[str, str] | None = None
    away: str = ""
    stale: str = ""

    def of(self, field: str) -> str:
        """What is wrong with a field; empty where nothing is."""
        return (self.fields or {}).get(field, "")


RIGHT: Final = Wrong()


def wrong_of(answer: Answer, *known: str) -> Wrong:
    """What a form says of an answer; what is about no field that it has stands above all."""
    if isinstance(answer, Stale):
        return Wrong(stale=STALE)
    if isinstance(answer, Away):
        return Wrong(away=answer.reason)
    if isinstance(answer, Refused):
        said = [(field.partition(".")[0], reason) for field, reason in answer.fields.items()]
        fields = {field: reason for field, reason in said if field in known}
        others = [reason for field, reason in said if field not in known]
        return Wrong(tuple(others or ([] if fields else [answer.detail])), fields)
    return RIGHT


def status_of(answer: Answer) -> int:
    """The status of the page that says what came of a command."""
    return 200 if isinstance(answer, Done) else STATUS[type(answer)]
