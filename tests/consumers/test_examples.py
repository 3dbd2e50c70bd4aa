"""Whatever language a consumer is written in, the same story leads it to the same state."""

import pytest

from tests.consumers.building import BUILDS
from tests.consumers.running import Life
from tests.consumers.telling import DUE, Raw, expected

pytestmark = [pytest.mark.consumers, pytest.mark.timeout(600)]
each_example = pytest.mark.parametrize("name", BUILDS)


def ended(lives: dict[str, Life], name: str) -> Life:
    if lives[name].failed:
        pytest.fail(lives[name].failed, pytrace=False)
    return lives[name]


@each_example
def test_killed_half_way_it_goes_on_and_ends_where_the_story_ends(
    lives: dict[str, Life], told: list[Raw], name: str
) -> None:
    life = ended(lives, name)

    assert 0 < life.killed_at < len(told)
    assert life.printed[0] == expected(told)


@each_example
def test_all_of_it_again_from_the_beginning_changes_nothing(
    lives: dict[str, Life], told: list[Raw], name: str
) -> None:
    life = ended(lives, name)

    assert life.sent_back == len(told)
    assert life.printed[1] == life.printed[0]


@each_example
def test_what_it_cannot_read_it_names_and_leaves(lives: dict[str, Life], name: str) -> None:
    assert "set aside" in ended(lives, name).errors


def test_the_story_has_all_that_may_happen_in_it(told: list[Raw]) -> None:
    ids = [each.identity for each in told]
    types = {each.type for each in told}
    first = {identity: n for n, identity in reversed([*enumerate(ids)])}

    assert len(set(ids)) < len(ids) * 0.9, "copies"
    assert any(n - first[identity] > 50 for n, identity in enumerate(ids)), "a replay"
    assert {f"{DUE[:-1]}2", "renewals.SomethingNew.v1"} <= types
    assert any(b"added_in_a_later_revision" in (each.value or b"") for each in told)
    assert sum(each.value is None for each in told) > 5
    lines = expected(told)
    assert len([each for each in lines if '"told":' in each and '"told":1}' not in each]) > 10
    assert {each.partition('"pending":')[2] for each in lines} == {"", "0}", "1}"}
