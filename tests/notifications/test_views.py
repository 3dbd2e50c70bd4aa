import email
import email.policy
import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications import views
from services.notifications.views import headers, texts

HEAD = views.Letterhead(
    "renewals@hub.example",
    "HubSpot Renewals",
    None,
    "hub.example",
    "https://d.example",
    "https://o.example",
)
LETTER = views.Letter(
    mail_id=uuid4(),
    key="subject:2026-03-05:d-15:recipient",
    kind="renewal",
    stage="d-15",
    audience="client",
    recipient_name="Dora",
    recipient_address="dora@acme.example",
    copied_name="",
    copied_address="",
    client_name="Acme",
    client_domain="acme.example",
    partner_name="Agency",
    zone="Europe/Dublin",
    today=date(2026, 1, 4),
    written_at=datetime(2026, 1, 4, 9, tzinfo=UTC),
    ended=False,
    subject_id=uuid4(),
    client_id=uuid4(),
    starts=date(2026, 3, 5),
    deadline=date(2026, 1, 19),
    status="pending",
    currency="EUR",
    current_mrr=Decimal(800),
    renewal_mrr=Decimal("1900.50"),
    products=({"product": "Marketing Hub", "current_mrr": "800.00", "renewal_mrr": "1900.50"},),
)


def written(**other: Any) -> EmailMessage:
    view = views.write(replace(LETTER, **other), HEAD)
    parsed = email.message_from_bytes(view.body, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def part(mail: EmailMessage, form: str) -> str:
    found = mail.get_body((form,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_reminder_says_until_when_and_what_it_costs() -> None:
    mail = written()

    text = part(mail, "plain")
    for expected in (
        "2026-03-05",
        "2026-01-19",
        "15 days left",
        "Europe/Dublin",
        "800.00 EUR",
        "1,900.50 EUR (+1,100.50 EUR)",
        "Marketing Hub",
        f"https://o.example/{LETTER.subject_id}",
    ):
        assert expected in text
        assert expected in html.unescape(part(mail, "html"))
    assert mail["Subject"] == "Subscription renewal on 2026-03-05: 15 days left, until 2026-01-19"
    assert mail["To"] == "Dora <dora@acme.example>"


def test_every_mail_says_that_no_person_wrote_it_and_which_message_it_is() -> None:
    mail = written()

    assert mail["Message-ID"] == f"<{LETTER.mail_id.hex}@hub.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Renewal notices <renewals.hub.example>"
    assert mail["X-Partner-Tools-Key"] == LETTER.key
    assert mail["Date"].datetime == LETTER.written_at
    assert mail["Reply-To"] is None
    assert mail["Cc"] is None


def test_a_copy_and_an_address_for_answers_stand_in_the_headers() -> None:
    view = views.write(
        replace(LETTER, copied_name="Ben", copied_address="ben@agency.example"),
        replace(HEAD, reply_to="answers@hub.example"),
    )
    mail = email.message_from_bytes(view.body, policy=email.policy.default)

    assert mail["Cc"] == "Ben <ben@agency.example>"
    assert mail["Reply-To"] == "answers@hub.example"
    assert "Ben of Agency, your HubSpot partner, gets a copy" in view.text


@pytest.mark.parametrize(
    ("audience", "expected", "absent"),
    [
        ("client", "Your HubSpot subscription renews", "Dashboard"),
        ("partner", "for your action with your client Acme", "contact for renewals"),
        ("hubspot", "HubSpot tells the client's own people", "Dashboard"),
    ],
)
def test_each_side_gets_its_own_words(audience: str, expected: str, absent: str) -> None:
    text = part(written(audience=audience), "plain")

    assert expected in text
    assert absent not in text


def test_the_partners_subject_says_that_it_is_for_their_action_with_the_client() -> None:
    subject = str(written(audience="partner")["Subject"])

    assert subject.startswith("For your action with Acme:")
    assert "https://d.example/renewals/" in part(written(audience="partner"), "plain")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"stage": "entered", "today": date(2025, 11, 5)}, "75 days left"),
        ({"stage": "d-1", "today": date(2026, 1, 18)}, "1 day left"),
        ({"stage": "d-0", "today": date(2026, 1, 19)}, "today (2026-01-19) is the last day"),
        ({"stage": "d-15", "today": date(2026, 1, 19)}, "today (2026-01-19) is the last day"),
        ({"kind": "contact_tier_upgrade"}, "Contact tier upgrade on 2026-03-05"),
        ({"kind": "email_overage"}, "E-mail overage on 2026-03-05"),
        ({"kind": "seat_change"}, "Contract change on 2026-03-05"),
    ],
)
def test_the_subject_has_the_true_days_and_the_kind(other: dict[str, Any], expected: str) -> None:
    assert expected in str(written(**other)["Subject"])


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("renewed", "It takes effect on 2026-03-05 on the terms below"),
        ("confirmed", "It was confirmed"),
        ("cancellation_requested", "A cancellation was requested"),
        ("ended", "Unless something else was agreed"),
    ],
)
def test_the_outcome_says_what_was_decided(status: str, expected: str) -> None:
    mail = written(stage="outcome", status=status, today=date(2026, 1, 20))

    assert expected in part(mail, "plain")
    assert "days left" not in part(mail, "plain")


def test_after_the_end_of_services_hubspots_people_learn_that_nobody_of_the_partner_is_told() -> (
    None
):
    text = part(written(audience="hubspot", ended=True), "plain")

    assert "Agency no longer services this client" in text


def test_the_end_of_services_names_who_ended_them_and_why() -> None:
    mail = written(
        kind="services_ended",
        stage="services_ended",
        audience="hubspot",
        starts=None,
        deadline=None,
        products=(),
        ended_on="2026-01-04",
        ended_by="Ada",
        reason="They left\r\nfor good",
    )

    assert mail["Subject"] == "Agency no longer services Acme"
    assert "Reason:    They left for good" in part(mail, "plain")
    assert "Ada" in part(mail, "html")


def test_markup_in_names_is_shown_and_never_obeyed() -> None:
    mail = written(
        client_name='<script>alert("x")</script>',
        products=({"product": "<b>Hub</b>", "current_mrr": "1", "renewal_mrr": "1"},),
    )

    shown = part(mail, "html")
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>" not in shown
    assert "no change" not in shown
    assert "<b>Hub</b>: 1.00 EUR -> 1.00 EUR (no change)" in part(mail, "plain")


def test_the_html_stands_without_anything_from_elsewhere_and_in_the_dark() -> None:
    shown = part(written(), "html")

    assert "prefers-color-scheme: dark" in shown
    assert '<html lang="en">' in shown
    assert not re.search(r"<(img|script|link|iframe)", shown)
    assert set(re.findall(r'scope="(\w+)"', shown)) == {"row", "col"}


NASTY = st.text(
    st.characters() | st.sampled_from(list('\r\n\0\t\x1b\u2028\u202e\u200b=?<>"\\,;:@.()')),
    max_size=60,
)


@given(name=NASTY, recipient=NASTY, partner=NASTY, reason=NASTY, product=NASTY)
def test_no_value_makes_a_header_of_its_own(
    name: str, recipient: str, partner: str, reason: str, product: str
) -> None:
    usual = [key.lower() for key in written().keys()]  # noqa: SIM118 - a mail is no mapping
    values: dict[str, Any] = {
        "client_name": name,
        "recipient_name": recipient,
        "partner_name": partner,
        "copied_name": partner,
        "copied_address": "ben@agency.example",
        "reason": reason,
        "audience": "partner",
        "products": ({"product": product, "current_mrr": "1", "renewal_mrr": "2"},),
    }
    mail = written(**values)

    assert sorted(key.lower() for key in mail.keys()) == sorted([*usual, "cc"])  # noqa: SIM118
    assert [a.addr_spec for a in mail["To"].addresses] == ["dora@acme.example"]
    assert [a.addr_spec for a in mail["Cc"].addresses] == ["ben@agency.example"]
    # Python's reader puts a space between two encoded words of a name; RFC 2047 has none there.
    shown = mail["To"].addresses[0].display_name
    assert "".join(shown.split()) == "".join(views.plain(recipient).split())
    assert views.plain(product) in part(mail, "plain")
    view = views.write(replace(LETTER, **values), HEAD)
    assert max(map(len, view.body.split(b"\r\n"))) <= 998
    assert b"\n" not in view.body.replace(b"\r\n", b"")
    assert b"\r" not in view.body.replace(b"\r\n", b"")


@given(st.text(max_size=300))
def test_encoded_words_are_read_back_as_they_were(value: str) -> None:
    shown = views.plain(value, 300)
    line = headers.text("Subject", shown)
    mail = email.message_from_string(line + "\r\n\r\n", policy=email.policy.default)

    assert " ".join(str(mail["Subject"]).split()) == " ".join(shown.split())
    assert all(len(each) <= 998 for each in line.split("\r\n"))


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "a\x7fb", "a\u2028b", "a\x85b"])
def test_control_characters_are_refused_in_headers(bad: str) -> None:
    with pytest.raises(views.UnsafeError, match="a header has no"):
        headers.text("Subject", bad)
    with pytest.raises(views.UnsafeError, match="a header has no"):
        headers.address("To", bad, "dora@acme.example")


def test_addresses_outside_the_allow_list_are_refused_in_headers() -> None:
    with pytest.raises(views.UnsafeError, match="plain address"):
        headers.address("To", "Dora", "dora@acme.example>\r\nBcc: x@y.example")


def test_a_header_without_a_name_is_the_address_alone() -> None:
    assert headers.address("To", "", "dora@acme.example") == "To: dora@acme.example"


def test_long_subjects_are_folded_between_words() -> None:
    line = headers.text("Subject", "word " * 40 + "end")

    assert all(len(each) <= 76 for each in line.split("\r\n"))
    assert line.replace("\r\n", "") == "Subject: " + "word " * 40 + "end"


def test_names_lose_marks_that_deceive_and_are_cut() -> None:
    assert views.plain("Ac\u202eme\u200b \r\n Ltd") == "Ac me Ltd"
    assert views.plain("x" * 200) == "x" * 119 + "…"
    assert views.plain("  Acme  Ltd ") == "Acme Ltd"


def test_money_has_two_places_and_its_currency() -> None:
    assert texts.money(Decimal("1234567.5"), "USD") == "1,234,567.50 USD"
    assert texts.difference(Decimal(2), Decimal(1), "USD") == "-1.00 USD"
    assert texts.in_days(date(2026, 1, 2), date(2026, 1, 1)) == "in 1 day"
    assert views.amount("12.50") == Decimal("12.5")


@pytest.mark.parametrize(
    "name",
    ["Zoë", f"--=_{LETTER.mail_id.hex}--"],
    ids=["beyond ASCII", "the boundary itself"],
)
def test_a_part_is_encoded_where_mail_could_not_carry_it_as_it_is(name: str) -> None:
    mail = written(client_name=name)

    for form in ("plain", "html"):
        found = mail.get_body((form,))
        assert found is not None
        assert found["Content-Transfer-Encoding"] == "quoted-printable"
        assert name in part(mail, form)


def test_no_line_is_longer_than_mail_can_carry() -> None:
    reason = "because " * 120
    ended: dict[str, Any] = {
        "kind": "services_ended",
        "audience": "hubspot",
        "reason": reason.strip(),
    }
    for view in (views.write(LETTER, HEAD), views.write(replace(LETTER, **ended), HEAD)):
        assert max(map(len, view.body.split(b"\r\n"))) <= 998
    assert b"7bit" in views.write(LETTER, HEAD).body
