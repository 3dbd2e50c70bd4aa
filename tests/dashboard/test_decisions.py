"""Renewal details, the options on a page, and the decision by the real renewals service."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx2
import pytest

from deploy.local.databases import Addresses
from services.dashboard.domain.renewals import Renewal, compare
from services.dashboard.views.renewals import mail_to
from services.renewals import jobs
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts.renewals import Option, Product
from tests.dashboard.looking import Sight, link, looking, section, words
from tests.dashboard.owning import ACME_RENEWAL, BEN, BOLT, DELTA_RENEWAL, HAL, World
from tests.dashboard.people import ADMIN, BRIGHTWATER, CLIENTS, MEMBER, RENEWALS

PATH = f"/renewals/{ACME_RENEWAL}/decision"
BACK = f"/renewals/to-act-on?panel=renewal:{ACME_RENEWAL}"


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


def panel_of(name: str) -> str:
    return f"/panels/renewals/{RENEWALS[name]}"


async def test_the_panel_says_days_owner_manager_products_and_stages(sight: Sight) -> None:
    html = await sight.read(panel_of("orchard"))

    facts = section(html, "renewal-facts")
    assert "Days to the renewal 49 days , it starts on 5 Mar 2026 America/New_York" in facts
    assert "Renewal deadline 19 Jan 2026 America/New_York , 4 days left" in facts
    owner = section(html, "renewal-owner")
    assert "Owner HubSpot Default Your default setting" in owner
    assert "Also notified Max Ibarra" in owner
    assert link(html, "Edit renewal owner") == f"/clients/{CLIENTS['orchard']}/owner"
    assert "Noor Haddad" in section(html, "renewal-manager")
    products = section(html, "renewal-products")
    assert "Marketing Hub Professional 2,000.00 USD 2,150.00 USD +150.00" in products
    stages = section(html, "renewal-stages")
    assert "First notice, 120 days before the start Sent" in stages
    assert "To Rosa Fields rosa@orchardfinch.example Cc Max Ibarra" in stages
    assert "Day of the deadline Coming 19 Jan 2026, 09:00" in stages


async def test_the_panel_has_an_address_of_its_own_and_needs_no_javascript(sight: Sight) -> None:
    html = await sight.read(f"/renewals?q=orchard&panel=renewal:{RENEWALS['orchard']}")

    [dialog] = re.findall(r'<dialog id="panel".*?</dialog>', html, re.DOTALL)
    assert " open>" in dialog.partition("\n")[0]
    assert "49 days" in words(dialog)
    assert link(dialog, "") == "/renewals?q=orchard"  # closes it


async def test_what_was_decided_is_told_with_who_when_and_why(sight: Sight) -> None:
    facts = section(await sight.read(panel_of("lumen")), "renewal-facts")

    assert "Status Renewed Same products By Max Ibarra , 5 Jan 2026, 07:00" in facts
    assert "“ as agreed on the phone ”" in facts


async def test_what_renewed_by_itself_says_that_nobody_decided(
    there: World, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=5))
    await jobs.run_settle_once(there.pool("renewals"), clock)
    await there.settled()
    ann = await there.person()

    html = (await ann.get(f"/panels/renewals/{ACME_RENEWAL}")).text

    assert "Renewed By itself, 20 Jan 2026" in section(html, "renewal-facts")


async def test_who_is_blocked_or_superseded_is_on_the_line_with_why(sight: Sight) -> None:
    stages = section(await sight.read(panel_of("kestrel")), "renewal-stages")

    assert "Superseded" in stages
    assert "45 days before the deadline Blocked" in stages
    assert "has no address that mail can be sent to" in stages


async def test_a_mail_to_the_renewal_manager_begins_with_a_subject(sight: Sight) -> None:
    href = link(await sight.read(panel_of("orchard")), "Send email")

    parts = urlsplit(href)
    assert (parts.scheme, parts.path) == ("mailto", "noor.haddad@hubspot.example")
    assert parse_qs(parts.query) == {"subject": ["orchardfinch.example: renewal on 5 Mar 2026"]}


@pytest.mark.parametrize(
    ("address", "subject"),
    [("a@b.example?cc=eve@x.example", "x"), ("a@b.example", "x\r\nBcc: y&body=z"), ("a,b@c", "ü%")],
)
def test_nothing_adds_to_a_mail_that_a_link_begins(address: str, subject: str) -> None:
    parts = urlsplit(mail_to(address, subject))

    assert unquote(parts.path) == address
    assert "?" not in parts.path
    assert "," not in parts.path
    assert parse_qs(parts.query, keep_blank_values=True) == {"subject": [subject]}


async def test_without_a_renewal_manager_the_panel_says_who_helps(sight: Sight) -> None:
    shown = section(await sight.read(panel_of("mosaic")), "renewal-manager")

    assert "HubSpot has not named a renewal manager" in shown


async def test_options_stand_against_the_present_terms_product_by_product(there: World) -> None:
    ann = await there.person()

    html = (await ann.get(f"/renewals/{ACME_RENEWAL}/options")).text

    [table] = re.findall(r'<table class="options">.*?</table>', html, re.DOTALL)
    lines = [words(line) for line in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    assert lines == [
        "Product Present terms Same again Default Bigger",
        (
            "Marketing Hub Professional 890.00 890.00 0.00 a month 0.00 a year "
            "1,200.00 +310.00 a month +3,720.00 a year"
        ),
        "Sales Hub Starter 45.50 45.50 0.00 a month 0.00 a year 45.50 0.00 a month 0.00 a year",
        "Service Hub Starter Not yet Not part of it 20.00 +20.00 a month +240.00 a year",
        (
            "MRR 935.50 11,226.00 a year 935.50 0.00 a month 0.00 a year "
            "1,265.50 +330.00 a month +3,960.00 a year"
        ),
    ]
    assert "Amounts in USD" in words(table)


async def test_without_options_the_page_says_so_and_what_stands(there: World) -> None:
    ann = await there.person()
    [bolt] = await there.pool("dashboard").fetch(
        "SELECT renewal_id FROM model_a.renewals WHERE client_id = $1", BOLT
    )

    shown = words((await ann.get(f"/renewals/{bolt['renewal_id']}/options")).text)

    assert "HubSpot offers no options for this one" in shown
    assert "It goes on with what stands: 2,000.00 EUR a month." in shown
    assert "Marketing Hub Professional 2,000.00" in shown


def renewal(products: tuple[Product, ...], *options: Option) -> Renewal:
    return Renewal(
        renewal_id=uuid4(), client_id=uuid4(), version=1, kind="renewal", status="pending",
        upcoming=True, starts=date(2026, 3, 5), deadline=date(2026, 1, 19), currency="USD",
        current_mrr=Decimal(100), renewal_mrr=Decimal(100), products=products, domain="", name="",
        product_names=("Hub",), serviced=True, account_id=None, owner=None, options=options,
        chosen_option_id=None,
    )  # fmt: skip


def product(name: str, now: str, then: str, **other: Any) -> Product:
    return Product(product=name, current_mrr=Decimal(now), renewal_mrr=Decimal(then), **other)


def test_two_subscriptions_of_one_product_are_compared_each_with_itself() -> None:
    one, two = uuid4(), uuid4()
    first = product("Hub", "10", "11", subscription_id=one)
    second = product("Hub", "20", "25", subscription_id=two)
    offered = Option(
        option_id=uuid4(), name="All", renewal_mrr=Decimal(36), products=(second, first)
    )

    made = compare(renewal((first, second), offered))

    assert [(line.present, line.cells[0].change) for line in made.lines] == [
        (Decimal(10), Decimal(1)), (Decimal(20), Decimal(5)),
    ]  # fmt: skip
    assert (made.present, made.offers[0].total.change) == (Decimal(30), Decimal(6))
    assert made.offers[0].total.yearly == Decimal(72)


async def decided(there: World) -> tuple[str, Any, str]:
    row = await there.pool("renewals").fetchrow(
        "SELECT status, chosen_option_id, reason FROM renewals WHERE renewal_id = $1", ACME_RENEWAL
    )
    assert row is not None
    return row["status"], row["chosen_option_id"], row["reason"]


def choices(html: str) -> dict[str, str]:
    """What can be chosen: the words, and the value."""
    found = re.findall(
        r'<label class="choice"><input type="radio" name="decision" value="([^"]*)".*?</label>',
        html,
        re.DOTALL,
    )
    labels = re.findall(r'<label class="choice"><input type="radio".*?</label>', html, re.DOTALL)
    return {
        words(label).partition(" USD")[0]: each for label, each in zip(labels, found, strict=True)
    }


async def test_a_member_chooses_an_option_and_sees_it_at_once(there: World) -> None:
    ben = await there.person(BEN, role="member")
    offered = choices((await ben.get(PATH)).text)
    assert list(offered) == [
        "Renew: Same again 935.50", "Renew: Bigger 1,265.50",
        "Request cancellation The contract is not to go on.",
    ]  # fmt: skip

    answer = await ben.post(
        PATH, back=BACK, decision=offered["Renew: Bigger 1,265.50"], reason="Agreed by phone."
    )
    html = (await ben.get(answer.headers["location"])).text

    status, option, reason = await decided(there)
    assert (status, reason) == ("renewed", "Agreed by phone.")
    assert offered["Renew: Bigger 1,265.50"] == f"renewed:{option}"
    assert "Decided for acme.example.com: renewed." in words(html)
    assert "Current MRR 935.50 USD Renewal MRR 1,265.50 USD" in section(html, "renewal-facts")
    assert "Status Renewed Bigger By Ben Lee" in section(html, "renewal-facts")
    assert "Change the decision" in html
    assert str(ACME_RENEWAL) not in "".join(re.findall(r'<tr id="renewal-([^"]+)"', html))
    assert f'value="renewed:{option}" required checked' in (await ben.get(PATH)).text
    options = (await ben.get(f"/renewals/{ACME_RENEWAL}/options")).text
    assert "Bigger Chosen" in words(options)


async def test_a_cancellation_is_requested_and_taken_back(there: World) -> None:
    ann = await there.person()

    await ann.post(PATH, decision="cancellation_requested", reason="They leave.")
    assert await decided(there) == ("cancellation_requested", None, "They leave.")
    await ann.post(PATH, decision="renewed", reason="They stay.")

    assert await decided(there) == ("renewed", None, "They stay.")


async def test_a_form_sent_twice_decides_once(there: World) -> None:
    ann = await there.person()
    [key] = re.findall(r'name="key" value="(\w+)"', (await ann.get(PATH)).text)

    for _ in range(2):
        answer = await ann.post(PATH, decision="renewed", reason="Once.", key=key)
        assert answer.status_code == 303

    asked = there.doors["renewals"].asked
    assert {each.headers["Idempotency-Key"] for each in asked} == {key}
    row = await there.pool("renewals").fetchval(
        "SELECT count(*) FROM idempotency_keys WHERE key = $1", key
    )
    assert row == 1


async def test_nothing_chosen_or_refused_comes_back_with_the_reason_kept(there: World) -> None:
    ann = await there.person()

    nothing = await ann.post(PATH, htmx=True, reason="I wrote this.")
    wrong = await ann.post(PATH, htmx=True, decision="confirmed", reason="I wrote this.")
    option = await ann.post(PATH, htmx=True, decision=f"renewed:{uuid4()}", reason="I wrote this.")
    long = await ann.post(PATH, htmx=True, decision="renewed", reason="x" * 1001)

    for answer in (nothing, wrong, option):
        assert answer.status_code == 422
        assert ">I wrote this.</textarea>" in answer.text
        assert 'id="decision-error"' in answer.text
    assert "Choose what was decided." in nothing.text
    assert "a renewal can be renewed or cancellation_requested" in words(wrong.text)
    assert "none of this renewal's options" in words(option.text)
    assert long.status_code == 422
    assert 'id="dialog-reason-error"' in long.text
    assert (await decided(there))[0] == "pending"


async def test_after_the_deadline_there_is_nothing_to_decide(
    there: World, clock: ManualClock
) -> None:
    ann = await there.person()
    clock.advance(timedelta(days=5))

    looked = await ann.get(PATH)
    answer = await ann.post(PATH, htmx=True, decision="renewed")

    assert "The deadline has passed: the terms can no longer be altered." in words(looked.text)
    assert "<textarea" not in looked.text
    assert answer.status_code == 422
    assert "it was 2026-01-19, and today is 2026-01-20" in words(answer.text)


async def test_a_service_that_is_away_keeps_what_was_chosen(there: World) -> None:
    ann = await there.person()
    there.doors["renewals"].fails = httpx2.ConnectError("refused")

    answer = await ann.post(
        PATH, htmx=True, decision="cancellation_requested", reason="They leave."
    )

    assert answer.status_code == 503
    assert "The renewals service cannot be reached at the moment" in words(answer.text)
    assert 'value="cancellation_requested" required checked' in answer.text
    assert ">They leave.</textarea>" in answer.text


async def test_hubspot_looks_and_does_not_decide(there: World) -> None:
    hal = await there.person(HAL, role="staff")

    assert "Only people of the partner decide" in words((await hal.get(PATH)).text)
    assert (await hal.post(PATH, decision="renewed")).status_code == 403
    assert (await decided(there))[0] == "pending"


async def test_another_partners_renewal_is_not_there(there: World) -> None:
    ann = await there.person()

    answer = await ann.post(f"/renewals/{DELTA_RENEWAL}/decision", decision="renewed")

    assert answer.status_code == 404
    assert there.doors["renewals"].asked == []


@pytest.mark.parametrize(("name", "agreed"), [("kestrel tier", "Confirm"), ("orchard", "Renew")])
async def test_a_tier_upgrade_or_overage_is_confirmed_and_a_renewal_renewed(
    sight: Sight, name: str, agreed: str
) -> None:
    html = await sight.read(f"/renewals/{RENEWALS[name]}/decision")

    assert all(label.startswith((agreed, "Request cancellation")) for label in choices(html))


async def test_a_reason_that_means_harm_is_a_text(there: World) -> None:
    ann = await there.person()

    answer = await ann.post(PATH, htmx=True, reason="</textarea><script>alert(1)</script>")

    assert "<script>alert" not in answer.text
    assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text


async def test_everybody_of_the_partner_sees_the_same_details(sight: Sight) -> None:
    member = await sight.by(MEMBER, BRIGHTWATER, "member")
    admin = await sight.by(ADMIN, BRIGHTWATER)

    assert words(await member.read(panel_of("orchard"))) == words(
        await admin.read(panel_of("orchard"))
    )
