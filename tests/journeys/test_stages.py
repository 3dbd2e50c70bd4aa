"""What an outage, an import and a moved term do to the stages."""

from datetime import date, timedelta
from pathlib import Path

from shared.contracts import ids
from tests.journeys.portfolio import HUB, NOTICE, Portfolio
from tests.journeys.system import System

TODAY = date(2026, 1, 15)
DM = "dm@acme.example"


def one_client(renewal_start: date) -> Portfolio:
    portfolio = Portfolio()
    portfolio.partner()
    portfolio.user(1, "ada@partner.example", "admin")
    portfolio.client("Acme", decision_maker=DM, record=71)
    portfolio.subscription(71, "Sales Hub Enterprise", "1200.00", "USD", renewal_start, record=500)
    return portfolio


async def states(system: System) -> dict[str, list[str]]:
    """The stages of the present start by what became of them, in the order of their days."""
    found = await system.ledger("SELECT stage, state FROM messages ORDER BY planned_at, stage")
    kept: dict[str, list[str]] = {}
    for row in found:
        kept.setdefault(row["state"], []).append(row["stage"])
    return kept


async def test_after_an_outage_over_three_stages_one_message_tells_the_true_days_left(
    partner_tools: System, tmp_path: Path
) -> None:
    deadline = TODAY + timedelta(days=50)
    folder = one_client(deadline + NOTICE).write(tmp_path / "files")
    await partner_tools.start()
    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()
    await partner_tools.until_letters(1)  # entered
    await partner_tools.stop("renewals")

    partner_tools.clock.set(partner_tools.clock.now() + timedelta(days=45))  # past 45, 15 and 7
    await partner_tools.start("renewals")
    await partner_tools.quiet()

    assert await states(partner_tools) == {
        "accepted": ["entered", "d-7"],
        "superseded": ["d-15", "d-45"],
    }
    [_, letter] = partner_tools.letters(DM)
    body = letter.mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert deadline.isoformat() in text
    assert "5 days" in text, text


async def test_an_import_inside_the_horizon_makes_exactly_one_message(
    partner_tools: System, tmp_path: Path
) -> None:
    folder = one_client(TODAY + timedelta(days=50)).write(tmp_path / "files")
    await partner_tools.start()

    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()
    await partner_tools.until_letters(1)
    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()

    assert [letter.to for letter in partner_tools.letters()] == [(DM,)]


async def test_a_moved_term_arms_every_stage_anew(partner_tools: System, tmp_path: Path) -> None:
    first, second = TODAY + timedelta(days=60), TODAY + timedelta(days=100)
    portfolio = one_client(first)
    folder = portfolio.write(tmp_path / "files")
    await partner_tools.start()
    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()
    await partner_tools.until_letters(1)

    portfolio.rows["clients/subscriptions.csv"].clear()
    portfolio.subscription(71, "Sales Hub Enterprise", "1200.00", "USD", second, record=500)
    portfolio.write(folder)
    await partner_tools.import_files("clients", folder / "clients")
    await partner_tools.quiet()
    for days in (41, 8, 5, 1, 1):  # past -15, -7, -1, 0 and the outcome of the new start
        partner_tools.clock.advance(timedelta(days=days))
        await partner_tools.quiet()

    [renewal] = await partner_tools.fetch("renewals", "SELECT renewal_id, starts FROM renewals")
    assert renewal["starts"] == second
    client = ids.client_id(HUB, 71)
    assert renewal["renewal_id"] == ids.renewal_id(client, "renewal", first.isoformat())
    told = await partner_tools.ledger(
        "SELECT occasion, stage FROM messages WHERE state = 'accepted' ORDER BY due_at, occasion"
    )
    by_start: dict[str, list[str]] = {}
    for row in told:
        by_start.setdefault(row["occasion"], []).append(row["stage"])
    assert by_start[first.isoformat()] == ["d-15"]
    assert by_start[second.isoformat()][-5:] == ["d-15", "d-7", "d-1", "d-0", "outcome"]
    assert len(partner_tools.letters(DM)) == len(told)
