"""What `make contracts` says where a change would break somebody, and how one breaks on purpose."""

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from shared.contracts import examples, majors, registry, renewals, schemas
from shared.contracts.__main__ import main
from shared.contracts.event import Event

DECIDED = renewals.RenewalDecided


class OwnerChoice(renewals.OwnerChoice):
    """What a client's page or a partner's settings say about the renewal owner."""

    owner: Literal["default", "hubspot", "partner", "both"] = Field(  # type: ignore[assignment]
        description="Who relays contract changes; 'default' follows the partner's setting."
    )


class RenewalOwnerChanged(renewals.RenewalOwnerChanged):
    """Another party relays the changes of this client, or another person of it."""

    owner: OwnerChoice = Field(description="What is chosen from now on.")
    previous: renewals.OwnerChoice


def refusals(tmp_path: Path, changed: type[Event], **said: Any) -> list[str]:
    """What is said where RenewalDecided is declared like this."""
    folder = Path(shutil.copytree(registry.PUBLISHED, tmp_path / "published"))
    instead = [
        changed.model_validate(each.model_dump() | said) if each.TYPE == DECIDED.TYPE else each
        for each in examples.events()
    ]
    return schemas.plan(instead, folder).breaches


def changed(*, without: str = "", **fields: Any) -> type[Event]:
    kept = {
        name: (field.annotation, field)
        for name, field in DECIDED.model_fields.items()
        if name != without and name not in Event.model_fields
    }
    base = create_model("RenewalDecided", __base__=Event, __doc__=DECIDED.__doc__, **kept | fields)
    base.TYPE, base.TOPIC, base.SUBJECT = DECIDED.TYPE, DECIDED.TOPIC, DECIDED.SUBJECT
    return base


def test_nothing_is_refused_where_nothing_changes(tmp_path: Path) -> None:
    assert refusals(tmp_path, changed()) == []


def test_a_field_that_is_removed_is_refused_for_who_reads_it(tmp_path: Path) -> None:
    told = refusals(tmp_path, changed(without="decided_by"))

    assert (
        "renewals.RenewalDecided.v1: a consumer written against revision 1 breaks on new records: "
        "decided_by is required, but may be missing"
    ) in told
    assert any("decided_by was published and is gone or renamed" in each for each in told)


def test_a_type_that_is_narrowed_is_refused_for_who_reads_from_the_beginning(
    tmp_path: Path,
) -> None:
    short = Annotated[str, Field(max_length=40, description="Why.")]

    [told] = refusals(tmp_path, changed(reason=(short, "")))

    assert told == (
        "renewals.RenewalDecided.v1: a consumer written against the new schema breaks on records "
        "of revision 1: reason has no maxLength, where 40 is expected"
    )


def test_a_required_field_is_refused_for_who_reads_from_the_beginning(tmp_path: Path) -> None:
    lost = Annotated[Decimal, Field(description="What it costs.")]

    [told] = refusals(tmp_path, changed(discount=(lost, ...)), discount="1.00")

    assert told == (
        "renewals.RenewalDecided.v1: a consumer written against the new schema breaks on records "
        "of revision 1: discount is required, but may be missing"
    )


def test_a_value_more_in_an_enumeration_is_refused_for_who_knows_the_others(
    tmp_path: Path,
) -> None:
    """Its consumers have a branch for each value, and none for another."""
    folder = Path(shutil.copytree(registry.PUBLISHED, tmp_path / "published"))
    said = [
        RenewalOwnerChanged.model_validate(each.model_dump())
        if each.TYPE == RenewalOwnerChanged.TYPE
        else each
        for each in examples.events()
    ]

    [told] = schemas.plan(said, folder).breaches

    assert told == (
        "renewals.RenewalOwnerChanged.v1: a consumer written against revision 1 breaks on new "
        "records: owner.owner may be 'both', where one of ['default', 'hubspot', 'partner'] is "
        "expected"
    )


def test_a_deliberate_break_is_a_second_version_beside_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["new-major", "renewals.RenewalMoved.v1"]) == 0

    told = capsys.readouterr().out
    assert "renewals.RenewalMoved.v1 stays as it is, and renewals.RenewalMoved.v2" in told
    assert "class RenewalMovedV2(RenewalEvent):" in told
    assert "at least\n   90 days" in told


def test_the_class_that_the_steps_show_passes_as_it_is() -> None:
    """Whoever pastes it has a sound declaration, and nothing of the first version changed."""
    scope = vars(renewals).copy()
    exec(majors.declaration(renewals.RenewalMoved), scope)  # noqa: S102 - that is what is shown
    second = scope["RenewalMovedV2"]

    assert second.TYPE == "renewals.RenewalMoved.v2"
    assert registry.problems([*registry.EVENTS, second]) == []
    first = next(each for each in examples.events() if each.TYPE == renewals.RenewalMoved.TYPE)
    planned = schemas.plan([*examples.events(), second.model_validate(first.model_dump())])
    assert planned.breaches == []
    assert {path.name for path in planned.drift()} == {
        "renewals.RenewalMoved.v2.schema.json",
        "renewals.RenewalMoved.v2.example.json",
    }


def test_an_event_that_is_unknown_has_no_next_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-major", "renewals.Nothing.v1"]) == 1
    assert "There is no event 'renewals.Nothing.v1'" in capsys.readouterr().err
