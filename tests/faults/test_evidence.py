"""The judge of the fault runs is judged, too: what it lets pass and what it does not."""

from typing import Any

import pytest

from tests.faults.evidence import _in_the_order_of_commits


def said(event_id: str, written_by: int, could_see: str, subject: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "written_by": written_by,
        "could_see": could_see,
        "subject": subject,
    }


FIRST = said("a", 10, "10:11:", "one")


def test_two_things_of_a_client_that_changed_at_the_same_time_may_be_told_in_either_order() -> None:
    later = said("b", 11, "10:12:10", "two")  # the first was still running
    _in_the_order_of_commits([FIRST, later], ["a", "b"])
    _in_the_order_of_commits([FIRST, later], ["b", "a"])


@pytest.mark.parametrize(
    "later",
    [
        said("b", 12, "12:13:", "two"),
        said("b", 12, "11:13:11", "two"),
        said("b", 11, "10:12:10", "one"),
        said("b", 10, "10:11:", "two"),
    ],
    ids=["began after it", "saw it", "of the same thing", "of the same transaction"],
)
def test_what_was_committed_first_has_to_be_told_first(later: dict[str, Any]) -> None:
    _in_the_order_of_commits([FIRST, later], ["a", "b"])
    with pytest.raises(AssertionError, match="came before"):
        _in_the_order_of_commits([FIRST, later], ["b", "a"])
