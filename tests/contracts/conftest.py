"""What judges our documents, where there is a Node to run it."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from deploy.local import cache

HERE = Path(__file__).parent / "node"
Node: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The packages that the lock names, installed once for all checkouts of this machine."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("NOT CHECKED: AsyncAPI and TypeScript need Node and npm, and neither is here")
    lock = HERE / "package-lock.json"
    name = f"node-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder = cache.folder() / name
    with cache.locked(cache.folder() / f"{name}.lock"):
        if not (folder / "ready").exists():
            cache.say("Installing what judges AsyncAPI and TypeScript, once ...")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for each in (HERE / "package.json", lock):
                shutil.copy(each, folder)
            wanted = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run([npm, *wanted], cwd=folder, check=True, capture_output=True)
            (folder / "ready").touch()
    return folder / "node_modules"


@pytest.fixture(scope="session")
def node(node_modules: Path) -> Node:
    """Run a script that may require the packages, and give it arguments."""

    def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["node", "--eval", script, "--", *arguments]
        return subprocess.run(
            command, cwd=node_modules.parent, capture_output=True, text=True, check=False
        )

    return run
