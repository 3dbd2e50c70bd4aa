"""Client details: everything that is known of a client, at an address of its own."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.domain.clients import email_limit
from services.dashboard.views import history
from services.dashboard.views.clients import details
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients, renewals
from tests.dashboard import portfolio
from tests.dashboard.looking import Sight, link, looking, section, words
from tests.dashboard.people import ADMIN, BRIGHTWATER, CLIENTS, MEMBER, NOW, TODAY, named
from tests.deliver import deliver

LIST = "/dashboard"
USERS = {ADMIN: "Ada Brook", MEMBER: "Max Ibarra"}


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


def panel_of(html: str) -> str:
    [found] = re.findall(r'<dialog id="panel".*?</dialog>', html, re.DOTALL)
    return str(found)


async def test_the_panel_has_an_address_that_needs_no_javascript(sight: Sight) -> None:
    html = await sight.read(f"{LIST}?q=e&panel=client:{CLIENTS['orchard']}")

    panel = panel_of(html)
    assert re.match(r'<dialog id="panel"[^>]* open>', panel)
    assert "orchardfinch.example" in panel
    assert link(panel, "") == f"{LIST}?q=e"  # close
    assert "data-close" in panel
    assert "Clients" in words(html.replace(panel, ""))


async def test_the_same_panel_is_a_part_of_its_own(sight: Sight) -> None:
    path = f"/panels/clients/{CLIENTS['orchard']}"
    came_from = f"https://dashboard.test{LIST}?q=e&panel=renewal:1"
    headers = {"HX-Request": "true", "HX-Current-URL": came_from}

    opened = await sight.get(path, **headers, **{"HX-Target": "dialog#panel"})
    again = await sight.get(path, **headers, **{"HX-Target": "div#panel-content"})

    assert opened.headers["hx-push-url"] == f"{LIST}?q=e&panel=client:{CLIENTS['orchard']}"
    assert "hx-push-url" not in again.headers
    assert opened.text == again.text
    assert link(opened.text, "") == f"{LIST}?q=e"


async def test_company_information_is_shown(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['orchard']}")

    assert section(html, "client-company") == (
        "Company information Name Orchard & Finch Ltd Domain orchardfinch.example Industry Retail "
        "Place Portland, United States Telephone +1 555 0100 Employees 141 Relationship "
        "Sold and managed (sold on 2 Jun 2025 ) Services Serviced Renewal owner HubSpot Default"
    )


async def test_subscriptions_have_terms_revenue_and_days_left(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['orchard']}")

    told = section(html, "client-subscriptions")
    assert (
        "Sales Hub Enterprise 1,200.00 USD a month 5 Mar 2025 – 4 Mar 2026 America/New_York "
        "48 days left"
    ) in told
    assert told.endswith("Monthly recurring revenue 2,000.00 USD")


async def test_revenue_of_two_currencies_stands_beside_each_other(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['kestrel']}")

    told = section(html, "client-subscriptions")
    assert told.endswith("Monthly recurring revenue 640.00 EUR + 300.00 USD")


async def test_tiers_say_limit_use_and_how_near_it_is(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['kestrel']}")

    told = section(html, "client-tiers")
    assert "Contacts 1,990 of 2,000 99 % used, 10 left Professional 2,000" in told
    assert "E-mails a month 7,960 of 20,000 39 % used 10 for each contact of the tier" in told
    assert html.count("<meter") == 3


async def test_contacts_stand_by_their_roles_the_decision_maker_first(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['orchard']}")

    assert section(html, "client-contacts") == (
        "Contacts Rosa Fields Decision maker Primary contact Head of Marketing "
        "rosa@orchardfinch.example Ben Till Billing contact Head of Marketing "
        "ben@orchardfinch.example"
    )


async def test_messages_are_shown_with_their_reasons(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['harbor']}")

    assert "The recipient's mail system refused it for good." in section(html, "client-messages")


async def test_history_says_who_did_what_and_when(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['opal']}")

    told = section(html, "client-history")
    assert "Services ended moved on Ada Brook , 26 Dec 2025, 07:00" in told
    assert told.endswith("Times are in America/New_York.")


async def test_services_that_ended_can_be_resumed_by_an_admin(sight: Sight) -> None:
    path, member = f"/panels/clients/{CLIENTS['opal']}", await sight.by(MEMBER, role="member")

    mine, theirs = await sight.read(path), await member.read(path)
    action = f'action="/clients/{CLIENTS["opal"]}/resume-services"'
    assert action in mine
    assert action not in theirs
    assert "Services ended for opal.example" in words(theirs)
    assert "End services" not in words(mine)


async def test_the_panel_of_nobodys_or_anothers_client_says_that_there_is_none(
    sight: Sight,
) -> None:
    for ident in (uuid4(), CLIENTS["fjord"]):
        part = await sight.get(f"/panels/clients/{ident}", **{"HX-Request": "true"})
        assert part.status_code == 404
        page = await sight.read(f"{LIST}?panel=client:{ident}")
        for html in (part.text, panel_of(page)):
            assert "There is no such thing" in words(html)
            assert "fjord" not in html.lower()


@pytest.mark.parametrize("named_so", ["client:x", "client:", "nothing:1", ":", "client"])
async def test_an_address_that_names_no_panel_is_a_page_all_the_same(
    sight: Sight, named_so: str
) -> None:
    html = await sight.read(f"{LIST}?panel={named_so}")

    assert "9 clients" in section(html, "clients")


async def test_a_client_of_which_little_is_known_has_a_panel_too(sight: Sight) -> None:
    html = await sight.read(f"/panels/clients/{CLIENTS['plain']}")

    assert "Plain Prospect" in words(html)
    for text in ("No subscription is known", "No limits are known", "No usage was recorded yet"):
        assert text in words(html)


async def test_history_in_the_panel_follows_what_is_heard(sight: Sight) -> None:
    told = clients.SubscriptionRemoved(
        version=9,
        occurred_at=NOW,
        client_id=CLIENTS["north"],
        partner_id=BRIGHTWATER,
        subscription=portfolio.client_snapshot(named("north")).subscriptions[0],
    )
    await deliver(handlers.from_clients, sight.pool, told)

    html = await sight.read(f"/panels/clients/{CLIENTS['north']}")
    assert "No longer subscribed to Marketing Hub Professional" in section(html, "client-history")


@pytest.mark.parametrize(
    ("products", "limit"),
    [
        (["Marketing Hub Starter"], 5_000),
        (["Marketing Hub Professional"], 10_000),
        (["Marketing Hub Starter", "Sales Hub Enterprise"], 5_000),
        (["Marketing Hub Starter", "Marketing Hub Enterprise"], 10_000),
        (["Sales Hub Starter"], 5_000),
        ([], 10_000),
    ],
)
def test_a_contact_tier_allows_ten_mails_for_each_contact_and_five_for_starter(
    products: list[str], limit: int
) -> None:
    assert email_limit(1_000, products) == limit


def test_without_an_email_tier_its_limit_follows_from_the_contacts() -> None:
    client = portfolio.client_snapshot(named("orchard")).model_copy(update={"email_tier": None})

    mails = details(client, TODAY).limits[1]
    assert (mails.limit, mails.used, mails.rule) == (
        100_000,
        None,
        "10 for each contact of the tier",
    )


WHO: dict[str, Any] = {
    "client_id": uuid4(),
    "partner_id": uuid4(),
    "version": 1,
    "occurred_at": NOW,
}
DUE: dict[str, Any] = {"renewal_id": uuid4(), "renewal_start": date(2026, 3, 5)} | WHO
SUBSCRIPTION = clients.Subscription(
    subscription_id=uuid4(),
    product="Sales Hub",
    mrr=Decimal("1200.00"),
    currency="USD",
    term_start=date(2025, 3, 5),
    term_end=date(2026, 3, 4),
)
LONGER = SUBSCRIPTION.model_copy(
    update={"mrr": Decimal("1300.50"), "term_end": date(2027, 3, 4), "product": "Sales Hub Pro"}
)
PARTNERS = renewals.OwnerChoice(owner="partner", point_of_contact_id=MEMBER)


BOTH = clients.Relationship(sold=True, managed=True)
LIMIT = clients.Allowance(limit=2000, used=10)
USAGE = clients.AppUsage(apps_used=9, period_end=date(2025, 12, 31))
DEFAULT = renewals.OwnerChoice(owner="default")
DEADLINE = date(2026, 1, 19)


@pytest.mark.parametrize(
    ("event", "what", "detail"),
    [
        (clients.ClientRelationshipChanged(relationship=BOTH, **WHO),
         "Relationship changed", "Sold and managed"),
        (clients.ClientContactsChanged(contact_ids=(uuid4(),), **WHO),
         "Contacts changed", "Now 1 contact"),
        (clients.SubscriptionChanged(subscription=LONGER, previous=SUBSCRIPTION, **WHO),
         "Sales Hub Pro changed",
         ("1,200.00\u00a0USD → 1,300.50\u00a0USD a month; before: Sales Hub; "
         "term until 4 Mar 2027, before 4 Mar 2026")),
        (clients.AllowancesRecorded(contact_tier=LIMIT, **WHO),
         "Limits and use recorded", "10 of 2,000 contacts"),
        (clients.AppUsageRecorded(app_usage=USAGE, **WHO),
         "App usage recorded", "9 of 17 apps in the period until 31 Dec 2025"),
        (clients.ServicesResumed(period=2, resumed_at=NOW, resumed_by=ADMIN, **WHO),
         "Services resumed", ""),
        (renewals.RenewalMoved(previous_start=date(2026, 3, 1), deadline=DEADLINE, **DUE),
         "Renewal moved", "Starts 5 Mar 2026, deadline 19 Jan 2026; before: 1 Mar 2026"),
        (renewals.RenewalDecided(status="renewed", decided_by=MEMBER, reason="by phone", **DUE),
         "Renewal of 5 Mar 2026: renewed", "by phone"),
        (renewals.RenewalSettled(status="renewed", settled_on=date(2026, 1, 20), **DUE),
         "Renewal of 5 Mar 2026 went through by itself", "Nobody decided until the deadline"),
        (renewals.RenewalWithdrawn(**DUE), "Renewal withdrawn", "The one of 5 Mar 2026"),
        (renewals.RenewalOwnerChanged(owner=PARTNERS, previous=DEFAULT, **WHO),
         "Renewal owner changed", "Partner (Max Ibarra); before: Default setting"),
    ],
)  # fmt: skip
def test_what_happened_is_told_in_words(event: clients.ClientEvent, what: str, detail: str) -> None:
    told = history.entry(event.TYPE, event.model_dump_json(), NOW, ADMIN, USERS)

    assert (told.what, told.detail, told.who) == (what, detail, "Ada Brook")


@pytest.mark.parametrize(
    ("kind", "what"), [("clients.ClientMerged.v1", "Client merged"), ("odd", "Odd")]
)
def test_what_is_not_known_yet_is_told_by_its_name(kind: str, what: str) -> None:
    assert history.entry(kind, "{}", NOW, None, USERS).what == what


def test_what_a_newer_writer_said_otherwise_is_told_by_its_name() -> None:
    told = history.entry(clients.ServicesEnded.TYPE, '{"odd": 1}', NOW, uuid4(), USERS)

    assert (told.what, told.who) == ("Services ended", "somebody who is no longer known")


def test_every_fact_about_a_client_that_is_kept_has_words_of_its_own() -> None:
    kept = [
        event
        for module in (clients, renewals)
        for event in vars(module).values()
        if isinstance(event, type)
        and issubclass(
            event, clients.ClientEvent | renewals.RenewalEvent | renewals.RenewalOwnerChanged
        )
        and "TYPE" in vars(event)
        and event is not renewals.RenewalDeadlineApproaching  # these are the stages
    ]

    assert {event.TYPE for event in kept} == set(history._TELLERS)


def test_a_term_that_is_over_is_told_as_ended() -> None:
    client = portfolio.client_snapshot(named("orchard"))

    ended = details(client, TODAY + timedelta(days=900)).terms[0]
    last = details(client, client.subscriptions[0].term_end).terms[0]
    assert (ended.left, last.left) == ("ended", "today")
