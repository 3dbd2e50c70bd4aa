"""Edit renewal owner: the dialog, and what the real renewals service makes of it."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.dashboard.domain import owners
from services.dashboard.store import waiting
from shared.chassis import tracing
from shared.contracts.renewals import OwnerChoice, PartnerPolicySnapshot
from tests import otlp
from tests.dashboard.looking import words
from tests.dashboard.owning import (
    ACME,
    ACME_RENEWAL,
    ANN,
    BEN,
    CAT,
    DELTA,
    HAL,
    World,
)
from tests.dashboard.people import NOW

PATH = f"/clients/{ACME}/owner"
BACK = f"/renewals/to-act-on?panel=renewal:{ACME_RENEWAL}"
POC, COPY = uuid4(), uuid4()


def policy(**default: Any) -> PartnerPolicySnapshot:
    return PartnerPolicySnapshot(
        version=1,
        occurred_at=NOW,
        partner_id=uuid4(),
        default_owner=OwnerChoice(**default),
        default_point_of_contact_id=COPY,
    )


PARTNERS = policy(owner="partner", point_of_contact_id=POC)
NAMELESS = policy(owner="partner")


@pytest.mark.parametrize(
    ("choice", "settings", "serviced", "told"),
    [
        (None, None, True, ("hubspot", "factory", None, None)),
        (OwnerChoice(owner="default"), None, True, ("hubspot", "factory", None, None)),
        (None, PARTNERS, True, ("partner", "partner", None, POC)),
        (None, NAMELESS, True, ("partner", "partner", None, COPY)),
        (OwnerChoice(owner="hubspot"), PARTNERS, True, ("hubspot", "client", None, None)),
        (
            OwnerChoice(owner="hubspot", notified_user_id=COPY),
            PARTNERS,
            True,
            ("hubspot", "client", COPY, None),
        ),
        (OwnerChoice(owner="partner"), None, True, ("partner", "client", None, None)),
        (
            OwnerChoice(owner="partner", point_of_contact_id=POC),
            PARTNERS,
            False,
            ("hubspot", "services_ended", None, None),
        ),
    ],
)
def test_the_owner_is_the_clients_choice_else_the_default_and_hubspot_once_services_ended(
    choice: OwnerChoice | None,
    settings: PartnerPolicySnapshot | None,
    serviced: bool,
    told: tuple[str, str, UUID | None, UUID | None],
) -> None:
    held = owners.effective(choice, settings, serviced=serviced)

    assert (held.owner, held.source, held.notified_user_id, held.point_of_contact_id) == told


async def set_for(there: World) -> tuple[str, UUID | None]:
    """What the renewals service holds for Acme: the owner, and who is named."""
    row = await there.pool("renewals").fetchrow("SELECT * FROM clients WHERE client_id = $1", ACME)
    assert row is not None
    named = row["point_of_contact_id"] or row["notified_user_id"]
    return row["owner"], named


def version_in(html: str) -> str:
    [version] = re.findall(r'name="version" value="(\d+)"', html)
    return str(version)


async def test_the_dialog_offers_three_owners_and_active_users_alone(there: World) -> None:
    ann = await there.person()

    html = (await ann.get(PATH, **{"HX-Request": "true"})).text

    assert "<html" not in html
    assert re.findall(r"<option[^>]*>(Default setting|HubSpot|Partner)</option>", html) == [
        "Default setting", "HubSpot", "Partner",
    ]  # fmt: skip
    assert "Ben Lee" in html
    assert "Cat Lee" not in html  # no longer active
    shown = words(html)
    assert "Select partner user to be notified" in shown
    assert "Select partner point of contact for renewals" in shown
    assert (
        "At the moment that is HubSpot. All notices and reminders go directly to the client's "
        "decision maker."
    ) in shown


async def test_what_the_default_means_is_told_as_it_is_at_the_moment(there: World) -> None:
    await there.call(
        "renewals", "PUT", "/settings/owner", {"owner": "partner", "point_of_contact_id": str(BEN)}
    )
    await there.settled()
    ann = await there.person()

    shown = words((await ann.get(PATH)).text)

    assert "At the moment that is Partner. All notices and reminders go to Ben Lee" in shown


async def test_without_javascript_the_dialog_is_a_page_and_leads_back(there: World) -> None:
    ann = await there.person()

    page = await ann.get(PATH, Referer=f"https://somewhere.test{BACK}")
    answer = await ann.post(
        PATH, version=version_in(page.text), back=BACK, owner="partner", point_of_contact_id=BEN
    )

    assert "<html" in page.text
    assert f'name="back" value="{BACK}"' in page.text
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BACK}&told=owner:{ACME}"
    assert await set_for(there) == ("partner", BEN)


async def test_the_person_sees_the_effect_at_once(there: World) -> None:
    ann = await there.person()

    answer = await ann.post(
        PATH, htmx=True, version=0, back=BACK, owner="hubspot", notified_user_id=BEN
    )
    panel = await ann.get(f"/panels/renewals/{ACME_RENEWAL}?told=owner:{ACME}")

    # Nobody waited here: the answer did.
    assert json.loads(answer.headers["HX-Location"]) == {
        "path": f"/panels/renewals/{ACME_RENEWAL}?told=owner%3A{ACME}",
        "target": "#panel",
        "push": "false",
    }
    assert answer.headers["HX-Trigger"] == "done"
    shown = words(panel.text)
    assert "The renewal owner of acme.example.com is saved." in shown
    assert "Owner HubSpot Set for this client Also notified Ben Lee" in shown


async def test_an_effect_that_is_late_is_said_to_be_late(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting.reached, "__kwdefaults__", {"seconds": 0.1})
    ann = await there.person()
    there.flowing.clear()

    answer = await ann.post(PATH, version=0, back="/renewals", owner="hubspot")
    page = await ann.get(answer.headers["location"])

    assert answer.headers["location"].endswith(f"told=owner:{ACME}:late")
    assert "It is saved, and the page does not show it yet" in page.text


async def test_what_the_service_refuses_comes_back_by_its_field_with_all_that_was_typed(
    there: World,
) -> None:
    ann = await there.person()

    nobody = await ann.post(PATH, htmx=True, version=0, back=BACK, owner="partner")
    gone = await ann.post(
        PATH, htmx=True, version=0, back=BACK, owner="partner", point_of_contact_id=CAT
    )
    nonsense = await ann.post(
        PATH, htmx=True, version=0, back=BACK, owner="partner", point_of_contact_id="no uuid"
    )

    for answer in (nobody, gone, nonsense):
        assert answer.status_code == 422
        assert 'value="partner" selected' in answer.text
        assert 'id="dialog-point_of_contact_id-error"' in answer.text
        assert f'name="back" value="{BACK}"' in answer.text
    assert "name the active user who is the point of contact" in words(nobody.text)
    assert "is not an active user of this partner" in words(gone.text)
    assert await set_for(there) == ("default", None)


async def test_fields_of_another_owner_do_not_count(there: World) -> None:
    """Without JavaScript the form has them all."""
    ann = await there.person()

    answer = await ann.post(
        PATH, version=0, owner="hubspot", notified_user_id=BEN, point_of_contact_id=ANN
    )

    assert answer.status_code == 303
    assert await set_for(there) == ("hubspot", BEN)


async def test_who_was_overtaken_sees_how_it_is_now_and_can_save_again(there: World) -> None:
    ann, ben = await there.person(), await there.person(BEN, role="member", name="Ben Lee")
    stale = version_in((await ann.get(PATH)).text)
    await ben.post(PATH, version=stale, owner="partner", point_of_contact_id=BEN)

    refused = await ann.post(PATH, htmx=True, version=stale, owner="hubspot")
    saved = await ann.post(PATH, htmx=True, version=version_in(refused.text), owner="hubspot")

    assert refused.status_code == 412
    shown = words(refused.text)
    assert "Somebody changed it meanwhile. Here is how it is now" in shown
    assert "Now: Partner ( Ben Lee )" in shown
    assert 'value="hubspot" selected' in refused.text
    assert saved.status_code == 200
    assert await set_for(there) == ("hubspot", None)


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (
            httpx2.ConnectError("refused"),
            "The renewals service cannot be reached at the moment. Nothing was changed.",
        ),
        (
            httpx2.ReadTimeout("late"),
            "The renewals service did not answer in time. It may have done it all the same",
        ),
        (
            httpx2.Response(503, json={"detail": "Try again"}),
            "The renewals service cannot do it at the moment. Nothing was changed.",
        ),
        (httpx2.Response(502, text="<h1>Bad gateway</h1>"), "The renewals service failed while"),
        (httpx2.Response(429, json={}), "cannot do it at the moment"),
    ],
)
async def test_while_the_service_is_away_the_page_says_so_and_nothing_typed_is_lost(
    there: World, fails: Exception | httpx2.Response, told: str
) -> None:
    ann = await there.person()
    there.doors["renewals"].fails = fails

    readable = await ann.get(f"/renewals/to-act-on?panel=renewal:{ACME_RENEWAL}")
    answer = await ann.post(
        PATH, htmx=True, version=0, back=BACK, owner="partner", point_of_contact_id=BEN
    )

    assert readable.status_code == 200
    assert answer.status_code == 503
    assert told in words(answer.text)
    assert f'value="{BEN}" selected' in answer.text
    assert 'name="version" value="0"' in answer.text


async def test_the_command_carries_the_persons_token_the_version_and_the_thread(
    there: World,
) -> None:
    ann = await there.person()

    await ann.http.post(
        PATH,
        data={"version": "0", "owner": "hubspot"},
        headers=ann.headers | {
            "X-Request-Id": "the-thread",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
    )  # fmt: skip

    [asked] = there.doors["renewals"].asked
    assert asked.method == "PUT"
    assert asked.headers["If-Match"] == '"0"'
    assert asked.headers["Authorization"].startswith("Bearer ey")
    assert asked.headers["X-Request-Id"] == "the-thread"
    assert asked.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "cookie" not in asked.headers


async def test_while_spans_are_made_the_owner_goes_on_from_the_span_of_the_command(
    there: World,
) -> None:
    ann = await there.person()

    with otlp.collecting() as collector:
        settings = there.apps["dashboard"].state.settings.model_copy(
            update={"otel_endpoint": collector.url}
        )
        async with tracing.exporting("dashboard", settings):
            await ann.post(PATH, version=0, owner="hubspot")

    [asked] = there.doors["renewals"].asked
    [command] = [span for span in collector.spans if span.kind == "client" and span.name == "PUT"]
    [request] = [span for span in collector.spans if span.id == command.parent]
    assert request.kind == "server"
    assert request.name.startswith("POST /clients/{")
    assert asked.headers["traceparent"].startswith(f"00-{command.trace}-{command.id}-")
    assert tracing.sampled([asked.headers["traceparent"]])
    assert command.attributes["http.response.status_code"] == 200
    assert command.attributes["server.address"]


async def test_members_choose_owners_and_hubspot_only_looks(there: World) -> None:
    ben = await there.person(BEN, role="member")
    hal = await there.person(HAL, role="staff")

    looked = await hal.get(PATH)
    refused = await hal.post(PATH, version=0, owner="partner", point_of_contact_id=BEN)
    done = await ben.post(PATH, version=0, owner="hubspot")

    assert "Only people of the partner choose the renewal owner" in words(looked.text)
    assert (
        "<form"
        not in looked.text.partition('<div class="dialog-content">')[2].partition("<dialog")[0]
    )
    assert refused.status_code == 403
    assert done.status_code == 303
    assert await set_for(there) == ("hubspot", None)


@pytest.mark.parametrize("client", [DELTA, uuid4()])
async def test_another_partners_client_is_not_there(there: World, client: UUID) -> None:
    ann = await there.person()

    looked = await ann.get(f"/clients/{client}/owner")
    asked = await ann.post(f"/clients/{client}/owner", version=0, owner="hubspot")

    assert looked.status_code == asked.status_code == 404
    assert there.doors["renewals"].asked == []


async def test_a_form_that_another_site_sends_changes_nothing(there: World) -> None:
    ann = await there.person()

    answer = await ann.http.post(
        PATH,
        data={"version": "0", "owner": "hubspot"},
        headers=ann.headers | {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
    )

    assert answer.status_code == 403
    assert await set_for(there) == ("default", None)


@pytest.mark.parametrize(
    "back", ["https://evil.test/x", "//evil.test", "/\\evil.test", "javascript:alert(1)", ""]
)
async def test_the_way_back_is_always_on_this_site(there: World, back: str) -> None:
    ann = await there.person()

    answer = await ann.post(PATH, version=0, owner="hubspot", back=back)

    place = answer.headers["location"]
    assert re.match(r"/[^/\\]", place)
    assert "evil" not in place.partition("?")[0] or place.startswith(("/x", "/evil.test"))


async def test_once_services_ended_the_owner_is_not_to_be_chosen(there: World) -> None:
    await there.call(
        "clients", "POST", f"/clients/{ACME}/services/end", {"reason": "Over.", "confirm": True}
    )
    await there.settled()
    ann = await there.person()

    shown = words((await ann.get(PATH)).text)

    assert "You no longer service this client: HubSpot tells it what renews." in shown
    assert "Save" not in shown
