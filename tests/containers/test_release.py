"""A release: labelled images, and lists of what is in them that are right."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.release import SERVICES
from tests.containers.stack import ROOT, clone, docker, run

VERSION = "0.0.1-test"
PREFIX = "partner-tools-release-test"
THERE = {"sys_platform": "linux", "python_version": "3.13", "python_full_version": "3.13.5"}


@dataclass(frozen=True)
class Released:
    """What `python -m deploy.release` made of a clean clone."""

    folder: Path
    revision: str

    def bill(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.cdx.json").read_text())
        return found


@pytest.fixture(scope="module")
def released(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("release")
    source = clone(folder / "partner-tools")
    done = release(source, folder / "out")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield Released(folder / "out", run("git", "rev-parse", "HEAD", cwd=source).stdout.strip())
    finally:
        made = docker("image", "ls", "--quiet", f"{PREFIX}/*").split()
        if made:
            docker("image", "rm", "--force", *made)
        shutil.rmtree(folder)


def release(source: Path, out: Path) -> Any:
    return run(
        *(ROOT / ".venv" / "bin" / "python", "-m", "deploy.release", VERSION),
        *("--prefix", PREFIX, "--folder", out),
        cwd=source,
        timeout=800,
    )


def locked(service: str) -> dict[str, str]:
    """What the service's lock names for Linux and Python 3.13."""
    text = (ROOT / "services" / service / "requirements.txt").read_text().replace("\\\n", " ")
    lines = (line.partition(" --hash")[0] for line in text.splitlines() if "==" in line)
    named = [Requirement(each) for each in lines]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in named
        if each.marker is None or each.marker.evaluate(THERE)
    }


def test_a_release_says_its_version_and_its_commit(released: Released) -> None:
    told = json.loads((released.folder / "release.json").read_text())
    assert told["version"] == VERSION
    assert told["revision"] == released.revision
    assert set(told["images"]) == {*SERVICES, "tools"}
    for name, about in told["images"].items():
        [found] = json.loads(docker("image", "inspect", f"{PREFIX}/{name}:{VERSION}"))
        labels = found["Config"]["Labels"]
        assert found["Id"] == about["id"]
        assert labels["org.opencontainers.image.version"] == VERSION
        assert labels["org.opencontainers.image.revision"] == released.revision
        assert re.match(r"20\d\d-\d\d-\d\dT", labels["org.opencontainers.image.created"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_bill_of_materials_names_exactly_what_the_lock_does(
    released: Released, service: str
) -> None:
    bill = released.bill(service)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == f"partner-tools-{service}"
    named = {canonicalize_name(each["name"]): each for each in bill["components"]}
    assert {name: each["version"] for name, each in named.items()} == locked(service)
    assert all(each["purl"].startswith("pkg:pypi/") for each in named.values())


def test_every_library_has_a_licence_in_the_list(released: Released) -> None:
    table = (released.folder / "licences.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    listed = {canonicalize_name(name): licence for name, _, licence, _ in rows}
    for service in SERVICES:
        assert locked(service).keys() <= listed.keys()
    assert [name for name, licence in listed.items() if licence == "not stated"] == []


def test_nothing_is_released_that_is_not_committed(released: Released) -> None:
    source = released.folder.parent / "partner-tools"
    (source / "stray.txt").write_text("not committed")
    done = release(source, released.folder.parent / "never")
    (source / "stray.txt").unlink()
    assert done.returncode == 1
    assert "stray.txt" in done.stderr
    assert not (released.folder.parent / "never").exists()
