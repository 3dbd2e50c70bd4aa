"""Whatever notifications may say is shown in words, and what is blocked with the way to mend it."""

import ast
from pathlib import Path

import pytest

from services.dashboard.domain import words
from services.notifications.domain import MENDING, WHY
from services.notifications.domain.explaining import OWNERS, RULES
from services.renewals.domain import stages
from services.renewals.domain.kinds import Kind

NOTIFICATIONS = Path(words.__file__).parents[2] / "notifications"


def named_in_code() -> set[str]:
    """Every reason that code of notifications hands to a Drop, Block, Told or Verdict."""
    found = set()
    for path in NOTIFICATIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, ast.Name | ast.Attribute
            ):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "Drop" and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
            if name == "Verdict" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                found.add(node.args[1].value)
    return {code for code in found if isinstance(code, str)}


def test_every_reason_that_notifications_can_give_reads_as_a_sentence() -> None:
    codes = {*WHY, *MENDING, *named_in_code()}
    assert {"decided", "no_contact_in_roles", "put_off_too_often"} <= codes
    for code in codes:
        told = words.reason(code)
        assert told != code, f"{code} has no words"
        assert told[0].isupper()
        assert told.endswith(".")
        assert "_" not in told
        assert "{" not in told


def test_every_blocked_reason_has_its_own_way_to_be_mended_and_a_place_for_it() -> None:
    for code in MENDING:
        mending = words.mending(code, "partner:contacts_in_roles:decision_maker")
        assert mending.text != words.UNKNOWN_MENDING.text
        assert mending.places
        assert "{" not in mending.text
        assert "_" not in mending.text


def test_a_reason_that_is_new_is_shown_as_it_was_said_and_leads_somewhere_all_the_same() -> None:
    assert words.reason("Something that nobody knew of.") == "Something that nobody knew of."
    assert words.mending("brand_new").places
    assert words.state("brand_new") == ("Brand new", "quiet")
    assert words.role("head_of_joy") == "head of joy"
    assert words.stage("brand_new") == "brand new"


@pytest.mark.parametrize("source", OWNERS)
@pytest.mark.parametrize("name", [each for each in RULES if each != "contacts_in_roles"])
def test_every_rule_that_names_a_recipient_reads_as_words(source: str, name: str) -> None:
    told = words.rule(f"{source}:{name}")
    assert "_" not in told
    assert ":" not in told
    assert ", by " in told


def test_the_roles_that_are_written_to_are_named_as_people_call_them() -> None:
    told = words.rule("partner:contacts_in_roles:decision_maker,head_of_joy")
    assert told == "the client's decision maker or head of joy, by your default setting"
    assert words.rule("services_ended:channel_consultant").startswith("Channel Consultant")


def test_a_rule_that_is_none_is_shown_as_it_was_said() -> None:
    assert words.rule("hubspot owns: decision_maker") == "hubspot owns: decision_maker"
    assert words.rule("") == ""


def test_every_stage_and_kind_reads_as_words() -> None:
    every = {*stages.FACTORY, *stages.OTHER_KINDS, *(f"d-{n}" for n in range(75))}
    for kind in (*Kind, "services_ended"):
        assert "_" not in words.kind(kind)
        for stage in every:
            told = words.stage(stage, kind)
            assert told[0].isupper() or told[0].isdigit()
            assert told != stage
    assert words.stage("entered", Kind.EMAIL_OVERAGE) == "First notice, 30 days before the start"
    assert words.stage("d-15") == "15 days before the deadline"
