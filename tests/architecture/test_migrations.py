"""A migration leaves the version before it able to work: it expands, and contracts only by name."""

import re
from pathlib import Path

import pytest

from tests.architecture import sources

# What the version before may still use; or, in a new column, what it does not write.
_TAKES_AWAY = re.compile(
    r"\bDROP\s+(?:TABLE|COLUMN|VIEW|FUNCTION|SCHEMA|TYPE)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b"
    r"|\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b"
    r"|\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\w+\s+(?:(?!DEFAULT|;|,).)*\bNOT\s+NULL\b"
    r"(?:(?!DEFAULT|;|,).)*(?=[;,])",
    re.IGNORECASE | re.DOTALL,
)
# The release since which nobody uses what goes: at least one before this.
_CONTRACTS = re.compile(r"^-- contract: unused since \S+", re.MULTILINE)
MIGRATIONS = [path for path in sources.files() if path.suffix == ".sql"]


def taken_away(text: str) -> list[str]:
    """What a migration does that the version before it may not survive."""
    if _CONTRACTS.search(text):
        return []
    return _TAKES_AWAY.findall(re.sub(r"--.*", "", text))


@pytest.mark.parametrize("path", MIGRATIONS, ids=sources.named)
def test_no_migration_takes_away_what_the_version_before_it_uses(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not taken_away(text), f"{sources.named(path)} contracts; see docs/operations/upgrades.md"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clients DROP COLUMN city;",
        "ALTER TABLE clients RENAME COLUMN city TO town;",
        "ALTER TABLE clients ALTER COLUMN city TYPE integer;",
        "ALTER TABLE clients ALTER COLUMN city SET NOT NULL;",
        "ALTER TABLE clients ADD COLUMN town text NOT NULL;",
        "drop table clients;",
    ],
)
def test_what_takes_away_is_seen_unless_it_says_since_when_nobody_uses_it(statement: str) -> None:
    assert taken_away(statement)
    assert not taken_away(f"-- contract: unused since 1.4\n{statement}")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clients ADD COLUMN town text;",
        "ALTER TABLE clients ADD COLUMN town text NOT NULL DEFAULT '';",
        "ALTER TABLE clients ADD COLUMN town text DEFAULT '' NOT NULL;",
        "CREATE TABLE towns (town text NOT NULL); -- nobody drops a column here",
    ],
)
def test_what_only_adds_is_let_through(statement: str) -> None:
    assert not taken_away(statement)
