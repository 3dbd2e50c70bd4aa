"""End services, undo, resume: against the real clients service."""

import json
import re
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx2
import pytest

from services.dashboard.store.partners import count_alerts
from shared.chassis.clock import ManualClock
from tests.clients.portfolio import OURS
from tests.dashboard.conftest import seen_by
from tests.dashboard.looking import rows, words
from tests.dashboard.owning import (
    ACME,
    ACME_RENEWAL,
    BEN,
    DELTA,
    HAL,
    Person,
    World,
)

ACT = "/renewals/to-act-on"
END, RESUME = f"/clients/{ACME}/end-services", f"/clients/{ACME}/resume-services"


async def fields(person: Person, path: str = END) -> dict[str, str]:
    """What the form holds before anybody writes into it."""
    html = (await person.get(path)).text
    form = html[html.index(f'<form class="stack" action="{path}"') :].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


async def end(person: Person, reason: str = "They left.", **more: str) -> httpx2.Response:
    return await person.send(END, await fields(person) | {"reason": reason} | more)


async def services(there: World) -> tuple[bool, int]:
    held = (await there.call("clients", "GET", f"/clients/{ACME}"))["services"]
    return held["active"], held["period"]


async def test_the_dialog_names_what_follows_before_anything_is_done(there: World) -> None:
    await there.call(
        "renewals", "PUT", f"/clients/{ACME}/owner",
        {"owner": "partner", "point_of_contact_id": str(BEN)},
    )  # fmt: skip
    await there.settled()
    ann = await there.person()

    shown = words((await ann.get(END)).text)

    assert "no longer provide services to acme.example.com" in shown
    assert "1 renewal leaves your “Renewals to act on”, and the client your client list" in shown
    assert "Marketing Hub Professional, Sales Hub Starter, deadline 19 Jan 2026" in shown
    assert (
        "Notices and reminders no longer go to Ben Lee: the next would go out on "
        "18 Jan 2026, 09:00."
    ) in shown
    assert "HubSpot's people are told that services ended, by whom and why." in shown
    assert "The client is still told what renews: by HubSpot" in shown
    assert "The subscription goes on as it is." in shown
    assert await services(there) == (True, 1)


async def test_the_row_leaves_at_once_for_the_person_and_the_number_with_it(there: World) -> None:
    ann = await there.person()
    assert len(rows((await ann.get(ACT)).text)) == 3

    answer = await end(ann, back=ACT)
    html = (await ann.get(answer.headers["location"])).text

    assert answer.status_code == 303
    assert await services(there) == (False, 1)
    assert len(rows(html)) == 2
    assert "acme" not in " ".join(rows(html))
    assert "Services ended for acme.example.com" in words(html)
    assert "Nobody outside was told yet. Undo" in words(html)
    async with seen_by(there.hearing["dashboard"], OURS) as tx:
        assert (await count_alerts(tx, there.clock.today("Europe/Berlin"))).decisions == 2


async def test_what_is_ended_is_told_by_the_clients_alone_before_the_renewals_follow(
    there: World,
) -> None:
    """The read model hears of the end from one topic, of the ended renewals from another."""
    ann = await there.person()

    await end(ann)

    there.flowing.clear()
    html = (await ann.get(f"/renewals?status=ended&panel=renewal:{ACME_RENEWAL}")).text
    assert "Services ended" in " ".join(rows(html))
    assert "HubSpot" in " ".join(rows(html))


async def test_undo_takes_it_back_while_nobody_was_told(there: World, clock: ManualClock) -> None:
    ann = await there.person()
    answer = await end(ann, back=ACT)
    clock.advance(timedelta(seconds=10))
    html = (await ann.get(answer.headers["location"])).text
    [version] = re.findall(r'name="version" value="(\d+)"', html)

    undone = await ann.post(RESUME, version=version, back=ACT)
    after = (await ann.get(undone.headers["location"])).text

    assert await services(there) == (True, 2)
    assert len(rows(after)) == 3
    assert "You service acme.example.com again." in words(after)


async def test_once_hubspot_was_told_services_can_only_be_resumed(
    there: World, clock: ManualClock
) -> None:
    ann = await there.person()
    answer = await end(ann, back=ACT)
    await there.hubspot_is_told(ACME)
    clock.advance(timedelta(minutes=1))

    html = (await ann.get(answer.headers["location"])).text

    assert "HubSpot was told 15 Jan 2026, 13:00" in words(html)
    assert "Undo" not in words(html)
    assert "Resume services" in words(html)
    panel = (await ann.get(f"/panels/renewals/{ACME_RENEWAL}")).text
    assert "Resume services" in words(panel)
    [version] = re.findall(r'name="version" value="(\d+)"', html)
    await ann.post(RESUME, version=version)
    assert await services(there) == (True, 2)


async def test_what_was_told_of_an_earlier_end_does_not_count_for_this_one(
    there: World, clock: ManualClock
) -> None:
    ann = await there.person()
    await end(ann)
    await there.hubspot_is_told(ACME)
    version = await there.pool("clients").fetchval("SELECT max(version) FROM clients")
    await ann.post(RESUME, version=version)
    clock.advance(timedelta(hours=1))

    answer = await end(ann)

    assert "Nobody outside was told yet. Undo" in words(
        (await ann.get(answer.headers["location"])).text
    )


async def test_a_reason_is_asked_for_and_what_is_refused_comes_back(there: World) -> None:
    ann = await there.person()

    none = await end(ann, reason="  \n ")
    long = await end(ann, reason="x" * 2001)

    assert none.status_code == long.status_code == 422
    assert "Say why services end: HubSpot's people read it." in words(none.text)
    assert 'id="dialog-reason-error"' in long.text
    assert "x" * 2001 in long.text
    assert await services(there) == (True, 1)


async def test_from_the_panel_it_closes_the_panel(there: World) -> None:
    ann = await there.person()

    form = await fields(ann) | {"reason": "x", "back": f"{ACT}?panel=renewal:{ACME_RENEWAL}"}

    answer = await ann.send(END, form, htmx=True)

    assert json.loads(answer.headers["HX-Location"])["path"] == f"{ACT}?told=ended:{ACME}"
    assert answer.headers["HX-Trigger"] == "gone, done"


async def test_a_form_sent_twice_ends_once(there: World) -> None:
    ann = await there.person()
    form = await fields(ann) | {"reason": "Once."}

    first, second = await ann.send(END, form), await ann.send(END, form)

    assert first.status_code == second.status_code == 303
    count = await there.pool("clients").fetchval(
        "SELECT count(*) FROM history WHERE change = 'ServicesEnded'"
    )
    assert count == 1


async def test_who_was_overtaken_is_shown_how_it_is_now(there: World) -> None:
    ann = await there.person()
    form = await fields(ann)
    await there.call(
        "clients", "POST", f"/clients/{ACME}/services/end", {"reason": "Faster.", "confirm": True}
    )
    await there.call("clients", "POST", f"/clients/{ACME}/services/resume")

    answer = await ann.send(END, form | {"reason": "I wrote this."}, htmx=True)

    assert answer.status_code == 412
    assert "Somebody changed it meanwhile" in words(answer.text)
    assert ">I wrote this.</textarea>" in answer.text
    [version] = re.findall(r'name="version" value="(\d+)"', answer.text)
    assert (await ann.send(END, form | {"reason": "Again.", "version": version})).is_redirect
    assert await services(there) == (False, 2)


async def test_services_that_have_ended_already_are_not_ended_again(there: World) -> None:
    ann = await there.person()
    await end(ann)

    shown = words((await ann.get(END)).text)

    assert "Services ended for acme.example.com" in shown
    assert "Reason" not in shown


async def test_while_the_clients_service_is_away_the_reason_is_kept(there: World) -> None:
    ann = await there.person()
    form = await fields(ann)
    there.doors["clients"].fails = httpx2.ConnectError("refused")

    answer = await ann.send(END, form | {"reason": "I wrote this."}, htmx=True)
    resumed = await ann.post(RESUME, htmx=True, version="1")

    assert answer.status_code == resumed.status_code == 503
    for each in (answer, resumed):
        assert "The clients service cannot be reached at the moment. Nothing was changed." in words(
            each.text
        )
    assert ">I wrote this.</textarea>" in answer.text


async def test_a_lost_answer_can_be_asked_for_again_without_doing_it_twice(there: World) -> None:
    ann = await there.person()
    form = await fields(ann) | {"reason": "Once."}
    done = await ann.send(END, form)
    there.doors["clients"].fails = httpx2.ReadTimeout("lost")

    lost = await ann.send(END, form, htmx=True)

    assert done.is_redirect
    assert "It may have done it all the same: look again in a moment." in words(lost.text)
    assert "Services ended for acme.example.com" in words(lost.text)


async def test_members_and_hubspot_see_why_not(there: World) -> None:
    ben = await there.person(BEN, role="member")
    hal = await there.person(HAL, role="staff")

    for person, why in (
        (ben, "Only partner admins may end services. Ask Ann Lee."),
        (hal, "Only partner admins may end services; you look at it for HubSpot."),
    ):
        shown = await person.get(END)
        assert why in words(shown.text)
        assert "<textarea" not in shown.text
        assert (await person.post(END, version="1", reason="x")).status_code == 403
        assert (await person.post(RESUME, version="1")).status_code == 403
    assert there.doors["clients"].asked == []
    assert await services(there) == (True, 1)


async def test_a_member_sees_that_services_ended_and_cannot_undo_it(there: World) -> None:
    ann, ben = await there.person(), await there.person(BEN, role="member")
    answer = await end(ann)

    html = (await ben.get(answer.headers["location"])).text

    assert "Services ended for acme.example.com" in words(html)
    assert "Undo" not in words(html)
    assert "Only partner admins may resume services. Ask Ann Lee." in words(
        (await ben.get(RESUME)).text
    )


@pytest.mark.parametrize("client", [DELTA, uuid4()])
async def test_another_partners_client_is_not_there(there: World, client: UUID) -> None:
    ann = await there.person()

    for what in ("end-services", "resume-services"):
        path = f"/clients/{client}/{what}"
        assert (await ann.get(path)).status_code == 404
        assert (await ann.post(path, version="1", reason="x")).status_code == 404
    told = await ann.get(f"{ACT}?told=ended:{client}")
    assert "Services ended" not in told.text
    assert there.doors["clients"].asked == []


@pytest.mark.parametrize("told", ["ended", "ended:", "ended:x", "what:ever", "<script>", ":::late"])
async def test_an_address_that_tells_nonsense_tells_nothing(there: World, told: str) -> None:
    ann = await there.person()

    answer = await ann.get(f"{ACT}?told={quote(told)}")

    assert answer.status_code == 200
    assert "Undo" not in answer.text
