"""No sentence of the guide is left out of what is built and shown."""

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
# Of the sentences of the guide, a line each, as they stand in it.
GUIDE, SENTENCES = "5fdb1fc9c092de219cea3cc2eb434329f1b7d733e8148444b4296ff94fc7ebc4", 46
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


class Row(NamedTuple):
    number: int
    sentence: str
    built_by: str
    tests: list[tuple[str, str]]


def rows() -> list[Row]:
    text = (ROOT / "docs" / "guide-coverage.md").read_text("utf-8")
    return [
        Row(int(number), sentence, built, TEST.findall(shown))
        for number, sentence, built, shown in ROW.findall(text)
    ]


def test_every_sentence_of_the_guide_is_listed_in_its_words_and_order() -> None:
    listed = rows()

    assert [row.number for row in listed] == list(range(1, SENTENCES + 1))
    assert sha256("\n".join(row.sentence for row in listed).encode()).hexdigest() == GUIDE


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.number))
def test_every_sentence_is_shown_by_a_test_in_a_browser_that_is_there(row: Row) -> None:
    assert row.built_by
    assert any(path.startswith("tests/browser/") for path, _ in row.tests)
    for path, name in row.tests:
        assert re.search(rf"^async def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


def test_every_test_that_is_named_after_a_sentence_is_listed_with_one() -> None:
    named = {
        name
        for path in (ROOT / "tests" / "browser").glob("test_guide_*.py")
        for name in re.findall(r"^async def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    listed = {name for row in rows() for _, name in row.tests}
    beyond = {  # what is asked for besides the guide, shown in the same place
        "test_a_member_sees_why_services_cannot_be_ended_by_them",
        "test_services_can_be_resumed_while_nothing_was_sent",
        "test_the_figures_of_each_chart_stand_in_a_table_too",
    }

    assert named - listed - beyond == set()
