"""Owners and stages over HTTP: who may set them, what is refused, what follows."""

from typing import Any
from uuid import uuid4

import pytest

from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import ids
from shared.contracts.renewals import (
    ClientRenewalsSnapshot,
    DefaultRenewalOwnerChanged,
    PartnerPolicySnapshot,
    RenewalOwnerChanged,
    StagesChanged,
)
from tests.deliver import published
from tests.renewals.conftest import Asking, fields
from tests.renewals.portfolio import (
    ANN,
    BOB,
    CLIENT,
    CY,
    NOON,
    AClient,
    APartner,
    hear,
    last_snapshot,
    stages_told,
    the_renewal,
    told,
    watch_until,
)

OWNER = f"/clients/{CLIENT}/owner"
STAGES = f"/clients/{CLIENT}/stages"


async def test_a_clients_owner_is_set_by_choice_and_noted_with_who_did_it(
    ask: Asking, pool: Pool
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    before = (await ask.get(OWNER)).json()
    assert (before["inherited"], before["effective"]["source"]) == (True, "factory")

    partner = {"owner": "partner", "point_of_contact_id": str(BOB)}
    answer = await ask.put(OWNER, partner)
    same = await ask.put(OWNER, partner)

    assert answer.headers["ETag"] == same.headers["ETag"] == '"1"'
    assert answer.json()["effective"] == {
        "owner": "partner",
        "source": "client",
        "notified_user_id": None,
        "point_of_contact_id": str(BOB),
    }
    [event] = await published(pool, RenewalOwnerChanged)
    assert (event.owner.owner, event.previous.owner, event.changed_by) == (
        "partner",
        "default",
        ANN,
    )
    snapshot = await last_snapshot(pool)
    assert (snapshot.owner.point_of_contact_id, snapshot.version) == (BOB, event.version)
    assert answer.headers["ETag"] == f'"{snapshot.owner_version}"'
    await ask.put(OWNER, {"owner": "hubspot", "notified_user_id": str(ANN)})
    history = (await ask.get(f"{OWNER}/history")).json()["items"]
    assert [(c["before"]["owner"], c["after"]["owner"]) for c in history] == [
        ("partner", "hubspot"),
        ("default", "partner"),
    ]
    assert history[0]["actor"] == str(ANN)
    oldest = (await ask.get(f"{OWNER}/history", sort="change", limit=1)).json()
    assert [c["change_id"] for c in oldest["items"]] == [history[1]["change_id"]]
    following = await ask.get(f"{OWNER}/history", sort="change", limit=1, cursor=oldest["next"])
    assert following.json()["items"] == [history[0]]


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"owner": "partner"}, "point_of_contact_id"),
        ({"owner": "partner", "point_of_contact_id": str(CY)}, "point_of_contact_id"),
        (
            {"owner": "partner", "point_of_contact_id": str(ids.user_id(2, 1))},
            "point_of_contact_id",
        ),
        ({"owner": "hubspot", "point_of_contact_id": str(ANN)}, "point_of_contact_id"),
        ({"owner": "hubspot", "notified_user_id": str(uuid4())}, "notified_user_id"),
        (
            {
                "owner": "partner",
                "point_of_contact_id": str(ANN),
                "notified_user_id": str(BOB),
            },
            "notified_user_id",
        ),
        ({"owner": "default", "notified_user_id": str(ANN)}, "notified_user_id"),
        ({"owner": "nobody"}, "owner"),
        ({"owner": "hubspot", "colour": "red"}, "colour"),
    ],
)
async def test_only_active_users_of_the_partner_can_be_chosen_and_only_where_they_belong(
    ask: Asking, pool: Pool, choice: dict[str, Any], field: str
) -> None:
    await hear(pool, APartner().now(), APartner(hub=2).now(), AClient().term().now())

    refused = await ask.put(OWNER, choice)

    assert refused.status_code == 422
    assert [each.removeprefix("body.") for each in fields(refused)] == [field]
    assert not await published(pool, RenewalOwnerChanged)


async def test_the_default_moves_those_who_inherit_and_nobody_else(ask: Asking, pool: Pool) -> None:
    portfolio = [AClient(record=n).term().now() for n in (1, 2, 3)]
    await hear(pool, APartner().now(), *portfolio)
    await ask.put(f"/clients/{ids.client_id(1, 3)}/owner", {"owner": "hubspot"})
    wanted = {"owner": "partner", "point_of_contact_id": str(ANN)}

    assert (await ask.get("/settings/owner/preview", **wanted)).json() == {"moves": 2, "leaves": 1}
    unmoved = {"moves": 0, "leaves": 3}
    assert (await ask.get("/settings/owner/preview", owner="hubspot")).json() == unmoved
    changed = await ask.put(
        "/settings/owner",
        wanted
        | {"default_point_of_contact_id": str(BOB), "recipient_roles": ["billing", "billing"]},
    )

    assert changed.json()["recipient_roles"] == ["billing"]
    assert (changed.json()["source"], changed.headers["ETag"]) == ("partner", '"2"')
    rows = (await ask.get("/renewals", owner="partner")).json()["items"]
    assert {row["owner"]["effective"]["source"] for row in rows} == {"partner"}
    assert len(rows) == 2
    [event] = await published(pool, DefaultRenewalOwnerChanged)
    assert (event.owner.owner, event.previous.owner, event.changed_by) == (
        "partner",
        "hubspot",
        ANN,
    )
    policy = (await published(pool, PartnerPolicySnapshot))[-1]
    assert (policy.version, policy.default_point_of_contact_id) == (2, BOB)
    same = await ask.put("/settings/owner", changed.json() | {"source": None}, version=2)
    assert same.status_code == 422  # what is shown is more than what can be set
    [change] = (await ask.get("/settings/owner/history")).json()["items"]
    assert (change["before"]["owner"], change["after"]["owner"]) == ("hubspot", "partner")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"owner": "partner"}, "point_of_contact_id"),
        (
            {"owner": "hubspot", "default_point_of_contact_id": str(CY)},
            "default_point_of_contact_id",
        ),
        ({"owner": "hubspot", "recipient_roles": ["a role!"]}, "recipient_roles"),
        ({"owner": "hubspot", "recipient_roles": []}, "recipient_roles"),
        ({"owner": "default"}, "owner"),
    ],
)
async def test_a_default_that_could_reach_nobody_is_refused(
    ask: Asking, pool: Pool, wish: dict[str, Any], field: str
) -> None:
    await hear(pool, APartner().now())

    refused = await ask.put("/settings/owner", wish)

    assert (refused.status_code, [f.removeprefix("body.") for f in fields(refused)]) == (
        422,
        [field],
    )


async def test_setting_what_is_set_changes_nothing(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    said = len(await published(pool, PartnerPolicySnapshot))
    stages = (await ask.get("/settings/stages")).json()

    await ask.put("/settings/stages", {"stages": stages["stages"], "send_hour": "09:00"})
    await ask.put(STAGES, {"stages": None})
    chosen = await ask.put("/settings/owner", {"owner": "hubspot"})
    again = await ask.put("/settings/owner", {"owner": "hubspot"})

    # the factory's default, once it is chosen, is the partner's
    assert chosen.json()["source"] == "partner"
    assert again.json() == chosen.json()
    assert len(await published(pool, PartnerPolicySnapshot)) == said + 1
    assert not await published(pool, DefaultRenewalOwnerChanged)


async def test_nobodys_change_is_lost(ask: Asking, pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient().term().now())

    stale = await ask.put(OWNER, {"owner": "hubspot"}, version=7)
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"0"')
    assert (await ask.put(STAGES, {"stages": ["d-0"]}, version=7)).status_code == 412
    policy = await ask.put("/settings/owner", {"owner": "hubspot"}, version=7)
    assert (policy.status_code, policy.headers["ETag"]) == (412, '"1"')


async def test_a_stage_switched_on_is_never_told_for_the_past(
    ask: Asking, pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())
    await watch_until(pool, clock, NOON.replace(month=3, day=20))
    assert await stages_told(pool) == ["entered", "d-45"]

    changed = await ask.put(
        "/settings/stages",
        {"stages": ["outcome", "d-30", "d-10", "d-45", "entered"], "send_hour": "10:30"},
    )
    await watch_until(pool, clock, NOON.replace(month=4, day=19))

    assert changed.json()["stages"] == ["entered", "d-45", "d-30", "d-10", "outcome"]
    assert await stages_told(pool) == ["entered", "d-45", "d-10", "outcome"]
    [event] = await published(pool, StagesChanged)
    assert (event.send_hour, [s.name for s in event.stages]) == ("10:30", changed.json()["stages"])
    detail = (await ask.get(f"/renewals/{(await the_renewal(pool)).renewal_id}")).json()
    assert {s["stage"]: s["state"] for s in detail["stages"]}["d-30"] == "skipped"
    history = (await ask.get("/settings/stages/history")).json()["items"]
    assert [c["after"]["send_hour"] for c in history] == ["10:30"]


async def test_a_clients_own_stages_move_that_client_only(
    ask: Asking, pool: Pool, clock: ManualClock
) -> None:
    await hear(pool, APartner().now(), *(AClient(record=n).term().now() for n in (1, 2)))
    await watch_until(pool, clock, NOON.replace(month=3, day=20))

    own = await ask.put(STAGES, {"stages": ["d-20", "d-30", "outcome"]})
    await watch_until(pool, clock, NOON.replace(month=4, day=19))

    assert own.json()["effective"] == ["d-30", "d-20", "outcome"]
    snapshot = await last_snapshot(pool)
    assert snapshot.stages is not None
    assert own.headers["ETag"] == f'"{snapshot.stages_version}"'
    assert (await ask.get(STAGES)).json()["stages"] == ["d-30", "d-20", "outcome"]
    mine = [e.stage for e in await told(pool) if e.client_id == CLIENT]
    others = [e.stage for e in await told(pool) if e.client_id != CLIENT]
    assert mine == ["entered", "d-45", "d-20", "outcome"]
    assert others == ["entered", "d-45", "d-15", "d-7", "d-1", "d-0", "outcome"]
    back = await ask.put(STAGES, {"stages": None})
    assert back.json()["stages"] is None
    assert len(await published(pool, ClientRenewalsSnapshot)) >= 4


@pytest.mark.parametrize(
    "stages",
    [["soon"], ["d-75"], ["d-07"], ["d-7", "d-7"], ["outcome"], []],
    ids=" ".join,
)
async def test_stages_that_make_no_sense_are_refused(
    ask: Asking, pool: Pool, stages: list[str]
) -> None:
    await hear(pool, APartner().now(), AClient().term().now())

    refused = await ask.put(STAGES, {"stages": stages})

    assert (refused.status_code, fields(refused)) == (422, ["stages"])
    bad_hour = await ask.put("/settings/stages", {"stages": ["d-0"], "send_hour": "24:00"})
    assert bad_hour.status_code == 422
