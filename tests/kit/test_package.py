"""partner-tools-events is a package like any other: it installs, is typed, and needs none of us."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from shared.contracts import documents
from shared.contracts.registry import PUBLISHED
from tests.architecture.sources import ROOT
from tests.kit.conftest import PACKAGE

LIBRARIES = ["--disable-error-code", "import-untyped"]  # aiokafka says no types
CONSUMER = """
import sqlite3
from importlib.resources import files
from typing import assert_type

from partner_tools_events import (
    Broken, Erased, Reader, SeenTable, Skipped, Told, bootstrap, of_lines, renewals,
)

database = sqlite3.connect(":memory:")
cursor = database.cursor()
SeenTable.create(cursor)
table = SeenTable("mine", mark="?")
reader = Reader(renewals.RenewalDecided, renewals.ClientRenewalsSnapshot)
published = files("partner_tools_events") / "published"
found: list[str] = []
for path in sorted(published.iterdir(), key=str):
    if not path.name.endswith(".example.json"):
        continue
    for record in [*of_lines([path.read_text("utf-8")])] * 2:  # each comes twice
        message = reader.read(record.topic, record.key, record.value, record.headers)
        match message:
            case Skipped():
                found.append("skipped")
            case Broken(reason=reason):
                raise SystemExit(reason)
            case Told() | Erased() if not table.claim(cursor, message):
                found.append("again")
            case Told(event=renewals.RenewalDecided() as decided):
                assert_type(decided.status, str)
                found.append(f"decided {decided.status}")
            case Told(event=event):
                found.append(event.TYPE)
            case Erased(topic=topic):
                found.append(f"erased {topic}")
assert callable(bootstrap)
print(sorted({each for each in found}), len(found))
"""


def in_clean(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-I", *arguments], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_consumer_in_a_clean_environment_reads_every_golden_record_once(
    clean_python: Path, tmp_path: Path
) -> None:
    script = tmp_path / "consumer.py"
    script.write_text(CONSUMER, "utf-8")

    printed = in_clean(clean_python, str(script))

    golden = len(list(PUBLISHED.glob("*.example.json")))
    assert f" {2 * golden}" in printed
    for word in ("again", "decided renewed", "erased clients.state.v1", "skipped"):
        assert word in printed
    loaded = in_clean(clean_python, "-c", "import partner_tools_events, sys; print(*sys.modules)")
    assert not {"shared", "services", "aiokafka"} & set(loaded.split())


def test_its_users_are_type_checked_in_earnest(clean_python: Path, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(CONSUMER, "utf-8")
    wrong = (
        "from partner_tools_events import Reader, renewals\nReader(renewals.RenewalDecided()).x\n"
    )
    (tmp_path / "wrong.py").write_text(wrong, "utf-8")

    users, whole = [
        subprocess.run(
            [
                sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache",
                "--config-file", "", "--python-executable", clean_python, *what,
            ],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
        )
        for what in (["good.py", "wrong.py"], ["-p", "partner_tools_events", *LIBRARIES])
    ]  # fmt: skip

    assert "good.py" not in users.stdout
    assert "Missing named argument" in users.stdout
    assert '"Reader" has no attribute "x"' in users.stdout
    assert whole.returncode == 0, whole.stdout


def test_the_fake_runs_from_the_package_and_tells_the_same_story(clean_python: Path) -> None:
    told = in_clean(clean_python, "-m", "partner_tools_events.fake", "--events", "30")
    ours = subprocess.run(
        [sys.executable, "-m", "shared.contracts.fake", "--events", "30"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told == ours.stdout
    helped = in_clean(clean_python, "-m", "partner_tools_events.fake", "--help")
    assert "python -m partner_tools_events.fake --events 20" in helped


def test_the_wheel_holds_the_contracts_and_nothing_that_others_need_not_have(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {name.removeprefix("partner_tools_events/") for name in names}

    assert {"py.typed", "renewals.py", "consumer/reading.py", "fake/__main__.py"} <= inside
    assert f"published/{min(PUBLISHED.glob('*.schema.json')).name}" in inside
    assert not {name for name in names if "gate" in name or "__pycache__" in name}
    assert not {name for name in names if name.startswith(("shared", "tests"))}


def test_its_version_is_that_of_the_contracts(wheel: Path) -> None:
    document = json.loads((documents.REFERENCE / "asyncapi.json").read_text("utf-8"))

    assert wheel.name == f"partner_tools_events-{document['info']['version']}-py3-none-any.whl"


def test_its_readme_names_what_is_there() -> None:
    text = (PACKAGE / "README.md").read_text("utf-8")
    made = ast.parse((PACKAGE / "partner_tools_events" / "__init__.py").read_text("utf-8"))
    public = {
        node.value for node in ast.walk(made) if isinstance(node, ast.Constant) and node.value
    }
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for names in re.findall(r"from partner_tools_events import (.*)", block):
            assert set(names.split(", ")) <= public, names
    for name in re.findall(r"`(\w+)\(", text):
        assert name in public | {"read"}, name
