"""What became of messages: in a client's panel, in a renewal's, and what waits to be mended."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest

from services.dashboard.api.messages import messages_of, timeline_of
from services.dashboard.store.messages import list_blocked
from services.dashboard.store.partners import PartnerRow, count_alerts, find_as_of, find_partner
from services.notifications.domain import MENDING
from shared.chassis.clock import ManualClock
from shared.chassis.database import Connection, Pool
from shared.contracts import clients, notifications, renewals
from tests.conftest import MakeDatabase
from tests.dashboard import portfolio
from tests.dashboard.conftest import seen_by
from tests.dashboard.people import (
    BRIGHTWATER,
    CLIENTS,
    MEMBER,
    NORDLICHT,
    NOW,
    OTHER_ADMIN,
    RENEWALS,
    SELLER,
    TODAY,
)
from tests.dashboard.standing import Page, standing
from tests.dashboard.test_tier import HOSTILE, words_of


@pytest.fixture
async def page(database: MakeDatabase, clock: ManualClock) -> AsyncIterator[Page]:
    async with standing(database, clock) as made:
        yield made


async def partner_of(tx: Connection) -> PartnerRow:
    found = await find_partner(tx)
    assert found
    return found


def blocked(
    name: str, reason: str, *, stage: str = "d-7", rule: str = ""
) -> notifications.MessageEvent:
    told = portfolio.message(name, stage, "client", "blocked", reason)
    return told.model_copy(update={"rule": rule or told.rule})


async def tell(pool: Pool, *told: notifications.MessageEvent) -> None:
    await portfolio.tell(pool, {notifications.EVENTS: told})


async def test_the_partner_is_found_with_its_people_settings_and_tier(filled: Pool) -> None:
    async with seen_by(filled, BRIGHTWATER) as tx:
        partner = await partner_of(tx)

    assert (partner.name, partner.time_zone) == ("Brightwater Digital", "America/New_York")
    assert [user.name for user in partner.active_users] == ["Ada Brook", "Max Ibarra", "Paula Ng"]
    assert partner.user(SELLER) is not None
    assert partner.user(uuid4()) is None
    assert partner.policy is not None
    assert partner.policy.send_hour == "09:00"
    assert partner.policy_version == 3
    assert partner.tier is not None
    assert partner.tier.credited_tier == "Gold"


async def test_nothing_is_found_where_nothing_was_heard(pool: Pool) -> None:
    async with seen_by(pool, BRIGHTWATER) as tx:
        assert await find_partner(tx) is None
        assert await find_as_of(tx) is None
        assert (await count_alerts(tx, TODAY)).blocked == 0


async def test_the_age_of_the_data_is_that_of_the_topic_that_is_farthest_behind(pool: Pool) -> None:
    await pool.executemany(
        "INSERT INTO progress (revision, topic, heard_until) VALUES ($1, $2, $3)",
        [(1, "a", NOW), (1, "b", NOW - timedelta(minutes=5)), (2, "c", NOW - timedelta(days=9))],
    )

    async with seen_by(pool, BRIGHTWATER) as tx:
        assert await find_as_of(tx) == NOW - timedelta(minutes=5)


@pytest.mark.parametrize("partner_id", [BRIGHTWATER, NORDLICHT])
async def test_the_number_of_blocked_messages_is_that_of_the_list(
    filled: Pool, partner_id: UUID
) -> None:
    async with seen_by(filled, partner_id) as tx:
        found = await list_blocked(tx, limit=1000)
        alerts = await count_alerts(tx, TODAY)

    assert alerts.blocked == len(found) > 0
    expected = {BRIGHTWATER: {"kestrel"}, NORDLICHT: {"gletscher"}}[partner_id]
    assert {each.client_id for each in found} == {CLIENTS[short] for short in expected}


async def test_messages_of_a_client_whose_services_ended_are_no_alert_but_an_unheard_end_is(
    filled: Pool,
) -> None:
    unheard = notifications.ReminderBlocked(
        version=1, occurred_at=NOW, message_id=uuid4(), client_id=CLIENTS["opal"],
        partner_id=BRIGHTWATER, kind="services_ended", stage="services_ended",
        audience="hubspot", rule="services_ended", reason="no_hubspot_person",
    )  # fmt: skip
    async with seen_by(filled, BRIGHTWATER) as tx:
        before = await list_blocked(tx, limit=10)
    await tell(filled, unheard)

    async with seen_by(filled, BRIGHTWATER) as tx:
        after = await list_blocked(tx, limit=10)

    assert CLIENTS["opal"] not in {each.client_id for each in before}
    assert [each.message_id for each in after if each not in before] == [unheard.message_id]
    assert after[-1].message_id == unheard.message_id  # it has no deadline: it comes last


async def test_blocked_messages_come_by_deadline_and_page_by_page_none_is_left_out(
    filled: Pool,
) -> None:
    await tell(
        filled, *(blocked("orchard", "no_contact_in_roles", stage=f"d-{n}") for n in range(9))
    )

    seen: list[UUID] = []
    async with seen_by(filled, BRIGHTWATER) as tx:
        whole = await list_blocked(tx, limit=100)
        place = None
        while part := await list_blocked(tx, limit=2, after=place):
            seen += [each.message_id for each in part]
            last = part[-1]
            assert last.deadline
            place = (last.deadline, last.message_id)

    assert seen == [each.message_id for each in whole]
    assert len(seen) == 11
    assert [each.deadline for each in whole] == sorted(
        each.deadline for each in whole if each.deadline
    )


@pytest.mark.parametrize("reason", MENDING)
async def test_each_reason_to_be_blocked_leads_to_where_it_is_mended(
    page: Page, reason: str
) -> None:
    await tell(page.pool, blocked("orchard", reason))
    client = CLIENTS["orchard"]
    ways = {
        "no_contact_in_roles": {
            f"/alerts/blocked?panel=client:{client}#client-contacts",
            "https://app.hubspot.com/contacts/5040118/record/0-2/101",
            f"/clients/{client}/owner",
        },
        "contact_address_unusable": {
            f"/alerts/blocked?panel=client:{client}#client-contacts",
            "https://app.hubspot.com/contacts/5040118/record/0-2/101",
        },
        "no_active_partner_user": {f"/clients/{client}/owner", "/settings"},
        "no_hubspot_person": {
            "/dashboard/team",
            "https://app.hubspot.com/contacts/5040118/record/0-2/101",
        },
    }

    html = await page.read("/alerts/blocked")

    [row] = [part for part in html.split("<tr ") if "orchardfinch" in part]
    steps = row.partition("mend-steps")[2]
    assert {
        unescape(link).replace("%3A", ":") for link in re.findall(r'href="([^"]+)"', steps)
    } == ways[reason]
    assert "19 Jan 2026" in words_of(row)
    assert "4 days left" in words_of(row)


async def test_every_place_that_a_blocked_message_leads_to_is_there(page: Page) -> None:
    await tell(
        page.pool, *(blocked("orchard", code, stage=f"d-{n}") for n, code in enumerate(MENDING))
    )
    html = await page.read("/alerts/blocked")

    links = {unescape(link) for link in re.findall(r'href="(/[^"]+)"', html)}
    inside = [each for each in links if not each.startswith("/static")]
    for link in inside:
        answer = await page.get(link)
        assert answer.status_code in (200, 303), link
        if "#" in link:
            assert f'id="{link.partition("#")[2]}"' in answer.text


async def test_who_only_reads_is_led_to_nothing_that_they_cannot_do(page: Page) -> None:
    await tell(page.pool, blocked("orchard", "no_active_partner_user"))
    await page.sign_in(MEMBER, BRIGHTWATER, "member")
    member = (await page.read("/alerts/blocked")).partition("<main")[2]
    await page.sign_in(uuid4(), BRIGHTWATER, "staff")
    staff = (await page.read("/alerts/blocked")).partition("<main")[2]

    assert "/owner" in member
    assert 'href="/settings"' not in member
    assert "/owner" not in staff


async def test_the_roles_that_are_missing_are_named(page: Page) -> None:
    rule = "client:contacts_in_roles:decision_maker,billing"
    await tell(page.pool, blocked("orchard", "no_contact_in_roles", rule=rule))

    told = words_of(await page.read("/alerts/blocked"))

    assert "None of the client's contacts is its decision maker or billing contact." in told


async def test_where_nothing_is_blocked_the_page_says_so(
    database: MakeDatabase, clock: ManualClock
) -> None:
    async with standing(database, clock, told=False) as page:
        assert "Nothing is blocked" in await page.read("/alerts/blocked")


async def test_nothing_of_another_partners_messages_is_shown(page: Page) -> None:
    ours = await page.read("/alerts/blocked")
    await page.sign_in(OTHER_ADMIN, NORDLICHT)
    theirs = await page.read("/alerts/blocked")

    assert "kestrel" in ours
    assert "gletscher" not in ours
    assert "gletscher" in theirs
    assert "kestrel" not in theirs


async def test_another_partners_renewal_and_client_have_no_line_and_no_messages(
    filled: Pool,
) -> None:
    async with seen_by(filled, BRIGHTWATER) as tx:
        partner = await partner_of(tx)
        assert await timeline_of(tx, partner, RENEWALS["fjord"], NOW) is None
        assert await messages_of(tx, partner, CLIENTS["fjord"]) == []


async def test_messages_name_people_of_the_client_of_the_partner_and_of_hubspot(
    filled: Pool,
) -> None:
    async with seen_by(filled, BRIGHTWATER) as tx:
        partner = await partner_of(tx)
        lines = await messages_of(tx, partner, CLIENTS["orchard"])
        others = await messages_of(tx, partner, CLIENTS["saffron"])

    assert [[(who.part, who.name) for who in line.to] for line in lines] == [
        [("To", "Noor Haddad")],
        [("To", "Rosa Fields"), ("Cc", "Max Ibarra")],
        [("To", "Rosa Fields"), ("Cc", "Max Ibarra")],
    ]
    assert [line.to[0].name for line in others] == ["Max Ibarra", "Max Ibarra"]
    assert others[0].label == "In doubt"


async def test_somebody_who_is_not_known_any_more_is_called_by_what_they_were(filled: Pool) -> None:
    told = portfolio.message("orchard", "d-7", "client", "sent")
    gone = told.model_copy(update={"recipient_id": uuid4(), "copied_user_id": uuid4()})
    await tell(filled, gone)

    async with seen_by(filled, BRIGHTWATER) as tx:
        lines = await messages_of(tx, await partner_of(tx), CLIENTS["orchard"])

    [line] = [each for each in lines if each.message_id == gone.message_id]
    assert [who.name for who in line.to] == ["a contact of the client", "a user of the partner"]


async def test_a_renewals_line_has_all_its_stages_with_what_became_of_each(filled: Pool) -> None:
    async with seen_by(filled, BRIGHTWATER) as tx:
        line = await timeline_of(tx, await partner_of(tx), RENEWALS["orchard"], NOW)

    assert line is not None
    assert [(spot.name.partition(",")[0], spot.state) for spot in line.spots] == [
        ("First notice", "sent"),
        ("45 days before the deadline", "sent"),
        ("15 days before the deadline", "not_told"),
        ("7 days before the deadline", "due"),
        ("Day before the deadline", "coming"),
        ("Day of the deadline", "coming"),
        ("Outcome", "coming"),
    ]
    assert line.spots[4].when == "18 Jan 2026, 09:00"
    assert (line.zone, line.send_hour) == ("America/New_York", "09:00")
    assert len(line.spots[1].lines) == 2


async def test_a_client_with_stages_of_its_own_has_those_alone_on_its_line(filled: Pool) -> None:
    async with seen_by(filled, BRIGHTWATER) as tx:
        line = await timeline_of(tx, await partner_of(tx), RENEWALS["lumen"], NOW)
        kind = await timeline_of(tx, await partner_of(tx), RENEWALS["kestrel tier"], NOW)

    assert line is not None
    assert line.own_stages
    assert not line.undecided
    assert [(spot.name.partition(",")[0], spot.state) for spot in line.spots] == [
        ("First notice", "due"),
        ("15 days before the deadline", "superseded"),
        ("7 days before the deadline", "due"),
        ("Outcome", "due"),
    ]
    assert line.spots[1].why == "“7 days before the deadline” was due before it could be told."
    assert kind is not None
    states = {spot.name: spot.state for spot in kind.spots}
    assert states["First notice, 30 days before the start"] == "blocked"
    assert "45 days before the deadline" not in states


async def test_what_was_told_of_another_start_is_not_on_the_line_of_this_one(filled: Pool) -> None:
    snapshot = portfolio.renewals_snapshot(portfolio.named("orchard"), version=50)
    [renewal] = snapshot.renewals
    moved = renewal.model_copy(
        update={
            "renewal_start": renewal.renewal_start + timedelta(days=30),
            "deadline": renewal.deadline + timedelta(days=30),
        }
    )
    told = snapshot.model_copy(update={"renewals": (moved,)})
    await portfolio.tell(filled, {renewals.STATE: [told]})

    async with seen_by(filled, BRIGHTWATER) as tx:
        line = await timeline_of(tx, await partner_of(tx), RENEWALS["orchard"], NOW)

    assert line is not None
    assert not [spot for spot in line.spots if spot.lines]


async def test_the_panels_show_messages_and_stages(page: Page) -> None:
    client = words_of(await page.read(f"/dashboard?panel=client:{CLIENTS['orchard']}"))
    renewal = words_of(await page.read(f"/renewals?panel=renewal:{RENEWALS['orchard']}"))

    assert "To Noor Haddad noor.haddad@hubspot.example" in client
    assert "Told as the client's decision maker, by your default setting" in client
    assert "Day of the deadline Coming 19 Jan 2026, 09:00" in renewal
    assert "Messages go out at 09:00, America/New_York time." in renewal


async def test_hostile_reasons_rules_and_names_are_shown_harmlessly(page: Page) -> None:
    await tell(page.pool, blocked("orchard", HOSTILE * 300, rule=HOSTILE))
    snapshot = portfolio.client_snapshot(portfolio.named("orchard"), version=77)
    company = snapshot.company.model_copy(update={"domain": HOSTILE * 300, "name": HOSTILE})
    contacts = tuple(c.model_copy(update={"name": HOSTILE * 300}) for c in snapshot.contacts)
    changed = snapshot.model_copy(update={"company": company, "contacts": contacts})
    await portfolio.tell(page.pool, {clients.STATE: [changed]})

    for path in (
        "/alerts/blocked",
        f"/dashboard?panel=client:{CLIENTS['orchard']}",
        f"/renewals?panel=renewal:{RENEWALS['orchard']}",
    ):
        html = await page.read(path)
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html


async def test_a_cursor_that_is_none_is_refused_and_not_an_error(page: Page) -> None:
    answer = await page.get("/alerts/blocked?cursor=nonsense")

    assert answer.status_code == 422
