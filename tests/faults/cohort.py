"""Clients whose reminders fall due together, and what people do meanwhile."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from shared.contracts import ids
from tests.faults.bed import Bed
from tests.journeys.portfolio import Portfolio
from tests.journeys.system import Person

DAYS_BEFORE = {"entered": 75, "d-45": 45, "d-15": 15, "d-7": 7, "d-1": 1, "d-0": 0, "outcome": -1}
NOTICE = timedelta(days=45)
SEND_HOUR = time(9, tzinfo=UTC)


@dataclass(slots=True)
class Cohort:
    """One partner with its clients, all of which renew on the same day."""

    partner: UUID
    admin: Person
    clients: list[UUID]
    start: date
    ended: list[UUID] = field(default_factory=list)

    def due(self, stage: str) -> datetime:
        """When a stage is due."""
        day = self.start - NOTICE - timedelta(days=DAYS_BEFORE[stage])
        return datetime.combine(day, SEND_HOUR)


async def bring_in(bed: Bed, count: int) -> Cohort:
    """Import a new partner with so many clients, 20 days before their deadline.

    A quarter is the partner's own to tell, a quarter goes to HubSpot with a copy for the
    partner; one in eight has a renewal manager.
    """
    bed.cohorts += 1
    hub = 5_000_000 + bed.cohorts
    portfolio = Portfolio(hub)
    partner = portfolio.partner(f"Cohort {bed.cohorts}")
    admin = portfolio.user(1, f"contact@cohort{bed.cohorts}.example", "admin")
    portfolio.user(2, f"copied@cohort{bed.cohorts}.example")
    portfolio.team("account.manager@hubspot.example", "channel_account_manager")
    start = bed.clock.now().date() + timedelta(days=20) + NOTICE
    found = []
    for record in range(1, count + 1):
        place = f"c{record}.cohort{bed.cohorts}"
        manager = f"manager{record % 5}@hubspot.example" if record % 8 == 0 else None
        # Numbers of contacts and subscriptions follow from the company's.
        portfolio._next = 10 * record + 100_000
        found.append(
            portfolio.client(
                f"Client {place}",
                decision_maker=f"dm@{place}.example",
                manager=manager,
                renewal_start=start,
                record=record,
                **{"Company Domain Name": f"{place}.example"},
            )
        )
        _own(portfolio, record)
    folder = portfolio.write(bed.folder / f"cohort{bed.cohorts}")
    await asyncio.gather(
        *(bed.import_files(name, folder / name) for name in ("clients", "renewals"))
    )
    return Cohort(partner, admin, found, start)


def _own(portfolio: Portfolio, record: int) -> None:
    if record % 4 == 1:
        chosen = {"Renewal owner": "Partner", "Point of contact user ID": 1}
    elif record % 4 == 2:
        chosen = {"Renewal owner": "HubSpot", "Notified user ID": 2}
    else:
        return
    portfolio.add("renewals/renewal_owners.csv", {"Record ID": record, **chosen})


async def end_services(bed: Bed, cohort: Cohort, number: int) -> None:
    """A person ends the services of a client, whatever is down at the moment."""
    client = cohort.clients[number]
    body = {"reason": "They have a team of their own now.", "confirm": True}
    path = f"/clients/{client}/services/end"
    await bed.insist("clients", cohort.admin, "POST", path, body, 1)
    cohort.ended.append(client)


async def decide(bed: Bed, cohort: Cohort, number: int) -> None:
    """A person decides a renewal."""
    client = cohort.clients[number]
    renewal = ids.renewal_id(client, "renewal", cohort.start.isoformat())
    path = f"/renewals/{renewal}/decision"
    await bed.insist("renewals", cohort.admin, "POST", path, {"status": "renewed"}, 1)
