"""What the documents point to is there."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import sources

DOCUMENTS = [path for path in sources.files() if path.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:services|shared|tests|docs|deploy)/[\w./-]+\.\w+)(?:::(\w+))?`")


@cache
def every_test() -> frozenset[str]:
    """The names of all tests."""
    texts = (path.read_text("utf-8") for path in sources.python("tests"))
    return frozenset(name for text in texts for name in re.findall(r"def (test_\w+)\(", text))


def anchors(document: str) -> set[str]:
    """The names by which a document's headings are linked to."""
    headings = re.findall(r"^#+ +(.+?) *$", document, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", each)).strip().lower().replace(" ", "-")
        for each in headings
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=sources.named)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)  # a pattern may look like a link
    for target in (*LINK.findall(text), *PICTURE.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{sources.named(document)} links to {target}"
        if anchor:
            assert anchor in anchors(path.read_text("utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=sources.named)
def test_every_file_and_test_that_is_named_exists(document: Path) -> None:
    for name, test in PATH.findall(document.read_text("utf-8")):
        path = sources.ROOT / name
        assert path.exists(), f"{sources.named(document)} names {name}"
        if test:
            assert re.search(rf"def {test}\b", path.read_text("utf-8")), f"{name} has no {test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=sources.named)
def test_every_test_that_is_named_alone_exists_somewhere(document: Path) -> None:
    for test in re.findall(r"`(test_\w+)`", document.read_text("utf-8")):
        assert test in every_test(), f"{sources.named(document)} names {test}"


@pytest.mark.parametrize(
    "page",
    [path for path in DOCUMENTS if path.parent.name == "operations" and path.name != "README.md"],
    ids=sources.named,
)
def test_every_procedure_names_what_executes_it(page: Path) -> None:
    text = page.read_text("utf-8")
    for procedure in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        named = [name for name, test in PATH.findall(procedure) if test]
        assert named, f"{sources.named(page)}: {procedure.splitlines()[0]!r} names no test"
    index = (page.parent / "README.md").read_text("utf-8")
    assert f"({page.name})" in index, f"the index does not name {page.name}"


def test_headings_are_found_by_the_names_that_links_use() -> None:
    assert anchors("# Who says `what`, to whom\n\ntext\n## 2. The page") == {
        "who-says-what-to-whom",
        "2-the-page",
    }
