"""The mail sink's page, its JSON, and the switch for its faults."""

import html
from dataclasses import asdict
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from deploy.local.mailbox import Filter, Mail, Mailbox, body, parse

SHOWN = 200
# A mail's own page may show pictures and styles, and do nothing.
_SANDBOX = "sandbox; default-src 'none'; img-src data: https:; style-src 'unsafe-inline'"

router = APIRouter()


class Behaviour(BaseModel):
    """How the next messages are treated, instead of being accepted at once."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(default=1, ge=0, description="For how many messages (0: behave again).")
    reply: str | None = Field(
        default=None, pattern=r"^[45]\d\d .+$", description="The refusal, such as 451 4.3.0 Later."
    )
    at: Literal["rcpt", "data"] = Field(default="data", description="When it is refused.")
    recipient: str | None = Field(default=None, description="Only for this recipient.")
    delay: float = Field(default=0.0, ge=0, le=600, description="Seconds to wait before the reply.")
    hang_up: Literal["no", "before", "after"] = Field(
        default="no", description="Cut the connection before or after the mail is kept, silently."
    )


class Keeper(Protocol):
    """What the doors open to."""

    mailbox: Mailbox
    behaviour: Behaviour


def _keeper(request: Request) -> Keeper:
    keeper: Keeper = request.app.state.sink
    return keeper


def _filter(
    to: str | None = None,
    subject: str | None = None,
    message_id: str | None = None,
    list_id: str | None = None,
    after: int = 0,
) -> Filter:
    return Filter(to, subject, message_id, list_id, after)


TheKeeper: TypeAlias = Annotated[Keeper, Depends(_keeper)]
Wanted: TypeAlias = Annotated[Filter, Depends(_filter)]


@router.get("/readyz")
async def ready() -> dict[str, str]:
    """Say that mail is taken: the page starts after the SMTP server."""
    return {"status": "ready"}


@router.get("/messages")
async def list_messages(
    keeper: TheKeeper, wanted: Wanted, limit: Annotated[int, Query(ge=1, le=1_000_000)] = 1000
) -> list[dict[str, Any]]:
    """The first messages that match, in the order in which they came; go on with ``after``."""
    matching = keeper.mailbox.list(wanted)
    return [asdict(mail) for mail, _ in zip(matching, range(limit), strict=False)]


@router.get("/count")
async def count_messages(keeper: TheKeeper, wanted: Wanted) -> dict[str, int]:
    """How many messages match."""
    return {"count": sum(1 for _ in keeper.mailbox.list(wanted))}


@router.delete("/messages")
async def forget_messages(keeper: TheKeeper) -> dict[str, int]:
    """Start with an empty mailbox."""
    return {"forgotten": keeper.mailbox.clear()}


@router.get("/messages/{mail_id}")
async def show_message(keeper: TheKeeper, mail_id: int) -> dict[str, Any]:
    """A message with every header and both bodies, decoded."""
    mail = _found(keeper, mail_id)
    message = parse(keeper.mailbox.raw(mail_id))
    return asdict(mail) | {
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": body(message, "plain"),
        "html": body(message, "html"),
    }


@router.get("/messages/{mail_id}/raw")
async def show_raw(keeper: TheKeeper, mail_id: int) -> Response:
    """A message as it came."""
    _found(keeper, mail_id)
    return Response(keeper.mailbox.raw(mail_id), media_type="text/plain; charset=utf-8")


@router.get("/messages/{mail_id}/html")
async def show_page(keeper: TheKeeper, mail_id: int) -> HTMLResponse:
    """A message as a mail program shows it."""
    _found(keeper, mail_id)
    message = parse(keeper.mailbox.raw(mail_id))
    page = body(message, "html") or f"<pre>{html.escape(body(message, 'plain') or '')}</pre>"
    return HTMLResponse(page, headers={"Content-Security-Policy": _SANDBOX})


@router.get("/behave")
async def show_behaviour(keeper: TheKeeper) -> Behaviour:
    """How the next messages are treated."""
    return keeper.behaviour


@router.post("/behave")
async def behave(keeper: TheKeeper, behaviour: Behaviour) -> Behaviour:
    """Treat the next messages so."""
    keeper.behaviour = behaviour
    return behaviour


@router.get("/", response_class=HTMLResponse)
async def show_list(keeper: TheKeeper, wanted: Wanted) -> str:
    """What came last, for people."""
    return _page(list(keeper.mailbox.list(wanted)))


def _found(keeper: Keeper, mail_id: int) -> Mail:
    mail = keeper.mailbox.find(mail_id)
    if mail is None:
        raise HTTPException(404, f"There is no message {mail_id}.")
    return mail


def _page(mails: list[Mail]) -> str:
    rows = "".join(
        f"<tr><td>{mail.received_at[:19]}Z<td>{html.escape(', '.join(mail.rcpt_to))}"
        f'<td><a href="/messages/{mail.id}/html">{html.escape(mail.subject) or "(none)"}</a>'
        f'<td><a href="/messages/{mail.id}/raw">raw</a>'
        for mail in reversed(mails[-SHOWN:])
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail sink</title>'
        "<style>body{font:1rem/1.5 system-ui,sans-serif;margin:2rem}"
        "td,th{padding:.2rem 1rem .2rem 0;text-align:left;vertical-align:top}</style>"
        f"<h1>Mail sink</h1><p>{len(mails)} kept, the last {min(len(mails), SHOWN)} shown. "
        "Nothing leaves this machine.</p><form><label>Recipient <input name=to type=email></label> "
        "<button>Show</button></form><table><thead><tr><th>Received<th>To<th>Subject<th>"
        f"</thead><tbody>{rows}</tbody></table></html>"
    )
