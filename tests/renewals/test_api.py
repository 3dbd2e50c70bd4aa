"""What people see and do over HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients, ids
from shared.contracts.renewals import (
    RenewalDecided,
)
from tests.deliver import published
from tests.renewals.conftest import Asking, fields
from tests.renewals.portfolio import (
    ANN,
    CLIENT,
    NOON,
    START,
    AClient,
    APartner,
    hear,
    last_snapshot,
    stages_told,
    the_renewal,
    told,
    watch,
    watch_until,
)

OWNER = f"/clients/{CLIENT}/owner"
STAGES = f"/clients/{CLIENT}/stages"


async def decide(ask: Asking, pool: Pool, status: str, **more: Any) -> Any:
    renewal = await the_renewal(pool)
    return await ask.post(f"/renewals/{renewal.renewal_id}/decision", {"status": status, **more})


async def test_the_alerts_number_is_the_number_of_rows_to_act_on(ask: Asking, pool: Pool) -> None:
    portfolio = [
        AClient(record=n).term(1, NOON.date() + timedelta(days=days))
        for n, days in enumerate((44, 45, 46, 100, 119, 120, 121, 300), start=1)
    ]
    await hear(pool, APartner().now(), *(client.now() for client in portfolio))
    await hear(pool, portfolio[3].ended())

    rows = (await ask.get("/renewals", upcoming=True)).json()["items"]

    assert [row["days_to_renewal"] for row in rows] == [45, 46, 119, 120]
    assert all(row["upcoming"] for row in rows)
    count = (await ask.get("/renewals/count")).json()
    assert count == {"upcoming": 4, "today": "2026-01-15", "time_zone": "UTC"}
    everything = (await ask.get("/renewals")).json()["items"]
    assert [row["upcoming"] for row in everything].count(True) == 4
    assert len(everything) == 8


@pytest.mark.parametrize(("zone", "upcoming"), [("Asia/Tokyo", 0), ("America/New_York", 1)])
async def test_what_is_to_be_acted_on_follows_the_partners_own_day(
    ask: Asking, pool: Pool, clock: ManualClock, zone: str, upcoming: int
) -> None:
    await hear(pool, APartner(zone=zone).now(), AClient().term(1, date(2026, 3, 5)).now())
    clock.set(datetime(2026, 1, 19, 20, tzinfo=UTC))  # the 20th in Tokyo, past the deadline

    assert (await ask.get("/renewals/count")).json()["upcoming"] == upcoming
    rows = (await ask.get("/renewals", upcoming="true")).json()["items"]
    assert len(rows) == upcoming


async def test_a_row_shows_all_that_the_table_needs(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner(zone="Europe/Berlin").now(), AClient().term(mrr="99.90").now())

    [row] = (await ask.get("/renewals")).json()["items"]

    assert row["client"] == {
        "client_id": str(CLIENT),
        "name": "Client 1",
        "domain": "client.example",
        "serviced": True,
    }
    assert (row["current_mrr"], row["renewal_mrr"], row["mrr_change"]) == ("99.90", "99.90", "0.00")
    assert (row["renewal_start"], row["deadline"]) == ("2026-06-01", "2026-04-17")
    assert (row["days_to_renewal"], row["days_to_deadline"]) == (137, 92)
    assert (row["time_zone"], row["currency"], row["kind"]) == ("Europe/Berlin", "USD", "renewal")
    assert row["products"][0]["product"] == "Product 1"
    assert row["owner"]["inherited"]
    assert row["owner"]["effective"]["source"] == "factory"


@pytest.mark.parametrize(
    "sort", ["deadline", "-deadline", "current_mrr", "-mrr_change", "client", "-renewal_start"]
)
async def test_pages_follow_each_other_without_gaps_in_any_order(
    ask: Asking, pool: Pool, sort: str
) -> None:
    portfolio = [
        AClient(record=n).term(1, START + timedelta(days=n % 3), mrr=f"{n % 4}.00")
        for n in range(1, 12)
    ]
    await hear(pool, APartner().now(), *(client.now() for client in portfolio))
    whole = (await ask.get("/renewals", sort=sort)).json()["items"]

    seen, cursor = [], None
    while True:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = (await ask.get("/renewals", sort=sort, limit=3, **more)).json()
        seen += page["items"]
        if not (cursor := page["next"]):
            break

    assert seen == whole
    assert len(whole) == 11


async def test_filters_narrow_the_list(ask: Asking, pool: Pool) -> None:
    over = clients.Allowance(limit=1, used=2)
    await hear(
        pool,
        APartner().now(),
        AClient(record=1, contacts=over).term().now(),
        AClient(record=2).term(1, START + timedelta(days=1)).now(),
        AClient(record=3, active=False).term(1, START + timedelta(days=2)).now(),
    )
    await ask.put(
        f"/clients/{ids.client_id(1, 2)}/owner",
        {"owner": "partner", "point_of_contact_id": str(ANN)},
    )

    async def count(**filters: Any) -> int:
        return len((await ask.get("/renewals", **filters)).json()["items"])

    assert await count() == 4
    assert await count(kind="contact_tier_upgrade") == 1
    assert await count(status="ended") == 1
    assert (await count(owner="partner"), await count(owner="hubspot")) == (1, 3)
    assert await count(client_id=str(ids.client_id(1, 1))) == 2
    assert await count(deadline_from="2026-04-18", deadline_to="2026-04-18") == 1
    assert fields(await ask.get("/renewals", deadline_from="2026-04-18", deadline_to="2026-04-17"))


async def test_another_partner_sees_and_changes_nothing(ask: Asking, pool: Pool) -> None:
    other = ids.partner_id(2)
    await hear(pool, APartner().now(), APartner(hub=2).now(), AClient().term().now())
    renewal = await the_renewal(pool)
    foreign = ask.by("admin", other)

    assert (await foreign.get("/renewals")).json()["items"] == []
    assert (await foreign.get("/renewals/count")).json()["upcoming"] == 0
    for path in (f"/renewals/{renewal.renewal_id}", OWNER, f"{OWNER}/history", STAGES):
        assert (await foreign.get(path)).status_code == 404
    decision = await foreign.post(f"/renewals/{renewal.renewal_id}/decision", {"status": "renewed"})
    assert decision.status_code == 404
    assert (await foreign.put(OWNER, {"owner": "hubspot"}, version=0)).status_code == 404
    assert (await the_renewal(pool)) == renewal


async def test_a_renewal_shows_its_stages_told_overtaken_and_coming(
    ask: Asking, pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term(1, NOON.date() + timedelta(days=50)).now())
    renewal = await the_renewal(pool)
    path = f"/renewals/{renewal.renewal_id}"
    assert {s["state"] for s in (await ask.get(path)).json()["stages"]} == {"due", "coming"}
    await watch(pool, clock)

    response = await ask.get(path)

    assert response.headers["ETag"] == '"2"'
    shown = {stage["stage"]: stage for stage in response.json()["stages"]}
    assert {name: stage["state"] for name, stage in shown.items()} == {
        "entered": "superseded",
        "d-45": "superseded",
        "d-15": "superseded",
        "d-7": "fired",
        "d-1": "coming",
        "d-0": "coming",
        "outcome": "coming",
    }
    assert shown["d-7"]["at"] == "2026-01-15T12:00:00Z"
    assert shown["d-1"]["due_at"] == "2026-01-19T09:00:00Z"
    assert shown["entered"]["days_before_deadline"] is None

    await decide(ask, pool, "renewed")
    shown = {stage["stage"]: stage for stage in (await ask.get(path)).json()["stages"]}
    assert (shown["d-1"]["state"], shown["outcome"]["state"]) == ("not_needed", "coming")


async def test_before_the_partner_is_known_a_renewal_shows_no_instants(
    ask: Asking, pool: Pool
) -> None:
    await hear(pool, AClient().term().now())

    renewal = await the_renewal(pool)

    assert (await ask.get(f"/renewals/{renewal.renewal_id}")).json()["stages"] == []
    for path in ("/settings/owner", "/settings/stages"):
        assert (await ask.get(path)).status_code == 404
    assert (await ask.get("/settings/owner/preview", owner="hubspot")).status_code == 404


async def test_a_decision_stands_until_somebody_decides_otherwise(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient().term().now())

    first = await decide(ask, pool, "renewed", reason="agreed")
    same = await decide(ask, pool, "renewed", reason="agreed")
    then = await decide(ask, pool, "cancellation_requested", reason="changed their mind")

    assert (first.status_code, first.json()["status"]) == (200, "renewed")
    assert (first.json()["decided_by"], first.json()["decided_at"]) == (
        str(ANN),
        "2026-01-15T12:00:00Z",
    )
    assert same.json() == first.json()
    assert then.json()["status"] == "cancellation_requested"
    assert [(e.status, e.version, e.reason) for e in await published(pool, RenewalDecided)] == [
        ("renewed", 2, "agreed"),
        ("cancellation_requested", 3, "changed their mind"),
    ]
    assert (await last_snapshot(pool)).renewals[0].status == "cancellation_requested"


@pytest.mark.parametrize("status", ["renewed", "cancellation_requested"])
async def test_once_it_is_decided_the_outcome_alone_is_told(
    ask: Asking, pool: Pool, clock: ManualClock, status: str
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    await watch_until(pool, clock, NOON.replace(month=3, day=20))
    before = await stages_told(pool)

    assert (await decide(ask, pool, status)).status_code == 200
    await watch_until(pool, clock, NOON.replace(month=6, day=3))

    assert await stages_told(pool) == [*before, "outcome"]
    assert (await told(pool))[-1].status == status
    assert (await the_renewal(pool)).status == status


async def test_the_chosen_option_gives_the_renewal_mrr(ask: Asking, pool: Pool) -> None:
    for option, price in (("Upgrade", 300), ("As it is", 90)):
        await pool.execute(
            """
            INSERT INTO quotes (client_id, partner_id, starts, option, product, currency,
                                renewal_mrr, is_default)
            VALUES ($1, $2, $3, $4, 'Product 1', 'USD', $5, $6)
            """,
            CLIENT,
            ids.partner_id(1),
            START,
            option,
            price,
            option == "As it is",
        )
    await hear(pool, APartner().now(), AClient().term().now())
    detail = (await ask.get(f"/renewals/{(await the_renewal(pool)).renewal_id}")).json()
    assert (detail["renewal_mrr"], detail["mrr_change"]) == ("90.00", "-10.00")
    [upgrade] = [o for o in detail["options"] if o["name"] == "Upgrade"]

    chosen = (await decide(ask, pool, "renewed", option_id=upgrade["option_id"])).json()

    assert (chosen["renewal_mrr"], chosen["mrr_change"]) == ("300.00", "200.00")
    assert chosen["chosen_option_id"] == upgrade["option_id"]
    unknown = await decide(ask, pool, "renewed", option_id=str(uuid4()))
    assert (unknown.status_code, fields(unknown)) == (422, ["option_id"])
    senseless = await decide(ask, pool, "cancellation_requested", option_id=upgrade["option_id"])
    assert fields(senseless) == ["option_id"]


async def test_the_last_day_is_still_open_in_the_partners_zone_and_the_next_is_not(
    ask: Asking, pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner(zone="America/New_York").now(), AClient().term().now())
    clock.set(datetime(2026, 4, 18, 3, 59, tzinfo=UTC))
    assert (await decide(ask, pool, "renewed")).status_code == 200

    clock.set(datetime(2026, 4, 18, 4, 0, tzinfo=UTC))
    late = await decide(ask, pool, "cancellation_requested")

    assert (late.status_code, fields(late)) == (409, ["deadline"])
    assert late.json()["detail"] == "it was 2026-04-17, and today is 2026-04-18"


async def test_without_services_there_is_nothing_to_decide(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient(active=False).term().now())

    refused = await decide(ask, pool, "renewed")

    assert (refused.status_code, fields(refused)) == (409, ["status"])


async def test_what_was_decided_before_services_ended_can_no_longer_be_undone(
    ask: Asking, pool: Pool
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    assert (await decide(ask, pool, "renewed")).status_code == 200
    await hear(pool, client.ended())

    refused = await decide(ask, pool, "cancellation_requested")

    assert (refused.status_code, fields(refused)) == (409, ["status"])
    assert (await the_renewal(pool)).status == "renewed"


async def test_services_resumed_after_the_deadline_leave_nothing_to_decide(
    ask: Asking, pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now(), client.ended())
    clock.set(NOON.replace(month=4, day=18))
    await hear(pool, client.resumed(at=clock.now()))

    refused = await decide(ask, pool, "renewed")

    assert (refused.status_code, fields(refused)) == (409, ["deadline"])
    assert (await the_renewal(pool)).status == "ended"


async def test_each_kind_is_decided_in_its_own_words(ask: Asking, pool: Pool) -> None:
    over = clients.Allowance(limit=1, used=2)
    await hear(pool, APartner().now(), AClient(contacts=over).now())

    assert fields(await decide(ask, pool, "renewed")) == ["status"]
    assert (await decide(ask, pool, "confirmed")).json()["status"] == "confirmed"


async def test_a_decision_sent_twice_is_made_once(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    path = f"/renewals/{(await the_renewal(pool)).renewal_id}/decision"
    body = {"status": "renewed"}

    first = await ask.post(path, body, **{"Idempotency-Key": "once"})
    again = await ask.post(path, body, **{"Idempotency-Key": "once"})

    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await ask.post(
        path, {"status": "cancellation_requested"}, **{"Idempotency-Key": "once"}
    )
    assert other.status_code == 422


async def test_staff_of_hubspot_only_read_and_members_set_no_defaults(
    ask: Asking, pool: Pool
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    staff, member = ask.by("staff"), ask.by("member")

    assert (await staff.get("/renewals")).status_code == 200
    assert (await decide(staff, pool, "renewed")).status_code == 403
    assert (await staff.put(OWNER, {"owner": "hubspot"})).status_code == 403
    assert (await member.put("/settings/owner", {"owner": "hubspot"})).status_code == 403
    stages = {"stages": ["d-0"], "send_hour": "08:00"}
    assert (await member.put("/settings/stages", stages)).status_code == 403
    assert (await member.put(OWNER, {"owner": "hubspot"})).status_code == 200


async def test_unknown_things_are_not_found(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now())
    nowhere = uuid4()

    for path in (f"/renewals/{nowhere}", f"/clients/{nowhere}/owner", f"/clients/{nowhere}/stages"):
        assert (await ask.get(path)).status_code == 404
    decision = await ask.post(f"/renewals/{nowhere}/decision", {"status": "renewed"})
    assert decision.status_code == 404
