from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications import handlers
from shared.chassis.database import Pool
from shared.contracts import clients, renewals
from tests.deliver import record_of
from tests.notifications.ledger import messages, only
from tests.notifications.portfolio import Story, contact, hear, user, usual


async def client(pool: Pool) -> Any:
    return await pool.fetchrow("SELECT * FROM clients")


async def renewal(pool: Pool) -> Any:
    return await pool.fetchrow("SELECT * FROM renewals")


async def test_an_older_snapshot_changes_nothing(pool: Pool) -> None:
    story = usual()
    old = story.everything()
    story.client_name, story.zone = "Acme Two", "Europe/Dublin"
    story.users = (user("Zoe"),)
    story.roles, story.status = ("billing",), "renewed"
    await hear(pool, *story.everything())

    await hear(pool, *old)

    assert (await client(pool))["name"] == "Acme Two"
    assert await pool.fetchval("SELECT time_zone FROM partners") == "Europe/Dublin"
    assert [r["name"] for r in await pool.fetch("SELECT name FROM partner_users")] == ["Zoe"]
    assert await pool.fetchval("SELECT recipient_roles FROM policies") == ["billing"]
    assert (await renewal(pool))["status"] == "renewed"


async def test_of_several_snapshots_in_a_batch_the_newest_counts(pool: Pool) -> None:
    story = usual()
    first = story.client()
    story.client_name = "Acme Two"
    second = story.client()

    await handlers.from_clients_state.receive([record_of(second), record_of(first)], pool)

    assert (await client(pool))["name"] == "Acme Two"


async def test_a_user_deactivated_by_a_fact_stays_so_when_an_older_snapshot_comes(
    pool: Pool,
) -> None:
    story = usual()
    older, ben = story.partner(), story.users[1]
    await hear(pool, story.deactivated(ben))

    await hear(pool, older)

    row = await pool.fetchrow("SELECT * FROM partner_users WHERE user_id = $1", ben.user_id)
    assert row is not None
    assert (row["active"], row["email"]) == (False, ben.email)


async def test_a_user_comes_back_by_a_fact_or_by_a_newer_snapshot(pool: Pool) -> None:
    story = usual()
    ben = story.users[1]
    await hear(pool, story.partner(), story.deactivated(ben))
    back = clients.PartnerUserReactivated(
        version=story.version("partner"),
        occurred_at=story.now,
        partner_id=story.partner_id,
        user_id=ben.user_id,
    )

    await hear(pool, back)
    assert await active(pool, ben.user_id)
    await hear(pool, story.deactivated(ben), story.partner())

    assert await active(pool, ben.user_id)


async def active(pool: Pool, user_id: UUID) -> bool:
    found: bool = await pool.fetchval(
        "SELECT active FROM partner_users WHERE user_id = $1", user_id
    )
    return found


async def test_an_end_that_comes_before_the_client_is_kept_for_it(pool: Pool) -> None:
    story = usual()
    first = story.client()
    await hear(pool, story.services_ended())

    await hear(pool, first)

    row = await client(pool)
    assert (row["serviced"], row["name"], row["version"]) == (False, "Acme", 1)


async def test_of_facts_in_a_batch_the_newest_counts_in_whatever_order_they_come(
    pool: Pool,
) -> None:
    story = usual()
    ben = story.users[1]
    await hear(pool, *story.everything())
    gone, ended = story.deactivated(ben), story.services_ended()
    decided, resumed = story.decided("renewed"), story.services_resumed()
    back = clients.PartnerUserReactivated(
        version=story.version("partner"),
        occurred_at=story.now,
        partner_id=story.partner_id,
        user_id=ben.user_id,
    )
    cancelled = story.decided("cancellation_requested")

    await hear(pool, resumed, ended)
    await hear(pool, back, gone)
    await hear(pool, cancelled, decided)

    row = await client(pool)
    assert (row["serviced"], row["period"]) == (True, 2)
    assert await active(pool, ben.user_id)
    assert (await renewal(pool))["status"] == "cancellation_requested"


async def test_a_newer_snapshot_says_that_services_were_resumed(pool: Pool) -> None:
    story = usual()
    await hear(pool, story.client(), story.services_ended())
    story.period = 2

    await hear(pool, story.client())

    row = await client(pool)
    assert (row["serviced"], row["period"]) == (True, 2)


async def test_a_fact_that_comes_before_its_renewal_is_kept_for_it(pool: Pool) -> None:
    story = usual()
    snapshot = story.changes()
    await hear(pool, story.decided())

    await hear(pool, snapshot)

    row = await renewal(pool)
    assert (row["status"], row["currency"], row["deadline"]) == (
        "renewed",
        "USD",
        story.deadline,
    )


async def test_a_fact_from_before_a_snapshot_changes_nothing(pool: Pool) -> None:
    story = usual()
    old = story.decided()
    await hear(pool, story.changes())

    await hear(pool, old)

    assert (await renewal(pool))["status"] == "pending"


async def test_facts_of_one_batch_add_up(pool: Pool) -> None:
    story = usual()
    await hear(pool, story.changes())
    common: dict[str, Any] = {
        "occurred_at": story.now,
        "renewal_id": story.renewal_id,
        "client_id": story.client_id,
        "partner_id": story.partner_id,
    }
    start = date(2026, 6, 1)

    await hear(
        pool,
        renewals.RenewalEnded(version=2, period=1, renewal_start=story.starts, **common),
        renewals.RenewalMoved(
            version=3,
            previous_start=story.starts,
            renewal_start=start,
            deadline=date(2026, 4, 17),
            **common,
        ),
        renewals.RenewalReopened(version=4, period=2, renewal_start=start, **common),
    )

    row = await renewal(pool)
    assert (row["status"], row["starts"], row["deadline"]) == (
        "pending",
        start,
        date(2026, 4, 17),
    )


async def test_a_move_keeps_the_status(pool: Pool) -> None:
    story = usual(status="ended")
    await hear(pool, story.changes())
    moved = renewals.RenewalMoved(
        version=2,
        occurred_at=story.now,
        renewal_id=story.renewal_id,
        client_id=story.client_id,
        partner_id=story.partner_id,
        previous_start=story.starts,
        renewal_start=date(2026, 6, 1),
        deadline=date(2026, 4, 17),
    )

    await hear(pool, moved)

    assert (await renewal(pool))["status"] == "ended"


async def test_a_renewal_that_is_in_no_snapshot_any_more_is_withdrawn(pool: Pool) -> None:
    story = usual()
    await hear(pool, story.changes())

    await hear(pool, story.changes(renewals=()))

    assert (await renewal(pool))["status"] == "withdrawn"


async def test_an_event_that_comes_twice_in_a_batch_plans_one_message(pool: Pool) -> None:
    story = usual()
    due = story.due()

    await handlers.from_renewals.receive([record_of(due), record_of(due)], pool)

    assert len(await messages(pool)) == 1


async def test_many_events_are_planned_at_once(pool: Pool) -> None:
    story = usual()
    await hear(pool, story.partner(), story.policy())
    stories = [usual(partner_id=story.partner_id, users=story.users) for _ in range(300)]
    await hear(pool, *(each.client() for each in stories))
    await hear(pool, *(each.changes() for each in stories))

    await hear(pool, *(each.due(partner_version=1, policy_version=1) for each in stories))

    planned = await messages(pool)
    assert len(planned) == 300
    assert all(row["ready"] for row in planned)


@pytest.mark.parametrize("topic", [clients.STATE, renewals.STATE])
async def test_a_key_that_is_no_id_is_set_aside_alone(pool: Pool, topic: str) -> None:
    from shared.contracts.event import Tombstone

    story = usual()
    await hear(pool, story.client(), story.changes())

    owner = topic.split(".", maxsplit=1)[0]
    await hear(
        pool,
        Tombstone(topic=topic, key="nobody", owner=owner, occurred_at=story.now, version=1),
    )

    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 1
    assert await pool.fetchval("SELECT count(*) FROM clients") == 1


async def test_a_partners_policy_is_forgotten_with_its_key(pool: Pool) -> None:
    from shared.contracts.event import Tombstone

    story = usual()
    await hear(pool, *story.everything())

    await hear(
        pool,
        Tombstone(
            topic=renewals.STATE,
            key=str(story.partner_id),
            owner="renewals",
            occurred_at=story.now,
            version=2,
        ),
    )

    assert await pool.fetchval("SELECT count(*) FROM policies") == 0


async def test_a_message_of_another_client_is_not_let_go(pool: Pool) -> None:
    waiting, other = usual(), usual()
    await hear(pool, waiting.due(client_version=1))

    await hear(pool, other.client())
    assert not (await only(pool))["ready"]
    await hear(pool, waiting.client())

    assert (await only(pool))["ready"]


async def test_a_contact_with_a_hostile_name_is_kept_as_it_is(pool: Pool) -> None:
    hostile = contact("Dora", "decision_maker").model_copy(update={"name": "D\r\nBcc: x"})
    story = Story(contacts=(hostile,), client_name="'; DROP TABLE clients; --")

    await hear(pool, story.client())

    assert (await client(pool))["name"] == "'; DROP TABLE clients; --"


async def test_an_unknown_fact_about_a_change_is_a_mistake_of_ours() -> None:
    event = renewals.RenewalTermsChanged(
        version=1,
        occurred_at=usual().now,
        renewal_id=uuid4(),
        client_id=uuid4(),
        partner_id=uuid4(),
        currency="USD",
        current_mrr=1,
        renewal_mrr=1,
    )

    with pytest.raises(TypeError, match="RenewalTermsChanged"):
        handlers._fact(event)
