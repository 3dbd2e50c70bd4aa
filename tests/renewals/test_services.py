"""Ended and resumed services: what the partner may still decide, and who is told then."""

import itertools
from datetime import date, timedelta

import pytest

from services.renewals import handlers
from services.renewals.domain import Status
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients, ids
from shared.contracts.event import Tombstone
from shared.contracts.renewals import RenewalEnded, RenewalReopened
from tests.deliver import deliver, published
from tests.renewals.portfolio import (
    ANN,
    CLIENT,
    CY,
    NOON,
    PARTNER,
    START,
    AClient,
    APartner,
    all_of,
    hear,
    last_snapshot,
    the_renewal,
    told,
    watch,
    watch_until,
)


async def test_with_ended_services_nothing_is_left_to_decide(pool: Pool) -> None:
    client = AClient().term().term(2, START + timedelta(days=10))
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.ended())

    assert {r.status for r in await all_of(pool)} == {Status.ENDED}
    assert [e.period for e in await published(pool, RenewalEnded)] == [1, 1]
    assert {r.status for r in (await last_snapshot(pool)).renewals} == {"ended"}


async def test_resumed_services_reopen_what_has_not_passed_its_deadline(pool: Pool) -> None:
    client = AClient().term(1, NOON.date() + timedelta(days=50)).term(2)
    await hear(pool, APartner().now(), client.now())
    await hear(pool, client.ended())

    await hear(pool, client.resumed(2, at=NOON + timedelta(days=6)))  # one deadline was missed

    first, second = await all_of(pool)
    assert (first.status, second.status) == (Status.ENDED, Status.PENDING)
    [again] = await published(pool, RenewalReopened)
    assert (again.period, again.renewal_start) == (2, START)


async def test_a_term_that_moves_without_services_leaves_nothing_to_decide(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    clock.set(NOON.replace(month=4, day=20))
    await watch(pool, clock)  # it renewed by itself
    await hear(pool, client.ended(at=clock.now()))

    client.term(1, START + timedelta(days=30))
    await hear(pool, client.now(active=False, at=clock.now()))

    assert (await the_renewal(pool)).status is Status.ENDED
    assert [r.status for r in (await last_snapshot(pool)).renewals] == ["ended"]


async def test_what_ended_is_open_again_once_its_term_moves_far_enough_after_the_resume(
    pool: Pool,
) -> None:
    client = AClient().term(1, NOON.date() + timedelta(days=50))
    await hear(pool, APartner().now(), client.now())
    late = NOON + timedelta(days=6)  # its deadline was missed
    await hear(pool, client.ended(), client.resumed(2, at=late))
    assert (await the_renewal(pool)).status is Status.ENDED

    await hear(pool, client.term(1, START).now(active=True, period=2, at=late))

    assert (await the_renewal(pool)).status is Status.PENDING


async def test_an_end_that_comes_after_the_resume_ends_nothing(pool: Pool) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    ended, resumed = client.ended(1), client.resumed(2)

    await hear(pool, resumed)
    await hear(pool, ended)

    assert (await the_renewal(pool)).status is Status.PENDING
    assert not await published(pool, RenewalEnded)


def _histories() -> list[tuple[int, ...]]:
    return list(itertools.permutations(range(4)))


@pytest.mark.parametrize("order", _histories()[::3], ids=str)
async def test_whatever_order_the_topics_come_in_the_end_is_the_same(
    pool: Pool, order: tuple[int, ...]
) -> None:
    client = AClient().term()
    first = client.now()
    ended = client.ended(1)
    resumed = client.resumed(2)
    last_end = client.ended(2)
    after = client.now(active=False, period=2)
    said = [first, ended, resumed, last_end]

    await hear(pool, APartner().now())
    for number in order:
        await hear(pool, said[number])
    await hear(pool, after, first)

    assert (await the_renewal(pool)).status is Status.ENDED
    [row] = await pool.fetch("SELECT serviced, period FROM clients")
    assert tuple(row) == (False, 2)


async def test_services_that_ended_before_the_client_was_known_stay_ended(pool: Pool) -> None:
    client = AClient().term()
    known = client.now()

    await hear(pool, client.ended())
    await hear(pool, APartner().now(), known)

    assert (await the_renewal(pool)).status is Status.ENDED


async def test_without_services_the_stages_go_on_with_hubspot_as_owner(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    await pool.execute("UPDATE clients SET owner = 'partner', point_of_contact_id = $1", ANN)
    await watch_until(pool, clock, NOON.replace(month=2, day=2))
    await hear(pool, client.ended(at=clock.now()))

    await watch_until(pool, clock, NOON.replace(month=4, day=19))

    entered, *later = await told(pool)
    assert (entered.owner.owner, entered.owner.point_of_contact_id) == ("partner", ANN)
    assert [e.stage for e in later] == ["d-45", "d-15", "d-7", "d-1", "d-0", "outcome"]
    for event in later:
        assert (event.owner.owner, event.owner.source) == ("hubspot", "services_ended")
        assert event.owner.notified_user_id is None
        assert event.owner.point_of_contact_id is None
        assert event.status == "ended"


async def test_ended_and_resumed_a_stage_told_meanwhile_is_not_told_again(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term(1, NOON.date() + timedelta(days=50))
    await hear(pool, APartner().now(), client.now())
    await hear(pool, client.ended())
    await watch(pool, clock)

    await hear(pool, client.resumed())
    await watch(pool, clock)

    assert [e.stage for e in await told(pool)] == ["d-7"]


async def test_who_may_be_chosen_follows_the_latest_word_from_either_topic(pool: Pool) -> None:
    partner = APartner(active=(1, 2), deactivated=(3,))
    first = partner.now()

    def said(
        event: type[clients.PartnerEvent], number: int, **more: object
    ) -> clients.PartnerEvent:
        partner.version += 1
        return event(
            version=partner.version,
            occurred_at=NOON,
            partner_id=PARTNER,
            user_id=ids.user_id(1, number),
            **more,
        )

    gone = said(clients.PartnerUserDeactivated, 2)
    back = said(clients.PartnerUserReactivated, 3)
    new = said(clients.PartnerUserRegistered, 4, admin=False)
    await hear(pool, gone, back, new)
    await hear(pool, first)  # older than what is known of 2 and 3

    active = {row[0] for row in await pool.fetch("SELECT user_id FROM partner_users WHERE active")}
    assert active == {ANN, CY, ids.user_id(1, 4)}

    await hear(pool, partner.now(active=(1,), deactivated=()))
    active = {row[0] for row in await pool.fetch("SELECT user_id FROM partner_users WHERE active")}
    assert active == {ANN}


async def test_what_its_owner_erases_is_forgotten_here(pool: Pool, clock: ManualClock) -> None:
    await hear(pool, APartner().now(), AClient().term(1, date(2026, 3, 1)).now())

    for key in (CLIENT, PARTNER):
        stone = Tombstone(
            topic=clients.STATE, key=str(key), owner="clients", occurred_at=NOON, version=9
        )
        await deliver(handlers.from_clients_state, pool, stone)
    await watch(pool, clock)

    assert await all_of(pool) == []
    for table in ("clients", "partners", "partner_users", "renewals", "quotes"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await told(pool) == []
