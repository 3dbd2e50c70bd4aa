"""The package as others get it, installed where nothing of ours is; and somebody who speaks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.conftest import MakeDatabase
from tests.kit.speaking import Owner

PACKAGE = ROOT / "kit" / "python"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of partner-tools-events, built anew."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment with the package, aiokafka, and no more."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    install = ["pip", "install", "--quiet", "--python", str(python), f"{wheel}[aiokafka]"]
    for command in (["venv", "--quiet", "--python", sys.executable, str(folder)], install):
        done = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return python


@pytest.fixture
async def owner(database: MakeDatabase, fresh_topics: str) -> Owner:
    """The clients service, as far as it speaks; every topic is there and empty."""
    return Owner((await database("clients")).dsn, fresh_topics)
