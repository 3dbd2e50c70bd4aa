"""A service that was away does not act on what it knew before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from tests.faults.bed import Bed
from tests.faults.cohort import Cohort, bring_in, end_services
from tests.faults.evidence import check

pytestmark = [pytest.mark.faults, pytest.mark.delivery, pytest.mark.timeout(200)]

PARTNERS_OWN = 0  # the first client of a cohort is told by its partner


@asynccontextmanager
async def not_heard_yet(system: Bed, client: UUID) -> AsyncIterator[None]:
    """Hold up whoever would handle what the clients service said of a client: a slow consumer."""
    said = await system.fetch(
        "clients", "SELECT topic, event_id FROM said WHERE key = $1", str(client)
    )
    holder = await asyncpg.connect(system.databases["notifications"].owner_dsn)
    claim = holder.transaction()
    await claim.start()
    await holder.executemany(
        """
        INSERT INTO inbox (consumer, source, event_id, outcome)
        VALUES ($1, '/clients', $2, 'handled') ON CONFLICT DO NOTHING
        """,
        [(f"notifications.{row['topic']}", row["event_id"]) for row in said],
    )
    yield
    await claim.rollback()
    await holder.close()


async def planned(system: Bed, cohort: Cohort) -> int:
    query = """
        SELECT count(*) FROM messages WHERE partner_id = $1 AND stage = 'd-15' AND state = 'planned'
    """
    [[count]] = await system.fetch("notifications", query, cohort.partner)
    return int(count)


async def test_a_sender_that_comes_back_first_hears_whose_services_ended_meanwhile(
    system: Bed,
) -> None:
    cohort = await bring_in(system, 8)
    await system.quiet()
    await system.stop("notifications")
    await end_services(system, cohort, PARTNERS_OWN)
    system.move_to(cohort.due("d-15"))
    mails = len(await system.mails())
    async with not_heard_yet(system, cohort.clients[PARTNERS_OWN]):
        await system.start("notifications")
        while await planned(system, cohort) < len(cohort.clients):
            assert len(await system.mails()) == mails, "it sent before it knew"
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        assert len(await system.mails()) == mails, "it sent before it knew"
    await system.quiet()
    await check(system, [cohort])
    told = [to for mail in (await system.mails())[mails:] for to in mail["rcpt_to"]]
    assert f"dm@c1.cohort{system.cohorts}.example" in told, "the client is told all the same"
    # Of the two clients that are the partner's to tell, the other one is left.
    assert told.count(f"contact@cohort{system.cohorts}.example") == 1
    system.sound = True
