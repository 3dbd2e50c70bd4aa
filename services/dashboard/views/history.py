"""What happened to a client, in words: who did it, when, and what it was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from services.dashboard.domain import words
from services.dashboard.views import formats
from shared.contracts import clients, renewals
from shared.contracts.event import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``who`` is empty where nobody of the partner did it."""

    at: datetime
    what: str
    detail: str
    who: str


Told = tuple[str, str]  # what happened, and what more there is to say of it
Users = Mapping[UUID, str]


def entry(kind: str, said: str, at: datetime, actor: UUID | None, users: Users) -> Entry:
    """A fact as it was kept. One that is not known here is told by its name."""
    who = users.get(actor, "somebody who is no longer known") if actor else ""
    teller = _TELLERS.get(kind)
    if teller is not None:
        event, tell = teller
        try:
            what, detail = tell(event.model_validate_json(said), users)
            return Entry(at, what, formats.shorten(detail, 300), who)
        except ValidationError:
            pass  # written by a newer version: its name still says something
    name = kind.split(".")[1] if kind.count(".") > 1 else kind
    return Entry(at, _plain(name), "", who)


def _plain(name: str) -> str:
    spaced = "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in name)
    return spaced.strip().capitalize()


def _registered(event: clients.ClientRegistered, _: Users) -> Told:
    return "Became a client", _relationship(event.relationship)


def _relationship(relation: clients.Relationship) -> str:
    told = [
        word for word, is_so in (("sold", relation.sold), ("managed", relation.managed)) if is_so
    ]
    return " and ".join(told).capitalize() or "Neither sold nor managed"


def _related(event: clients.ClientRelationshipChanged, _: Users) -> Told:
    return "Relationship changed", _relationship(event.relationship)


def _contacts(event: clients.ClientContactsChanged, _: Users) -> Told:
    return "Contacts changed", f"Now {formats.counted(len(event.contact_ids), 'contact')}"


def _subscription(event: clients.SubscriptionChanged, _: Users) -> Told:
    now, before = event.subscription, event.previous
    price = formats.money(now.mrr, now.currency)
    if before is None:
        return f"Subscribed to {formats.shorten(now.product, 80)}", f"{price} a month"
    told = []
    if (before.mrr, before.currency) != (now.mrr, now.currency):
        told.append(f"{formats.money(before.mrr, before.currency)} → {price} a month")
    if before.product != now.product:
        told.append(f"before: {before.product}")
    if before.term_end != now.term_end:
        told.append(
            f"term until {formats.day(now.term_end)}, before {formats.day(before.term_end)}"
        )
    return f"{formats.shorten(now.product, 80)} changed", "; ".join(told)


def _unsubscribed(event: clients.SubscriptionRemoved, _: Users) -> Told:
    gone = event.subscription
    price = formats.money(gone.mrr, gone.currency)
    return f"No longer subscribed to {formats.shorten(gone.product, 80)}", f"{price} a month"


def _allowances(event: clients.AllowancesRecorded, _: Users) -> Told:
    tiers = (("contacts", event.contact_tier), ("e-mails", event.email_tier))
    told = [f"{each.used:,} of {each.limit:,} {what}" for what, each in tiers if each]
    return "Limits and use recorded", ", ".join(told)


def _usage(event: clients.AppUsageRecorded, _: Users) -> Told:
    usage = event.app_usage
    until = formats.day(usage.period_end)
    return "App usage recorded", f"{usage.apps_used} of 17 apps in the period until {until}"


def _ended(event: clients.ServicesEnded, _: Users) -> Told:
    return "Services ended", event.reason


def _resumed(_: clients.ServicesResumed, __: Users) -> Told:
    return "Services resumed", ""


def _scheduled(event: renewals.RenewalScheduled, _: Users) -> Told:
    return f"{_kind(event.kind)} scheduled", _starts(event.renewal_start, event.deadline)


def _kind(code: str) -> str:
    name = words.kind(code)
    return f"{name[:1].upper()}{name[1:]}"


def _starts(starts: Any, deadline: Any) -> str:
    return f"Starts {formats.day(starts)}, deadline {formats.day(deadline)}"


def _moved(event: renewals.RenewalMoved, _: Users) -> Told:
    before = formats.day(event.previous_start)
    return "Renewal moved", f"{_starts(event.renewal_start, event.deadline)}; before: {before}"


def _terms(event: renewals.RenewalTermsChanged, _: Users) -> Told:
    now = formats.money(event.current_mrr, event.currency)
    then = formats.money(event.renewal_mrr, event.currency)
    return "Renewal terms changed", f"{now} now, {then} then"


def _withdrawn(event: renewals.RenewalWithdrawn, _: Users) -> Told:
    return "Renewal withdrawn", f"The one of {formats.day(event.renewal_start)}"


def _decided(event: renewals.RenewalDecided, _: Users) -> Told:
    status = formats.STATUSES.get(event.status, event.status)
    start = formats.day(event.renewal_start)
    return f"Renewal of {start}: {status.lower()}", event.reason


def _settled(event: renewals.RenewalSettled, _: Users) -> Told:
    start = formats.day(event.renewal_start)
    return f"Renewal of {start} went through by itself", "Nobody decided until the deadline"


def _renewal_ended(event: renewals.RenewalEnded, _: Users) -> Told:
    return (
        "Renewal left",
        f"Of {formats.day(event.renewal_start)}: you no longer service the client",
    )


def _reopened(event: renewals.RenewalReopened, _: Users) -> Told:
    return "Renewal is back", f"Of {formats.day(event.renewal_start)}: you service the client again"


def _owner(event: renewals.RenewalOwnerChanged, users: Users) -> Told:
    return (
        "Renewal owner changed",
        f"{_choice(event.owner, users)}; before: {_choice(event.previous, users)}",
    )


def _choice(choice: renewals.OwnerChoice, users: Users) -> str:
    named = choice.point_of_contact_id or choice.notified_user_id
    person = users.get(named, "somebody who is no longer known") if named else ""
    return formats.PARTIES[choice.owner] + (f" ({person})" if person else "")


Teller = tuple[type[Event], Callable[[Any, Users], Told]]
_ALL: Final[Sequence[Teller]] = (
    (clients.ClientRegistered, _registered),
    (clients.ClientRelationshipChanged, _related),
    (clients.ClientContactsChanged, _contacts),
    (clients.SubscriptionChanged, _subscription),
    (clients.SubscriptionRemoved, _unsubscribed),
    (clients.AllowancesRecorded, _allowances),
    (clients.AppUsageRecorded, _usage),
    (clients.ServicesEnded, _ended),
    (clients.ServicesResumed, _resumed),
    (renewals.RenewalScheduled, _scheduled),
    (renewals.RenewalMoved, _moved),
    (renewals.RenewalTermsChanged, _terms),
    (renewals.RenewalWithdrawn, _withdrawn),
    (renewals.RenewalDecided, _decided),
    (renewals.RenewalSettled, _settled),
    (renewals.RenewalEnded, _renewal_ended),
    (renewals.RenewalReopened, _reopened),
    (renewals.RenewalOwnerChanged, _owner),
)
_TELLERS: Final = {event.TYPE: (event, tell) for event, tell in _ALL}
