"""All renewals and those to act on: what is shown, in which order, page by page, and as a file."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import cast
from uuid import uuid4

import pytest

from deploy.local.databases import Addresses
from services.dashboard import handlers
from services.dashboard.store import renewals as store
from services.dashboard.store.partners import count_alerts
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.dashboard import portfolio
from tests.dashboard.conftest import seen_by
from tests.dashboard.looking import Sight, link, looking, rows, words
from tests.dashboard.people import (
    BRIGHTWATER,
    CLIENTS,
    NORDLICHT,
    OTHER_ADMIN,
    RENEWALS,
    TODAY,
)
from tests.deliver import deliver

ACT = "/renewals/to-act-on"


@pytest.fixture
async def sight(filled: Pool, address: Addresses, clock: ManualClock) -> AsyncIterator[Sight]:
    async with looking(filled, address, clock) as made:
        yield made


async def test_those_to_act_on_are_as_many_as_the_alerts_say(sight: Sight) -> None:
    html = await sight.read(ACT)

    async with seen_by(sight.pool, BRIGHTWATER) as tx:
        alerts = await count_alerts(tx, TODAY)
    assert len(rows(html)) == alerts.decisions == 6
    assert "6 renewals to act on" in words(html)


async def test_a_row_has_the_columns_of_the_guide(sight: Sight) -> None:
    html = await sight.read(ACT)

    assert rows(html)[0] == (
        "saffron-roofing.example Saffron Roofing GmbH & Co. KG Partner Max Ibarra "
        "Marketing Hub Professional 15 Jan 2026 today America/New_York 890.00 USD 890.00 USD 0.00"
    )
    assert rows(html)[2] == (
        "orchardfinch.example Orchard & Finch Ltd HubSpot Default Max Ibarra "
        "Marketing Hub Professional 19 Jan 2026 4 days left America/New_York 2,000.00 USD "
        "2,150.00 USD +150.00"
    )
    heads = re.findall(r"<th scope=\"col\".*?</th>", html, re.DOTALL)
    assert [words(head) for head in heads] == [
        "Client", "Renewal owner", "Product renewals", "Renewal deadline", "Current MRR",
        "Renewal MRR", "Change", "Actions",
    ]  # fmt: skip


async def test_each_row_leads_to_details_portal_and_end_services(sight: Sight) -> None:
    html = await sight.read(f"{ACT}?q=orchard")

    details = f"{ACT}?q=orchard&panel=renewal:{RENEWALS['orchard']}"
    assert link(html, "Renewal details") == details
    assert link(html, "Go to client's portal") == (
        "https://app.hubspot.com/reports-dashboard/7000101"
    )
    assert link(html, "End services") == f"/clients/{CLIENTS['orchard']}/end-services"
    [portal] = re.findall(r"<a[^>]*reports-dashboard[^>]*>", html)
    assert 'target="_blank"' in portal
    assert 'rel="noreferrer"' in portal


async def test_all_renewals_have_the_decided_ones_too_but_none_of_a_client_that_left(
    sight: Sight,
) -> None:
    html = await sight.read("/renewals")

    shown = " ".join(rows(html))
    assert "lumendental.example" in shown
    assert "Cancellation requested" in shown
    assert "northwind.example" in shown
    assert "opal.example" not in shown
    [left] = rows(await sight.read("/renewals?status=ended"))
    assert left.startswith("opal.example Opal Interiors HubSpot Marketing Hub")
    assert "Services ended" in left


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=ORCHARD", {"orchard"}),
        ("q=finch+orchard", {"orchard"}),
        ("q=%25", set()),
        ("q=_", set()),
        ("owner=partner", {"saffron"}),
        ("owner=hubspot&kind=contact_tier_upgrade", {"kestrel tier"}),
        ("owner=inherited", {"orchard", "quill"}),
        ("kind=contact_tier_upgrade", {"kestrel tier"}),
        ("deadline_from=2026-02-01&deadline_to=2026-02-28", {"kestrel"}),
        ("deadline_to=2026-01-15", {"saffron"}),
        ("q=nobody", set()),
    ],
)
async def test_the_list_is_filtered(sight: Sight, asked: str, found: set[str]) -> None:
    html = await sight.read(f"{ACT}?{asked}")

    ids = set(re.findall(r'<tr id="renewal-([^"]+)"', html))
    assert ids == {str(RENEWALS[name]) for name in found}
    if not found:
        assert "No renewal matches" in html


async def test_a_default_that_changes_moves_whom_the_filter_finds(sight: Sight) -> None:
    before = await sight.read(f"{ACT}?owner=partner")
    [policy] = [p for p in portfolio._policies() if p.partner_id == BRIGHTWATER]
    partner = policy.default_owner.model_copy(
        update={"owner": "partner", "notified_user_id": None, "point_of_contact_id": None}
    )
    changed = policy.model_copy(update={"version": 4, "default_owner": partner})
    [inbox] = [each for each in handlers.INBOXES if each.topic == changed.TOPIC]
    await deliver(inbox, sight.pool, changed)

    after = await sight.read(f"{ACT}?owner=partner")

    assert len(rows(before)) == 1
    assert {row.split()[0] for row in rows(after)} == {
        "saffron-roofing.example", "orchardfinch.example", "quill.example",
    }  # fmt: skip
    # Nobody is named: it falls to the stand-in.
    assert "Partner Default Max Ibarra" in " ".join(rows(after))


@pytest.mark.parametrize("bad", ["deadline_from=soon", "owner=me", "status=x", "cursor=nonsense"])
@pytest.mark.parametrize("path", ["/renewals", "/renewals.csv"])
async def test_what_cannot_be_asked_is_said_so(sight: Sight, path: str, bad: str) -> None:
    if bad.startswith("cursor") and path.endswith("csv"):
        return
    answer = await sight.get(f"{path}?{bad}")

    assert answer.status_code == 422
    assert bad.partition("=")[0] in answer.text


async def test_pages_in_both_directions_are_the_list_in_parts(sight: Sight) -> None:
    wanted = store.Wanted(today=TODAY, default_owner="hubspot")
    async with seen_by(sight.pool, BRIGHTWATER) as tx:
        for sort, down in product(store.SORTS, (False, True)):
            turn = partial(
                store.list_renewals, tx, wanted, sort=cast("store.Sort", sort), descending=down
            )
            every = [row.renewal_id for row in (await turn(limit=100)).rows]
            assert len(every) == await store.count_renewals(tx, wanted) == 10
            page = await turn(limit=3)
            assert page.before is None
            there = list(page.rows)
            while page.after is not None:
                page = await turn(at=page.after, limit=3)
                there += page.rows
            assert [row.renewal_id for row in there] == every, sort
            back = list(page.rows)
            while page.before is not None:
                page = await turn(at=page.before, limit=3)
                back = [*page.rows, *back]
            assert [row.renewal_id for row in back] == every, sort


@pytest.mark.parametrize("typed", ["a", "E", "harbor", "e l", "zzz", "%"])
async def test_what_is_found_in_memory_is_what_the_database_finds(sight: Sight, typed: str) -> None:
    async with seen_by(sight.pool, BRIGHTWATER) as tx:
        held = await store.hold_renewals(tx)
        places = held.find(typed)

        async def read(missing: list[str]) -> list[str]:
            return await store.read_renewals(tx, missing, TODAY)

        for limit in (1, 3, 100):
            wanted = store.Wanted(today=TODAY, default_owner="hubspot", q=typed)
            found = await store.list_renewals(tx, wanted, sort="deadline", limit=limit)
            assert store.found_renewals(await held.read(places[:limit], read), len(places)) == found


async def test_amounts_of_two_currencies_are_never_compared(sight: Sight) -> None:
    html = await sight.read("/renewals?sort=-renewal_mrr")

    currencies = [re.findall(r"EUR|USD", row)[0] for row in rows(html)]
    assert currencies == sorted(currencies, reverse=True)


@pytest.mark.parametrize("path", ["/renewals", "/dashboard"])
async def test_an_order_that_there_is_none_of_is_the_lists_own(sight: Sight, path: str) -> None:
    own = rows(await sight.read(path))

    assert len(own) > 1
    assert rows(await sight.read(f"{path}?sort=-nothing")) == own


async def test_pages_are_followed_by_their_links(
    sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dashboard.api.renewals.ROWS", 4)

    first = await sight.read("/renewals?sort=-client")
    second = await sight.read(link(first, "Next"))
    third = await sight.read(link(second, "Next"))
    again = await sight.read(link(second, "Previous"))

    seen = [row.split()[0] for page in (first, second, third) for row in rows(page)]
    assert len(seen) == 10
    assert seen == sorted(seen, reverse=True)
    assert rows(again) == rows(first)
    assert "10 renewals" in words(third)
    assert "Previous" not in "".join(re.findall(r"<a[^>]*rel=.prev", first))


async def test_the_file_has_the_filters_of_the_view_and_no_cell_that_computes(
    sight: Sight,
) -> None:
    answer = await sight.get(f"{ACT}.csv?sort=client")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="renewals-to-act-on.csv"' in answer.headers["content-disposition"]
    assert answer.text.startswith("\ufeffClient,")
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [line["Client"] for line in lines] == sorted(line["Client"] for line in lines)
    orchard = next(line for line in lines if line["Client"].startswith("orchard"))
    assert orchard == {
        "Client": "orchardfinch.example", "Name": "Orchard & Finch Ltd",
        "Contract change": "Renewal", "Status": "Pending", "Renewal owner": "HubSpot",
        "Inherited": "yes", "Person": "Max Ibarra",
        "Product renewals": "Marketing Hub Professional", "Renewal start": "2026-03-05",
        "Renewal deadline": "2026-01-19", "Days to deadline": "4",
        "Time zone": "America/New_York", "Currency": "USD", "Current MRR": "2000.00",
        "Renewal MRR": "2150.00", "Change": "150.00",
    }  # fmt: skip
    filtered = await sight.get(f"{ACT}.csv?q=kestrel&kind=contact_tier_upgrade")
    assert len(filtered.text.splitlines()) == 2


async def test_only_the_partners_own_are_there(sight: Sight) -> None:
    theirs = await sight.by(OTHER_ADMIN, NORDLICHT)

    shown = " ".join(rows(await theirs.read("/renewals")))
    assert "fjordwein.example" in shown
    assert "orchardfinch" not in shown
    for path in (
        f"/panels/renewals/{RENEWALS['orchard']}",
        f"/renewals/{RENEWALS['orchard']}/options",
        f"/renewals/{RENEWALS['orchard']}/decision",
        f"/renewals/{uuid4()}/options",
    ):
        answer = await theirs.get(path)
        assert answer.status_code == 404, path
        assert "orchardfinch" not in answer.text


async def test_today_is_the_partners_so_a_deadline_passes_at_its_midnight(
    sight: Sight, clock: ManualClock
) -> None:
    clock.set(clock.now().replace(hour=4, minute=59) + timedelta(days=1))  # 23:59 in New York
    assert "saffron" in " ".join(rows(await sight.read(ACT)))

    clock.advance(timedelta(minutes=1))

    assert "saffron" not in " ".join(rows(await sight.read(ACT)))


async def test_names_that_mean_harm_are_texts_and_long_ones_are_cut(sight: Sight) -> None:
    html = await sight.read(f"{ACT}?q=quill")

    assert "<b>Incorporated" not in html
    assert "…" in html
    searched = await sight.read(f"{ACT}?q=%22%3E%3Cimg+src%3Dx%3E")
    assert "<img src=x" not in searched
    assert "No renewal matches" in searched


async def test_htmx_gets_the_content_alone(sight: Sight) -> None:
    part = await sight.read(ACT, **{"HX-Request": "true"})

    assert "<html" not in part
    assert len(rows(part)) == 6


async def test_an_empty_list_says_when_something_will_be_there(
    pool: Pool, address: Addresses, clock: ManualClock
) -> None:
    async with looking(pool, address, clock) as sight:
        assert "Nothing to act on" in await sight.read(ACT)
        assert "No renewals yet" in await sight.read("/renewals")
