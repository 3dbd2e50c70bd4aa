"""From a message with its recipient to the letter that a view writes."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifications import domain, views
from services.notifications.settings import Settings
from services.notifications.store.outcomes import Addressed
from services.notifications.store.turns import Turn


def head(settings: Settings) -> views.Letterhead:
    """What is the same on every mail."""
    return views.Letterhead(
        address=settings.mail_from,
        name=settings.mail_from_name,
        reply_to=settings.reply_to,
        domain=settings.mail_domain,
        dashboard_url=settings.dashboard_url.rstrip("/"),
        options_url=settings.options_url.rstrip("/"),
        idempotency_header=settings.idempotency_header,
    )


def write(
    to: Addressed, letterhead: views.Letterhead, now: datetime, today: date
) -> views.MailView:
    """Write the mail for a recipient; days are counted from the partner's ``today``."""
    turn, recipient = to.turn, to.recipient
    case, notice = turn.case, turn.case.notice
    client, partner = case.client, case.partner
    assert client is not None and partner is not None  # noqa: PT018, S101 - decided to be sent
    person, copied = recipient.person, recipient.copied
    letter = views.Letter(
        mail_id=domain.mail_id(notice.subject_id, notice.occasion, notice.stage, person.person_id),
        key=f"{notice.subject_id}:{notice.occasion}:{notice.stage}:{person.person_id}",
        kind=notice.kind,
        stage=notice.stage,
        audience=recipient.audience,
        recipient_name=person.name,
        recipient_address=person.email,
        copied_name=copied.name if copied else "",
        copied_address=copied.email if copied else "",
        client_name=client.name,
        client_domain=client.domain,
        partner_name=partner.name,
        zone=partner.time_zone,
        today=today,
        written_at=now,
        ended=to.owner is not None and to.owner.source == "services_ended",
        subject_id=notice.subject_id,
        client_id=client.client_id,
        **(_end(turn, partner) if notice.kind == domain.ENDED else _change(turn)),
    )
    return views.write(letter, letterhead)


def _change(turn: Turn) -> dict[str, Any]:
    """What stands for decision: as it is known now, else as the event said it."""
    terms, said, renewal = turn.terms, turn.said, turn.case.renewal
    assert renewal is not None  # noqa: S101 - a message about a change that is gone is dropped
    return {
        "starts": renewal.starts,
        "deadline": turn.deadline,
        "status": renewal.status,
        "currency": terms.currency if terms else said["currency"],
        "current_mrr": terms.current_mrr if terms else views.amount(said["current_mrr"]),
        "renewal_mrr": terms.renewal_mrr if terms else views.amount(said["renewal_mrr"]),
        "products": terms.products if terms else said["products"],
    }


def _end(turn: Turn, partner: domain.Partner) -> dict[str, Any]:
    by, ended_at = UUID(turn.said["ended_by"]), datetime.fromisoformat(turn.said["ended_at"])
    named = [user.name for user in partner.users if user.person_id == by]
    return {
        "ended_on": ended_at.astimezone(ZoneInfo(partner.time_zone)).date().isoformat(),
        "ended_by": named[0] if named else "",
        "reason": turn.said["reason"],
    }
