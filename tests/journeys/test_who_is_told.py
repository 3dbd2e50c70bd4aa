"""Who is told: a journey for each row of the table, the negative ones included."""

from datetime import date, timedelta
from pathlib import Path

from shared.contracts import ids
from tests.journeys.portfolio import HUB, NOTICE, Portfolio
from tests.journeys.system import Person, System

TODAY = date(2026, 1, 15)
DEADLINE_IN_A_WEEK = TODAY + timedelta(days=7) + NOTICE  # so d-7 is due today
ADMIN, POC, COPIED = "ada@partner.example", "poc@partner.example", "cora@partner.example"
MANAGER, CAM = "manager@hubspot.example", "cam@hubspot.example"
THE_ADMIN = Person(ids.user_id(HUB, 1), ids.partner_id(HUB), "admin")
THE_POC = Person(ids.user_id(HUB, 2), ids.partner_id(HUB), "member")


def a_partner() -> Portfolio:
    portfolio = Portfolio()
    portfolio.partner()
    portfolio.user(1, ADMIN, "admin")
    portfolio.user(2, POC)
    portfolio.user(3, COPIED)
    portfolio.team(CAM, "channel_account_manager")
    return portfolio


def own(portfolio: Portfolio, record: int, owner: str, **users: object) -> None:
    portfolio.add(
        "renewals/renewal_owners.csv",
        {
            "Record ID": record,
            "Renewal owner": owner,
            "Notified user ID": users.get("notified", ""),
            "Point of contact user ID": users.get("contact", ""),
        },
    )


async def load(system: System, portfolio: Portfolio, folder: Path) -> None:
    """Import everything before anything can fall due: the services that tell start afterwards."""
    portfolio.write(folder)
    await system.start("clients", "renewals", "tiers")
    now = system.clock.now()
    system.clock.set(now - timedelta(days=200))
    await system.import_files("clients", folder / "clients")
    await system.quiet()
    if (folder / "renewals").exists():
        await system.import_files("renewals", folder / "renewals")
        await system.quiet()
    system.clock.set(now)
    await system.start("notifications")
    await system.quiet()


async def test_with_hubspot_as_owner_the_decision_maker_is_told_and_nobody_of_the_partner(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    portfolio.client(
        "Acme", decision_maker="dm@acme.example", renewal_start=DEADLINE_IN_A_WEEK, manager=MANAGER
    )

    await load(partner_tools, portfolio, tmp_path / "files")

    assert partner_tools.addressees() == {"dm@acme.example", MANAGER}
    [letter] = partner_tools.letters("dm@acme.example")
    assert letter.to == ("dm@acme.example",)
    text = letter.mail.get_body(("plain",))
    assert text is not None
    assert (TODAY + timedelta(days=7)).isoformat() in text.get_content()
    assert letter.mail["Auto-Submitted"] == "auto-generated"
    assert letter.mail["List-Id"]


async def test_a_chosen_partner_user_gets_a_copy_of_what_the_decision_maker_is_told(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    portfolio.client(
        "Acme", decision_maker="dm@acme.example", renewal_start=DEADLINE_IN_A_WEEK, record=71
    )
    own(portfolio, 71, "HubSpot", notified=3)

    await load(partner_tools, portfolio, tmp_path / "files")

    [letter] = partner_tools.letters("dm@acme.example")
    assert set(letter.to) == {"dm@acme.example", COPIED}
    assert COPIED in letter.mail["Cc"]


async def test_a_partner_owned_message_reaches_the_point_of_contact_and_no_contact_of_the_client(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    portfolio.client(
        "Acme",
        decision_maker="dm@acme.example",
        renewal_start=DEADLINE_IN_A_WEEK,
        record=71,
        manager=MANAGER,
    )
    portfolio.contact(71, "billing@acme.example", "billing;primary")
    own(portfolio, 71, "Partner", contact=2)

    await load(partner_tools, portfolio, tmp_path / "files")
    for days in (6, 1, 1):
        partner_tools.clock.advance(timedelta(days=days))
        await partner_tools.quiet()

    assert partner_tools.addressees() == {POC}
    accepted = await partner_tools.ledger(
        "SELECT stage, audience FROM messages WHERE state = 'accepted' ORDER BY due_at"
    )
    assert [tuple(row) for row in accepted] == [
        (stage, "partner") for stage in ("d-7", "d-1", "d-0", "outcome")
    ]


async def test_the_partners_default_moves_every_client_that_inherits_it_and_none_that_overrides(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    for record, name in ((71, "Inheriting"), (72, "Overriding")):
        portfolio.client(
            name,
            decision_maker=f"dm@{name.lower()}.example",
            renewal_start=DEADLINE_IN_A_WEEK + timedelta(days=3),
            record=record,
        )
    own(portfolio, 72, "HubSpot")
    await load(partner_tools, portfolio, tmp_path / "files")
    before = len(partner_tools.letters())

    async with partner_tools.http("renewals", THE_ADMIN) as renewals:
        current = await renewals.get("/settings/owner")
        changed = await renewals.put(
            "/settings/owner",
            json={"owner": "partner", "point_of_contact_id": str(THE_POC.user_id)},
            headers={"If-Match": current.headers["ETag"]},
        )
        assert changed.status_code in {200, 204}, changed.text
    partner_tools.clock.advance(timedelta(days=3))
    await partner_tools.quiet()

    new = partner_tools.letters()[before:]
    assert {address for letter in new for address in letter.to} == {POC, "dm@overriding.example"}


async def test_a_deactivated_point_of_contact_is_replaced_by_somebody_of_the_partner(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    portfolio.client(
        "Acme",
        decision_maker="dm@acme.example",
        renewal_start=DEADLINE_IN_A_WEEK + timedelta(days=1),
        record=71,
    )
    own(portfolio, 71, "Partner", contact=2)
    await load(partner_tools, portfolio, tmp_path / "files")
    before = len(partner_tools.letters())

    async with partner_tools.http("clients", THE_ADMIN) as clients:
        current = await clients.get("/partner")
        answer = await clients.post(
            f"/users/{THE_POC.user_id}/deactivation", headers={"If-Match": current.headers["ETag"]}
        )
        assert answer.status_code < 300, answer.text
    await partner_tools.quiet()
    partner_tools.clock.advance(timedelta(days=1))
    await partner_tools.quiet()

    new = partner_tools.letters()[before:]
    assert [letter.to for letter in new] == [(ADMIN,)]


async def test_a_message_that_nobody_can_get_is_blocked_and_sent_once_somebody_can(
    partner_tools: System, tmp_path: Path
) -> None:
    portfolio = a_partner()
    portfolio.client("Acme", renewal_start=DEADLINE_IN_A_WEEK, record=71)
    folder = tmp_path / "files"
    await load(partner_tools, portfolio, folder)
    assert partner_tools.letters() == []
    found = await partner_tools.ledger("SELECT stage, state FROM messages ORDER BY due_at")
    assert [tuple(row) for row in found][-1] == ("d-7", "blocked")
    assert {row["state"] for row in found[:-1]} == {"superseded"}

    portfolio.contact(71, "dm@acme.example", "decision_maker")
    portfolio.write(folder)
    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()
    await partner_tools.until_letters(1)

    assert [letter.to for letter in partner_tools.letters()] == [("dm@acme.example",)]
