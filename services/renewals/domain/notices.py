"""A stage that is due, written as its event: thousands a second, so without a model for each.

What many renewals share is written once; a test holds the bytes equal to those of the contract.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.renewals.domain import dates, stages
from services.renewals.domain.kinds import Kind, Status
from services.renewals.domain.stages import Due, Names, Swept
from shared.contracts import headers
from shared.contracts.renewals import RenewalDeadlineApproaching as Approaching

DUE_HEADERS: Final = (
    "ce_id",
    "ce_subject",
    "ce_partitionkey",
    "ce_aggregateversion",
    "ce_correlationid",
    "correlation_id",
)


class Shared(NamedTuple):
    """What decides which stage is due: renewals that agree in it are told the same."""

    kind: str
    status: str
    starts: date
    next_stage: str
    time_zone: str
    send_hour: str
    stages: Names


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the clock finds for all renewals that agree in ``Shared``."""

    swept: Swept
    dates: str = ""
    days: str = ""
    unsettled: bool = False


class Row(NamedTuple):
    """What one renewal adds to it; ids are texts, so are amounts, and ``products`` is JSON."""

    version: int
    renewal_id: str
    client_id: str
    partner_id: str
    currency: str
    current_mrr: str
    renewal_mrr: str
    products: str
    owner: str
    client_version: int
    partner_version: int
    renewals_version: int
    policy_version: int


def look(shared: Shared, now: datetime) -> Look:
    """Find which stage is due now, and write what its events have in common.

    ``next_stage`` was found among those that the status leaves; none before it is looked at.
    """
    kind, status = Kind(shared.kind), Status(shared.status)
    whole = stages.plan(kind, shared.starts, shared.time_zone, shared.send_hour, shared.stages)
    swept = stages.sweep(whole, shared.next_stage, now)
    fired = swept.fired
    if fired is None:
        return Look(swept)
    today = dates.today_in(shared.time_zone, now)
    last_day = dates.deadline(shared.starts, kind)
    told = json.dumps([due.stage for due in swept.superseded], separators=(",", ":"))
    return Look(
        swept,
        f'"kind":"{kind}","status":"{status}","stage":"{fired.stage}",{_window(fired)},'
        f'"time_zone":{json.dumps(shared.time_zone)}',
        f'"renewal_start":"{shared.starts}","deadline":"{last_day}",'
        f'"days_to_renewal":{(shared.starts - today).days},'
        f'"days_to_deadline":{(last_day - today).days},"superseded":{told}',
        unsettled=status is Status.PENDING and today > last_day,
    )


def payload(found: Look, row: Row, occurred_at: str) -> bytes:
    """The event's value; ``occurred_at`` is written by ``instant``."""
    return (
        f'{{"version":{row.version},"occurred_at":"{occurred_at}","renewal_id":"{row.renewal_id}",'
        f'"client_id":"{row.client_id}","partner_id":"{row.partner_id}",{found.dates},{found.days},'
        f'"currency":"{row.currency}","current_mrr":"{row.current_mrr}",'
        f'"renewal_mrr":"{row.renewal_mrr}","products":{row.products},"owner":{row.owner},'
        f'"client_version":{row.client_version},"partner_version":{row.partner_version},'
        f'"renewals_version":{row.renewals_version},"policy_version":{row.policy_version}}}'
    ).encode()


def header_base(now: datetime, trace: str | None = None) -> str:
    """The headers that all events of a sweep share, as the beginning of a JSON object.

    ``trace`` is the traceparent of the sweep, while spans are made.
    """
    nobody = UUID(int=0)
    named = dict.fromkeys(("renewal_id", "client_id", "partner_id"), nobody)
    fields: dict[str, Any] = {"version": 1, "occurred_at": now, **named}
    sample = Approaching.model_construct(**fields)
    described = headers.of_event(sample, event_id="", correlation_id="", traceparent=trace)
    common = {name: text for name, text in described.items() if name not in DUE_HEADERS}
    assert described.keys() - common.keys() == set(DUE_HEADERS)  # noqa: S101 - else one would be lost
    return json.dumps(common)[:-1]


def header(base: str, row: Row, event_id: str) -> str:
    """The headers of one event, as a JSON object. Time alone causes it: it starts a correlation."""
    return (
        f'{base},"ce_id":"{event_id}","ce_subject":"{row.renewal_id}",'
        f'"ce_partitionkey":"{row.client_id}","ce_aggregateversion":"{row.version}",'
        f'"ce_correlationid":"{event_id}","correlation_id":"{event_id}"}}'
    )


def instant(at: datetime) -> str:
    """An instant as events have it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _window(due: Due) -> str:
    return f'"due_at":"{instant(due.due_at)}","due_until":"{instant(due.due_until)}"'
