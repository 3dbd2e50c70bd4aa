"""The dashboard's first tab: Alerts, and the clients as a list and as a file."""

import csv
import io
import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from deploy.local.databases import Addresses
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.dashboard import portfolio
from tests.dashboard.looking import Sight, link, looking, rows, section, words
from tests.dashboard.people import CLIENTS, KNOWN, MEMBER, NORDLICHT, OTHER_ADMIN, named

LIST = "/dashboard"


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


def domains(html: str) -> list[str]:
    """How the clients of the list are called, in its order."""
    return re.findall(r'class="name"[^>]*><bdi>(.*?)</bdi>', html)


async def test_the_first_page_is_the_dashboard(sight: Sight) -> None:
    answer = await sight.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, LIST)


async def test_alerts_say_how_many_decisions_are_coming_and_lead_to_exactly_those(
    sight: Sight,
) -> None:
    html = await sight.read(LIST)

    assert "6 upcoming renewal decisions" in section(html, "alerts")
    assert link(html, "upcoming renewal decisions") == "/renewals/to-act-on"
    assert len(rows(await sight.read("/renewals/to-act-on"))) == 6


async def test_alerts_say_how_many_messages_nobody_can_get(sight: Sight) -> None:
    html = await sight.read(LIST)

    [number] = re.findall(r"(\d+) blocked messages?", section(html, "alerts"))
    assert len(rows(await sight.read(link(html, "blocked message")))) == int(number) > 0


async def test_a_client_is_shown_with_products_relationship_usage_and_revenue(
    sight: Sight,
) -> None:
    html = await sight.read(LIST)

    assert (
        "orchardfinch.example Orchard & Finch Ltd Marketing Hub Professional Sales Hub Enterprise "
        "Sold and managed High, 9 of 17 2,000.00 USD"
    ) in rows(html)


async def test_revenue_in_two_currencies_is_shown_twice_and_never_added(sight: Sight) -> None:
    [row] = [each for each in rows(await sight.read(LIST)) if "kestrel" in each]

    assert row.endswith("640.00 EUR 300.00 USD")
    assert "940" not in row


@pytest.mark.parametrize(
    ("short", "told"),
    [("lumen", "Low, 0 of 17"), ("saffron", "Low, 3 of 17"), ("north", "Medium, 4 of 17"),
     ("harbor", "Medium, 6 of 17"), ("mosaic", "High, 7 of 17"), ("plain", "Not known")],
)  # fmt: skip
async def test_usage_is_told_as_its_band_and_the_number_of_apps(
    sight: Sight, short: str, told: str
) -> None:
    known = named(short)
    [row] = [each for each in rows(await sight.read(LIST)) if known.name in each]

    assert told in row


async def test_a_client_whose_services_ended_is_not_in_the_list(sight: Sight) -> None:
    html = await sight.read(LIST)

    assert "opal.example" not in html
    assert "9 clients" in section(html, "clients")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=FINCH", {"orchard"}),
        ("q=saffron-roofing.ex", {"saffron"}),
        ("q=hotels+harbor", {"harbor"}),
        ("q=%25", set()),
        ("q=_", set()),
        ("q=%5C", set()),
        ("product=Sales+Hub+Enterprise", {"orchard", "harbor", "kestrel", "mosaic"}),
        ("relationship=sold", {"harbor", "plain"}),
        ("relationship=both", {"orchard", "lumen"}),
        ("relationship=managed&usage=high", {"kestrel", "mosaic"}),
        ("usage=low", {"saffron", "lumen", "quill"}),
        ("usage=medium", {"harbor", "north"}),
        ("usage=unknown", {"plain"}),
        ("currency=EUR", {"kestrel"}),
        ("services=ended", {"opal"}),
        ("services=all&q=opal", {"opal"}),
        ("owner=partner", {"saffron"}),
        ("owner=inherited&currency=USD", {"orchard", "lumen", "mosaic", "north", "quill"}),
        ("owner=hubspot&currency=EUR", {"kestrel"}),
        ("q=nobody", set()),
    ],
)
async def test_what_is_searched_and_filtered_is_found(
    sight: Sight, asked: str, found: set[str]
) -> None:
    html = await sight.read(f"{LIST}?{asked}")

    wanted = {named(short).domain or named(short).name for short in found}
    assert set(domains(html)) == wanted
    number = "1 client matches" if len(found) == 1 else f"{len(found)} clients match"
    assert number in section(html, "clients")


async def test_a_filter_that_is_set_can_be_taken_away(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?usage=high&q=kestrel&sort=name")

    assert link(html, "High (7 and more)") == f"{LIST}?q=kestrel&sort=name"


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("domain", "Plain Prospect", "saffron-roofing.example"),
        ("-domain", "saffron-roofing.example", "Plain Prospect"),
        ("name", "harborlights.example", "quill.example"),
        ("usage", "Plain Prospect", "kestrel.example"),
        ("-usage", "kestrel.example", "Plain Prospect"),
        ("-mrr", "mosaic-learning.example", "Plain Prospect"),
        ("nonsense", "Plain Prospect", "saffron-roofing.example"),
    ],
)
async def test_the_list_can_be_sorted(sight: Sight, sort: str, first: str, last: str) -> None:
    shown = domains(await sight.read(f"{LIST}?sort={sort}"))

    assert (shown[0], shown[-1]) == (first, last)


async def test_the_head_says_by_what_the_list_is_sorted_and_turns_it_round(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?sort=-usage&q=e")

    [head] = re.findall(r"<th[^>]*aria-sort[^>]*>.*?</th>", html, re.DOTALL)
    assert 'aria-sort="descending"' in head
    assert link(head, "Usage") == f"{LIST}?q=e&sort=usage"


async def test_columns_are_chosen_in_the_address_and_remembered(sight: Sight) -> None:
    answer = await sight.get(f"{LIST}?columns=client&columns=owner")
    cookie = answer.headers["set-cookie"].partition(";")[0]

    again = await sight.read(LIST, Cookie=f"{sight.headers['Cookie']}; {cookie}")
    for html in (answer.text, again):
        heads = words(re.findall(r"<thead>.*?</thead>", html, re.DOTALL)[0])
        assert heads == "Client by domain or name Renewal owner Actions"
    assert "MRR" in words(re.findall(r"<thead>.*?</thead>", await sight.read(LIST), re.DOTALL)[0])


async def test_each_client_has_the_four_actions_of_the_guide(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?q=orchard")
    ident = CLIENTS["orchard"]

    assert link(html, "Client details") == f"{LIST}?q=orchard&panel=client:{ident}"
    assert link(html, "Company in CRM").endswith(f"/{portfolio.HUB}/record/0-2/101")
    assert link(html, "Go to client's portal").endswith("/7000101")
    assert link(html, "End services") == f"/clients/{ident}/end-services"


async def test_two_partners_never_see_each_others_clients(sight: Sight) -> None:
    other = await sight.by(OTHER_ADMIN, NORDLICHT)
    theirs = {each.domain for each in KNOWN if each.partner_id == NORDLICHT}
    ours = {each.domain for each in KNOWN if each.partner_id != NORDLICHT if each.domain}

    for path in (LIST, f"{LIST}?services=all", f"{LIST}/clients.csv?services=all"):
        mine, foreign = await sight.read(path), await other.read(path)
        assert not [domain for domain in theirs if domain in mine]
        assert not [domain for domain in ours if domain in foreign]
        assert all(domain in foreign for domain in theirs)


async def test_what_a_list_can_be_filtered_by_is_the_partners_own(sight: Sight) -> None:
    other = await sight.by(OTHER_ADMIN, NORDLICHT)

    currencies = r'<select id="field-currency".*?</select>'
    mine = words(re.findall(currencies, await sight.read(LIST), re.DOTALL)[0])
    theirs = words(re.findall(currencies, await other.read(LIST), re.DOTALL)[0])
    assert (mine, theirs) == ("Any EUR USD", "Any EUR")


async def test_a_partner_without_clients_is_told_how_they_come(
    pool: Pool, address: Addresses, clock: ManualClock
) -> None:
    async with looking(pool, address, clock) as sight:
        html = await sight.read(LIST)

    assert "No clients yet" in words(html)
    assert "python -m services.clients import" in words(html)
    assert 'role="search"' not in html


async def test_where_nothing_matches_the_filters_can_be_cleared(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?q=nobody")

    assert "No client matches" in words(html)
    assert link(html, "Clear filters") == LIST


async def test_a_place_in_another_order_is_refused_as_a_page(sight: Sight) -> None:
    answer = await sight.get(f"{LIST}?cursor=WyJuYW1lIiwiPiIsIngiXQ&sort=usage")

    assert answer.status_code == 422
    assert "cursor" in words(answer.text)


async def test_what_changed_is_fetched_again_without_the_frame(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?q=e", **{"HX-Request": "true"})

    assert html.startswith("<title>")
    assert '<div id="content" hx-get="/dashboard?q=e"' in html
    assert "<nav" not in html.partition("</title>")[2].partition('class="pager"')[0]


async def test_the_file_has_what_the_list_shows_and_opens_in_a_spreadsheet(sight: Sight) -> None:
    answer = await sight.get(f"{LIST}/clients.csv?currency=USD&sort=-mrr")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["Domain"] for row in read][:2] == [
        "mosaic-learning.example",
        "orchardfinch.example",
    ]
    kestrel = next(row for row in read if row["Domain"] == "kestrel.example")
    assert (kestrel["Currency"], kestrel["MRR"]) == ("EUR", "640.00")
    assert kestrel["Other MRR"] == "300.00 USD"
    quill = next(row for row in read if row["Domain"] == "quill.example")
    assert quill["Name"] == named("quill").name


async def test_the_file_of_somebody_who_is_not_signed_in_is_not_given(sight: Sight) -> None:
    answer = await sight.http.get(f"{LIST}/clients.csv")

    assert answer.status_code == 303


async def test_members_and_staff_see_the_same_clients(sight: Sight) -> None:
    member = await sight.by(MEMBER, role="member")
    staff = await sight.by(uuid4(), role="staff")

    mine = domains(await sight.read(LIST))
    assert domains(await member.read(LIST)) == domains(await staff.read(LIST)) == mine
