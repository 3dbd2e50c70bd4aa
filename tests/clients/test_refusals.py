"""What callers may not do, and what they are told then."""

from typing import Any
from uuid import uuid4

from shared.contracts import ids
from tests.clients.conftest import Service
from tests.clients.portfolio import (
    ACME,
    BEN,
    CREST,
    DELTA,
    EVE,
    MARKETING,
)
from tests.deliver import pending

CONTACT = {"name": "Gus Park", "email": "gus@acme.example.com", "roles": ["billing"]}
PRODUCT = {
    "product": "CMS Hub",
    "mrr": "300.00",
    "currency": "USD",
    "term_start": "2026-02-01",
    "term_end": "2027-01-31",
}


COMMANDS: list[tuple[str, str, Any, bool]] = [
    ("POST", f"/clients/{ACME}/contacts", CONTACT | {"record_id": 5}, True),
    ("PUT", f"/clients/{ACME}/contacts/{EVE}", CONTACT, True),
    ("DELETE", f"/clients/{ACME}/contacts/{EVE}", None, True),
    ("PUT", f"/clients/{ACME}/allowances", {"contact_tier": None, "email_use": None}, True),
    (
        "PUT",
        f"/clients/{ACME}/app-usage",
        {"apps_used": 9, "period_end": "2026-01-10"},
        True,
    ),
    ("POST", f"/clients/{ACME}/subscriptions", PRODUCT | {"record_id": 5}, False),
    ("PUT", f"/clients/{ACME}/subscriptions/{MARKETING}", PRODUCT, False),
    ("DELETE", f"/clients/{ACME}/subscriptions/{MARKETING}", None, False),
    ("PUT", f"/clients/{ACME}/relationship", {"sold": True, "managed": True}, False),
    ("POST", f"/clients/{ACME}/services/end", {"reason": "x", "confirm": True}, False),
    ("POST", f"/clients/{ACME}/services/resume", None, False),
    ("POST", f"/users/{BEN}/deactivation", None, False),
    ("POST", f"/users/{BEN}/reactivation", None, False),
    ("PUT", "/partner/time-zone", {"time_zone": "UTC"}, False),
]


async def test_staff_changes_nothing_and_members_only_what_is_everyday_work(
    service: Service,
) -> None:
    for method, path, body, for_members in COMMANDS:
        staff = await service.ask(method, path, body, version=1, role="staff")
        assert staff.status_code == 403, path
        if not for_members:
            member = await service.ask(method, path, body, version=1, role="member")
            assert member.status_code == 403, path
    assert await pending(service.pool) == []


async def test_no_partner_reads_or_changes_what_is_anothers(service: Service) -> None:
    """Every command and every page, asked by North about South's client."""
    before = await service.pool.fetchval("SELECT md5(string_agg(c::text, '')) FROM clients c")
    for method, path, body, _ in COMMANDS:
        if str(ACME) in path:
            foreign = await service.ask(
                method, path.replace(str(ACME), str(DELTA)), body, version=1
            )
            assert foreign.status_code == 404, (method, path)
    for path in (f"/clients/{DELTA}", f"/clients/{DELTA}/history"):
        assert (await service.get(path)).status_code == 404
    for command in ("deactivation", "reactivation"):
        foreign = await service.ask("POST", f"/users/{ids.user_id(1002, 21)}/{command}")
        assert foreign.status_code == 404

    after = await service.pool.fetchval("SELECT md5(string_agg(c::text, '')) FROM clients c")
    assert before == after
    assert await pending(service.pool) == []
    everything = (await service.get("/clients?services=all&limit=200")).text
    assert "Delta" not in everything


async def test_what_is_not_there_is_not_found(service: Service) -> None:
    for method, path, body in [
        ("GET", f"/clients/{uuid4()}", None),
        ("PUT", f"/clients/{ACME}/contacts/{uuid4()}", CONTACT),
        ("DELETE", f"/clients/{ACME}/contacts/{uuid4()}", None),
        ("PUT", f"/clients/{ACME}/subscriptions/{uuid4()}", PRODUCT),
        ("DELETE", f"/clients/{ACME}/subscriptions/{uuid4()}", None),
        ("POST", f"/users/{uuid4()}/deactivation", None),
        ("POST", f"/users/{uuid4()}/reactivation", None),
    ]:
        answer = await service.ask(method, path, body, version=1)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_partner_that_is_not_known_here_is_not_found(service: Service) -> None:
    for method, path, body in [
        ("GET", "/partner", None),
        ("GET", "/team", None),
        ("GET", "/clients", None),
        ("PUT", "/partner/time-zone", {"time_zone": "UTC"}),
    ]:
        answer = await service.ask(method, path, body, version=1, partner=uuid4(), user=uuid4())
        assert answer.status_code == 404, path


BAD: list[tuple[str, str, Any, str]] = [
    ("POST", "contacts", CONTACT | {"record_id": 0}, "record_id"),
    ("POST", "contacts", CONTACT, "record_id"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "email": "a@b.de\r\nBcc: c@d.de"}, "email"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "email": "a@b.de\x00"}, "email"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "email": "a..b@b.de"}, "email"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "name": " "}, "name"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "name": "a\nb"}, "name"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "name": "x" * 10_001}, "name"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "roles": ["Decision Maker"]}, "roles.0"),
    ("POST", "contacts", CONTACT | {"record_id": 5, "surprise": 1}, "surprise"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "mrr": "-1"}, "mrr"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "mrr": "1.001"}, "mrr"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "mrr": "NaN"}, "mrr"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "currency": "XXX"}, "currency"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "term_end": "2026-02-30"}, "term_end"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "term_end": "2026-01-31"}, "term_end"),
    ("POST", "subscriptions", PRODUCT | {"record_id": 5, "term_end": "9999-12-31"}, "term_end"),
    ("PUT", "relationship", {"sold": False, "managed": False}, "managed"),
    ("PUT", "relationship", {"sold": True, "managed": True, "sold_on": "2026-01-16"}, "sold_on"),
    ("PUT", "allowances", {"contact_tier": {"limit": -1, "used": 0}}, "contact_tier.limit"),
    ("PUT", "app-usage", {"apps_used": 18, "period_end": "2026-01-10"}, "apps_used"),
    ("POST", "services/end", {"reason": " ", "confirm": True}, "reason"),
    ("POST", "services/end", {"reason": "x", "confirm": False}, "confirm"),
    ("POST", "services/end", {"reason": "x"}, "confirm"),
    ("POST", "services/end", {"reason": "x", "confirm": True, "ended_by": str(BEN)}, "ended_by"),
]


async def test_what_cannot_be_used_is_refused_with_field_and_reason(service: Service) -> None:
    for method, path, body, field in BAD:
        answer = await service.ask(method, f"/clients/{ACME}/{path}", body, version=1)
        assert answer.status_code == 422, (path, body, answer.text)
        errors = {error["field"]: error["reason"] for error in answer.json()["errors"]}
        assert errors.get(field), (path, body, errors)
    for query in (
        "sort=age",
        "limit=0",
        "relationship=x",
        "services=x",
        "currency=usd",
        "cursor=x",
    ):
        assert (await service.get(f"/clients?{query}")).status_code == 422, query
    for zone in ("Europe/Atlantis", "../../etc/passwd", ""):
        answer = await service.ask("PUT", "/partner/time-zone", {"time_zone": zone}, version=6)
        assert answer.status_code == 422
    assert await service.version(ACME) == 1
    assert await pending(service.pool) == []


async def test_an_older_period_of_usage_is_refused(service: Service) -> None:
    answer = await service.ask(
        "PUT",
        f"/clients/{ACME}/app-usage",
        {"apps_used": 1, "period_end": "2025-11-30"},
        version=1,
    )
    assert answer.status_code == 409
    assert "2025-12-31 or later" in answer.json()["detail"]


async def test_more_than_a_snapshot_can_carry_is_refused(service: Service) -> None:
    long = CONTACT | {"name": "\U0001f600" * 10_000, "job_title": "\U0001f600" * 10_000}
    statuses = [
        (
            await service.ask(
                "POST", f"/clients/{CREST}/contacts", long | {"record_id": 600 + n}, version=n + 1
            )
        ).status_code
        for n in range(13)
    ]
    assert statuses == [201] * 11 + [409, 412]


async def test_hostile_texts_come_back_letter_by_letter(service: Service) -> None:
    hostile = "<script>alert(1)</script> \u202e=1+1 " + "x" * 9_000
    answer = await service.ask(
        "POST",
        f"/clients/{CREST}/contacts",
        CONTACT | {"record_id": 5, "name": hostile, "job_title": hostile},
        version=1,
    )
    assert answer.status_code == 201
    [found] = answer.json()["contacts"]
    assert (found["name"], found["job_title"]) == (hostile, hostile.strip())
