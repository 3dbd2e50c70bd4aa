"""What is heard of clients and partners, and what the figures then are."""

import asyncio
from datetime import date, timedelta

from services.tiers.handlers import from_events, from_state
from shared.chassis.database import Pool
from shared.contracts import clients, ids, tiers
from shared.contracts.event import Tombstone
from tests.deliver import deliver, pending, published, record_of
from tests.tiers.portfolio import NOON, AClient, figures, partner, standing


async def test_a_partner_without_clients_has_no_figures_and_no_tier(pool: Pool) -> None:
    await deliver(from_state, pool, partner())

    told = await standing(pool)
    assert await figures(pool) == ("0.00", "0.00", None)
    assert told.performance.tier is None
    assert told.performance.rule_set == "2018-01"
    assert told.next_review_on == date(2026, 1, 15)


async def test_clients_that_come_before_their_partner_count_once_it_is_known(pool: Pool) -> None:
    await deliver(from_state, pool, AClient(1, sold_on=date(2025, 6, 1)).told())
    assert await pending(pool) == []

    await deliver(from_state, pool, partner())
    assert await figures(pool) == ("100.00", "100.00", "5")


async def test_ending_services_takes_managed_revenue_out_at_once_and_leaves_sold(
    pool: Pool,
) -> None:
    client = AClient(1, sold_on=date(2025, 6, 1), mrr="2000.00")
    await deliver(from_state, pool, partner(), client.told())

    await deliver(from_events, pool, client.ended())

    assert await figures(pool) == ("2000.00", "0.00", "5")


async def test_a_client_that_is_sold_and_not_managed_gives_no_managed_credit(pool: Pool) -> None:
    sold = AClient(1, sold_on=date(2025, 6, 1), managed=False, account=9)
    managed = AClient(2, hub=2, account=9)
    await deliver(from_state, pool, partner(), partner(2), sold.told(), managed.told())

    assert await figures(pool) == ("100.00", "0.00", "5")
    assert await figures(pool, 2) == ("0.00", "100.00", "5")  # nobody to share it with


async def test_ended_services_without_a_recent_sale_leave_the_median_too(pool: Pool) -> None:
    client = AClient(1, apps=9)
    await deliver(from_state, pool, partner(), client.told(), AClient(2, apps=4).told())
    assert (await figures(pool))[2] == "6.5"

    await deliver(from_events, pool, client.ended())

    assert await figures(pool) == ("0.00", "100.00", "4")


async def test_resuming_is_a_new_period_that_the_end_of_the_old_one_cannot_end(pool: Pool) -> None:
    client = AClient(1)
    first = client.told()
    ended, resumed = client.ended(), client.resumed()
    await deliver(from_state, pool, partner(), first)

    await deliver(from_events, pool, resumed)
    await deliver(from_events, pool, ended)

    assert await figures(pool) == ("0.00", "100.00", "5")


async def test_an_older_snapshot_does_not_bring_ended_services_back(pool: Pool) -> None:
    client = AClient(1)
    first, late = client.told(), client.told()
    await deliver(from_state, pool, partner(), first)

    await deliver(from_events, pool, client.ended())
    await deliver(from_state, pool, late)

    assert (await figures(pool))[1] == "0.00"


async def test_ended_services_heard_before_the_client_hold_against_its_older_snapshot(
    pool: Pool,
) -> None:
    client = AClient(1)
    first = client.told()
    await deliver(from_events, pool, client.ended())

    await deliver(from_state, pool, partner(), first)

    assert (await figures(pool))[1] == "0.00"


async def test_an_older_snapshot_changes_nothing(pool: Pool) -> None:
    client = AClient(1)
    old = client.told()
    client.mrr = "300.00"
    await deliver(from_state, pool, partner(), client.told())

    await deliver(from_state, pool, old)

    assert (await figures(pool))[1] == "300.00"


async def test_a_later_snapshot_says_the_same_as_the_end_did_and_nothing_is_told_twice(
    pool: Pool,
) -> None:
    client = AClient(1)
    await deliver(from_state, pool, partner(), client.told())
    await deliver(from_events, pool, client.ended())
    before = len(await pending(pool))

    await deliver(from_state, pool, client.told())

    assert len(await pending(pool)) == before


async def test_the_same_event_twice_counts_once(pool: Pool) -> None:
    records = [record_of(partner()), record_of(AClient(1).told())]
    await from_state.receive(records, pool)
    await from_state.receive(records, pool)

    assert await figures(pool) == ("0.00", "100.00", "5")
    assert len(await published(pool, tiers.TierPerformanceChanged)) == 1


async def test_a_change_that_moves_no_figure_is_not_told(pool: Pool) -> None:
    client = AClient(1)
    await deliver(from_state, pool, partner(), client.told())
    before = len(await pending(pool))

    client.name = "Renamed & Sons"
    await deliver(from_state, pool, client.told())

    assert len(await pending(pool)) == before
    assert await pool.fetchval("SELECT name FROM clients") == "Renamed & Sons"


async def test_two_partners_on_one_account_share_its_managed_revenue_to_the_cent(
    pool: Pool,
) -> None:
    one, two = AClient(1, hub=1, account=77, mrr="100.01"), AClient(1, hub=2, account=77)
    two.mrr = "100.01"
    await deliver(from_state, pool, partner(1), partner(2), one.told())
    assert (await figures(pool, 1))[1] == "100.01"

    await deliver(from_state, pool, two.told())

    shares = [(await figures(pool, hub))[1] for hub in (1, 2)]
    assert sorted(shares) == ["50.00", "50.01"]


async def test_when_one_of_two_partners_ends_its_services_the_other_has_the_whole(
    pool: Pool,
) -> None:
    one, two = AClient(1, hub=1, account=77), AClient(1, hub=2, account=77)
    await deliver(from_state, pool, partner(1), partner(2), one.told(), two.told())

    await deliver(from_events, pool, two.ended())

    assert (await figures(pool, 1))[1] == "100.00"
    assert (await figures(pool, 2))[1] == "0.00"


async def test_a_client_that_moves_to_another_account_is_shared_with_its_new_partner(
    pool: Pool,
) -> None:
    one, two = AClient(1, hub=1, account=77), AClient(1, hub=2, account=77)
    three = AClient(1, hub=3, account=78)
    await deliver(
        from_state, pool, *(partner(n) for n in (1, 2, 3)), one.told(), two.told(), three.told()
    )

    two.account = 78
    await deliver(from_state, pool, two.told())

    assert [(await figures(pool, hub))[1] for hub in (1, 2, 3)] == ["100.00", "50.00", "50.00"]


async def test_sold_credit_is_never_shared(pool: Pool) -> None:
    sold = date(2025, 6, 1)
    one = AClient(1, hub=1, account=77, sold_on=sold)
    two = AClient(1, hub=2, account=77)
    await deliver(from_state, pool, partner(1), partner(2), one.told(), two.told())

    assert await figures(pool, 1) == ("100.00", "50.00", "5")
    assert await figures(pool, 2) == ("0.00", "50.00", "5")


async def test_an_erased_client_leaves_figures_and_names_and_does_not_come_back(
    pool: Pool,
) -> None:
    client = AClient(1, name="Erika Mustermann GmbH")
    first = client.told()
    await deliver(from_state, pool, partner(), first, AClient(2, apps=7).told())

    gone = Tombstone(
        topic=clients.STATE, key=str(client.id), owner="clients", occurred_at=NOON, version=2
    )
    await deliver(from_state, pool, gone)
    await deliver(from_state, pool, first)

    assert await figures(pool) == ("0.00", "100.00", "7")
    row = await pool.fetchrow("SELECT * FROM clients WHERE client_id = $1", client.id)
    assert row is not None
    assert "Mustermann" not in str(dict(row))


async def test_erasing_one_of_two_partners_clients_gives_the_other_the_whole(pool: Pool) -> None:
    one, two = AClient(1, hub=1, account=77), AClient(1, hub=2, account=77)
    await deliver(from_state, pool, partner(1), partner(2), one.told(), two.told())
    gone = Tombstone(
        topic=clients.STATE, key=str(two.id), owner="clients", occurred_at=NOON, version=2
    )
    await deliver(from_state, pool, gone)

    assert (await figures(pool, 1))[1] == "100.00"


async def test_an_erased_partner_is_taken_back_from_the_state_topic(pool: Pool) -> None:
    await deliver(from_state, pool, partner(), AClient(1).told())
    key = str(ids.partner_id(1))
    gone = Tombstone(topic=clients.STATE, key=key, owner="clients", occurred_at=NOON, version=2)
    await deliver(from_state, pool, gone)

    last = (await pending(pool))[-1]
    assert (last.topic, last.key, last.value) == (tiers.STATE, key.encode(), None)

    before = len(await pending(pool))
    await deliver(from_state, pool, AClient(2).told())
    assert len(await pending(pool)) == before


async def test_erasing_what_was_never_heard_of_changes_nothing(pool: Pool) -> None:
    gone = Tombstone(
        topic=clients.STATE,
        key=str(ids.client_id(1, 9)),
        owner="clients",
        occurred_at=NOON,
        version=2,
    )
    await deliver(from_state, pool, gone)
    assert await pending(pool) == []


async def test_an_unknown_time_zone_is_set_aside_and_the_rest_goes_on(pool: Pool) -> None:
    await deliver(from_state, pool, partner(1, zone="Mars/Olympus"), partner(2), AClient(1).told())

    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 1
    assert (await standing(pool, 2)).performance.tier is None


async def test_currencies_without_a_rate_are_kept_apart_and_not_counted(pool: Pool) -> None:
    client = AClient(1, mrr={"USD": "100.00", "EUR": "50.00"})
    await deliver(from_state, pool, partner(), client.told())

    assert (await figures(pool))[1] == "100.00"
    assert await pool.fetchval("SELECT managed FROM sums WHERE currency = 'EUR'") is not None


async def test_a_changed_zone_and_an_older_partner_snapshot(pool: Pool) -> None:
    await deliver(from_state, pool, partner(version=2, zone="Asia/Kolkata"))
    await deliver(from_state, pool, partner(version=1, zone="Europe/Berlin"))

    assert await pool.fetchval("SELECT time_zone FROM partners") == "Asia/Kolkata"


async def test_performance_follows_at_once_through_all_tiers(pool: Pool) -> None:
    client = AClient(1, sold_on=date(2025, 6, 1))
    await deliver(from_state, pool, partner())
    await pool.execute(
        "INSERT INTO certifications VALUES ($1, '2020-01-01', NULL)", ids.partner_id(1)
    )
    seen = []
    for amount in ("1124.99", "1125.00", "6000.00", "20000.00", "50000.00"):
        client.mrr = amount
        await deliver(from_state, pool, client.told())
        seen.append((await standing(pool)).performance.tier)

    assert seen == [None, "Silver", "Gold", "Platinum", "Diamond"]
    changes = await published(pool, tiers.TierPerformanceChanged)
    assert [each.previous_tier for each in changes][-2:] == ["Gold", "Platinum"]
    versions = [each.version for each in changes]
    assert versions == sorted(set(versions))


async def test_partners_who_share_accounts_never_wait_for_each_other_in_a_circle(
    pool: Pool,
) -> None:
    """Both write to the same accounts at the same time, in opposite orders."""
    shared = range(1, 31)
    one = [AClient(n, hub=1, account=n) for n in shared]
    two = [AClient(n, hub=2, account=n) for n in reversed(shared)]
    await deliver(from_state, pool, partner(1), partner(2))
    await asyncio.gather(
        deliver(from_state, pool, *(each.told() for each in one)),
        deliver(from_state, pool, *(each.told() for each in two)),
    )
    for _ in range(5):
        await asyncio.gather(
            deliver(from_events, pool, *(each.ended() for each in one)),
            deliver(from_state, pool, *(each.told() for each in two)),
        )
        await asyncio.gather(
            deliver(from_events, pool, *(each.resumed() for each in reversed(one))),
            deliver(from_events, pool, *(each.ended() for each in two)),
        )
        await deliver(from_events, pool, *(each.resumed() for each in two))

    assert (await figures(pool, 1))[1] == (await figures(pool, 2))[1] == "1500.00"
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_of_two_records_of_an_account_the_latest_count_of_apps_holds(pool: Pool) -> None:
    old = AClient(1, account=77, apps=9)
    new = AClient(2, account=77, apps=2, apps_until=old.apps_until + timedelta(days=31))
    await deliver(from_state, pool, partner(), old.told(), new.told())

    assert await figures(pool) == ("0.00", "200.00", "2")


async def test_an_account_without_any_count_of_apps_is_left_out_of_the_median(pool: Pool) -> None:
    await deliver(
        from_state, pool, partner(), AClient(1, apps=None).told(), AClient(2, apps=4).told()
    )
    assert (await figures(pool))[2] == "4"
