"""A message as the bytes of a mail, in text and HTML."""

from binascii import b2a_qp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.notifications.domain import ENDED, OUTCOME
from services.notifications.views import headers
from services.notifications.views.headers import UnsafeError
from services.notifications.views.templates import Shape, filled
from services.notifications.views.texts import (
    KINDS,
    days_left,
    difference,
    in_days,
    money,
    plain,
)

__all__ = ["Letter", "Letterhead", "MailView", "UnsafeError", "write"]

LONGEST_REASON = 1000
MOST_PRODUCTS = 50
LONGEST_LINE = 998  # RFC 5322 2.1.1


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What is the same on every mail."""

    address: str
    name: str
    reply_to: str | None
    domain: str
    dashboard_url: str
    options_url: str
    idempotency_header: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What one mail says, and to whom."""

    mail_id: UUID
    key: str
    kind: str
    stage: str
    audience: str
    recipient_name: str
    recipient_address: str
    copied_name: str
    copied_address: str
    client_name: str
    client_domain: str
    partner_name: str
    zone: str
    today: date
    written_at: datetime
    ended: bool
    subject_id: UUID
    client_id: UUID
    starts: date | None = None
    deadline: date | None = None
    status: str = ""
    currency: str = "USD"
    current_mrr: Decimal = Decimal(0)
    renewal_mrr: Decimal = Decimal(0)
    products: Sequence[Mapping[str, Any]] = ()
    ended_on: str = ""
    ended_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail as it is sent and as a preview shows it."""

    subject: str
    text: str
    html: str
    body: bytes


def write(letter: Letter, head: Letterhead) -> MailView:
    """Write the mail. Raises UnsafeError where a header could be broken by a value."""
    shape, values = _shape(letter), _values(letter, head)
    name = "ended" if letter.kind == ENDED else "change"
    subject = filled(f"{name}.subject.j2", shape, values)
    subject = subject[:1].upper() + subject[1:]
    text = filled(f"{name}.txt.j2", shape, values | _rows(letter, "txt"))
    html = filled(f"{name}.html.j2", shape, values | _rows(letter, "html"))
    return MailView(subject, text, html, _assembled(letter, head, subject, text, html))


def _shape(letter: Letter) -> Shape:
    return (
        ("kind", letter.kind),
        ("audience", letter.audience),
        ("phase", _phase(letter)),
        ("status", letter.status if letter.stage == OUTCOME else ""),
        ("ended", letter.ended),
        ("copied", bool(letter.copied_address)),
        ("products", bool(letter.products)),
        ("domain", bool(letter.client_domain)),
        ("reason", bool(letter.reason)),
        ("named", bool(plain(letter.recipient_name))),
        ("what", KINDS.get(letter.kind, "contract change")),
    )


def _phase(letter: Letter) -> str:
    if letter.stage == OUTCOME:
        return "outcome"
    if letter.deadline is not None and letter.today >= letter.deadline:
        return "last_day"
    return "notice" if letter.stage == "entered" else "reminder"


def _values(letter: Letter, head: Letterhead) -> dict[str, str]:
    values = {
        "client": plain(letter.client_name) or plain(letter.client_domain) or "the client",
        "client_domain": plain(letter.client_domain),
        "partner": plain(letter.partner_name) or "the partner",
        "recipient": plain(letter.recipient_name),
        "copied": plain(letter.copied_name) or letter.copied_address,
        "zone": letter.zone,
        "today": letter.today.isoformat(),
        "dashboard_url": f"{head.dashboard_url}/renewals/{letter.subject_id}",
        "client_url": f"{head.dashboard_url}/clients/{letter.client_id}",
        "options_url": f"{head.options_url}/{letter.subject_id}",
        "ended_on": letter.ended_on,
        "ended_by": plain(letter.ended_by) or "the partner",
        "reason": plain(letter.reason, LONGEST_REASON),
    }
    if letter.starts is None or letter.deadline is None:
        return values
    return values | {
        "starts": letter.starts.isoformat(),
        "deadline": letter.deadline.isoformat(),
        "days_left": days_left(letter.deadline, letter.today),
        "in_days": in_days(letter.starts, letter.today),
        "current": money(letter.current_mrr, letter.currency),
        "renewal": money(letter.renewal_mrr, letter.currency),
        "change": difference(letter.current_mrr, letter.renewal_mrr, letter.currency),
    }


def _rows(letter: Letter, form: str) -> dict[str, str]:
    told = []
    for product in letter.products[:MOST_PRODUCTS]:
        current, renewal = Decimal(product["current_mrr"]), Decimal(product["renewal_mrr"])
        values = {
            "product": plain(product["product"]),
            "current": money(current, letter.currency),
            "renewal": money(renewal, letter.currency),
            "change": difference(current, renewal, letter.currency),
        }
        told.append(filled(f"product.{form}.j2", (), values))
    return {"product_rows": "\r\n".join(told)}


def _assembled(letter: Letter, head: Letterhead, subject: str, text: str, html: str) -> bytes:
    mark = f"=_{letter.mail_id.hex}"
    lines = [
        headers.address("From", head.name, head.address),
        headers.address("To", plain(letter.recipient_name), letter.recipient_address),
    ]
    if letter.copied_address:
        lines.append(headers.address("Cc", plain(letter.copied_name), letter.copied_address))
    if head.reply_to:
        lines.append(headers.address("Reply-To", "", head.reply_to))
    if head.idempotency_header:
        lines.append(f"{head.idempotency_header}: {letter.mail_id}")
    lines += [
        headers.text("Subject", subject),
        headers.date(letter.written_at),
        f"Message-ID: <{letter.mail_id.hex}@{head.domain}>",
        f"List-Id: Renewal notices <renewals.{head.domain}>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        headers.text("X-Partner-Tools-Key", letter.key),
        headers.text("X-Partner-Tools-Kind", letter.kind),
        headers.text("X-Partner-Tools-Audience", letter.audience),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{mark}"',
        "",
        f"--{mark}",
        _part("plain", text, mark),
        f"--{mark}",
        _part("html", html, mark),
        f"--{mark}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def _part(form: str, content: str, mark: str) -> str:
    """A part as it is where mail can carry it so, which saves a third of the writing."""
    plainly = content.isascii() and mark not in content
    if plainly and max(map(len, content.split("\r\n"))) <= LONGEST_LINE:
        encoding = "7bit"
    else:
        encoding = "quoted-printable"
        content = b2a_qp(content.encode("utf-8", "replace"), istext=True).decode("ascii")
    return (
        f"Content-Type: text/{form}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n{content}"
    )
