"""What no release is made of."""

from pathlib import Path

import pytest

from deploy import release
from deploy.release import RefusedError

HASH = "--hash=sha256:" + "a" * 64


def lock(folder: Path, *lines: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_lock_of_an_image_is_pinned_and_hashed() -> None:
    release.require_pinned(release.ROOT)
    assert all(path.read_text().count("--hash=") > 20 for path in release.locks(release.ROOT))


@pytest.mark.parametrize(
    "requirement",
    [
        f"fastapi>=0.165.0 {HASH}",
        f"fastapi==0.* {HASH}",
        f"fastapi {HASH}",
        "fastapi==0.165.0",
        "fastapi==0.165.0 --hash=sha256:abc",
        f"fastapi @ https://example.com/fastapi.whl {HASH}",
        "-e ./shared",
        "--extra-index-url https://example.com/simple",
    ],
)
def test_a_requirement_that_may_change_is_named(tmp_path: Path, requirement: str) -> None:
    path = lock(tmp_path, f"anyio==4.1.0 \\\n    {HASH}\n    # via fastapi", requirement)
    [found] = release.unpinned(path)
    assert requirement.split(maxsplit=1)[0] in found


def test_what_is_for_some_pythons_only_is_pinned_too(tmp_path: Path) -> None:
    marked = f"uvloop==0.23.1 ; sys_platform != 'win32' \\\n    {HASH} \\\n    {HASH}"
    assert list(release.unpinned(lock(tmp_path, marked, "# a word"))) == []


def test_a_lock_that_is_not_pinned_stops_the_release(tmp_path: Path) -> None:
    for path in release.locks(tmp_path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"anyio==4.1.0 {HASH}\n")
    (tmp_path / "services/tiers/requirements.txt").write_text("anyio==4.1.0\n")
    with pytest.raises(RefusedError, match=r"tiers/requirements\.txt: anyio==4\.1\.0"):
        release.require_pinned(tmp_path)


def test_licences_are_those_that_the_libraries_declare() -> None:
    bill = {
        "components": [
            {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
            {"name": "b", "version": "2", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
            {"name": "c", "version": "3"},
        ]
    }
    table = release.licences({"clients": bill, "tiers": {"components": bill["components"][:1]}})
    assert "| a | 1 | MIT | all |" in table
    assert "| b | 2 | MIT OR Apache-2.0 | clients |" in table
    assert "| c | 3 | not stated | clients |" in table
