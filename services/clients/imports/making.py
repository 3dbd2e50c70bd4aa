"""Makes the clients that nobody knew: nothing is compared, so nothing is read back."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.clients import store
from services.clients.domain import newcomers
from services.clients.imports.lanes import Lanes
from shared.chassis import failures, outbox
from shared.chassis.background import together
from shared.chassis.database import Connection
from shared.contracts.clients import ClientRegistered, ClientSnapshot

AT_ONCE = 2500


async def make_newcomers(
    lanes: Lanes, at: datetime, show: Callable[[int], None]
) -> tuple[int, list[Sequence[UUID]]]:
    """Make all new clients, part by part, each part a transaction; return how many.

    And return the parts of which somebody has made something meanwhile, for those who look closer:
    they are staged on the first connection then. With two of them, each of which has half of the
    clients, PostgreSQL works on two parts at a time, on two processors.
    """
    made = _Made(at, show)
    await together(*(made.make(each) for each in lanes))
    for lane, part in made.left:
        if lane is not lanes[0]:
            await store.bring(lanes[0], lane, part)
    return made.count, [part for _, part in made.left]


@dataclass(slots=True)
class _Made:
    """How far it is."""

    at: datetime
    show: Callable[[int], None]
    count: int = 0
    left: list[tuple[Connection, Sequence[UUID]]] = field(default_factory=list)

    async def make(self, tx: Connection) -> None:
        """Make the new clients that are staged on a connection."""
        last: UUID | None = None
        while part := await store.list_newcomers(tx, last, AT_ONCE):
            try:
                async with tx.transaction():
                    await _make(tx, part, self.at)
            except Exception as error:
                if not failures.already_there(error):
                    raise
                self.left.append((tx, part))
            else:
                self.count += len(part)
                self.show(self.count)
            last = part[-1]


async def _make(tx: Connection, part: Sequence[UUID], at: datetime) -> None:
    """Make clients; while the database takes them, what is said of them is written."""
    found = await store.read_newcomers(tx, part)
    _, (told, rows) = await asyncio.gather(
        store.make_clients(tx, part), asyncio.to_thread(_tell, found, at)
    )
    await store.save_registrations(tx, told, at)
    await outbox.insert(tx, rows)


def _tell(
    found: newcomers.Newcomers, at: datetime
) -> tuple[list[newcomers.Told], list[outbox.Row]]:
    told = newcomers.tell(found, at)
    fact, state = ClientRegistered, ClientSnapshot
    fact_headers, state_headers = newcomers.header_templates(at)
    ids = iter(outbox.new_ids(at, 2 * len(told)))
    rows: list[outbox.Row] = []
    for key, _, registered, snapshot, _ in told:
        outbox.require_fitting(state.TYPE, key, snapshot)  # the fact says less
        one, two = next(ids), next(ids)
        told_by = fact_headers % {"key": key, "id": one}
        rows.append(outbox.Row(fact.TOPIC, key, registered, told_by, one))
        told_by = state_headers % {"key": key, "id": two}
        rows.append(outbox.Row(state.TOPIC, key, snapshot, told_by, two))
    return told, rows
