"""Why somebody did, or did not, hear of a client around a day."""

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import HTTPException, Query

from services.notifications import domain
from services.notifications.api.messages import sane
from services.notifications.api.models import ChangeView, WhyView, story_view
from services.notifications.store import reading
from shared.chassis.http import AReader, Day, Router, TheClock, Transaction

router = Router(tags=["why"])

MOST = 100


@router.get("/clients/{client_id}/why")
async def explain_day(
    _: AReader,
    tx: Transaction,
    clock: TheClock,
    client_id: UUID,
    on: Annotated[
        Day | None,
        Query(
            description="A day in the partner's zone; today if left out.", examples=["2026-01-04"]
        ),
    ] = None,
) -> WhyView:
    """Tell which stages of the client were current on a day, who was told, and why, or why not."""
    client = await reading.find_client(tx, client_id)
    if client is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    zone = client["time_zone"]
    day = sane("on", on) if on else clock.today(zone)
    begins, ends = domain.midnight(day, zone), domain.midnight(day + timedelta(days=1), zone)
    chains = await reading.list_chains(tx, await reading.list_on(tx, client_id, begins, ends, MOST))
    names = await reading.names_of(tx, [chain.message for chain in chains])
    changes = await reading.list_changes(tx, client_id)
    due = [c.message["message_id"] for c in chains if begins <= c.notice["due_at"] < ends]
    return WhyView(
        client_id=client_id,
        client_name=client["name"],
        day=day,
        time_zone=zone,
        serviced=client["serviced"],
        changes=[_change(row, day) for row in changes],
        messages=[story_view(chain, names) for chain in chains],
        due_that_day=due,
        nothing_due=None if due else _nothing(day, changes, client["stages"]),
    )


def _nothing(day: date, changes: list[reading.Row], stages: str) -> str:
    known = [(row["status"], row["starts"], row["deadline"]) for row in changes if row["deadline"]]
    return domain.nothing_due(day, known, reading.stages_of(stages))


def _change(row: reading.Row, day: date) -> ChangeView:
    deadline = row["deadline"]
    return ChangeView(
        renewal_id=row["renewal_id"],
        kind=row["kind"],
        status=row["status"],
        renewal_start=row["starts"],
        deadline=deadline,
        days_to_deadline=(deadline - day).days if deadline else None,
    )
