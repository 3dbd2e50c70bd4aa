"""The version that upgrades are tried with is made of this one's code."""

from pathlib import Path

from tests.operations.release import MIGRATIONS, make_next_version


def test_the_next_version_that_upgrades_are_tried_with_can_be_made(tmp_path: Path) -> None:
    made = make_next_version(tmp_path / "next")

    assert all((made / "services" / name / "migrations").is_dir() for name in MIGRATIONS)
