"""Services end: nobody of the partner hears of that client again, and the client still does."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx2

from deploy.local.sink_page import Behaviour
from shared.contracts import clients, ids, renewals
from tests.deliver import produce
from tests.journeys.portfolio import HUB, NOTICE, Portfolio
from tests.journeys.system import Person, System

TODAY = date(2026, 1, 15)
START = TODAY + timedelta(days=8) + NOTICE  # d-7 falls due tomorrow
POC, DM = "poc@partner.example", "dm@acme.example"
MANAGER, CAM = "manager@hubspot.example", "cam@hubspot.example"
ADMIN = Person(ids.user_id(HUB, 1), ids.partner_id(HUB), "admin")
ACME = ids.client_id(HUB, 71)
RENEWAL = ids.renewal_id(ACME, "renewal", START.isoformat())


async def partner_owned(system: System, folder: Path) -> None:
    """Run everything for a client whose point of contact at the partner was told once."""
    portfolio = Portfolio()
    portfolio.partner()
    portfolio.user(1, "ada@partner.example", "admin")
    portfolio.user(2, POC)
    portfolio.team(CAM, "channel_account_manager")
    portfolio.client("Acme", decision_maker=DM, renewal_start=START, manager=MANAGER, record=71)
    portfolio.add(
        "renewals/renewal_owners.csv",
        {"Record ID": 71, "Renewal owner": "Partner", "Point of contact user ID": 2},
    )
    portfolio.write(folder)
    await system.start("clients", "renewals", "tiers")
    await system.import_files("clients", folder / "clients")
    await system.quiet()
    await system.import_files("renewals", folder / "renewals")
    await system.start("notifications")
    await system.quiet()


async def end(system: System) -> httpx2.Response:
    async with system.http("clients", ADMIN) as client:
        current = await client.get(f"/clients/{ACME}")
        answer = await client.post(
            f"/clients/{ACME}/services/end",
            json={"reason": "The client left us.", "confirm": True},
            headers={"If-Match": current.headers["ETag"]},
        )
    assert answer.status_code < 300, answer.text
    return answer


def told_to(system: System, since: int) -> set[str]:
    return {address for letter in system.letters()[since:] for address in letter.to}


def stage(name: str, *, version: int = 9) -> renewals.RenewalDeadlineApproaching:
    """A stage as it was told while the partner was still the owner."""
    noon = datetime(2026, 1, 16, 12, tzinfo=UTC)
    return renewals.RenewalDeadlineApproaching(
        version=version,
        occurred_at=noon,
        renewal_id=RENEWAL,
        client_id=ACME,
        partner_id=ids.partner_id(HUB),
        kind="renewal",
        status="pending",
        stage=name,
        due_at=noon - timedelta(hours=3),
        due_until=noon + timedelta(days=6),
        time_zone="UTC",
        renewal_start=START,
        deadline=START - NOTICE,
        days_to_renewal=52,
        days_to_deadline=7,
        currency="USD",
        current_mrr=Decimal("800.00"),
        renewal_mrr=Decimal("800.00"),
        owner=renewals.EffectiveOwner(
            owner="partner", source="client", point_of_contact_id=ids.user_id(HUB, 2)
        ),
        client_version=1,
    )


async def test_what_was_planned_goes_to_the_client_alone_once_services_ended(
    partner_tools: System, tmp_path: Path
) -> None:
    await partner_owned(partner_tools, tmp_path / "files")
    assert told_to(partner_tools, 0) == {POC}
    before = len(partner_tools.letters())

    await end(partner_tools)
    await partner_tools.quiet()
    assert sorted(letter.to[0] for letter in partner_tools.letters()[before:]) == [CAM, MANAGER]

    before = len(partner_tools.letters())
    for days in (1, 6, 1, 1):
        partner_tools.clock.advance(timedelta(days=days))
        await partner_tools.quiet()
    assert told_to(partner_tools, before) == {DM, MANAGER}
    stages = await partner_tools.ledger(
        "SELECT stage FROM messages WHERE audience = 'client' AND state = 'accepted'"
        " ORDER BY due_at"
    )
    assert [row["stage"] for row in stages] == ["d-7", "d-1", "d-0", "outcome"]


async def test_what_waited_in_the_topics_stays_silent_once_services_ended(
    partner_tools: System, tmp_path: Path
) -> None:
    await partner_owned(partner_tools, tmp_path / "files")
    before = len(partner_tools.letters())
    await partner_tools.stop("notifications")
    partner_tools.clock.advance(timedelta(days=1))
    await partner_tools.quiet()  # d-7 is told on Kafka, to the partner

    await end(partner_tools)
    await partner_tools.quiet()
    await partner_tools.start("notifications")
    await partner_tools.quiet()

    assert told_to(partner_tools, before) == {DM, MANAGER, CAM}


async def test_what_the_mail_relay_put_off_is_not_tried_again_once_services_ended(
    partner_tools: System, tmp_path: Path
) -> None:
    await partner_owned(partner_tools, tmp_path / "files")
    before = len(partner_tools.letters())
    partner_tools.misbehave(Behaviour(count=1000, reply="451 4.3.0 Later", recipient=POC))
    partner_tools.clock.advance(timedelta(days=1))
    await partner_tools.until(
        "notifications", "SELECT count(*) FROM messages WHERE state = 'deferred'", 1
    )

    await end(partner_tools)
    await partner_tools.quiet(but_deferred=True)
    partner_tools.misbehave(Behaviour(count=0))
    partner_tools.clock.advance(timedelta(hours=5))
    await partner_tools.quiet()

    assert told_to(partner_tools, before) == {DM, MANAGER, CAM}


async def test_copies_and_latecomers_do_not_wake_the_partner_once_services_ended(
    partner_tools: System, tmp_path: Path
) -> None:
    await partner_owned(partner_tools, tmp_path / "files")
    await end(partner_tools)
    await partner_tools.quiet()
    before = len(partner_tools.letters())
    partner_tools.clock.advance(timedelta(days=1))
    await partner_tools.quiet()

    await produce(partner_tools.kafka, stage("d-15"), stage("d-7"), stage("d-7"), stage("d-6"))
    await partner_tools.quiet()

    assert POC not in told_to(partner_tools, before)
    keys = await partner_tools.ledger(
        "SELECT subject_id, occasion, stage, recipient_id FROM messages WHERE state = 'accepted'"
    )
    assert len({tuple(key) for key in keys}) == len(keys) == len(partner_tools.letters())


async def test_resumed_services_are_a_new_period_that_an_event_of_the_old_one_cannot_end(
    partner_tools: System, tmp_path: Path
) -> None:
    await partner_owned(partner_tools, tmp_path / "files")
    await end(partner_tools)
    await partner_tools.quiet()
    async with partner_tools.http("clients", ADMIN) as client:
        current = await client.get(f"/clients/{ACME}")
        answer = await client.post(
            f"/clients/{ACME}/services/resume", headers={"If-Match": current.headers["ETag"]}
        )
        assert answer.status_code < 300, answer.text
    await partner_tools.quiet()
    before = len(partner_tools.letters())

    await produce(
        partner_tools.kafka,
        clients.ServicesEnded(
            version=2,
            occurred_at=partner_tools.clock.now(),
            client_id=ACME,
            partner_id=ids.partner_id(HUB),
            period=1,
            ended_at=partner_tools.clock.now(),
            ended_by=UUID(int=1),
            reason="A copy that came late.",
        ),
    )
    await partner_tools.quiet()
    partner_tools.clock.advance(timedelta(days=1))
    await partner_tools.quiet()

    assert told_to(partner_tools, before) == {POC}
    async with partner_tools.http("renewals", ADMIN) as client:
        upcoming = (await client.get("/renewals", params={"upcoming": "true"})).json()
    assert [row["renewal_id"] for row in upcoming["items"]] == [str(RENEWAL)]
