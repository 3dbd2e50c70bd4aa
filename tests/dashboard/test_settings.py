"""Partner settings: the default owner with its effect, the stages, who may, and who did."""

import re
from typing import Any

import httpx2
import pytest

from services.dashboard.views import settings as views
from tests.clients.portfolio import OURS
from tests.dashboard.looking import section, words
from tests.dashboard.owning import ACME, ANN, BEN, CAT, HAL, Person, World

PATH = "/settings"
OWNER, STAGES = "/settings/owner", "/settings/stages"
FIRST = "1"  # what the settings have once a partner is known


async def held(there: World) -> dict[str, Any]:
    answer: dict[str, Any] = await there.call("renewals", "GET", OWNER)
    return answer


async def stages(there: World) -> tuple[list[str], str]:
    answer = await there.call("renewals", "GET", STAGES)
    return answer["stages"], answer["send_hour"]


async def version(person: Person) -> str:
    return str(re.findall(r'name="version" value="(\d+)"', (await person.get(PATH)).text)[0])


def ticked(html: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]+)" checked', html)


async def test_the_page_shows_what_is_set_and_what_it_means(there: World) -> None:
    ann = await there.person()

    html = (await ann.get(PATH)).text

    shown = section(html, "settings-owner")
    assert "Now: HubSpot" in shown
    assert "All notices and reminders go directly to the client's decision maker." in shown
    assert "Select partner user to be notified" in shown
    assert "Select partner point of contact for renewals" in shown
    assert "Ben Lee" in html
    assert "Cat Lee" not in html
    assert ticked(html, "recipient_roles") == ["decision_maker"]
    assert ticked(html, "stages") == ["entered", "d-45", "d-15", "d-7", "d-1", "d-0", "outcome"]
    assert 'type="time" value="09:00"' in html
    assert "Europe/Berlin" in section(html, "settings-stages")


@pytest.mark.parametrize("path", [f"{OWNER}/effect", PATH])
async def test_the_effect_is_told_before_anything_is_saved(there: World, path: str) -> None:
    """Live by htmx, and without JavaScript on the page itself."""
    await there.call("renewals", "PUT", f"/clients/{ACME}/owner", {"owner": "hubspot"})
    ann = await there.person()

    moved = await ann.get(f"{path}?owner=partner&point_of_contact_id={BEN}&notified_user_id={ANN}")
    same = await ann.get(f"{path}?owner=hubspot")

    assert "This moves 2 clients and leaves 1 client as it is." in words(moved.text)
    assert "This moves no client and leaves 3 clients as they are." in words(same.text)
    if path == PATH:
        assert f'value="{BEN}" selected' in moved.text
    assert (await held(there))["owner"] == "hubspot"


async def test_an_admin_sets_the_default_and_sees_every_client_follow(there: World) -> None:
    ann = await there.person()

    answer = await ann.send(
        OWNER,
        {
            "version": await version(ann),
            "owner": "partner",
            "point_of_contact_id": str(BEN),
            "default_point_of_contact_id": str(ANN),
            "recipient_roles": ["decision_maker", "billing"],
        },
    )
    page = (await ann.get(answer.headers["location"])).text
    listed = (await ann.get("/renewals/to-act-on")).text

    assert answer.status_code == 303
    assert "Your default renewal owner is saved." in words(page)
    assert "Now: Partner . All notices and reminders go to Ben Lee" in words(page)
    assert listed.count("Partner <span class=") == 3
    assert await held(there) == {
        "owner": "partner", "notified_user_id": None, "point_of_contact_id": str(BEN),
        "default_point_of_contact_id": str(ANN), "recipient_roles": ["decision_maker", "billing"],
        "tell_renewal_manager": False, "source": "partner", "version": 2,
    }  # fmt: skip
    assert ticked(page, "recipient_roles") == ["decision_maker", "billing"]
    assert 'name="tell_renewal_manager" value="on">' in page


async def test_what_is_refused_comes_back_by_its_field(there: World) -> None:
    ann = await there.person()
    typed = {"version": FIRST, "owner": "partner", "recipient_roles": ["billing"]}

    nobody = await ann.send(OWNER, typed)
    gone = await ann.send(OWNER, typed | {"point_of_contact_id": str(CAT)})
    roles = await ann.send(OWNER, {"version": FIRST, "owner": "hubspot"})
    stand_in = await ann.send(
        OWNER, typed | {"owner": "hubspot", "default_point_of_contact_id": str(CAT)}
    )

    for answer in (nobody, gone, roles, stand_in):
        assert answer.status_code == 422
    assert 'id="field-point_of_contact_id-error"' in nobody.text
    assert 'value="partner" selected' in nobody.text
    assert ticked(nobody.text, "recipient_roles") == ["billing"]
    assert "is not an active user of this partner" in words(gone.text)
    assert 'class="error"' in roles.text
    assert 'id="field-default_point_of_contact_id-error"' in stand_in.text
    assert (await held(there))["version"] == 1


async def test_an_admin_sets_stages_and_hour(there: World) -> None:
    ann = await there.person()

    answer = await ann.send(
        STAGES,
        {"version": FIRST, "stages": ["entered", "d-7", "outcome"], "more": "30, 3;7",
         "send_hour": "08:30"},
    )  # fmt: skip
    page = (await ann.get(answer.headers["location"])).text

    assert "When people are told is saved." in words(page)
    expected = ["entered", "d-30", "d-7", "d-3", "outcome"]
    assert await stages(there) == (expected, "08:30")
    assert ticked(page, "stages") == expected
    assert "30 days before the deadline" in words(page)
    assert 'name="stages" value="d-45">' in page  # can be switched on again


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"stages": ["d-7"], "more": "soon", "send_hour": "09:00"}, "Whole numbers of days"),
        ({"stages": ["d-7"], "more": "75", "send_hour": "09:00"}, "'d-75' is no stage"),
        ({"stages": ["d-7"], "more": "-3", "send_hour": "09:00"}, "Whole numbers of days"),
        ({"stages": ["outcome"], "send_hour": "09:00"}, "at least one stage up to the deadline"),
        ({"send_hour": "09:00"}, "at least one stage up to the deadline"),
        ({"stages": ["d-7"], "send_hour": "25:00"}, "send_hour"),
        ({"stages": ["<b>"], "send_hour": "09:00"}, "is no stage"),
    ],
)
async def test_stages_that_cannot_be_are_refused_and_stay_as_they_were_written(
    there: World, form: dict[str, Any], told: str
) -> None:
    ann = await there.person()

    answer = await ann.send(STAGES, {"version": FIRST} | form)

    assert answer.status_code == 422
    assert told in words(answer.text) or f'id="field-{told}-error"' in answer.text
    assert f'name="more" type="text" value="{form.get("more", "")}"' in answer.text
    assert "<b>" not in answer.text
    assert len((await stages(there))[0]) == 7


async def test_who_was_overtaken_is_told_and_can_save_again(there: World) -> None:
    ann = await there.person()
    await there.call("renewals", "PUT", STAGES, {"stages": ["d-3"], "send_hour": "10:00"})

    stale = await ann.send(STAGES, {"version": FIRST, "stages": ["d-7"], "send_hour": "07:00"})
    [fresh, *_] = re.findall(r'name="version" value="(\d+)"', stale.text)
    saved = await ann.send(STAGES, {"version": fresh, "stages": ["d-7"], "send_hour": "07:00"})

    assert stale.status_code == 412
    assert "Somebody changed it meanwhile" in section(stale.text, "settings-stages")
    assert ticked(stale.text, "stages") == ["d-7"]
    assert saved.status_code == 303
    assert await stages(there) == (["d-7"], "07:00")


async def test_while_renewals_is_away_the_page_is_readable_and_nothing_typed_is_lost(
    there: World,
) -> None:
    ann = await there.person()
    there.doors["renewals"].fails = httpx2.ConnectError("refused")

    page = await ann.get(PATH)
    effect = await ann.get(f"{OWNER}/effect?owner=partner")
    history = await ann.get(f"{PATH}/history", **{"HX-Request": "true"})
    saved = await ann.send(
        OWNER, {"version": FIRST, "owner": "partner", "point_of_contact_id": str(BEN)}
    )

    assert page.status_code == 200
    assert "The renewals service cannot be reached at the moment." in words(effect.text)
    assert "The renewals service cannot be reached at the moment." in words(history.text)
    assert saved.status_code == 503
    assert "Nothing was changed. What you have written is still here." in words(saved.text)
    assert f'value="{BEN}" selected' in saved.text


async def test_members_and_hubspot_read_and_are_told_who_may(there: World) -> None:
    for person, why in (
        (
            await there.person(BEN, role="member"),
            "Only partner admins may change them: ask Ann Lee",
        ),
        (await there.person(HAL, role="staff"), "You look at these settings for HubSpot."),
    ):
        html = (await person.get(f"{PATH}?owner=partner")).text
        main = html.partition('<div class="settings">')[2]
        assert why in words(main)
        assert "<form" not in main
        assert "User to be notified Nobody" in words(main)
        assert "Send hour 09:00 Europe/Berlin" in words(main)
        assert (await person.send(OWNER, {"version": FIRST, "owner": "hubspot"})).status_code == 403
        assert (await person.send(STAGES, {"version": FIRST})).status_code == 403


async def test_the_history_says_who_changed_what(there: World) -> None:
    ann = await there.person()
    await ann.send(
        OWNER,
        {"version": FIRST, "owner": "partner", "point_of_contact_id": str(BEN),
         "recipient_roles": ["decision_maker"], "tell_renewal_manager": "on"},
    )  # fmt: skip
    await ann.send(STAGES, {"version": "2", "stages": ["d-7"], "more": "30", "send_hour": "07:00"})

    part = await ann.get(f"{PATH}/history", **{"HX-Request": "true"})
    page = await ann.get(f"{PATH}/history")

    told = words(part.text)
    assert told.count("Ann Lee , 15 Jan 2026, 13:00 Europe/Berlin") == 2
    assert "Owner: HubSpot → Partner Point of contact: nobody → Ben Lee" in told
    assert "Added: 30 days before the deadline" in told
    assert "Taken away: First notice, 120 days before the start, 45 days" in told
    assert "Send hour: 09:00 → 07:00" in told
    assert "<html" not in part.text
    assert "<html" in page.text
    assert told in words(page.text)


async def test_the_settings_are_the_callers_own(there: World) -> None:
    """The tenant comes from the token alone, so there is no other id to ask for."""
    ann = await there.person()
    await ann.send(OWNER, {"version": FIRST, "owner": "hubspot", "recipient_roles": ["billing"]})

    rows = await there.pool("renewals").fetch(
        "SELECT partner_id FROM partners WHERE policy_version > 1"
    )

    assert [row["partner_id"] for row in rows] == [OURS]


def test_an_effect_reads_as_a_sentence() -> None:
    assert views.effect(41, 12) == "This moves 41 clients and leaves 12 clients as they are."
    assert views.effect(1, 1) == "This moves 1 client and leaves 1 client as it is."
    assert views.effect(0, 3) == "This moves no client and leaves 3 clients as they are."
