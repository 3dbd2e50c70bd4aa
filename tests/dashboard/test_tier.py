"""The tabs "Partner Tier" and "HubSpot Team": the guide's figures, and what is behind them."""

import json
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from html import unescape
from urllib.parse import unquote

import httpx2
import pytest

from services.dashboard.domain.standing import Expiries, Figure, month_by_month
from services.dashboard.senders.tiers import Tiers, asking
from services.dashboard.views import formats
from services.tiers import jobs
from services.tiers.domain.rules import read_rule_set
from services.tiers.handlers import from_state
from shared.chassis.clock import ManualClock
from shared.contracts import clients
from tests import tokens
from tests.conftest import MakeDatabase
from tests.dashboard import portfolio
from tests.dashboard.people import ADMIN, BRIGHTWATER, NORDLICHT, NOW, OTHER_ADMIN, TEAM
from tests.dashboard.standing import Page, pass_on, standing
from tests.deliver import deliver


@pytest.fixture
async def page(database: MakeDatabase, clock: ManualClock) -> AsyncIterator[Page]:
    async with standing(database, clock) as made:
        yield made


def words_of(html: str) -> str:
    """What is read on a page: its text, with single blanks."""
    text = re.sub(r"<(script|style|svg|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " ").split())


def part_of(html: str, heading: str) -> str:
    """The section with this id of its heading."""
    found = re.search(rf'<section[^>]*aria-labelledby="{heading}".*?</section>', html, re.DOTALL)
    assert found, heading
    return found[0]


async def test_the_four_figures_of_the_guide_stand_on_the_tab(page: Page) -> None:
    html = await page.read("/dashboard/tier")

    assert "Credited tier Gold Held since 15 Jan 2026" in words_of(part_of(html, "credited"))
    shown = words_of(part_of(html, "performance"))
    assert "Gold Sold MRR 3,650.00 USD Managed MRR 6,840.00 USD" in shown
    assert "Solutions Partner Program, January 2018" in shown
    median = words_of(part_of(html, "median"))
    assert "6 of 17 apps" in median
    assert "At least 3 is asked for" in median
    certified = words_of(part_of(html, "certified"))
    assert "Certified Through 3 Dec 2026 America/New_York 322 days left" in certified
    assert "Next review on 15 Jul 2026" in words_of(part_of(html, "credited"))


async def test_what_is_missing_to_the_next_tier_is_told_against_each_threshold(page: Page) -> None:
    ladder = words_of(part_of(await page.read("/dashboard/tier"), "ladder"))

    assert "To Platinum: 100.00 USD sold MRR and 13,160.00 USD managed MRR missing." in ladder
    assert "Met Certified" in ladder
    assert "Met Median app usage 6, at least 3" in ladder
    assert "Silver 1,125.00 USD nothing 1,125.00 USD nothing Reached" in ladder
    assert "Gold Credited Current performance 2,100.00 USD nothing" in ladder
    assert "Platinum 3,750.00 USD 100.00 USD 20,000.00 USD 13,160.00 USD Not reached" in ladder


async def test_what_is_counted_nowhere_is_said_in_its_own_currency(page: Page) -> None:
    html = await page.read("/dashboard/tier")

    assert "640.00 EUR managed: no rate from EUR to USD" in words_of(html)


async def test_a_gate_that_fails_is_named_and_no_tier_is_given(page: Page) -> None:
    tier = portfolio.said()["tiers.state.v1"][0]
    change = {"certified": False, "median_app_usage": Decimal("2.5"), "tier": None}
    performance = tier.performance.model_copy(update=change)  # type: ignore[attr-defined]
    fallen = tier.model_copy(update={"version": 9000, "performance": performance})
    await portfolio.tell(page.pool, {"tiers.state.v1": [fallen]})

    html = await page.read("/dashboard/tier")

    ladder = words_of(part_of(html, "ladder"))
    assert (
        "No tier is given, though the figures reach Silver: "
        "Not certified and Median app usage 2.5, below 3." in ladder
    )
    assert "Not met Not certified" in ladder
    assert "Not certified" in words_of(part_of(html, "certified"))
    assert "No tier" in words_of(part_of(html, "performance"))


async def put_points(page: Page, **thresholds: str | None) -> None:
    """Have the points model in force, with a threshold for each tier or with none."""
    rules = {
        "kind": "points",
        "name": "2022-points",
        "title": "Points",
        "in_force_from": "2026-01-01",
        "tiers": [{"tier": tier, "points": points} for tier, points in thresholds.items()],
    }
    await jobs.put_rule_set(page.tiers_pool, read_rule_set(json.dumps(rules)), NOW)
    await pass_on(page)


async def test_by_points_each_tier_asks_for_points_which_are_no_money(page: Page) -> None:
    await put_points(page, Gold="100.00", Elite="1000.00")

    html = await page.read("/dashboard/tier")

    ladder = words_of(part_of(html, "ladder"))
    assert "To Elite: 749.10 points missing." in ladder
    assert "Gold Credited Current performance 100.00 points nothing Reached" in ladder
    assert "Elite 1,000.00 points 749.10 points Not reached" in ladder
    assert "USD points" not in ladder


async def test_where_no_tier_can_be_computed_the_page_says_why(page: Page) -> None:
    await put_points(page, Gold=None, Elite=None)

    ladder = words_of(part_of(await page.read("/dashboard/tier"), "ladder"))

    assert "no tier can be computed until it is configured" in ladder
    assert "Not reached" not in ladder


@pytest.mark.parametrize(
    ("figure", "first"),
    [
        ("sold", "orchardfinch.example Orchard & Finch Ltd 2,000.00 USD 2,000.00 USD 2 Jun 2025"),
        ("managed", "mosaic-learning.example Mosaic Learning 2,400.00 USD 2,400.00 USD you alone"),
        ("median", "kestrel.example Kestrel Instruments 17"),
    ],
)
async def test_behind_each_figure_stand_its_clients(page: Page, figure: Figure, first: str) -> None:
    html = await page.read(f"/dashboard/tier?behind={figure}")

    behind = part_of(html, "behind")
    assert first in words_of(behind)
    assert f"/panels/clients/{portfolio.CLIENTS['orchard']}" in behind


async def test_each_client_is_in_its_own_currency_and_nothing_is_added_up(page: Page) -> None:
    html = part_of(await page.read("/dashboard/tier?behind=managed"), "behind")

    kestrel = [row for row in html.split("<tr>") if "kestrel.example" in row]
    assert [re.findall(r"\d[\d,.]*\.\d\d [A-Z]{3}", words_of(row)) for row in kestrel] == [
        ["640.00 EUR", "640.00 EUR"],
        ["300.00 USD", "300.00 USD"],
    ]
    assert "940.00" not in html


async def test_the_list_behind_a_figure_goes_on_page_by_page(page: Page) -> None:
    many = [
        portfolio.client_snapshot(portfolio.named("orchard")).model_copy(
            update={
                "client_id": portfolio.contact_of(portfolio.named("orchard"), number),
                "account_id": 9_000_000 + number,
                "record_id": 9_000_000 + number,
            }
        )
        for number in range(60)
    ]
    await deliver(from_state, page.tiers_pool, *many)
    seen, path = 0, "/dashboard/tier?behind=managed"
    pages = 0
    while path:
        html = part_of(await page.read(path), "behind")
        seen += html.count("<tr><td>")
        pages += 1
        onward = re.search(r'rel="next" href="([^"]+)"', html)
        path = unescape(onward[1]) if onward else ""
    assert (pages, seen) == (3, 67)


async def test_the_charts_and_their_tables_say_the_same(page: Page) -> None:
    html = await page.read("/dashboard/tier")
    told = Expiries.model_validate_json((await ask(page, "/tier/expiries")).content)

    columns = re.findall(r'<g class="column"><title>([^<]+)</title>', html)
    rows = re.findall(
        r"<tr[^>]*><td>([^<]+)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>",
        part_of(html, "expiries"),
    )
    assert len(columns) == len(rows) == len(month_by_month(told)) == 6
    for column, (month, ends, left) in zip(columns, rows, strict=True):
        said = words_of(column)
        assert said == f"{month}: {words_of(ends)} ends, {words_of(left)} is left"
    history = part_of(html, "history")
    dots = {words_of(dot) for dot in re.findall(r"<circle[^>]*><title>([^<]+)</title>", history)}
    for row in history.split("<tr>")[2:]:
        day, _, sold, managed, *_ = [words_of(cell) for cell in re.findall(r"<td.*?</td>", row)]
        assert {f"{day}: {sold}", f"{day}: {managed}"} <= dots
    for track in re.findall(r'<rect class="track-fill"[^>]*><title>([^<]+)</title>', html):
        assert words_of(track) in words_of(part_of(html, "performance"))


async def ask(page: Page, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=page.tiers)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tiers.test") as http:
        return await http.get(path, headers=tokens.bearer(ADMIN, BRIGHTWATER))


async def test_reviews_and_history_are_told(page: Page) -> None:
    html = await page.read("/dashboard/tier")

    reviews = words_of(part_of(html, "reviews"))
    assert "15 Jan 2026 Gold Silver 3,650.00 USD 6,840.00 USD" in reviews
    assert "15 Jul 2025 Silver No tier 3,200.00 USD 2,890.00 USD" in reviews
    history = words_of(part_of(html, "history"))
    assert "7 days on which a figure changed" in history
    assert "3 Nov 2025 Gold 3,650.00 USD 6,840.00 USD" in history


async def test_without_the_tiers_service_the_figures_stay_and_what_is_missing_says_why(
    page: Page,
) -> None:
    async with asking("http://127.0.0.1:1") as away:
        page.app.state.tiers = away
        html = await page.read("/dashboard/tier")

    told = words_of(html)
    assert "Credited tier Gold" in told
    assert "Sold MRR 3,650.00 USD" in told
    why = "The tiers service cannot be reached at the moment."
    for missing in (
        "What each tier asks for is missing here.",
        "The clients behind this figure are missing here.",
        "When sold credit ends is missing here.",
        "The history is missing here.",
        "The reviews are missing here.",
    ):
        assert f"{missing} {why}" in told
    assert "What is asked for is not known at the moment." in told


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"{}", "cannot be reached"),
        (404, b"{}", "has not heard of your partner account yet"),
        (401, b"{}", "does not let you see it"),
        (200, b"<html>", "answered something that this page cannot read"),
        (200, b'{"items": 7}', "answered something that this page cannot read"),
    ],
)
async def test_whatever_the_tiers_service_answers_the_page_stays_readable(
    page: Page, status: int, body: bytes, why: str
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body)

    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tiers.test") as http:
        page.app.state.tiers = Tiers(http)
        told = words_of(await page.read("/dashboard/tier"))

    assert why in told
    assert "Credited tier Gold" in told


async def test_a_cursor_that_is_none_says_where_to_begin(page: Page) -> None:
    told = words_of(await page.read("/dashboard/tier?cursor=nonsense"))

    assert "There is no such page of the list any more. Begin with the first." in told


async def test_a_partner_of_which_nothing_was_heard_is_told_so(
    database: MakeDatabase, clock: ManualClock
) -> None:
    async with standing(database, clock, told=False) as page:
        told = words_of(await page.read("/dashboard/tier"))
        team = words_of(await page.read("/dashboard/team"))

    assert "Where you stand is not known yet" in told
    assert "has not heard of your partner account yet" in told
    assert "Nobody is named yet" in team


async def test_nothing_of_another_partner_is_shown(page: Page) -> None:
    ours = await page.read("/dashboard/tier?behind=managed") + await page.read("/dashboard/team")
    await page.sign_in(OTHER_ADMIN, NORDLICHT)
    theirs = await page.read("/dashboard/tier?behind=managed")
    team = await page.read("/dashboard/team")

    assert "fjordwein" not in ours
    assert "orchardfinch" not in theirs
    assert "3,650.00" not in theirs
    assert TEAM[0].name in team
    assert TEAM[1].name not in team


async def test_each_of_the_team_has_a_role_a_description_and_a_mail_link(page: Page) -> None:
    html = await page.read("/dashboard/team")

    told = words_of(html)
    assert "Channel Account Manager Tom Okafor Your first address for selling" in told
    assert "Channel Consultant Li Wei Helps you serve your clients" in told
    links = re.findall(r'href="(mailto:[^"]+)"', html)
    assert [unquote(unescape(link)) for link in links] == [
        f"mailto:{each.email}?subject=Question from Brightwater Digital" for each in TEAM
    ]


HOSTILE = '"><script>alert(1)</script>\u202eabc'


async def test_hostile_people_and_addresses_do_no_harm(page: Page) -> None:
    team = (
        clients.HubSpotPerson(
            person_id=ADMIN, name=HOSTILE, role=HOSTILE, description="x" * 10_000 + HOSTILE,
            email="a&b?cc=evil@x.example,\r\nBcc: evil@x.example",
        ),
        clients.HubSpotPerson(person_id=NORDLICHT, name="", role="", description="", email=""),
        clients.HubSpotPerson(person_id=OTHER_ADMIN, name="Jo", role="head_of_joy", email="jo@x.y"),
    )  # fmt: skip
    partner = portfolio.said()[clients.STATE][0]
    assert isinstance(partner, clients.PartnerSnapshot)
    changed = partner.model_copy(update={"version": 99, "team": team})
    await portfolio.tell(page.pool, {clients.STATE: [changed]})

    html = await page.read("/dashboard/team")

    assert "<script>alert" not in html
    links = re.findall(r'href="(mailto:[^"]+)"', html)
    assert len(links) == 2
    assert not set(unescape(links[0]).partition("?")[0]) & set("&,\r\n \"'<>")
    assert unescape(links[0]).count("?") == 1
    assert "Head of joy" in html
    assert "No address is known." in html


async def test_hostile_names_of_clients_and_tiers_are_shown_harmlessly(page: Page) -> None:
    orchard = portfolio.client_snapshot(portfolio.named("orchard"))
    company = orchard.company.model_copy(update={"name": HOSTILE, "domain": HOSTILE * 200})
    await deliver(
        from_state, page.tiers_pool, orchard.model_copy(update={"version": 99, "company": company})
    )

    html = await page.read("/dashboard/tier?behind=sold")

    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert formats.shorten(HOSTILE * 200, 80)[:20] in unescape(html)
