"""Each service stands alone: shared/ and its own folder are all that it needs of this project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import sources

# Run apart: import every room of a service, with only the libraries that it names.
IMPORT_ALL = """
import importlib, json, pkgutil, re, sys
from importlib.metadata import packages_distributions

service, named = sys.argv[1], set(sys.argv[2].split())


class Unnamed:
    known = packages_distributions()

    def find_spec(self, name, path=None, target=None):
        owners = {re.sub(r"[-_.]+", "-", d).lower() for d in self.known.get(name, ())}
        if owners and not owners & named:
            raise ModuleNotFoundError(f"{name} is of {owners}, which is not named", name=name)


sys.meta_path.insert(0, Unnamed())
importlib.import_module(f"{service}.main")
package = importlib.import_module(service)
for module in pkgutil.walk_packages(package.__path__, f"{service}."):
    importlib.import_module(module.name)
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps({
    "services": sorted(n for n in sys.modules if n.count(".") == 1 and n.startswith("services.")),
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


def _named(service: str) -> list[str]:
    locked = (sources.ROOT / "services" / service / "requirements.txt").read_text("utf-8")
    return [_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", locked, re.MULTILINE)]


def _import_all(service: str, island: Path, names: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, f"services.{service}", " ".join(names)],
        cwd=island,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("service", sources.SERVING)
def test_a_service_runs_with_nothing_but_itself_the_shared_and_the_libraries_it_names(
    service: str, tmp_path: Path
) -> None:
    run = _import_all(service, _island(tmp_path, service), _named(service))

    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert found == {"services": [f"services.{service}"], "beyond": []}


def test_a_library_that_is_not_named_would_be_missed(tmp_path: Path) -> None:
    service = sources.SERVING[0]
    names = [name for name in _named(service) if name != "asyncpg"]

    run = _import_all(service, _island(tmp_path, service), names)

    assert run.returncode != 0
    assert "asyncpg" in run.stderr
