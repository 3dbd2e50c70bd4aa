"""What is heard is what is shown: the newest word of each, and what happened."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.store import signals
from services.dashboard.store.checksum import sum_up
from shared.chassis.database import Pool
from shared.contracts import clients, notifications, registry, renewals, tiers
from shared.contracts.event import Event
from tests.dashboard import portfolio
from tests.dashboard.people import (
    ADMIN,
    BRIGHTWATER,
    CLIENTS,
    MEMBER,
    NORDLICHT,
    NOW,
    RENEWALS,
    STAGES,
    named,
)
from tests.deliver import deliver

ORCHARD = CLIENTS["orchard"]
WHO = {"client_id": ORCHARD, "partner_id": BRIGHTWATER}


async def hear(pool: Pool, *events: Event) -> None:
    """Each event in a batch of its own, by the inbox of its topic."""
    for event in events:
        [inbox] = [each for each in handlers.INBOXES if each.topic == event.TOPIC]
        await deliver(inbox, pool, event)
        assert inbox.counts.dead == 0


async def client(pool: Pool, client_id: UUID = ORCHARD) -> dict[str, Any]:
    row = await pool.fetchrow("SELECT * FROM clients WHERE client_id = $1", client_id)
    assert row is not None
    return dict(row)


def ended(version: int, *, period: int = 1) -> clients.ServicesEnded:
    return clients.ServicesEnded(
        version=version, occurred_at=NOW, period=period, ended_at=NOW, ended_by=ADMIN,
        reason="moved on", **WHO,
    )  # fmt: skip


def resumed(version: int, *, period: int = 2) -> clients.ServicesResumed:
    return clients.ServicesResumed(
        version=version, occurred_at=NOW, period=period, resumed_at=NOW, resumed_by=ADMIN, **WHO
    )


def snapshot(version: int, *, active: bool = True) -> clients.ClientSnapshot:
    services = clients.Services(active=active, period=1, ended_at=None if active else NOW)
    told = portfolio.client_snapshot(named("orchard"), version=version)
    return told.model_copy(update={"services": services})


async def test_a_portfolio_is_known_whole(filled: Pool) -> None:
    counts = await filled.fetchrow(
        """
        SELECT (SELECT count(*) FROM partners) AS partners,
               (SELECT count(*) FROM clients) AS clients,
               (SELECT count(*) FROM clients WHERE serviced) AS serviced,
               (SELECT count(*) FROM renewals) AS renewals,
               (SELECT count(*) FROM stages) AS stages,
               (SELECT count(*) FROM messages) AS messages,
               (SELECT count(*) FROM dead_letters) AS dead
        """
    )

    assert counts is not None
    assert dict(counts) == {
        "partners": 2,
        "clients": 13,
        "serviced": 12,
        "renewals": 13,
        "stages": 23,
        "messages": 13,
        "dead": 0,
    }


def test_everything_that_the_services_say_is_heard() -> None:
    for inbox in handlers.INBOXES:
        assert set(inbox._events.values()) == set(registry.of_topic(inbox.topic))


async def test_a_client_is_known_by_its_products_and_by_its_revenue_in_each_currency(
    filled: Pool,
) -> None:
    kestrel, plain = (
        await client(filled, CLIENTS["kestrel"]),
        await client(filled, CLIENTS["plain"]),
    )

    assert kestrel["products"] == ["Marketing Hub Professional", "Sales Hub Enterprise"]
    assert (kestrel["currency"], kestrel["mrr"]) == ("EUR", Decimal("640.00"))
    assert kestrel["mrrs"] == '{"EUR":"640.00","USD":"300.00"}'
    assert (kestrel["apps_used"], kestrel["sold"], kestrel["managed"]) == (17, False, True)
    assert clients.ClientSnapshot.model_validate_json(
        kestrel["document"]
    ) == portfolio.client_snapshot(named("kestrel"))
    assert (plain["products"], plain["currency"], plain["mrr"], plain["mrrs"]) == (
        [],
        None,
        None,
        "{}",
    )
    assert plain["apps_used"] is None


async def test_an_older_word_about_a_client_never_undoes_a_newer_one(filled: Pool) -> None:
    await hear(filled, snapshot(5), snapshot(4))
    assert (await client(filled))["version"] == 5

    await deliver(handlers.from_clients_state, filled, snapshot(7), snapshot(6))
    assert (await client(filled))["version"] == 7


async def test_the_same_version_may_be_said_again_with_more_in_it(filled: Pool) -> None:
    told = portfolio.client_snapshot(named("orchard"))
    more = told.model_copy(update={"app_usage": told.app_usage and told.app_usage.model_copy(
        update={"apps_used": 11})})  # fmt: skip

    await hear(filled, more)

    assert (await client(filled))["apps_used"] == 11


@pytest.mark.parametrize(
    ("said", "serviced"),
    [
        ([ended(4)], False),
        ([ended(4), snapshot(3)], False),
        ([ended(4), snapshot(4, active=False)], False),
        ([ended(4), resumed(5)], True),
        ([resumed(5), ended(4)], True),
        ([resumed(5), snapshot(4, active=False)], True),
        ([ended(6, period=2), snapshot(4), resumed(5)], False),
        ([ended(4), snapshot(5)], True),
        ([snapshot(5), ended(4)], True),
        ([snapshot(4, active=False), resumed(5), snapshot(4, active=False)], True),
    ],
)
async def test_services_end_and_begin_with_whichever_topic_tells_first(
    filled: Pool, said: Sequence[Event], serviced: bool
) -> None:
    await hear(filled, *said)

    found = await client(filled)
    assert found["serviced"] is serviced
    assert (found["ended_at"] is None) or not serviced


async def test_nobody_sees_a_client_of_which_only_facts_were_heard(pool: Pool) -> None:
    await hear(pool, resumed(5), portfolio.renewals_snapshot(named("orchard")))
    assert (await client(pool))["serviced"] is False

    await hear(pool, snapshot(3, active=False))

    assert (await client(pool))["serviced"] is True


async def test_a_clients_renewals_are_replaced_as_a_whole(filled: Pool) -> None:
    kestrel = named("kestrel")
    told = portfolio.renewals_snapshot(kestrel, version=5)
    fewer = told.model_copy(update={"renewals": told.renewals[:1]})

    await hear(filled, fewer, portfolio.renewals_snapshot(kestrel, version=4))

    rows = await filled.fetch("SELECT renewal_id FROM renewals WHERE client_id = $1", kestrel.id)
    assert [row["renewal_id"] for row in rows] == [RENEWALS["kestrel"]]
    await hear(filled, told.model_copy(update={"version": 6, "renewals": ()}))
    assert not await filled.fetch("SELECT FROM renewals WHERE client_id = $1", kestrel.id)


async def test_what_is_set_for_a_client_alone_is_known_with_its_version(filled: Pool) -> None:
    saffron, orchard = await client(filled, CLIENTS["saffron"]), await client(filled)
    lumen = await client(filled, CLIENTS["lumen"])

    assert renewals.OwnerChoice.model_validate_json(saffron["owner"]).point_of_contact_id == MEMBER
    assert (saffron["owner_version"], orchard["owner_version"]) == (1, 0)
    assert (orchard["owner"], orchard["stages"]) == (None, None)
    assert (lumen["stages_version"], STAGES[0].name in lumen["stages"]) == (1, True)


async def test_a_partner_is_known_by_three_topics_in_any_order(pool: Pool) -> None:
    told = portfolio.said()
    of_partner = [
        event
        for topic in (tiers.STATE, renewals.STATE, clients.STATE)
        for event in told[topic]
        if event.KEY == "partner_id" and event.key == str(BRIGHTWATER)
    ]

    await hear(pool, *of_partner)

    row = await pool.fetchrow("SELECT * FROM partners")
    assert row is not None
    assert (row["name"], row["time_zone"]) == ("Brightwater Digital", "America/New_York")
    assert (row["version"], row["policy_version"], row["tier_version"]) == (6, 3, 9)
    assert renewals.PartnerPolicySnapshot.model_validate_json(row["policy"]) == of_partner[1]
    assert tiers.PartnerTierSnapshot.model_validate_json(row["tier"]) == of_partner[0]


async def test_a_stage_is_told_once_and_names_those_that_it_overtook(pool: Pool) -> None:
    orchard, due = named("orchard"), named("orchard").due[0]
    early = portfolio.approaching(orchard, due, "d-45", NOW)
    late = portfolio.approaching(
        orchard, due, "d-1", NOW + timedelta(days=40), overtaken=("d-15", "d-7")
    )

    await hear(pool, early, late, late)

    rows = await pool.fetch("SELECT stage, superseded_by, due_at FROM stages ORDER BY stage")
    assert [tuple(row) for row in rows] == [
        ("d-1", None, late.due_at),
        ("d-15", "d-1", None),
        ("d-45", None, early.due_at),
        ("d-7", "d-1", None),
    ]


@pytest.mark.parametrize(
    "state", ["sent", "blocked", "dropped", "superseded", "failed", "in_doubt"]
)
async def test_a_message_is_known_by_the_last_that_was_said_of_it(pool: Pool, state: str) -> None:
    last = portfolio.message("orchard", "d-45", "client", state, "because", hours=9, version=3)
    first = portfolio.message("orchard", "d-45", "client", "blocked", "nobody", version=2)

    await deliver(handlers.from_notifications, pool, last, first)
    await hear(pool, first)

    [row] = await pool.fetch("SELECT * FROM messages")
    assert (row["state"], row["version"]) == (state, 3)
    assert row["reason"] == ("" if state in {"sent", "in_doubt"} else "because")
    assert row["attempts"] == (1 if state in {"sent", "failed", "in_doubt"} else 0)
    said = last.accepted_at if isinstance(last, notifications.ReminderSent) else last.occurred_at
    assert row["at"] == said


async def test_history_says_what_happened_and_who_did_it(filled: Pool) -> None:
    rows = await filled.fetch(
        "SELECT type, actor_id, said FROM changes WHERE client_id = $1 ORDER BY at, version",
        CLIENTS["mosaic"],
    )

    assert [(row["type"], row["actor_id"]) for row in rows] == [
        ("clients.ClientRegistered.v1", None),
        ("renewals.RenewalScheduled.v1", None),
        ("renewals.RenewalDecided.v1", MEMBER),
    ]
    decided = renewals.RenewalDecided.model_validate_json(rows[-1]["said"])
    assert decided.reason == "as agreed on the phone"
    of_partner = await filled.fetch(
        "SELECT type FROM changes WHERE client_id IS NULL AND partner_id = $1 ORDER BY at",
        BRIGHTWATER,
    )
    assert [row["type"] for row in of_partner] == [
        "tiers.CertificationRecorded.v1",
        "tiers.TierCredited.v1",
        "tiers.TierPerformanceChanged.v1",
    ]


async def test_two_facts_of_one_kind_at_one_version_are_both_kept_and_copies_are_not(
    pool: Pool,
) -> None:
    told = portfolio.client_snapshot(named("orchard"))
    facts = [
        clients.SubscriptionChanged(version=7, occurred_at=NOW, subscription=each, **WHO)
        for each in told.subscriptions
    ]

    await hear(pool, *facts, *facts)

    assert await pool.fetchval("SELECT count(*) FROM changes") == 2


async def test_figures_that_move_within_a_tier_are_no_history(pool: Pool) -> None:
    told = [
        e for e in portfolio.said()[tiers.EVENTS] if isinstance(e, tiers.TierPerformanceChanged)
    ]
    within = told[0].model_copy(update={"version": 9, "previous_tier": told[0].performance.tier})

    await hear(pool, told[0], within)

    assert await pool.fetchval("SELECT count(*) FROM changes") == 1


async def test_hearing_everything_again_changes_nothing(filled: Pool) -> None:
    before = await sum_up(filled)

    await portfolio.tell(filled)  # with other ids, as if the inbox had forgotten the first ones

    assert await sum_up(filled) == before


async def test_pages_are_told_once_for_each_partner_and_batch(
    pool: Pool, address: Addresses
) -> None:
    told: list[object] = []
    listener = await asyncpg.connect(address.dsn)
    await listener.add_listener(signals.CHANNEL, lambda *given: told.append(given[3]))

    await deliver(handlers.from_clients_state, pool, *portfolio.said()[clients.STATE])
    await _let_arrive(listener)
    assert sorted(map(str, told)) == sorted(map(str, (BRIGHTWATER, NORDLICHT)))

    told.clear()
    await deliver(handlers.from_clients_state, pool, snapshot(2))  # older: nobody's page changed
    await _let_arrive(listener)
    assert told == []
    await listener.close()


async def test_nobody_is_told_of_a_model_that_does_not_serve_yet(
    pool: Pool, address: Addresses
) -> None:
    told: list[object] = []
    listener = await asyncpg.connect(address.dsn)
    await listener.add_listener(signals.CHANNEL, lambda *given: told.append(given[3]))
    await pool.execute("UPDATE builds SET model = 'model_b'")

    await portfolio.tell(pool)
    await _let_arrive(listener)

    assert told == []
    assert await pool.fetchval("SELECT count(*) FROM model_a.clients") == 13
    await listener.close()


async def _let_arrive(listener: Any) -> None:
    """What was told before is heard before this is."""
    heard = asyncio.Event()

    def mark(*_: object) -> None:
        heard.set()

    await listener.add_listener("marks", mark)
    await listener.execute("SELECT pg_notify('marks', '')")
    await asyncio.wait_for(heard.wait(), 30)
    await listener.remove_listener("marks", mark)


async def test_a_batch_takes_as_many_statements_as_one_event(address: Addresses) -> None:
    conn: Any = await asyncpg.connect(
        address.dsn, server_settings={"search_path": "model_a,public"}
    )
    counted: list[str] = []
    conn.add_query_logger(lambda query: counted.append(query.query))
    told = [
        portfolio.client_snapshot(replace(named("orchard"), record=number)) for number in range(500)
    ]

    await handlers.follow_clients(told[:1], conn)  # the driver asks for types, once
    counted.clear()
    await handlers.follow_clients(told[1:2], conn)
    of_one = len(counted)
    await handlers.follow_clients(told, conn)

    assert len(counted) == 2 * of_one
    assert await conn.fetchval("SELECT count(*) FROM clients") == 500
    await conn.close()
