"""What callers may read and change, and what they are told when they may not."""

from collections.abc import AsyncIterator
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest

from shared.contracts import clients, ids
from tests.clients.conftest import Service
from tests.clients.portfolio import (
    ACME,
    ANN,
    BEN,
    BOLT,
    CAT,
    EVE,
    MARKETING,
    NORTH,
    OURS,
    SALES,
)
from tests.deliver import pending, published

CONTACT = {"name": "Gus Park", "email": "gus@acme.example.com", "roles": ["billing"]}
PRODUCT = {
    "product": "CMS Hub",
    "mrr": "300.00",
    "currency": "USD",
    "term_start": "2026-02-01",
    "term_end": "2027-01-31",
}


async def names(service: Service, query: str = "") -> list[str]:
    answer = await service.get(f"/clients?{query}")
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["items"]]


async def test_the_partner_its_users_and_its_team_are_told(service: Service) -> None:
    partner = await service.get("/partner")
    users = (await service.get("/users")).json()["items"]
    [person] = (await service.get("/team")).json()["items"]

    assert partner.json() == {
        "partner_id": str(OURS),
        "hub_id": NORTH,
        "name": "Agency 1001",
        "time_zone": "Europe/Berlin",
        "version": 6,
    }
    assert partner.headers["etag"] == '"6"'
    assert [(user["name"], user["role"], user["active"]) for user in users] == [
        ("Ann Lee", "admin", True),
        ("Ben Lee", "member", True),
        ("Cat Lee", "member", False),
    ]
    assert (person["role"], person["description"]) == (
        "channel_account_manager",
        "Helps with\nplans",
    )


async def test_users_are_listed_by_name_a_page_at_a_time_either_way(service: Service) -> None:
    async def pages(query: str) -> AsyncIterator[str]:
        cursor = ""
        while cursor is not None:
            page = (
                await service.get(
                    f"/users?limit=1&{query}&cursor={cursor}"[: None if cursor else -8]
                )
            ).json()
            for user in page["items"]:
                yield user["name"][:3]
            cursor = page["next"]

    assert [name async for name in pages("sort=name")] == ["Ann", "Ben", "Cat"]
    assert [name async for name in pages("sort=-name")] == ["Cat", "Ben", "Ann"]
    assert [name async for name in pages("status=active")] == ["Ann", "Ben"]
    assert [name async for name in pages("status=deactivated")] == ["Cat"]


async def test_a_client_is_told_whole_with_how_near_its_limits_are(service: Service) -> None:
    answer = await service.get(f"/clients/{ACME}")
    found = answer.json()

    assert answer.headers["etag"] == '"1"'
    assert found["company"]["industry"] == "Software"
    assert found["relationship"] == {"sold": True, "managed": True, "sold_on": "2025-06-01"}
    assert found["contact_tier"] == {
        "tier": "Professional 10,000",
        "limit": 10_000,
        "used": 9_300,
        "left": 700,
        "percent": 93.0,
        "nearness": "near",
    }
    assert (found["email_tier"]["limit"], found["email_tier"]["used"]) == (100_000, 20_000)
    assert found["app_usage"] == {
        "apps_used": 5,
        "countable": 17,
        "band": "medium",
        "period_end": "2025-12-31",
    }
    assert found["mrr"] == [{"currency": "USD", "amount": "935.50"}]
    assert [each["name"] for each in found["contacts"]] == ["Eve Ruiz", "Fay Ruiz"]
    assert found["renewal_manager"]["name"] == "Remy Moss"
    assert found["links"] == {
        "crm": "https://app.hubspot.com/contacts/1001/record/0-2/1",
        "portal": "https://app.hubspot.com/reports-dashboard/500001",
    }


async def test_the_list_is_narrowed_by_words_product_relationship_and_services(
    service: Service,
) -> None:
    assert await names(service) == ["Acme GmbH", "Bolt Ltd", "Crest SA"]
    assert await names(service, "q=GMBH") == ["Acme GmbH"]
    assert await names(service, "q=bolt.example") == ["Bolt Ltd"]
    assert await names(service, "q=100%25") == []
    assert await names(service, "product=sales%20hub") == ["Acme GmbH"]
    assert await names(service, "relationship=both") == ["Acme GmbH"]
    assert await names(service, "relationship=sold") == ["Acme GmbH", "Bolt Ltd"]
    assert await names(service, "relationship=managed") == ["Acme GmbH", "Crest SA"]
    assert await names(service, "currency=EUR") == ["Bolt Ltd"]
    assert await names(service, "services=ended") == []
    assert await names(service, "services=all&q=s") == ["Crest SA"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", ["Acme GmbH", "Bolt Ltd", "Crest SA"]),
        ("-domain", ["Crest SA", "Bolt Ltd", "Acme GmbH"]),
        ("apps_used", ["Crest SA", "Bolt Ltd", "Acme GmbH"]),
        ("-apps_used", ["Acme GmbH", "Bolt Ltd", "Crest SA"]),
        ("mrr", ["Bolt Ltd", "Crest SA", "Acme GmbH"]),
        ("-mrr", ["Acme GmbH", "Crest SA", "Bolt Ltd"]),
    ],
)
async def test_the_list_is_sorted_and_read_a_page_at_a_time(
    service: Service, sort: str, order: list[str]
) -> None:
    seen: list[str] = []
    query = f"sort={sort}&limit=2"
    while query:
        page = (await service.get(f"/clients?{query}")).json()
        seen += [each["name"] for each in page["items"]]
        query = f"sort={sort}&limit=2&cursor={page['next']}" if page["next"] else ""

    assert seen == order


async def test_a_contact_is_added_replaced_and_removed(service: Service) -> None:
    added = await service.ask(
        "POST", f"/clients/{ACME}/contacts", CONTACT | {"record_id": 777}, version=1, role="member"
    )
    gus = str(ids.contact_id(NORTH, 777))
    replaced = await service.ask(
        "PUT",
        f"/clients/{ACME}/contacts/{gus}",
        CONTACT | {"roles": ["decision_maker", "billing", "billing"], "email": "Gus@ACME.example"},
        version=2,
    )
    removed = await service.ask("DELETE", f"/clients/{ACME}/contacts/{EVE}", version=3)

    assert (added.status_code, replaced.status_code, removed.status_code) == (201, 200, 200)
    [found] = [each for each in removed.json()["contacts"] if each["contact_id"] == gus]
    assert found["roles"] == ["billing", "decision_maker"]
    assert found["email"] == "Gus@acme.example"
    assert len(removed.json()["contacts"]) == 2
    assert removed.headers["etag"] == '"4"'
    facts = await published(service.pool, clients.ClientContactsChanged)
    snapshots = await published(service.pool, clients.ClientSnapshot)
    assert [fact.version for fact in facts] == [2, 3, 4]
    assert [snapshot.version for snapshot in snapshots] == [2, 3, 4]
    assert gus in map(str, facts[-1].contact_ids)
    assert EVE not in facts[-1].contact_ids


async def test_a_contact_of_another_client_is_not_taken_from_it(service: Service) -> None:
    taken = await service.ask(
        "POST", f"/clients/{BOLT}/contacts", CONTACT | {"record_id": 501}, version=1
    )

    assert taken.status_code == 409
    assert taken.json()["errors"][0]["field"] == "record_id"
    assert await service.version(BOLT) == 1
    assert await pending(service.pool) == []


async def test_a_subscription_is_added_changed_and_removed_with_what_it_was(
    service: Service,
) -> None:
    added = await service.ask(
        "POST", f"/clients/{ACME}/subscriptions", PRODUCT | {"record_id": 950}, version=1
    )
    moved = await service.ask(
        "PUT",
        f"/clients/{ACME}/subscriptions/{MARKETING}",
        PRODUCT | {"mrr": 910, "product": "Marketing Hub Enterprise"},
        version=2,
    )
    removed = await service.ask("DELETE", f"/clients/{ACME}/subscriptions/{SALES}", version=3)

    assert (added.status_code, moved.status_code, removed.status_code) == (201, 200, 200)
    assert removed.json()["mrr"] == [{"currency": "USD", "amount": "1210.00"}]
    new, changed = await published(service.pool, clients.SubscriptionChanged)
    [gone] = await published(service.pool, clients.SubscriptionRemoved)
    assert new.previous is None
    assert changed.previous is not None
    assert str(changed.previous.mrr) == "890.00"
    assert changed.subscription.product == "Marketing Hub Enterprise"
    assert gone.subscription.subscription_id == SALES


async def test_relationship_allowances_and_usage_are_set(service: Service) -> None:
    await service.ask(
        "PUT", f"/clients/{ACME}/relationship", {"sold": False, "managed": True}, version=1
    )
    await service.ask(
        "PUT",
        f"/clients/{ACME}/allowances",
        {"contact_tier": {"limit": 2000, "used": 5, "tier": "Starter 2,000"}, "email_use": None},
        version=2,
        role="member",
    )
    last = await service.ask(
        "PUT",
        f"/clients/{ACME}/app-usage",
        {"apps_used": 9, "period_end": "2026-01-10"},
        version=3,
        role="member",
    )

    found = last.json()
    assert found["relationship"] == {"sold": False, "managed": True, "sold_on": None}
    assert found["email_tier"]["limit"] == 10_000
    assert found["app_usage"]["band"] == "high"
    assert found["version"] == 4
    [allowances] = await published(service.pool, clients.AllowancesRecorded)
    assert allowances.email_tier == clients.Allowance(limit=10_000, used=0)


async def test_the_same_again_changes_nothing_and_says_nothing(service: Service) -> None:
    body = {"sold": True, "managed": True, "sold_on": "2025-06-01"}
    answer = await service.ask("PUT", f"/clients/{ACME}/relationship", body, version=1)

    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert await pending(service.pool) == []


async def test_who_has_seen_an_older_version_changes_nothing(service: Service) -> None:
    body = {"sold": True, "managed": False}
    first = await service.ask("PUT", f"/clients/{ACME}/relationship", body, version=1)
    stale = await service.ask(
        "PUT", f"/clients/{ACME}/relationship", body | {"managed": True}, version=1
    )
    blind = await service.ask("PUT", f"/clients/{ACME}/relationship", body)

    assert (first.status_code, stale.status_code, blind.status_code) == (200, 412, 428)
    assert stale.headers["etag"] == '"2"'
    assert await service.version(ACME) == 2


async def test_history_tells_who_changed_what_from_what_to_what(service: Service) -> None:
    await service.ask(
        "PUT", f"/clients/{ACME}/relationship", {"sold": True, "managed": False}, version=1
    )
    await service.ask(
        "POST", f"/clients/{ACME}/services/end", {"reason": "Moved on", "confirm": True}, version=2
    )

    first = (await service.get(f"/clients/{ACME}/history?limit=2")).json()
    rest = (await service.get(f"/clients/{ACME}/history?limit=2&cursor={first['next']}")).json()
    upwards = (await service.get(f"/clients/{ACME}/history?sort=version")).json()

    ended, related = first["items"]
    [registered] = rest["items"]
    assert ended["change"] == "ServicesEnded"
    assert ended["actor"] == {"user_id": str(ANN), "name": "Ann Lee"}
    assert ended["after"]["reason"] == "Moved on"
    assert (related["before"]["managed"], related["after"]["managed"]) == (True, False)
    assert (registered["change"], registered["actor"]) == ("ClientRegistered", None)
    assert [each["version"] for each in upwards["items"]] == [1, 2, 3]


async def test_the_partner_moves_to_another_time_zone(service: Service) -> None:
    moved = await service.ask("PUT", "/partner/time-zone", {"time_zone": "Asia/Tokyo"}, version=6)
    stale = await service.ask("PUT", "/partner/time-zone", {"time_zone": "UTC"}, version=6)

    assert (moved.status_code, moved.json()["version"]) == (200, 7)
    assert stale.status_code == 412
    [fact] = await published(service.pool, clients.PartnerTimeZoneChanged)
    [snapshot] = await published(service.pool, clients.PartnerSnapshot)
    assert (fact.time_zone, fact.version) == ("Asia/Tokyo", 7)
    assert (snapshot.time_zone, snapshot.version) == ("Asia/Tokyo", 7)
    assert len(snapshot.users) == 3
    past = (await service.get("/partner/history")).json()["items"]
    assert (past[0]["before"], past[0]["after"]) == ("Europe/Berlin", "Asia/Tokyo")


async def test_a_user_is_deactivated_and_reactivated_once_each(service: Service) -> None:
    answers = [
        await service.ask("POST", f"/users/{BEN}/{command}")
        for command in ("deactivation", "deactivation", "reactivation", "reactivation")
    ]

    assert [answer.json()["active"] for answer in answers] == [False, False, True, True]
    [gone] = await published(service.pool, clients.PartnerUserDeactivated)
    [back] = await published(service.pool, clients.PartnerUserReactivated)
    assert (gone.user_id, back.user_id) == (BEN, BEN)
    assert (gone.version, back.version) == (7, 8)
    assert [s.version for s in await published(service.pool, clients.PartnerSnapshot)] == [7, 8]


async def test_the_last_active_admin_cannot_be_deactivated(service: Service) -> None:
    answer = await service.ask("POST", f"/users/{ANN}/deactivation")
    assert answer.status_code == 409
    assert "last active admin" in answer.json()["detail"]


async def test_a_deactivated_user_changes_nothing_however_good_the_token_is(
    service: Service,
) -> None:
    refused = await service.ask(
        "POST", f"/clients/{ACME}/contacts", CONTACT | {"record_id": 5}, version=1, user=CAT
    )
    assert refused.status_code == 403
    assert "deactivated" in refused.json()["detail"]
    assert (await service.get("/partner", user=CAT)).status_code == 200


async def test_the_document_of_the_api_has_an_example_for_every_body(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]

    assert len(bodies) == 9
    for body in bodies:
        schema = document | body
        examples = jsonschema.Draft202012Validator(schema)
        [example] = (
            document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
            if "$ref" in body
            else body
        )["examples"]
        assert list(examples.iter_errors(example)) == []


def test_the_ids_that_the_tests_use_are_those_of_the_contract() -> None:
    assert ids.client_id(NORTH, 1) == ACME
    assert isinstance(ACME, UUID)
