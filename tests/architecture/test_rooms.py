"""Rules of the rooms that no linter knows."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture import sources

LINES = 500
SQL = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "prepare", "cursor"}
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
IN_SERVICES = sources.of_services()
OURS = sources.python("services", "shared")


def sql_in(source: str) -> list[str]:
    return [
        f"line {line}: {whose}.{name}()"
        for line, whose, name in sources.calls(source)
        if name in SQL or name.startswith("copy_")
    ]


def clocks_in(source: str) -> list[str]:
    return [
        f"line {line}: {whose}.{name}()"
        for line, whose, name in sources.calls(source)
        if (whose.rpartition(".")[2], name) in CLOCKS
    ]


def environment_in(source: str) -> list[str]:
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv")}
    ]


@pytest.mark.parametrize("path", IN_SERVICES, ids=sources.named)
def test_only_the_store_speaks_to_the_database(path: Path) -> None:
    assert sources.room(path) == "store" or sql_in(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", OURS, ids=sources.named)
def test_the_wall_clock_is_read_in_one_place(path: Path) -> None:
    assert path.name == "clock.py" or clocks_in(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", IN_SERVICES, ids=sources.named)
def test_a_service_reads_its_environment_in_its_settings_only(path: Path) -> None:
    assert sources.room(path) == "settings" or environment_in(path.read_text("utf-8")) == []


def test_these_rules_see_what_they_forbid() -> None:
    assert sql_in("await tx.fetchrow('SELECT 1')") == ["line 1: tx.fetchrow()"]
    assert sql_in("await self.pool.copy_records_to_table('t')")
    assert sql_in("renewal.model_copy()") == []
    assert clocks_in("import datetime\n\ndatetime.datetime.now()") == [
        "line 3: datetime.datetime.now()"
    ]
    assert clocks_in("date.today()")
    assert clocks_in("clock.now()") == clocks_in("clock.today(zone)") == []
    assert environment_in("import os\nos.environ['A']") == ["line 2: os.environ"]


@pytest.mark.parametrize(
    "path",
    [path for path in sources.files() if path.suffix in {".py", ".sql", ".css", ".js", ".html"}],
    ids=sources.named,
)
def test_no_file_outgrows_the_reader(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("service", sources.SERVICES)
def test_migrations_are_numbered_without_gap_or_double(service: str) -> None:
    names = [path.name for path in (sources.ROOT / "services" / service / "migrations").glob("*")]
    numbered = [re.fullmatch(r"([0-9]{4})_[a-z0-9_]+\.sql", name) for name in sorted(names)]

    assert all(numbered), names
    assert [int(found[1]) for found in numbered if found] == list(range(1, len(names) + 1))


def test_every_service_has_its_requirements_and_its_own_words() -> None:
    found = Counter(
        path.name for path in sources.files() if path.parent.parent == sources.ROOT / "services"
    )

    assert found["pyproject.toml"] == found["requirements.txt"] == len(sources.SERVICES)
