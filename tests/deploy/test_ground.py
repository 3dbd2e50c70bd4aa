"""What a clean clone relies on: the Makefile and the locks."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.txt", *sorted(ROOT.glob("services/*/requirements.txt"))]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,-]+\])?==(\S+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_has_a_hash_for_everything_and_an_address_for_nothing(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert pinned
    assert all("==" in entry and "--hash=sha256:" in entry for entry in pinned)
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", text)


def test_every_service_has_a_lock() -> None:
    services = {path.parent for path in ROOT.glob("services/*/pyproject.toml")}
    assert services == {lock.parent for lock in LOCKS[1:]}


@pytest.mark.parametrize("lock", LOCKS[1:], ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_service_runs_on_the_versions_that_were_tested(lock: Path) -> None:
    tested = pins(LOCKS[0])
    assert {name: tested.get(name) for name in pins(lock)} == pins(lock)


def test_make_says_what_there_is() -> None:
    run = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make ([\w-]+) ", run.stdout, re.MULTILINE)
    usual = ["help", "demo", "down", "logs", "test", "check", "bench", "screenshots", "lock"]
    tests = ["test-charts", "test-consumers", "test-containers", "test-operations"]
    made = ["chart", "contracts", "kit", "manifests", "reference"]
    assert sorted(listed) == sorted([*usual, *tests, *made])


def test_a_recipe_is_one_line() -> None:
    rules = re.split(r"\n(?=[^\t\n#])", (ROOT / "Makefile").read_text())
    longer = [rule for rule in rules if not rule.startswith("$(READY)") and rule.count("\n\t") > 1]
    assert longer == []
