"""The examples that people copy are short, pinned, and told of. `make test-consumers` runs them."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.consumers.building import BUILDS, EXAMPLES, build
from tests.deploy.test_ground import PIN, pins

CONSUMERS = {
    "python-aiokafka": "consumer.py",
    "python-faststream": "consumer.py",
    "python-confluent-kafka": "consumer.py",
    "node": "consumer.js",
    "java": "src/main/java/RenewalsConsumer.java",
    "go": "consumer.go",
}
LOCKS = [*sorted(EXAMPLES.glob("*/requirements.txt")), ROOT / "tests/consumers/requirements.txt"]


def lines_of_code(path: Path) -> int:
    """The lines of a source that are neither empty nor a comment."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                told = ast.get_docstring(node, clean=False)
                text = text.replace(f'"""{told}"""', "") if told else text
    else:
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    mark = "#" if path.suffix == ".py" else "//"
    return sum(not each.strip().startswith(mark) for each in text.splitlines() if each.strip())


def test_every_example_is_built_and_told_of_on_both_pages() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}

    assert folders == BUILDS.keys() == CONSUMERS.keys()
    for page in ("docs/consumers.md", "kit/examples/README.md"):
        text = (ROOT / page).read_text("utf-8")
        for name, file in CONSUMERS.items():
            assert f"{name}/{file})" in text, f"{page} does not lead to {name}"


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_has_fewer_than_60_lines(name: str) -> None:
    assert 20 < lines_of_code(EXAMPLES / name / CONSUMERS[name]) < 60


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_of_python_has_hashes_no_addresses_and_our_versions(lock: Path) -> None:
    text = lock.read_text("utf-8")
    ours = pins(ROOT / "requirements.txt")

    assert text.count("--hash=sha256:") >= len(PIN.findall(text)) > 0
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", text)
    others = {name: version for name, version in pins(lock).items() if name in ours}
    assert others == {name: ours[name] for name in others}


def test_the_locks_of_node_and_go_have_sums_and_no_addresses() -> None:
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text("utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}

    assert packages
    for name, each in packages.items():
        assert "resolved" not in each, name
        assert each["integrity"].startswith("sha512-"), name
    sums = (EXAMPLES / "go" / "go.sum").read_text("utf-8").splitlines()
    assert all(" h1:" in each for each in sums)
    required = re.findall(
        r"^\t(\S+) (v\S+)", (EXAMPLES / "go" / "go.mod").read_text(), re.MULTILINE
    )
    assert required
    for module, version in required:
        assert any(each.startswith(f"{module} {version} ") for each in sums), module


async def test_a_tool_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    needed = {"node": "npm", "java": "mvn", "go": "go"}

    for name, tool in needed.items():
        told = str(await build(name, tmp_path, tmp_path))
        assert told.startswith(f"{tool} is not on the PATH: this example needs")


def test_maven_is_told_each_version() -> None:
    text = (EXAMPLES / "java" / "pom.xml").read_text("utf-8")
    asked = re.findall(r"<artifactId>([\w-]+)</artifactId>\s*<version>([\d.]+)</version>", text)

    assert {name: version for name, version in asked if name == "kafka-clients"} == {
        "kafka-clients": "4.3.1"
    }
    assert text.count("<artifactId>") == len(asked)
