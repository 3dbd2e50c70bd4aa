"""Each service stands alone: shared/ and its own folder are all that it needs of this project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import sources

# Run apart: import every room of the service, then name all that came along.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
from importlib.metadata import packages_distributions

service = sys.argv[1]
importlib.import_module(f"{service}.main")
package = importlib.import_module(service)
for module in pkgutil.walk_packages(package.__path__, f"{service}."):
    importlib.import_module(module.name)
tops = {name.partition(".")[0] for name in sys.modules}
known = packages_distributions()
print(json.dumps({
    "distributions": sorted({d for top in tops for d in known.get(top, ())}),
    "others": sorted(n for n in sys.modules if n.count(".") == 1 and n.startswith("services.")),
    "beyond": sorted(tops & {"deploy", "tests"}),
}))
"""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _island(tmp_path: Path, service: str) -> Path:
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(sources.ROOT / "shared", tmp_path / "shared", ignore=without)
    (tmp_path / "services").mkdir()
    shutil.copy(sources.ROOT / "services" / "__init__.py", tmp_path / "services")
    home = tmp_path / "services" / service
    shutil.copytree(sources.ROOT / "services" / service, home, ignore=without)
    return tmp_path


@pytest.mark.parametrize("service", sources.SERVING)
def test_a_service_runs_with_nothing_but_itself_and_the_shared(
    service: str, tmp_path: Path
) -> None:
    run = subprocess.run(  # noqa: S603 - the interpreter of this very run
        [sys.executable, "-c", IMPORT_ALL, f"services.{service}"],
        cwd=_island(tmp_path, service),
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]

    found = json.loads(run.stdout.splitlines()[-1])
    assert found["others"] == [f"services.{service}"]
    assert found["beyond"] == []
    locked = (sources.ROOT / "services" / service / "requirements.txt").read_text("utf-8")
    declared = {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", locked, re.MULTILINE)}
    undeclared = {_normal(name) for name in found["distributions"]} - declared
    assert undeclared == set(), f"not in services/{service}/requirements.txt"
